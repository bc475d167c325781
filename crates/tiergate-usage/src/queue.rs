//! A queue whose first few items lie in place.

use std::fmt::Debug;

use smallvec::{Array, SmallVec};

/// First in, first out. As long as there are few it has no memory of its own, so that whoever looks at it
/// does not wait for that.
#[derive(Debug)]
pub(crate) struct Queue<A: Array>
where
    A::Item: Debug,
{
    items: SmallVec<A>,
    /// Those before it are gone.
    first: usize,
}

impl<A: Array> Queue<A>
where
    A::Item: Copy + Debug,
{
    pub(crate) fn new() -> Self {
        Self {
            items: SmallVec::new(),
            first: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.first
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&A::Item> {
        self.items.get(self.first)
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn back(&self) -> Option<&A::Item> {
        self.iter().next_back()
    }

    #[inline]
    pub(crate) fn back_mut(&mut self) -> Option<&mut A::Item> {
        self.items.get_mut(self.first..)?.last_mut()
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<A::Item> {
        let item = *self.front()?;
        self.first += 1;
        if self.first == self.items.len() {
            self.items.clear();
            self.first = 0;
        }
        Some(item)
    }

    #[inline]
    pub(crate) fn push_back(&mut self, item: A::Item) {
        // Moving is worth it once at least as many are gone as are moved, and in place always.
        let is_full = self.items.len() == self.items.capacity();
        if is_full && self.first > 0 && (self.first >= self.len() || !self.items.spilled()) {
            self.items.drain(..self.first);
            self.first = 0;
        }
        self.items.push(item);
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, A::Item> {
        self.items.get(self.first..).unwrap_or_default().iter()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.items.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_turn(steps in prop::collection::vec(0..9_u8, 1..500)) {
            let (mut queue, mut right) = (Queue::<[usize; 4]>::new(), VecDeque::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    0..4 => {
                        queue.push_back(number);
                        right.push_back(number);
                    }
                    4..8 => prop_assert_eq!(queue.pop_front(), right.pop_front()),
                    _ => {
                        if let (Some(last), Some(right)) = (queue.back_mut(), right.back_mut()) {
                            *last += 1_000;
                            *right += 1_000;
                        }
                    }
                }
                prop_assert_eq!(queue.len(), right.len());
                prop_assert_eq!(queue.front(), right.front());
                prop_assert!(queue.iter().eq(&right));
            }
        }
    }

    #[test]
    fn it_takes_twice_the_room_of_what_is_in_it_at_most() {
        let mut queue = Queue::<[u64; 4]>::new();
        for number in 0..100_000 {
            queue.push_back(number);
            if queue.len() > 100 {
                queue.pop_front();
            }
        }
        assert!(queue.capacity() <= 256, "{}", queue.capacity());
    }
}
