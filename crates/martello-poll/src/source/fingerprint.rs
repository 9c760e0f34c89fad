//! The fingerprint of a source in its checkpoint. It is a digest, because a query or a header may contain a
//! secret.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// What identifies a source.
pub(super) struct Identity<'a> {
    /// The URL, and the names of parameter, key and stamp.
    pub(super) asked: [&'a str; 4],
    /// In the order of their names.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The texts that the user added.
    pub(super) named: &'a [String],
}

impl Identity<'_> {
    /// The fingerprint. It is the same in every version of this crate, because it is stored.
    pub(super) fn fingerprint(&self) -> String {
        if self.headers.is_empty() && self.named.is_empty() {
            // The form of older versions, so that their checkpoints stay valid. It differs from every
            // fingerprint of the other form.
            return format!("{:016x}", fnv_1a(self.asked.join("\n").as_bytes()));
        }
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            // The length keeps two parts from looking like one.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        };
        self.asked.iter().for_each(|part| add(part.as_bytes()));
        for (name, value) in &self.headers {
            [b"header", name.as_str().as_bytes(), value.as_bytes()].into_iter().for_each(&mut add);
        }
        for text in self.named {
            [b"named", text.as_bytes()].into_iter().for_each(&mut add);
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
