//! Linked lists whose nodes live in one slab. Each operation takes constant time, wherever in a list it
//! happens, and a slab that was once large enough allocates nothing more.

/// The position of a value in a slab. Half as large as a `usize`, because every permit carries two.
pub(crate) type Index = u32;

/// An index beyond every slab. A look-up with it finds nothing.
pub(crate) const NONE: Index = Index::MAX;

/// Values, each of which keeps its index until it is removed.
pub(crate) struct Slab<T> {
    nodes: Vec<Node<T>>,
    vacant: Index,
}

struct Node<T> {
    value: Option<T>,
    before: Index,
    /// The next node of the list. For a node without a value, the next vacant node.
    after: Index,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), vacant: NONE }
    }

    /// Adds a value, which is in no list yet.
    pub(crate) fn insert(&mut self, value: T) -> Index {
        let node = Node { value: Some(value), before: NONE, after: NONE };
        let index = self.vacant;
        if let Some(vacant) = self.node(index) {
            let next = vacant.after;
            *vacant = node;
            self.vacant = next;
            return index;
        }
        self.nodes.push(node);
        // Four billion concurrent requests do not fit into memory.
        Index::try_from(self.nodes.len() - 1).unwrap_or(NONE)
    }

    /// Removes a value, which must be in no list.
    pub(crate) fn remove(&mut self, index: Index) -> Option<T> {
        let vacant = self.vacant;
        let node = self.node(index)?;
        let value = node.value.take();
        if value.is_some() {
            node.after = vacant;
            self.vacant = index;
        }
        value
    }

    pub(crate) fn get(&self, index: Index) -> Option<&T> {
        self.nodes.get(index as usize)?.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: Index) -> Option<&mut T> {
        self.node(index)?.value.as_mut()
    }

    /// The number of values that fit without growing.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    fn node(&mut self, index: Index) -> Option<&mut Node<T>> {
        self.nodes.get_mut(index as usize)
    }
}

/// Some of the values of a slab, in the order in which they were pushed.
pub(crate) struct List {
    first: Index,
    last: Index,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self { first: NONE, last: NONE }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    pub(crate) fn first<'a, T>(&self, slab: &'a Slab<T>) -> Option<&'a T> {
        slab.get(self.first)
    }

    /// Appends a value, which must be in no list.
    pub(crate) fn push<T>(&mut self, slab: &mut Slab<T>, index: Index) {
        if let Some(node) = slab.node(index) {
            node.before = self.last;
        }
        match slab.node(self.last) {
            Some(last) => last.after = index,
            None => self.first = index,
        }
        self.last = index;
    }

    /// Removes a value of this list from the list, and leaves it in the slab.
    pub(crate) fn unlink<T>(&mut self, slab: &mut Slab<T>, index: Index) {
        let Some(node) = slab.node(index) else {
            return;
        };
        let (before, after) = (node.before, node.after);
        (node.before, node.after) = (NONE, NONE);
        match slab.node(before) {
            Some(before) => before.after = after,
            None => self.first = after,
        }
        match slab.node(after) {
            Some(after) => after.before = before,
            None => self.last = before,
        }
    }

    /// Removes the first value from the list, and leaves it in the slab.
    pub(crate) fn pop<T>(&mut self, slab: &mut Slab<T>) -> Option<Index> {
        let index = self.first;
        slab.get(index)?;
        self.unlink(slab, index);
        Some(index)
    }
}
