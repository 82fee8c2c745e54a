//! One segment's share of the maps.

use std::collections::BTreeMap;

use fabric_common::maps::{
    Binding, FloodKey, NextHop, Path, access_index, capacity, own, tag_key, tunnel_key,
};
use fabric_common::wire::VID_RESERVED;

use super::SegmentPart;
use super::input::{Leg, Local, SegmentInput};
use super::node::{Vxlan, Wire};
use super::path::{encapsulated, fingerprint, plain, tagged};
use crate::error::{Refusal, codes};
use crate::ids::{NextHopIds, Place, Pools, SegmentIds};
use crate::model::{Name, Vlan};
use crate::records::{Records, SegmentLimits};

/// Split horizon group of foreign VTEPs: they send to each other themselves (RFC 4762 section 4.4).
const FOREIGN: u8 = 1;

/// Writes the segment down. Places that `old` knows keep their numbers.
pub(super) fn build(
    name: &Name,
    input: SegmentInput,
    old: &SegmentIds,
    pools: &mut Pools,
) -> Result<SegmentPart, Refusal> {
    let segment = match old.segment {
        0 => pools.segment()?,
        id => id,
    };
    let mut builder = Builder {
        input: &input,
        old,
        pools,
        ids: SegmentIds {
            segment,
            ..SegmentIds::default()
        },
        records: Records::default(),
    };
    let limits = SegmentLimits {
        stations: input.mac_limit,
        flooded_len: input.flooded_len(),
    };
    builder.records.segments.insert(segment, limits);
    builder.next_hops()?;
    builder.entries()?;
    builder.flood(name)?;
    let Builder { ids, records, .. } = builder;
    Ok(SegmentPart {
        input: Some(input),
        ids,
        records,
    })
}

struct Builder<'a> {
    input: &'a SegmentInput,
    old: &'a SegmentIds,
    pools: &'a mut Pools,
    ids: SegmentIds,
    records: Records,
}

