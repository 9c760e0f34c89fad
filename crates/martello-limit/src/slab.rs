//! Linked lists whose nodes live in one slab: everything takes the same short time, wherever in a list it
//! happens, and a slab that has once been large enough allocates nothing more.

/// Where a slab keeps a value. Half as large as a `usize`, because every permit carries two.
pub(crate) type Index = u32;

/// An index that lies beyond every slab, so that a look-up past the end of a list finds nothing.
pub(crate) const NONE: Index = Index::MAX;

/// Values at indices that stay theirs until they are removed.
pub(crate) struct Slab<T> {
    nodes: Vec<Node<T>>,
    vacant: Index,
}

struct Node<T> {
    value: Option<T>,
    before: Index,
    /// The next node of the list, or, of a node without a value, the next vacant one.
    after: Index,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), vacant: NONE }
    }

    /// Keeps a value that stands in no list.
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
        // Four billion requests at a time do not fit into memory.
        Index::try_from(self.nodes.len() - 1).unwrap_or(NONE)
    }

    /// Takes a value out. It must stand in no list.
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

    /// How many values it has room for without growing.
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

    /// Puts a value that stands in no list at the end of this one.
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

    /// Takes a value of this list out of it, and leaves it in the slab.
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

    /// Takes the first value out of the list, and leaves it in the slab.
    pub(crate) fn pop<T>(&mut self, slab: &mut Slab<T>) -> Option<Index> {
        let index = self.first;
        slab.get(index)?;
        self.unlink(slab, index);
        Some(index)
    }
}
