//! Numbers, names and VLANs in use: free only when the last who has one lets it go, as unchecked documents may repeat them.

use std::collections::HashMap;
use std::hash::Hash;

/// Which values somebody has, and how many have each: a document that is still to be checked may give one to two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted<T: Eq + Hash>(HashMap<T, u32>);

impl<T: Eq + Hash> Default for Counted<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Counted<T> {
    pub(super) fn contains(&self, value: &T) -> bool {
        self.0.contains_key(value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more has it.
    pub(super) fn enter(&mut self, value: T) {
        *self.0.entry(value).or_default() += 1;
    }

    /// True if nobody had it; who asks has it from then on.
    pub(super) fn enter_new(&mut self, value: T) -> bool {
        let is_new = !self.contains(&value);
        if is_new {
            self.enter(value);
        }
        is_new
    }

    /// One who had it has it no more. True if nobody has it now.
    pub(super) fn leave(&mut self, value: &T) -> bool {
        match self.0.get_mut(value) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => self.0.remove(value).is_some(),
            None => false,
        }
    }
}
