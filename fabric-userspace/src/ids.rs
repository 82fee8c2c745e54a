//! Which number in the maps belongs to what, so that it stays the same from one document to the next and
//! across a restart of the agent.
//!
//! Invariant: a number that was given up is not given out again before [`Pools::release`]. A program that
//! runs may still hold it, and an FDB entry may still name it.

mod place;
mod pool;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{IfName, Name};

pub use place::Place;
pub use pool::{Pools, Sizes};

/// All numbers of a node, in the form in which the agent saves them.
///
/// A segment's entry stands for itself: the agent may save those of changed segments alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Numbers that belong to no segment.
    pub node: NodeIds,
    /// Numbers of each segment on this node.
    pub segments: BTreeMap<Name, SegmentIds>,
}

/// Numbers that belong to no segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeIds {
    /// Slots of ports.
    pub slots: BTreeMap<IfName, u16>,
    /// By link, the tunnel that says that its VTEP is configured.
    pub tunnels: BTreeMap<Name, u32>,
}

/// Numbers of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentIds {
    /// The segment itself; 0 for one that has no numbers yet.
    #[serde(rename = "id")]
    pub segment: u32,
    /// Next hops with the path that each uses.
    #[serde(rename = "hops")]
    pub next_hops: BTreeMap<Place, NextHopIds>,
    /// Bindings, which are also the indexes of counters.
    pub bindings: BTreeMap<Place, u32>,
    /// Tunnels by link.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tunnels: BTreeMap<Name, u32>,
}

/// Numbers of one next hop; saved as a list of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u64)", into = "(u32, u32, u64)")]
pub struct NextHopIds {
    /// The next hop.
    pub id: u32,
    /// Its path.
    pub path: u32,
    /// Fingerprint of the path's content. A path is never changed in place: other bytes, other number.
    pub content: u64,
}

impl From<(u32, u32, u64)> for NextHopIds {
    fn from((id, path, content): (u32, u32, u64)) -> Self {
        Self { id, path, content }
    }
}

impl From<NextHopIds> for (u32, u32, u64) {
    fn from(ids: NextHopIds) -> Self {
        (ids.id, ids.path, ids.content)
    }
}

/// Numbers by table, for example those that a change gave up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Slots of ports.
    pub slots: Vec<u16>,
    /// Segments.
    pub segments: Vec<u32>,
    /// Next hops.
    pub next_hops: Vec<u32>,
    /// Paths.
    pub paths: Vec<u32>,
    /// Bindings.
    pub bindings: Vec<u32>,
    /// Tunnels.
    pub tunnels: Vec<u32>,
}

impl Freed {
    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    pub(crate) fn add_node(&mut self, old: &NodeIds, new: &NodeIds) {
        self.slots.extend(gone(&old.slots, &new.slots));
        self.tunnels.extend(gone(&old.tunnels, &new.tunnels));
    }

    /// Numbers of `old` that `new` does not have; pass default ids for a segment that is gone.
    pub(crate) fn add_segment(&mut self, old: &SegmentIds, new: &SegmentIds) {
        if old.segment != new.segment {
            self.segments.push(old.segment);
        }
        for (place, hop) in &old.next_hops {
            let now = new.next_hops.get(place);
            if now.is_none_or(|now| now.id != hop.id) {
                self.next_hops.push(hop.id);
            }
            if now.is_none_or(|now| now.path != hop.path) {
                self.paths.push(hop.path);
            }
        }
        self.bindings.extend(gone(&old.bindings, &new.bindings));
        self.tunnels.extend(gone(&old.tunnels, &new.tunnels));
    }
}

fn gone<'a, K: Ord, V: Copy + PartialEq>(
    old: &'a BTreeMap<K, V>,
    new: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = V> + 'a {
    old.iter()
        .filter(|(key, id)| new.get(key) != Some(id))
        .map(|(_, id)| *id)
}

#[cfg(test)]
mod tests;
