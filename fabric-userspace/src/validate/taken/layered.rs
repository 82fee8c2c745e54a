//! A map whose copies share one large part: changes are kept apart until there are many, and no copy sees another's.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Entries that copies need not share; more are merged with those that they do.
pub(super) const MOST: usize = 2048;

/// A map that costs a copy only what was changed lately: the rest is shared with the maps it was copied from.
#[derive(Debug, Clone)]
pub(super) struct Layered<K, V> {
    below: Arc<HashMap<K, V>>,
    /// `None` for what is gone.
    above: HashMap<K, Option<V>>,
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Self {
        Self {
            below: Arc::default(),
            above: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Layered<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match self.above.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.below.get(key),
        }
    }

    /// Puts a value in, or takes one away.
    pub(super) fn set(&mut self, key: K, value: Option<V>) {
        self.above.insert(key, value);
    }

    /// Merges the changes if there are more than `most`.
    pub(super) fn settle(&mut self, most: usize) {
        if self.above.len() <= most {
            return;
        }
        let mut below = std::mem::take(&mut self.below);
        let all = Arc::make_mut(&mut below);
        // Taken and not drained: an emptied map keeps its room, and so do its copies.
        for (key, value) in std::mem::take(&mut self.above) {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(&key),
            };
        }
        self.below = below;
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> HashMap<K, V> {
        let mut copy = self.clone();
        copy.settle(0);
        HashMap::clone(&copy.below)
    }
}
