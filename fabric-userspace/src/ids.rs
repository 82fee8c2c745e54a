//! Which number in the maps belongs to what, so that it stays the same from one document to the next and
//! across a restart of the agent.
//!
//! Invariant: a number that was given up is not given out again before [`Pools::release`]. A program that
//! runs may still hold it, and an FDB entry may still name it.

mod place;
mod pool;

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::maps::{Binding, access_slot};
use serde::{Deserialize, Serialize};

use crate::model::{IfName, Name};
use crate::records::Records;

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
    /// By link, the line of its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lines: BTreeMap<Name, u32>,
    /// Other datacenters that labels lead to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: BTreeMap<Name, u32>,
    /// Storage machines that this node steers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vsms: BTreeMap<Name, VsmIds>,
    /// Gateways.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vrfs: BTreeMap<Name, u32>,
    /// Whose they are; absent in files from before this was noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vrf_tenants: BTreeMap<Name, Name>,
    /// Of frames that only pass; their segment is 0.
    #[serde(default, skip_serializing_if = "SegmentIds::is_empty")]
    pub relays: SegmentIds,
}

/// Numbers of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentIds {
    /// The segment itself; 0 for one that has no numbers yet.
    #[serde(rename = "id")]
    pub segment: u32,
    /// Whose it is. Files from before this was noted do not say it, and relays are nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Next hops with the path that each uses.
    #[serde(rename = "hops")]
    pub next_hops: BTreeMap<Place, NextHopIds>,
    /// Bindings, which are also the indexes of counters.
    pub bindings: BTreeMap<Place, u32>,
    /// Tunnels by link.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tunnels: BTreeMap<Name, u32>,
    /// Storage machines that this node steers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vsms: BTreeMap<Name, VsmPlaceIds>,
    /// Its gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IrbIds>,
}

/// Numbers of one storage machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VsmIds {
    /// The storage machine.
    pub id: u32,
    /// The place of each member; it stays when the order of preference changes.
    pub members: BTreeMap<Name, u8>,
    /// The port of each: at another one it is another machine, whatever its name. Files from before this was noted have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<Name, IfName>,
    /// The node of each that is not at this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<Name, Name>,
}

impl VsmIds {
    /// Places that mean another machine in `next`, or none.
    pub fn given_on<'a>(&'a self, next: &'a Self) -> impl Iterator<Item = u8> + 'a {
        let members = self.members.iter();
        let given_on = members.filter(|(name, place)| {
            next.members.get(*name) != Some(*place) || !self.is_same_machine(next, name)
        });
        given_on.map(|(_, place)| *place)
    }

    /// Whether a member is the machine that it is in `other`.
    pub fn is_same_machine(&self, other: &Self, name: &Name) -> bool {
        let is_known = |ids: &Self| ids.ports.contains_key(name);
        !is_known(self)
            || !is_known(other)
            || (self.ports.get(name), self.nodes.get(name)) == (other.ports.get(name), other.nodes.get(name))
    }
}

/// Numbers of one storage machine in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VsmPlaceIds {
    /// The next hop that its address leads to.
    pub next_hop: u32,
    /// The place, see [`fabric_common::maps::storage::VsmPlace`].
    pub place: u32,
}

/// Numbers of a gateway's interface in one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IrbIds {
    /// The next hop that its address leads to.
    pub next_hop: u32,
    /// The interface, see [`fabric_common::maps::gateway::Irb`].
    pub irb: u32,
    /// The gateway's routing table; 0 in files from before this was noted.
    #[serde(default)]
    pub vrf: u32,
}

