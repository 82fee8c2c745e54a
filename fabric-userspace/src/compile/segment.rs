//! One segment's share of the maps.

mod far;
mod gateway;
mod storage;

use fabric_common::maps::{
    Binding, FloodCopy, FloodKey, PairMember, Path, Tunnel, access_index, capacity, horizon, own, tag_key,
};
use fabric_common::wire::VID_RESERVED;

use super::SegmentPart;
use super::codec::{Number, Tags, tagged};
use super::input::{Leg, Local, SegmentInput};
use super::path::plain;
use super::places::{Places, Ways};
use crate::error::{Refusal, codes};
use crate::ids::{Place, Pools, SegmentIds};
use crate::model::{Name, Vlan};
use crate::records::SegmentLimits;

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
        segment,
        places: Places::new(segment, old, pools),
    };
    let limits = SegmentLimits {
        stations: input.mac_limit,
        flooded_len: input.flooded_len(),
        irb: builder.gateway()?,
        turns: input.turns(),
    };
    builder.places.records.segments.insert(segment, limits);
    builder.next_hops()?;
    builder.far_next_hops()?;
    builder.entries()?;
    builder.far()?;
    builder.inward()?;
    builder.storage()?;
    builder.flood(name)?;
    let Places { mut ids, records, .. } = builder.places;
    ids.tenant = Some(input.tenant.clone());
    Ok(SegmentPart {
        input: Some(input),
        ids,
        records,
    })
}

struct Builder<'a> {
    input: &'a SegmentInput,
    segment: u32,
    places: Places<'a>,
}

