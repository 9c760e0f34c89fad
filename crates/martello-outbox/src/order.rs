//! The default order key of a request: its target.

use std::fmt::Write;

use http::Method;
use martello_outcome::RequestHead;
use sha2::{Digest, Sha256};

use crate::OrderKey;

impl OrderKey {
    /// The longest key, in bytes.
    const MAX: usize = 512;

    /// The key of the target of a PUT, PATCH or DELETE: the default order key. Other methods have none.
    ///
    /// It is the authority and the path: `api.example/orders/17`. The host is in lower case. Userinfo, and a
    /// port that is empty or the default of the scheme, are left out. A request without an authority in its
    /// URI has that of its `Host` header, or no key if there is none.
    ///
    /// - **A query** follows a `?` as a digest, so that its values cannot be read: `/orders?id=a` and
    ///   `/orders?id=b` are two resources.
    /// - **The scheme is left out**: `http://h:8080/1` and `https://h:8080/1` have one key. With their
    ///   default ports, `http://h/1` and `https://h/1` have one key, and so has `/1` with `Host: h`, which
    ///   has no scheme. Usually they are one resource, and one scheme redirects to the other. If they are
    ///   two, ordering them costs some time; if they are one, not ordering two writes could lose the newer
    ///   one.
    /// - **A key longer than 512 bytes**, or with a control character, is truncated and ends with a `#` and a
    ///   digest of the whole.
    ///
    /// A digest is the first 128 bits of a SHA-256, in hexadecimal. Keys are stored: the rule holds for all
    /// versions of a store's schema from 3 on, and an engine that opens an older one gives its entries the
    /// keys of this rule.
    ///
    /// ```
    /// # use martello_outbox::OrderKey;
    /// let request = http::Request::put("https://API.example:443/orders/17").body(())?;
    /// let key = OrderKey::by_target((&request).into());
    /// assert_eq!(key.as_ref().map(OrderKey::as_str), Some("api.example/orders/17"));
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn by_target(head: RequestHead<'_>) -> Option<Self> {
        if !writes_its_target(head.method) {
            return None;
        }
        let authority = head.authority()?;
        let query = head.uri.query().filter(|query| !query.is_empty());
        let path = head.uri.path();
        let marked = query.map_or(0, |_| 1 + DIGEST);
        let mut whole = String::with_capacity(authority.len() + path.len() + marked);
        whole.push_str(&authority);
        whole.push_str(path);
        if let Some(query) = query {
            push_digest(&mut whole, '?', query);
        }
        Self::new(&whole).ok().or_else(|| Self::truncated(&whole))
    }

    /// Truncates a text that is too long for a key, and appends a digest of the whole.
    fn truncated(whole: &str) -> Option<Self> {
        let mut key = String::with_capacity(Self::MAX);
        for char in whole.chars().filter(|char| !char.is_control()) {
            if key.len() + char.len_utf8() + 1 + DIGEST > Self::MAX {
                break;
            }
            key.push(char);
        }
        push_digest(&mut key, '#', whole);
        Self::new(key).ok()
    }
}

fn writes_its_target(method: &Method) -> bool {
    [Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}

/// The length of a digest in characters.
const DIGEST: usize = 32;

fn push_digest(key: &mut String, mark: char, of: &str) {
    key.push(mark);
    for byte in Sha256::digest(of).iter().take(DIGEST / 2) {
        // Writing to a `String` cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
}
