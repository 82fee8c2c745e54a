//! From what the maps hold to what they shall hold, one entry at a time, make before break.
//!
//! One thing goes the other way round: a door that passes from one segment to another is shut until nothing of the old
//! segment leads to its place any more, see [`handover`]; so are all doors of a segment whose own VLAN changes. And where a segment turns to other ways between nodes, the old ones
//! are shut first.
//!
//! Invariant: after each operation, whatever an entry points to is there. So a crash between two operations
//! leaves entries that nobody reaches, never a way into nothing or into somebody else's segment.

mod handover;
mod op;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::compile::{Image, unshared};
use crate::records::{Records, SegmentLimits};

pub use op::{Entry, Key, Op};

/// The difference between two states of the maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What to do, in this order.
    pub ops: Vec<Op>,
    /// How much that is.
    pub summary: Summary,
    /// Next hops that are gone. Learned FDB entries that name one must go before its id is used again.
    pub vanished_next_hops: BTreeSet<u32>,
}

impl Changes {
    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

/// Counts of map entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Entries that are new.
    pub make: usize,
    /// Entries that get another value.
    pub change: usize,
    /// Entries that go away.
    #[serde(rename = "break")]
    pub break_: usize,
}

impl fmt::Display for Summary {
    /// As the plan shows it: `4 writes make, 1 changes, 3 break`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes make, {} changes, {} break",
            self.make, self.change, self.break_
        )
    }
}

/// What leads from `old` to `new`.
pub fn diff(old: &Records, new: &Records) -> Changes {
    let mut work = Work::default();
    let doors = handover::Doors::passing(old, new);
    let without = handover::without_lost_ways(old, new);
    if let Some(first) = &without {
        work.lead(old, first);
    }
    let old = without.as_ref().unwrap_or(old);
    let shut = doors.shut(old);
    if let Some(shut) = &shut {
        work.lead(old, shut);
        work.changes.ops.push(Op::Grace);
    }
    let old = shut.as_ref().unwrap_or(old);
    if let Some(between) = doors.between(old, new) {
        work.lead(old, &between);
        work.changes.ops.push(Op::Grace);
        work.lead(&between, new);
    } else {
        work.lead(old, new);
    }
    work.changes.vanished_next_hops = old
        .next_hops
        .keys()
        .filter(|id| !new.next_hops.contains_key(id))
        .copied()
        .collect();
    work.changes
}

/// [`diff()`] of the parts in which two images differ. Parts that both share cost one comparison of pointers.
pub fn diff_images(old: &Image, new: &Image) -> Changes {
    // Merged before they are compared: what one part loses another one may have won, and must not be cleared.
    let (mut before, mut after) = (Records::default(), Records::default());
    let (was, is) = (&old.node, &new.node);
    if !Arc::ptr_eq(was, is) {
        before.merge(&was.records);
        after.merge(&is.records);
    }
    for (_, was, is) in unshared(old, new) {
        was.iter().for_each(|part| before.merge(&part.records));
        is.iter().for_each(|part| after.merge(&part.records));
    }
    diff(&before, &after)
}

/// The new segments, each with the gateway that it has now: a gateway sees what is for everybody once there is the list by which
/// it goes on.
fn with_gateways_of(old: &Records, new: &Records) -> BTreeMap<u32, SegmentLimits> {
    let limits = new.segments.iter().map(|(id, limits)| {
        let irb = old.segments.get(id).map_or(limits.irb, |was| was.irb);
        (*id, SegmentLimits { irb, ..*limits })
    });
    limits.collect()
}

#[derive(Default)]
struct Work {
    changes: Changes,
}

impl Work {
    fn lead(&mut self, old: &Records, new: &Records) {
        self.make(old, new);
        self.switch(old, new);
        self.break_(old, new);
    }