impl Builder<'_> {
    fn next_hops(&mut self) -> Result<(), Refusal> {
        let (input, segment) = (self.input, self.segment);
        for local in &input.locals {
            let path = plain(local.slot, &local.facts, segment);
            self.next_hop(place_of(local), path, 0)?;
        }
        for leg in &input.legs {
            if let Some(tags) = leg.way.wire.tags() {
                let behind = leg.ends.iter().flat_map(|end| end.c_vids());
                for c_vid in behind.chain([input.base_c_vid]) {
                    let path = tagged(&leg.way, tags, (input.s_vid, c_vid), segment);
                    self.next_hop(exit(leg, c_vid), path, 0)?;
                }
            }
            if let Some(number) = leg.way.wire.number() {
                let path = number.path(&leg.way, input, segment);
                self.next_hop(exit(leg, 0), path, horizon_of(number))?;
            }
        }
        Ok(())
    }

    fn next_hop(&mut self, place: Place, path: Path, horizon: u8) -> Result<(), Refusal> {
        self.places
            .next_hop(place, &Ways::only(path), (self.segment, horizon))
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
            if let Some(tags) = leg.way.wire.tags() {
                self.tags(leg, tags)?;
            }
            if let Some(number) = leg.way.wire.number() {
                self.number(leg, number)?;
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
            self.places
                .records
                .access
                .insert(access_index(local.slot, vid), binding);
        }
        Ok(())
    }

    /// The base C-VID is for everybody; each other one leads straight to its end, as the sender wanted.
    fn tags(&mut self, leg: &Leg, tags: Tags) -> Result<(), Refusal> {
        let input = self.input;
        let learn = self.id_of(&sources(leg, input.base_c_vid));
        self.tag((leg, tags), input.base_c_vid, learn, 0)?;
        for (c_vid, direct) in self.ends_besides(Some(leg)) {
            self.tag((leg, tags), c_vid, learn, direct)?;
        }
        Ok(())
    }

    /// The C-VIDs of all ends that are not behind `leg`, and the next hop of each.
    fn ends_besides(&self, leg: Option<&Leg>) -> Vec<(u16, u32)> {
        let input = self.input;
        let locals = input.locals.iter().flat_map(|local| {
            let direct = self.id_of(&place_of(local));
            local.end.c_vids().into_iter().map(move |c_vid| (c_vid, direct))
        });
        let others = input
            .legs
            .iter()
            .filter(|other| leg.is_none_or(|leg| other.way.name != leg.way.name));
        let behind = others.flat_map(|other| {
            let c_vids = other.ends.iter().flat_map(|end| end.c_vids());
            c_vids.map(|c_vid| (c_vid, self.id_of(&exit(other, c_vid))))
        });
        let far = self.far_ends().filter(|_| leg.is_some());
        locals.chain(behind).chain(far).collect()
    }

    /// What comes by a link on which one number names the segment.
    fn number(&mut self, leg: &Leg, number: &dyn Number) -> Result<(), Refusal> {
        let place = exit(leg, 0);
        let binding = self.binding(&place, horizon_of(number), self.id_of(&place), 0)?;
        let key = number.key(leg.way.slot, self.input);
        match number.tunnel(leg.way.slot, binding) {
            Some(tunnel) => self.tunnel(&leg.way.name, key, tunnel),
            None => {
                self.enter(key, binding);
                Ok(())
            }
        }
    }

    fn enter(&mut self, key: u64, binding: Binding) {
        let records = &mut self.places.records;
        records.bindings.insert(binding.id(), binding);
        records.tags.insert(key, binding.id());
    }

    fn tag(&mut self, (leg, tags): (&Leg, Tags), c_vid: u16, learn: u32, direct: u32) -> Result<(), Refusal> {
        let place = Place::Remote(leg.way.name.clone(), c_vid);
        let binding = self.binding(&place, 0, learn, direct)?;
        self.enter(tag_key(leg.way.slot, tags.vlan, self.input.s_vid, c_vid), binding);
        Ok(())
    }

    fn tunnel(&mut self, link: &Name, key: u64, tunnel: Tunnel) -> Result<(), Refusal> {
        let id = match self.places.old().tunnels.get(link) {
            Some(id) => *id,
            None => self.places.pools().tunnel()?,
        };
        self.places.ids.tunnels.insert(link.clone(), id);
        let records = &mut self.places.records;
        records.tunnels.insert(id, tunnel);
        records.tunnel_keys.insert(key, id);
        Ok(())
    }

    fn station(&mut self, mac: u64, place: &Place) {
        let next_hop = self.id_of(place);
        // A place that nothing leads to has no next hop; its frames go to everybody.
        if next_hop != 0 {
            self.places.records.stations.insert((self.segment, mac), next_hop);
        }
    }

    fn binding(&mut self, place: &Place, horizon: u8, learn: u32, direct: u32) -> Result<Binding, Refusal> {
        let id = self.places.binding(place)?;
        let own = self.input.own;
        Ok(Binding::new(self.segment, horizon, learn, direct, id, own))
    }

    fn id_of(&self, place: &Place) -> u32 {
        self.places.id_of(place)
    }

    /// Every member once, and a protected one once for each port that it may be reached by. The ingress is among them, the
    /// kernel leaves its port out; only labels may come by a line that the segment sends nothing by. A pair needs no list, and a
    /// member alone has nobody to send to; but what a gateway has brought from another segment is for every member.
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
        members.extend(self.far_members());
        if members.len() > capacity::FLOOD_MEMBERS as usize {
            return Err(too_many_members(name, members.len()));
        }
        members.sort_unstable();
        let segment = self.segment;
        if input.gateway.is_none() {
            if members.len() < 2 {
                return Ok(());
            }
            if let Some(pair) = self.pair(&members) {
                self.places.records.pairs.insert(segment, pair);
                return Ok(());
            }
        }
        for port in members.chunk_by(|(slot, _), (next, _)| slot == next) {
            for (copy, (slot, next_hop)) in (0..).zip(port) {
                let key = FloodKey {
                    segment,
                    slot: *slot,
                    copy,
                };
                let more = u16::try_from(port.len()).unwrap_or(0) - copy - 1;
                let copy = FloodCopy::new(*next_hop, more);
                self.places.records.flood_next_hops.insert(key, copy);
            }
        }
        let slots = members.into_iter().map(|(slot, _)| slot).collect();
        self.places.records.flood.insert(segment, slots);
        Ok(())
    }

    /// Both members, if there are no others. Behind which port one of them is must be known, and what comes by another port is
    /// from the other one: a protected member is reached by several ports, and heard by those of all lines.
    fn pair(&self, members: &[(u16, u32)]) -> Option<[PairMember; 2]> {
        let mut ids: Vec<u32> = members.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let [one, other] = *ids else { return None };
        let (fixed, facing) = match [one, other].map(|id| self.fixed_slot(members, id)) {
            [Some(slot), Some(other_slot)] => ((slot, one), (other_slot, other)),
            [Some(slot), None] => ((slot, one), (PairMember::ELSEWHERE, other)),
            [None, Some(slot)] => ((slot, other), (PairMember::ELSEWHERE, one)),
            [None, None] => return None,
        };
        let slots = members.iter().filter(|(_, id)| *id == facing.1);
        let mut ways_in = slots.map(|(slot, _)| *slot).chain(self.line_slots());
        let is_apart = match facing.0 {
            PairMember::ELSEWHERE => ways_in.all(|slot| slot != fixed.0),
            slot => slot != fixed.0 && self.line_slots().all(|line| line == slot || line == fixed.0),
        };
        let mut pair = [fixed, facing];
        pair.sort_unstable();
        is_apart.then(|| pair.map(|(slot, next_hop)| PairMember::new(slot, next_hop)))
    }

    /// The port of a member that is not protected.
    fn fixed_slot(&self, members: &[(u16, u32)], id: u32) -> Option<u16> {
        let next_hop = self.places.records.next_hops.get(&id)?;
        let member = members.iter().find(|(_, member)| *member == id)?;
        (!next_hop.is_protected()).then_some(member.0)
    }

    /// Ports that frames from other datacenters come by.
    fn line_slots(&self) -> impl Iterator<Item = u16> {
        let lines = self.input.far.iter().flat_map(|far| &far.lines);
        lines.map(|line| line.slot)
    }
}

fn place_of(local: &Local) -> Place {
    Place::Local(local.port.clone(), local.vlan)
}

/// The way out to one end behind `leg`.
fn exit(leg: &Leg, c_vid: u16) -> Place {
    let c_vid = leg.way.wire.tags().map_or(0, |_| c_vid);
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

fn horizon_of(number: &dyn Number) -> u8 {
    if number.is_foreign() { horizon::FOREIGN } else { 0 }
}

fn too_many_members(name: &Name, count: usize) -> Refusal {
    let most = capacity::FLOOD_MEMBERS;
    let sentence =
        format!("segment {name} has {count} ports and links at this node, flooding reaches {most}");
    Refusal::new(codes::TOO_MANY, sentence)
        .with_cure("divide the segment, or spread its ports over more nodes")
}

const _: () = assert!(own::ANY > VID_RESERVED as u32 - 1);
