use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use martello_outcome::RequestHead;

use crate::{
    slab::{Index, List, NONE, Slab},
    unread::{Batch, Unread},
};

/// Names the group of requests that a request shares its permits with.
pub(crate) type KeyFn = dyn for<'a> Fn(RequestHead<'a>) -> Cow<'a, str> + Send + Sync;

/// The requests that share one set of permits.
pub(crate) struct Group {
    key: Option<Arc<str>>,
    /// Permits that are taken.
    pub(crate) held: usize,
    /// Who waits for one, in the order of their numbers.
    pub(crate) waiting: List,
    /// Who waits for one again, after it stood aside, by their numbers.
    pub(crate) back: BTreeMap<u64, Index>,
    /// How many stand aside until their client is ready.
    pub(crate) aside: usize,
    /// The response bodies that hold one.
    pub(crate) unread: Unread,
}

impl Group {
    fn new(key: Option<Arc<str>>, batches: &mut Slab<Batch>) -> Self {
        let unread = Unread::new(batches);
        Self { key, held: 0, waiting: List::new(), back: BTreeMap::new(), aside: 0, unread }
    }

    /// Whether nobody waits who is to be offered a permit.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.back.is_empty()
    }
}

/// The group of requests without a key.
pub(crate) const WITHOUT_KEY: Index = NONE;

/// The groups that hold a permit, and the one without a key, which is always there.
pub(crate) struct Groups {
    by_key: HashMap<Arc<str>, Index>,
    groups: Slab<Group>,
    /// Apart from the others, because the tally counts it by turns.
    pub(crate) without_key: Group,
}

impl Groups {
    pub(crate) fn new(batches: &mut Slab<Batch>) -> Self {
        Self { by_key: HashMap::new(), groups: Slab::new(), without_key: Group::new(None, batches) }
    }

    /// The group of this key, which is made if there is none.
    pub(crate) fn of(&mut self, key: &str, batches: &mut Slab<Batch>) -> Index {
        if let Some(group) = self.by_key.get(key) {
            return *group;
        }
        let key: Arc<str> = Arc::from(key);
        let group = self.groups.insert(Group::new(Some(Arc::clone(&key)), batches));
        self.by_key.insert(key, group);
        group
    }

    /// Forgets the group if it has a key, holds nothing, and nobody stands aside in it. Nobody else waits then.
    pub(crate) fn forget_if_idle(&mut self, group: Index, batches: &mut Slab<Batch>) {
        let Some(Group { key: Some(key), held: 0, aside: 0, .. }) = self.groups.get(group) else {
            return;
        };
        self.by_key.remove(key);
        if let Some(group) = self.groups.remove(group) {
            group.unread.forget(batches);
        }
    }

    pub(crate) fn get_mut(&mut self, group: Index) -> Option<&mut Group> {
        if group == WITHOUT_KEY { Some(&mut self.without_key) } else { self.groups.get_mut(group) }
    }

    pub(crate) fn keys(&self) -> usize {
        self.by_key.len()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.groups.capacity()
    }

    /// The groups that there are now, not those that there once were.
    pub(crate) fn alive(&self) -> Vec<Index> {
        std::iter::once(WITHOUT_KEY).chain(self.by_key.values().copied()).collect()
    }
}

/// The authority that the request goes to; nothing where it names none.
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
    fn an_authority_is_one_however_it_is_written() {
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
    fn a_uri_without_an_authority_goes_by_the_host_header() {
        assert_eq!(authority_of("/orders"), "by.header");
    }
}
