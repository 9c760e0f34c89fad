use std::{borrow::Cow, collections::HashMap, iter, sync::Arc};

use martello_outcome::RequestHead;

use crate::{
    group::{Batch, Group},
    slab::{Index, NONE, Slab},
};

/// Returns the key of a request. Requests with the same key share permits.
pub(crate) type KeyFn = dyn for<'a> Fn(RequestHead<'a>) -> Cow<'a, str> + Send + Sync;

/// The groups by key: those that hold a permit or have a waiter aside, and the group without a key, which
/// always exists.
pub(crate) struct Groups {
    without_key: Group,
    by_key: HashMap<Arc<str>, Index>,
    groups: Slab<Group>,
}

impl Groups {
    /// The index of the group without a key.
    pub(crate) const WITHOUT_KEY: Index = NONE;

    pub(crate) fn new(batches: &mut Slab<Batch>) -> Self {
        Self { without_key: Group::new(None, batches), by_key: HashMap::new(), groups: Slab::new() }
    }

    /// The group of this key, which is created if it does not exist.
    pub(crate) fn of(&mut self, key: &str, batches: &mut Slab<Batch>) -> Index {
        if let Some(group) = self.by_key.get(key) {
            return *group;
        }
        let key: Arc<str> = Arc::from(key);
        let group = self.groups.insert(Group::new(Some(Arc::clone(&key)), batches));
        self.by_key.insert(key, group);
        group
    }

    /// Removes the group if it has a key, holds no permit and has no waiter aside. Its queue is empty then.
    pub(crate) fn remove_if_unused(&mut self, group: Index, batches: &mut Slab<Batch>) {
        let Some(Group { key: Some(key), held: 0, aside: 0, .. }) = self.groups.get(group) else {
            return;
        };
        self.by_key.remove(key);
        if let Some(group) = self.groups.remove(group) {
            group.open_bodies.remove(batches);
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, group: Index) -> Option<&mut Group> {
        if group == Self::WITHOUT_KEY { Some(&mut self.without_key) } else { self.groups.get_mut(group) }
    }

    /// The number of keys.
    pub(crate) fn keys(&self) -> usize {
        self.by_key.len()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.groups.capacity()
    }

    /// All groups that exist now. The slab may be larger, because it does not shrink.
    pub(crate) fn all(&self) -> Vec<Index> {
        iter::once(Self::WITHOUT_KEY).chain(self.by_key.values().copied()).collect()
    }
}

/// The authority of the request, or an empty key if the request names none.
pub(crate) fn authority(head: RequestHead<'_>) -> Cow<'_, str> {
    head.authority().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn authority_of(uri: &str) -> String {
        let request = Request::get(uri).header("host", "by.header").body(()).unwrap();
        authority(RequestHead::from(&request)).into_owned()
    }

    #[test]
    fn an_authority_is_the_same_however_it_is_written() {
        assert_eq!(authority_of("https://api.example/orders"), "api.example");
        assert_eq!(authority_of("https://user:secret@API.example:443/"), "api.example");
        assert_eq!(authority_of("http://api.example:80/"), "api.example");
        assert_eq!(authority_of("http://[::1]:8080/"), "[::1]:8080");
        assert_eq!(authority_of("http://api.example:/"), "api.example");
        assert_eq!(authority_of("http://[::1]:/"), "[::1]");
        assert_eq!(authority_of("http://[::]/"), "[::]");
        assert_eq!(authority_of("https://api.example:80/"), "api.example:80");
        assert_eq!(authority_of("https://api.example:0443/"), "api.example");
        assert_eq!(authority_of("http://API.example:08080/"), "api.example:8080");
    }

    #[test]
    fn a_uri_without_an_authority_uses_the_host_header() {
        assert_eq!(authority_of("/orders"), "by.header");
    }
}