impl SegmentIds {
    /// True if there are no numbers in it.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Numbers of one next hop; saved as a list of three, or of five with a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedHop", into = "SavedHop")]
pub struct NextHopIds {
    /// The next hop.
    pub id: u32,
    /// Its path.
    pub path: PathIds,
    /// The path that takes over.
    pub backup: Option<PathIds>,
}

/// Numbers of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathIds {
    /// The path.
    pub id: u32,
    /// Fingerprint of its content. A path is never changed in place: other bytes, other number.
    pub content: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum SavedHop {
    Protected(u32, u32, u64, u32, u64),
    Single(u32, u32, u64),
}

impl From<SavedHop> for NextHopIds {
    fn from(saved: SavedHop) -> Self {
        let (id, path, content, backup) = match saved {
            SavedHop::Single(id, path, content) => (id, path, content, None),
            SavedHop::Protected(id, path, content, backup, other) => {
                (id, path, content, Some((backup, other)))
            }
        };
        Self {
            id,
            path: PathIds { id: path, content },
            backup: backup.map(|(id, content)| PathIds { id, content }),
        }
    }
}

impl From<NextHopIds> for SavedHop {
    fn from(ids: NextHopIds) -> Self {
        let (id, path, content) = (ids.id, ids.path.id, ids.path.content);
        match ids.backup {
            Some(backup) => Self::Protected(id, path, content, backup.id, backup.content),
            None => Self::Single(id, path, content),
        }
    }
}

impl NextHopIds {
    /// Its paths.
    pub fn paths(&self) -> impl Iterator<Item = u32> {
        [Some(self.path), self.backup]
            .into_iter()
            .flatten()
            .map(|path| path.id)
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
    /// Lines.
    pub lines: Vec<u32>,
    /// Sites.
    pub sites: Vec<u32>,
    /// Storage machines.
    pub vsms: Vec<u32>,
    /// Storage machines in segments.
    pub vsm_places: Vec<u32>,
    /// Gateways.
    pub vrfs: Vec<u32>,
    /// Interfaces of gateways.
    pub irbs: Vec<u32>,
}

impl Freed {
    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// The numbers that entries of the maps have, or name.
    pub fn named_by(records: &Records) -> Self {
        let ports = records.ports.values().map(|port| port.slot);
        let doors = records.access.keys().map(|key| access_slot(*key));
        let bindings: Vec<&Binding> = records
            .access
            .values()
            .chain(records.routes.values())
            .chain(records.bindings.values())
            .chain(records.tunnels.values().map(|tunnel| &tunnel.binding))
            .collect();
        let segments = records.segments.keys().chain(records.flood.keys()).copied();
        let of_hops = records.next_hops.values().map(|hop| hop.segment);
        let of_bindings = bindings.iter().map(|binding| binding.segment());
        let mut named = Self {
            slots: ports.chain(doors).chain(records.egress.keys().copied()).collect(),
            segments: segments.chain(of_hops).chain(of_bindings).collect(),
            next_hops: records.next_hops.keys().copied().collect(),
            paths: records.paths.keys().copied().collect(),
            bindings: bindings.iter().map(|binding| binding.id()).collect(),
            tunnels: records.tunnels.keys().copied().collect(),
            lines: records.lines.keys().copied().collect(),
            sites: records
                .label_sites
                .values()
                .flat_map(|sites| sites.to_le_bytes().map(u32::from))
                .collect(),
            vsms: records.vsms.keys().copied().collect(),
            vsm_places: records.vsm_places.keys().copied().collect(),
            vrfs: records.irbs.values().map(|irb| irb.vrf).collect(),
            irbs: records.irbs.keys().copied().collect(),
        };
        named.segments.retain(|segment| *segment != Binding::RELAY);
        named.without(&Self::default())
    }

    /// Those that `other` has not, each once; 0 is no number.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        fn rest<T: Copy + Ord + Default>(own: &[T], others: &[T]) -> Vec<T> {
            let others: BTreeSet<T> = others.iter().copied().chain([T::default()]).collect();
            let own: BTreeSet<T> = own.iter().copied().collect();
            own.difference(&others).copied().collect()
        }
        Self {
            slots: rest(&self.slots, &other.slots),
            segments: rest(&self.segments, &other.segments),
            next_hops: rest(&self.next_hops, &other.next_hops),
            paths: rest(&self.paths, &other.paths),
            bindings: rest(&self.bindings, &other.bindings),
            tunnels: rest(&self.tunnels, &other.tunnels),
            lines: rest(&self.lines, &other.lines),
            sites: rest(&self.sites, &other.sites),
            vsms: rest(&self.vsms, &other.vsms),
            vsm_places: rest(&self.vsm_places, &other.vsm_places),
            vrfs: rest(&self.vrfs, &other.vrfs),
            irbs: rest(&self.irbs, &other.irbs),
        }
    }

    pub(crate) fn add_node(&mut self, old: &NodeIds, new: &NodeIds) {
        self.slots.extend(gone(&old.slots, &new.slots));
        self.tunnels.extend(gone(&old.tunnels, &new.tunnels));
        self.lines.extend(gone(&old.lines, &new.lines));
        self.sites.extend(gone(&old.sites, &new.sites));
        let id = |vsms: &BTreeMap<Name, VsmIds>| -> BTreeMap<Name, u32> {
            vsms.iter().map(|(name, vsm)| (name.clone(), vsm.id)).collect()
        };
        self.vsms.extend(gone(&id(&old.vsms), &id(&new.vsms)));
        self.vrfs.extend(gone(&old.vrfs, &new.vrfs));
        self.add_segment(&old.relays, &new.relays);
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
            let kept: Vec<u32> = now.iter().flat_map(|now| now.paths()).collect();
            self.paths.extend(hop.paths().filter(|path| !kept.contains(path)));
        }
        self.bindings.extend(gone(&old.bindings, &new.bindings));
        self.tunnels.extend(gone(&old.tunnels, &new.tunnels));
        for lost in gone(&old.vsms, &new.vsms) {
            self.next_hops.push(lost.next_hop);
            self.vsm_places.push(lost.place);
        }
        if let Some(lost) = old.gateway.filter(|ids| new.gateway != Some(*ids)) {
            self.next_hops.push(lost.next_hop);
            self.irbs.push(lost.irb);
        }
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
