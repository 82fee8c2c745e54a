use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::model::{Range, RangeNumber};

/// The used numbers of one kind, of the whole fabric.
pub(super) struct Lowest<T> {
    used: HashSet<T>,
    /// Where to look on in a range that begins there, so that 10,000 segments do not each begin at its start.
    next: HashMap<u32, u32>,
}

impl<T> Default for Lowest<T> {
    fn default() -> Self {
        Self {
            used: HashSet::new(),
            next: HashMap::new(),
        }
    }
}

impl<T: RangeNumber + Hash> Lowest<T> {
    /// The number, if there is one, is used.
    pub(super) fn note(&mut self, used: Option<T>) {
        self.used.extend(used);
    }

    /// The lowest free number of the range, used from now on.
    pub(super) fn take(&mut self, range: Option<Range<T>>) -> Option<T> {
        let range = range?;
        let (first, last) = (range.first().number(), range.last().number());
        let next = self.next.entry(first).or_insert(first);
        let mut candidates = (*next..=last).filter_map(T::from_number);
        let number = candidates.find(|number| self.used.insert(*number));
        *next = number.map_or(last, T::number) + 1;
        number
    }
}
