//! Protection switching: the path that each next hop with a backup takes, by which ports can send.
//!
//! The compiler takes every port for one that can send, so the records of an [`Image`] stay the same whatever the lines do.
//! What a line that is cut changes are the next hops that lead over it, and they are found here without looking at any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fabric_common::maps::{NextHop, Path};

use super::image::{Image, unshared};
use crate::ids::{NextHopIds, SegmentIds};
use crate::records::Records;

/// The next hops with a backup of one node, by the ports that they lead over.
#[derive(Debug, Default)]
pub struct Protection {
    next_hops: BTreeMap<u32, Protected>,
    by_slot: BTreeMap<u16, BTreeSet<u32>>,
}

#[derive(Debug)]
struct Protected {
    compiled: NextHop,
    ways: Vec<Way>,
}

/// A path that could be taken; the first is the better one.
#[derive(Clone, Copy, Debug)]
struct Way {
    path: u32,
    slot: u16,
}

impl Protected {
    fn of(hop: &NextHopIds, records: &Records) -> Option<Self> {
        let compiled = *records.next_hops.get(&hop.id)?;
        let usable = |id: u32| {
            let path = records.paths.get(&id)?;
            let way = Way {
                path: id,
                slot: path.slot,
            };
            (!path.has(Path::UNRESOLVED)).then_some(way)
        };
        let ids = [Some(hop.path), hop.backup];
        compiled.is_protected().then(|| Self {
            compiled,
            ways: ids
                .into_iter()
                .flatten()
                .filter_map(|ids| usable(ids.id))
                .collect(),
        })
    }

    fn in_use(&self, is_silent: impl Fn(u16) -> bool) -> NextHop {
        let way = self.ways.iter().find(|way| !is_silent(way.slot));
        NextHop {
            path: way.map_or(0, |way| way.path),
            ..self.compiled
        }
    }
}

impl Protection {
    /// Goes from one image to the next; parts that both share cost a comparison of pointers.
    pub fn follow(&mut self, old: &Image, new: &Image) {
        if !Arc::ptr_eq(&old.node, &new.node) {
            self.forget(&old.node.ids.relays);
            self.learn(&new.node.ids.relays, &new.node.records);
        }
        for (_, was, is) in unshared(old, new) {
            was.iter().for_each(|part| self.forget(&part.ids));
            is.iter().for_each(|part| self.learn(&part.ids, &part.records));
        }
    }

    fn forget(&mut self, ids: &SegmentIds) {
        for hop in ids.next_hops.values() {
            let gone = self.next_hops.remove(&hop.id);
            for way in gone.iter().flat_map(|gone| &gone.ways) {
                if let Some(users) = self.by_slot.get_mut(&way.slot) {
                    users.remove(&hop.id);
                }
            }
        }
    }

    fn learn(&mut self, ids: &SegmentIds, records: &Records) {
        for hop in ids.next_hops.values() {
            let Some(protected) = Protected::of(hop, records) else {
                continue;
            };
            for way in &protected.ways {
                self.by_slot.entry(way.slot).or_default().insert(hop.id);
            }
            self.next_hops.insert(hop.id, protected);
        }
    }

    /// What is to be written when the port with this slot can send no more, or again.
    pub fn over(
        &self,
        slot: u16,
        is_silent: impl Fn(u16) -> bool + Copy,
    ) -> impl Iterator<Item = (u32, NextHop)> {
        let users = self.by_slot.get(&slot).into_iter().flatten();
        users.filter_map(move |id| Some((*id, self.next_hops.get(id)?.in_use(is_silent))))
    }

    /// A next hop as it is to be written now.
    pub fn in_use(&self, id: u32, compiled: &NextHop, is_silent: impl Fn(u16) -> bool) -> NextHop {
        let protected = self.next_hops.get(&id);
        protected.map_or(*compiled, |protected| protected.in_use(is_silent))
    }
}