    /// New and changed entries, those that others point to first, and the doors last.
    fn make(&mut self, old: &Records, new: &Records) {
        self.set(&old.egress, &new.egress, |slot, ifindex| {
            Entry::Egress(slot, ifindex)
        });
        self.set(&old.ports, &new.ports, Entry::Port);
        for address in new.vteps.difference(&old.vteps) {
            self.changes.ops.push(Op::Set(Entry::Vtep(*address)));
            self.changes.summary.make += 1;
        }
        self.set(&old.paths, &new.paths, Entry::Path);
        self.set(&old.vsms, &new.vsms, Entry::Vsm);
        self.set_new(&old.next_hops, &new.next_hops, Entry::NextHop);
        self.set(&old.vsm_places, &new.vsm_places, Entry::VsmPlace);
        self.set(&old.irbs, &new.irbs, Entry::Irb);
        self.set(&old.prefixes, &new.prefixes, Entry::Prefix);
        let same_gateways = with_gateways_of(old, new);
        self.set(&old.segments, &same_gateways, Entry::Segment);
        self.set(&old.pairs, &new.pairs, Entry::Pair);
        self.set(&old.flood_next_hops, &new.flood_next_hops, Entry::FloodNextHop);
        self.set(&old.flood, &new.flood, Entry::Flood);
        self.set(&same_gateways, &new.segments, Entry::Segment);
        self.set(&old.bindings, &new.bindings, Entry::Binding);
        self.set(&old.tunnels, &new.tunnels, Entry::Tunnel);
        self.set(&old.stations, &new.stations, Entry::Station);
        self.set(&old.lines, &new.lines, Entry::Line);
        self.set(&old.routes, &new.routes, Entry::Route);
        self.set(&old.label_sites, &new.label_sites, Entry::LabelSites);
        self.set(&old.tags, &new.tags, Entry::Tag);
        self.set(&old.line_keys, &new.line_keys, Entry::LineKey);
        self.set(&old.tunnel_keys, &new.tunnel_keys, Entry::TunnelKey);
        self.set(&old.access, &new.access, Entry::Access);
    }

    /// Next hops that take another path: both paths are there.
    fn switch(&mut self, old: &Records, new: &Records) {
        for (id, next_hop) in &new.next_hops {
            if old.next_hops.get(id).is_some_and(|was| was != next_hop) {
                self.changes.ops.push(Op::Set(Entry::NextHop(*id, *next_hop)));
                self.changes.summary.change += 1;
            }
        }
    }

    fn break_(&mut self, old: &Records, new: &Records) {
        self.clear(&old.access, &new.access, Key::Access);
        self.clear(&old.tunnel_keys, &new.tunnel_keys, Key::TunnelKey);
        self.clear(&old.line_keys, &new.line_keys, Key::LineKey);
        self.clear(&old.tags, &new.tags, Key::Tag);
        self.clear(&old.label_sites, &new.label_sites, Key::LabelSites);
        self.clear(&old.routes, &new.routes, Key::Route);
        self.clear(&old.lines, &new.lines, Key::Line);
        self.clear(&old.stations, &new.stations, Key::Station);
        self.clear(&old.tunnels, &new.tunnels, Key::Tunnel);
        self.clear(&old.bindings, &new.bindings, Key::Binding);
        self.clear(&old.flood, &new.flood, Key::Flood);
        self.clear(&old.flood_next_hops, &new.flood_next_hops, Key::FloodNextHop);
        self.clear(&old.pairs, &new.pairs, Key::Pair);
        self.clear(&old.segments, &new.segments, Key::Segment);
        self.clear(&old.prefixes, &new.prefixes, Key::Prefix);
        self.clear(&old.irbs, &new.irbs, Key::Irb);
        self.clear(&old.vsm_places, &new.vsm_places, Key::VsmPlace);
        self.clear(&old.next_hops, &new.next_hops, Key::NextHop);
        self.clear(&old.vsms, &new.vsms, Key::Vsm);
        self.clear(&old.paths, &new.paths, Key::Path);
        for address in old.vteps.difference(&new.vteps) {
            self.changes.ops.push(Op::Clear(Key::Vtep(*address)));
            self.changes.summary.break_ += 1;
        }
        self.clear(&old.ports, &new.ports, Key::Port);
        self.clear(&old.egress, &new.egress, Key::Egress);
    }

    fn set<K: Ord + Copy, V: Clone + PartialEq>(
        &mut self,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        entry: impl Fn(K, V) -> Entry,
    ) {
        for (key, value) in new {
            match old.get(key) {
                Some(was) if was == value => continue,
                Some(_) => self.changes.summary.change += 1,
                None => self.changes.summary.make += 1,
            }
            self.changes.ops.push(Op::Set(entry(*key, value.clone())));
        }
    }

    fn set_new<K: Ord + Copy, V: Copy>(
        &mut self,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        entry: impl Fn(K, V) -> Entry,
    ) {
        for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
            self.changes.ops.push(Op::Set(entry(*key, *value)));
            self.changes.summary.make += 1;
        }
    }

    fn clear<K: Ord + Copy, V>(
        &mut self,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        key: impl Fn(K) -> Key,
    ) {
        for gone in old.keys().filter(|key| !new.contains_key(key)) {
            self.changes.ops.push(Op::Clear(key(*gone)));
            self.changes.summary.break_ += 1;
        }
    }
}

#[cfg(test)]
mod tests;
