//! A queue of a few small numbers, in place.

/// First in, first out, of at most `N` numbers.
#[derive(Debug)]
pub(super) struct Ring<const N: usize> {
    numbers: [u8; N],
    first: u8,
    length: u8,
}

impl<const N: usize> Ring<N> {
    /// Every place and every length is a number below this.
    const FITS: () = assert!(N.is_power_of_two() && N <= 128);

    pub(super) fn new() -> Self {
        let () = Self::FITS;
        Self {
            numbers: [0; N],
            first: 0,
            length: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.length)
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<u8> {
        if self.length == 0 {
            return None;
        }
        let number = self.numbers.get(usize::from(self.first) % N).copied();
        self.first = self.first.wrapping_add(1);
        self.length -= 1;
        number
    }

    /// Adds a number, for which there has to be room.
    #[inline]
    pub(super) fn push_back(&mut self, number: u8) {
        let last = usize::from(self.first.wrapping_add(self.length)) % N;
        let has_room = self.len() < N;
        if let Some(place) = self.numbers.get_mut(last).filter(|_| has_room) {
            *place = number;
            self.length += 1;
        }
    }

    pub(super) fn retain(&mut self, stays: impl Fn(u8) -> bool) {
        for _ in 0..self.length {
            if let Some(number) = self.pop_front()
                && stays(number)
            {
                self.push_back(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_longer_queue_does(steps in prop::collection::vec(0..8_u8, 1..2_000)) {
            let (mut ring, mut right) = (Ring::<8>::new(), VecDeque::new());
            for (number, step) in (0..=u8::MAX).cycle().zip(steps) {
                match step {
                    0..4 => {
                        ring.push_back(number);
                        if right.len() < 8 {
                            right.push_back(number);
                        }
                    }
                    4..7 => prop_assert_eq!(ring.pop_front(), right.pop_front()),
                    _ => {
                        ring.retain(|number| number % 3 != 0);
                        right.retain(|number| number % 3 != 0);
                    }
                }
                prop_assert_eq!(ring.len(), right.len());
            }
        }
    }
}
