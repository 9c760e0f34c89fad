//! What a request is ordered by, if nobody says.

use std::fmt::Write;

use http::Method;
use martello_outcome::RequestHead;
use sha2::{Digest, Sha256};

use crate::OrderKey;

impl OrderKey {
    /// The longest key, in bytes.
    const MAX: usize = 512;

    /// The target of what writes a resource by its name: PUT, PATCH and DELETE. What orders a request if nobody says.
    ///
    /// It is the authority and the path as they are: `api.example/orders/17`. The host is in lower case; userinfo and a
    /// port that is empty or the default of the scheme do not count. A request without an authority in its URI has that
    /// of its `Host` header, and without one no key.
    ///
    /// - **A query** is behind a `?` as a digest, so that no value of it is to be read: `/orders?id=a` and
    ///   `/orders?id=b` are two resources.
    /// - **The scheme does not count**: `http://h:8080/1` and `https://h:8080/1`, and with their default
    ///   ports `http://h/1` and `https://h/1`, have one key, as has `/1` with `Host: h`, which names no
    ///   scheme. As a rule they are one resource, which one scheme redirects to the other. If they are two,
    ///   to keep them in order costs some time; not to order two writes of one costs the newer of them.
    /// - **What would be longer than 512 bytes**, or have a control character, is cut off, and has behind a
    ///   `#` a digest of the whole: it is ordered as well.
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
        if !names_its_resource(head.method) {
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
        Self::new(&whole).ok().or_else(|| Self::cut_off(&whole))
    }

    /// The beginning of what no key can be, with a digest of the whole.
    fn cut_off(whole: &str) -> Option<Self> {
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

fn names_its_resource(method: &Method) -> bool {
    [Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}

/// How many characters a digest has.
const DIGEST: usize = 32;

fn push_digest(key: &mut String, mark: char, of: &str) {
    key.push(mark);
    for byte in Sha256::digest(of).iter().take(DIGEST / 2) {
        // It always can be written to a text.
        let _ = write!(key, "{byte:02x}");
    }
}
