//! Linked lists whose nodes live in one slab: everything takes the same short time, wherever in a list it
//! happens, and a slab that has once been large enough allocates nothing more.

/// An index that lies beyond every slab, so that a look-up past the end of a list finds nothing.
const NONE: usize = usize::MAX;

/// Values at indices that stay theirs until they are removed.
pub(crate) struct Slab<T> {
    nodes: Vec<Node<T>>,
    vacant: usize,
}

struct Node<T> {
    value: Option<T>,
    before: usize,
    /// The next node of the list, or, of a node without a value, the next vacant one.
    after: usize,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), vacant: NONE }
    }

    /// Keeps a value that stands in no list.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        self.insert_behind(NONE, value)
    }

    fn insert_behind(&mut self, before: usize, value: T) -> usize {
        let node = Node { value: Some(value), before, after: NONE };
        let index = self.vacant;
        if let Some(vacant) = self.nodes.get_mut(index) {
            self.vacant = vacant.after;
            *vacant = node;
            return index;
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Takes a value out. It must stand in no list.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let node = self.nodes.get_mut(index)?;
        let value = node.value.take();
        if value.is_some() {
            node.after = self.vacant;
            self.vacant = index;
        }
        value
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.nodes.get(index)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.nodes.get_mut(index)?.value.as_mut()
    }

    /// How many values it has room for without growing.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    fn set_before(&mut self, index: usize, before: usize) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.before = before;
        }
    }

    fn set_after(&mut self, index: usize, after: usize) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.after = after;
        }
    }
}

/// Some of the values of a slab, in the order in which they were pushed.
pub(crate) struct List {
    first: usize,
    last: usize,
    len: usize,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first<'a, T>(&self, slab: &'a Slab<T>) -> Option<&'a T> {
        slab.get(self.first)
    }

    /// Keeps a value in the slab, at the end of this list.
    pub(crate) fn push<T>(&mut self, slab: &mut Slab<T>, value: T) -> usize {
        let index = slab.insert_behind(self.last, value);
        slab.set_after(self.last, index);
        if self.len == 0 {
            self.first = index;
        }
        self.last = index;
        self.len += 1;
        index
    }

    /// Takes a value of this list out of it, and leaves it in the slab.
    pub(crate) fn unlink<T>(&mut self, slab: &mut Slab<T>, index: usize) {
        let Some(node) = slab.nodes.get(index) else {
            return;
        };
        let (before, after) = (node.before, node.after);
        slab.set_after(before, after);
        slab.set_before(after, before);
        if self.first == index {
            self.first = after;
        }
        if self.last == index {
            self.last = before;
        }
        self.len -= 1;
    }

    /// Takes the first value out of the list, and leaves it in the slab.
    pub(crate) fn pop<T>(&mut self, slab: &mut Slab<T>) -> Option<usize> {
        let index = self.first;
        slab.get(index)?;
        self.unlink(slab, index);
        Some(index)
    }

    /// Changes values from the last towards the first, until `change` has nothing to do.
    pub(crate) fn change_from_last<T>(&self, slab: &mut Slab<T>, mut change: impl FnMut(&mut T) -> bool) {
        let mut index = self.last;
        while let Some(node) = slab.nodes.get_mut(index) {
            if !node.value.as_mut().is_some_and(&mut change) {
                break;
            }
            index = node.before;
        }
    }
}
