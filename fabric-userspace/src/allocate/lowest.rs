//! Chooses VNIs, I-SIDs and global VIDs: always the lowest of the range that no segment of the fabric has.

use std::collections::HashMap;
use std::hash::Hash;

use super::counted::Counted;
use crate::model::{Range, RangeNumber};

/// The used numbers of one kind, of the whole fabric.
#[derive(Debug)]
pub(super) struct Lowest<T: Eq + Hash> {
    used: Counted<T>,
    /// Where to look on in a range that begins there, so that 10,000 segments do not each begin at its start. No number before is
    /// free.
    next: HashMap<u32, u32>,
}

impl<T: Eq + Hash> Default for Lowest<T> {
    fn default() -> Self {
        Self {
            used: Counted::default(),
            next: HashMap::new(),
        }
    }
}

impl<T: RangeNumber + Hash> Lowest<T> {
    /// Somebody has the number.
    pub(super) fn enter(&mut self, number: T) {
        self.used.enter(number);
    }

    /// He has it no more.
    pub(super) fn leave(&mut self, number: T) {
        if self.used.leave(&number) {
            let number = number.number();
            let ranges = self.next.iter_mut().filter(|(first, _)| **first <= number);
            ranges.for_each(|(_, next)| *next = (*next).min(number));
        }
    }

    #[cfg(test)]
    pub(super) fn has_same(&self, other: &Self) -> bool {
        self.used == other.used
    }

    /// The lowest free number of the range, used from now on.
    pub(super) fn take(&mut self, range: Option<Range<T>>) -> Option<T> {
        let range = range?;
        let (first, last) = (range.first().number(), range.last().number());
        let next = self.next.entry(first).or_insert(first);
        let mut candidates = (*next..=last).filter_map(T::from_number);
        let number = candidates.find(|number| self.used.enter_new(*number));
        *next = number.map_or(last, T::number) + 1;
        number
    }
}