impl Builder<'_> {
    fn next_hops(&mut self) -> Result<(), Refusal> {
        let (input, segment) = (self.input, self.ids.segment);
        for local in &input.locals {
            self.next_hop(place_of(local), plain(local.slot, &local.facts, segment), 0)?;
        }
        for leg in &input.legs {
            match &leg.way.wire {
                Wire::Trunk { tpid } => {
                    let behind = leg.ends.iter().flat_map(|end| end.c_vids());
                    for c_vid in behind.chain([input.base_c_vid]) {
                        let path = tagged(&leg.way, *tpid, (input.s_vid, c_vid), segment);
                        self.next_hop(exit(leg, c_vid), path, 0)?;
                    }
                }
                Wire::Vxlan(vxlan) => {
                    let path = encapsulated(&leg.way, vxlan, input.vni, segment);
                    self.next_hop(exit(leg, 0), path, horizon(vxlan))?;
                }
            }
        }
        Ok(())
    }

    fn next_hop(&mut self, place: Place, path: Path, horizon: u8) -> Result<(), Refusal> {
        let content = fingerprint(&path);
        let (id, path_id) = match self.old.next_hops.get(&place) {
            Some(old) if old.content == content => (old.id, old.path),
            Some(old) => (old.id, self.pools.path()?),
            // Two ends may share a C-VID only if they are one place to this node.
            None if self.ids.next_hops.contains_key(&place) => return Ok(()),
            None => (self.pools.next_hop()?, self.pools.path()?),
        };
        let next_hop = NextHop {
            path: path_id,
            segment: self.ids.segment,
            epoch: 0,
            horizon: u32::from(horizon),
        };
        self.records.paths.insert(path_id, path);
        self.records.next_hops.insert(id, next_hop);
        let ids = NextHopIds {
            id,
            path: path_id,
            content,
        };
        self.ids.next_hops.insert(place, ids);
        Ok(())
    }

    fn entries(&mut self) -> Result<(), Refusal> {
        let input = self.input;
        for local in &input.locals {
            self.access(local)?;
            for (mac, _) in &local.end.stations {
                self.station(*mac, &place_of(local));
            }
        }
        for leg in &input.legs {
            match &leg.way.wire {
                Wire::Trunk { .. } => self.tags(leg)?,
                Wire::Vxlan(vxlan) => self.tunnel(leg, vxlan)?,
            }
            for (mac, c_vid) in leg.ends.iter().flat_map(|end| &end.stations) {
                self.station(*mac, &exit(leg, *c_vid));
            }
        }
        Ok(())
    }

    fn access(&mut self, local: &Local) -> Result<(), Refusal> {
        let place = place_of(local);
        let binding = self.binding(&place, 0, self.id_of(&place), 0)?;
        let vids = match local.vlan {
            Vlan::Tagged(vid) => vid.get()..=vid.get(),
            Vlan::Untagged => 0..=0,
            Vlan::Any => 0..=VID_RESERVED - 1,
        };
        for vid in vids {
            self.records.access.insert(access_index(local.slot, vid), binding);
        }
        Ok(())
    }

    /// The base C-VID is for everybody; each other one leads straight to its end, as the sender wanted.
    fn tags(&mut self, leg: &Leg) -> Result<(), Refusal> {
        let input = self.input;
        let learn = self.id_of(&sources(leg, input.base_c_vid));
        self.tag(leg, input.base_c_vid, learn, 0)?;
        for local in &input.locals {
            let direct = self.id_of(&place_of(local));
            for c_vid in local.end.c_vids() {
                self.tag(leg, c_vid, learn, direct)?;
            }
        }
        for other in input.legs.iter().filter(|other| other.way.name != leg.way.name) {
            for c_vid in other.ends.iter().flat_map(|end| end.c_vids()) {
                let direct = self.id_of(&exit(other, c_vid));
                self.tag(leg, c_vid, learn, direct)?;
            }
        }
        Ok(())
    }

    fn tag(&mut self, leg: &Leg, c_vid: u16, learn: u32, direct: u32) -> Result<(), Refusal> {
        let place = Place::Remote(leg.way.name.clone(), c_vid);
        let binding = self.binding(&place, 0, learn, direct)?;
        self.records.bindings.insert(binding.id(), binding);
        let key = tag_key(leg.way.slot, self.input.s_vid, c_vid);
        self.records.tags.insert(key, binding.id());
        Ok(())
    }

    fn tunnel(&mut self, leg: &Leg, vxlan: &Vxlan) -> Result<(), Refusal> {
        let (name, slot) = (&leg.way.name, leg.way.slot);
        let place = exit(leg, 0);
        let binding = self.binding(&place, horizon(vxlan), self.id_of(&place), 0)?;
        let id = match self.old.tunnels.get(name) {
            Some(id) => *id,
            None => self.pools.tunnel()?,
        };
        self.ids.tunnels.insert(name.clone(), id);
        self.records.tunnels.insert(id, vxlan.tunnel(slot, binding));
        let key = tunnel_key(slot, vxlan.remote.octets(), self.input.vni);
        self.records.tunnel_keys.insert(key, id);
        Ok(())
    }

    fn station(&mut self, mac: u64, place: &Place) {
        let key = (self.ids.segment, mac);
        self.records.stations.insert(key, self.id_of(place));
    }

    fn binding(&mut self, place: &Place, horizon: u8, learn: u32, direct: u32) -> Result<Binding, Refusal> {
        let known = self
            .ids
            .bindings
            .get(place)
            .or_else(|| self.old.bindings.get(place));
        let id = match known {
            Some(id) => *id,
            None => self.pools.binding()?,
        };
        self.ids.bindings.insert(place.clone(), id);
        Ok(Binding::new(
            self.ids.segment,
            horizon,
            learn,
            direct,
            id,
            self.input.own,
        ))
    }

    /// 0, which forwards nothing, for a place that [`Self::next_hops`] did not make.
    fn id_of(&self, place: &Place) -> u32 {
        self.ids.next_hops.get(place).map_or(0, |hop| hop.id)
    }

    /// Every member once. The ingress is among them, the kernel leaves its port out.
    fn flood(&mut self, name: &Name) -> Result<(), Refusal> {
        let input = self.input;
        let locals = input.locals.iter().map(|local| (local.slot, place_of(local)));
        let legs = input
            .legs
            .iter()
            .map(|leg| (leg.way.slot, everybody(leg, input.base_c_vid)));
        let mut members: Vec<(u16, u32)> = locals
            .chain(legs)
            .map(|(slot, place)| (slot, self.id_of(&place)))
            .collect();
        if members.len() > capacity::FLOOD_MEMBERS as usize {
            return Err(too_many_members(name, members.len()));
        }
        members.sort_unstable();
        let segment = self.ids.segment;
        let mut copies: BTreeMap<u16, u16> = BTreeMap::new();
        for (slot, next_hop) in &members {
            let copy = copies.entry(*slot).or_default();
            let key = FloodKey {
                segment,
                slot: *slot,
                copy: *copy,
            };
            *copy += 1;
            self.records.flood_next_hops.insert(key, *next_hop);
        }
        let slots = members.into_iter().map(|(slot, _)| slot).collect();
        self.records.flood.insert(segment, slots);
        Ok(())
    }
}

fn place_of(local: &Local) -> Place {
    Place::Local(local.port.clone(), local.vlan)
}

/// The way out to one end behind `leg`.
fn exit(leg: &Leg, c_vid: u16) -> Place {
    let c_vid = if matches!(leg.way.wire, Wire::Trunk { .. }) {
        c_vid
    } else {
        0
    };
    Place::Remote(leg.way.name.clone(), c_vid)
}

/// The way out to all ends behind `leg`.
fn everybody(leg: &Leg, base_c_vid: u16) -> Place {
    exit(leg, base_c_vid)
}

/// The way back to whoever sends through `leg`: a frame's C-tag tells its destination, not its source, so
/// only a single end can be named.
fn sources(leg: &Leg, base_c_vid: u16) -> Place {
    match leg.ends.as_slice() {
        [only] => exit(leg, only.c_vid),
        _ => exit(leg, base_c_vid),
    }
}

fn horizon(vxlan: &Vxlan) -> u8 {
    if vxlan.foreign { FOREIGN } else { 0 }
}

fn too_many_members(name: &Name, count: usize) -> Refusal {
    let most = capacity::FLOOD_MEMBERS;
    let sentence =
        format!("segment {name} has {count} ports and links at this node, flooding reaches {most}");
    Refusal::new(codes::TOO_MANY, sentence)
        .with_cure("divide the segment, or spread its ports over more nodes")
}

const _: () = assert!(own::ANY > VID_RESERVED as u32 - 1);
