//! Counters that never go backwards, put together from those of bindings and paths.
//!
//! The data path counts a frame where it is cheapest: under the binding that it came by and the path that it
//! left by. Both come and go with the document; what a departing one has counted is kept here for its port and
//! tenant.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fabric_common::DropReason;
use fabric_common::maps::{Binding, Count, Direction, label_line, tag_slot};
use serde::{Deserialize, Serialize};

use super::plane::Plane;
use crate::compile::SegmentPart;
use crate::datapath::LoadError;
use crate::model::Name;
use crate::records::Records;

/// A sum of frames and bytes that can be saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Sum {
    fn add(&mut self, count: Count) {
        self.frames += count.frames;
        self.bytes += count.bytes;
    }

    fn merge(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

/// Which port and segment a counter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    /// Slot of the port.
    pub slot: u16,
    /// The segment.
    pub segment: u32,
}

/// Both directions of one [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Both {
    /// Forwarded after coming in here.
    pub forwarded: Sum,
    /// Sent out here.
    pub sent: Sum,
}

/// Who owns which counter, and what former owners have counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    bindings: HashMap<u32, Owner>,
    paths: HashMap<u32, Owner>,
    /// Slot of each line.
    lines: HashMap<u32, u16>,
    retired: BTreeMap<Place, Both>,
    /// What tenants have counted by bindings and paths that are gone.
    retired_of: BTreeMap<Name, Both>,
    /// Whether what is retired differs from what is saved.
    is_changed: bool,
}

/// Whose a counter is: it stays so, whatever becomes of the port and the segment.
#[derive(Clone, Debug)]
struct Owner {
    place: Place,
    /// At ports to tenants.
    tenant: Option<Name>,
}

/// Whose the counters of one part of an image are.
#[derive(Clone, Copy)]
struct Owners<'a> {
    tenant: Option<&'a Name>,
    /// Slots of the ports to tenants.
    access: &'a BTreeSet<u16>,
}

impl Owners<'_> {
    fn at(&self, slot: u16, segment: u32) -> Owner {
        Owner {
            place: Place { slot, segment },
            tenant: self.tenant.filter(|_| self.access.contains(&slot)).cloned(),
        }
    }
}

/// What the agent saves of a [`Meter`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct Retired {
    places: Vec<(Place, Both)>,
    tenants: BTreeMap<Name, Both>,
}

/// A [`Retired`] as it is found.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Saved {
    Whole {
        places: Vec<(Place, Both)>,
        tenants: BTreeMap<Name, Both>,
    },
    /// Of an agent that did not keep what tenants have counted.
    Places(Vec<(Place, Both)>),
}

impl From<Saved> for Retired {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::Whole { places, tenants } => Self { places, tenants },
            Saved::Places(places) => Self {
                places,
                tenants: BTreeMap::new(),
            },
        }
    }
}

/// Everything counted at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// By port and segment.
    pub places: BTreeMap<Place, Both>,
    /// By tenant, at ports to tenants.
    pub tenants: BTreeMap<Name, Both>,
    /// By port slot and direction (`true` is out) and reason number. Number 0 counts passed frames, and outward messages to
    /// senders.
    pub drops: BTreeMap<(u16, bool, u8), u64>,
}

/// Frames that only pass are nobody's here.
fn owner(segment: u32) -> u32 {
    match segment & Binding::RELAY {
        Binding::RELAY => 0,
        segment => segment,
    }
}

fn slot_of(index: u32) -> u16 {
    u16::try_from(index).unwrap_or(0)
}

impl Meter {
    /// A meter that goes on where an earlier agent stopped.
    pub(super) fn resume(retired: Retired) -> Self {
        Self {
            retired: retired.places.into_iter().collect(),
            retired_of: retired.tenants,
            ..Self::default()
        }
    }

    /// For saving.
    pub(super) fn retired(&self) -> Retired {
        Retired {
            places: self.retired.iter().map(|(place, both)| (*place, *both)).collect(),
            tenants: self.retired_of.clone(),
        }
    }

    /// Whether there is nothing to save.
    pub(super) const fn is_saved(&self) -> bool {
        !self.is_changed
    }

    /// To be called when [`Meter::retired`] is on disk.
    pub(super) const fn saved(&mut self) {
        self.is_changed = false;
    }

    /// Takes note of what is of no segment alone.
    pub(super) fn learn_node(&mut self, records: &Records) {
        let (tenant, access) = (None, &BTreeSet::new());
        self.learn(records, Owners { tenant, access });
    }

    /// Takes note of a segment; the ports in the slots `access` lead to tenants.
    pub(super) fn learn_segment(&mut self, part: &SegmentPart, access: &BTreeSet<u16>) {
        let tenant = part.tenant();
        self.learn(&part.records, Owners { tenant, access });
    }

    /// Takes note of the owners in `records`. Owners that are gone stay until [`Meter::retire`].
    fn learn(&mut self, records: &Records, of: Owners<'_>) {
        for (index, binding) in &records.access {
            self.own_binding(binding.id(), of.at(slot_of(index >> 12), binding.segment()));
        }
        for (number, line) in &records.lines {
            self.lines.insert(*number, line.slot);
        }
        for (key, id) in &records.tags {
            if let Some(binding) = records.bindings.get(id) {
                let slot = match label_line(*key) {
                    Some(line) => self.lines.get(&line).copied().unwrap_or(0),
                    None => tag_slot(*key),
                };
                self.own_binding(binding.id(), of.at(slot, owner(binding.segment())));
            }
        }
        for (index, binding) in &records.routes {
            let slot = self.lines.get(&(index >> 8)).copied().unwrap_or(0);
            self.own_binding(binding.id(), of.at(slot, owner(binding.segment())));
        }
        for tunnel in records
            .tunnels
            .values()
            .filter(|tunnel| tunnel.binding.segment() != 0)
        {
            let owner = of.at(tunnel.slot, tunnel.binding.segment());
            self.own_binding(tunnel.binding.id(), owner);
        }
        for (id, path) in &records.paths {
            self.paths.insert(*id, of.at(path.slot, owner(path.segment)));
        }
    }

    fn own_binding(&mut self, id: u32, owner: Owner) {
        self.bindings.insert(id, owner);
    }

    /// Keeps what these bindings and paths have counted. To be called when no frame can be counted by them any more; their
    /// counters are to be cleared for the next owners once what is kept is saved.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(super) fn retire(&mut self, plane: &Plane, bindings: &[u32], paths: &[u32]) -> Result<(), LoadError> {
        for id in bindings {
            if let Some(owner) = self.bindings.remove(id) {
                let count = plane.forwarded(*id)?;
                self.keep(owner, |both| both.forwarded.add(count));
            }
        }
        for id in paths {
            if let Some(owner) = self.paths.remove(id) {
                let count = plane.sent(*id)?;
                self.keep(owner, |both| both.sent.add(count));
            }
        }
        Ok(())
    }

    fn keep(&mut self, owner: Owner, add: impl Fn(&mut Both)) {
        self.is_changed = true;
        add(self.retired.entry(owner.place).or_default());
        if let Some(tenant) = owner.tenant {
            add(self.retired_of.entry(tenant).or_default());
        }
    }

    /// Forgets tenants that are not there any more.
    pub(super) fn keep_tenants(&mut self, exist: &HashSet<&Name>) {
        let before = self.retired_of.len();
        self.retired_of.retain(|tenant, _| exist.contains(tenant));
        self.is_changed |= self.retired_of.len() != before;
    }

    /// Forgets tenants that leave, with what is still to be counted for them: the next one of that name is another one.
    pub(super) fn forget_tenants(&mut self, leaving: &BTreeSet<Name>) {
        if leaving.is_empty() {
            return;
        }
        let owners = self.bindings.values_mut().chain(self.paths.values_mut());
        for owner in owners {
            owner.tenant.take_if(|tenant| leaving.contains(tenant));
        }
        let before = self.retired_of.len();
        self.retired_of.retain(|tenant, _| !leaving.contains(tenant));
        self.is_changed |= self.retired_of.len() != before;
    }

    /// Forgets whom an earlier agent had no time to forget: `slots` are those of ports that are there.
    pub(super) fn keep_slots(&mut self, slots: &HashSet<u16>) {
        self.keep_places(|place| place.slot == 0 || slots.contains(&place.slot));
    }

    /// The same of segments, by number.
    pub(super) fn keep_segments(&mut self, segments: &HashSet<u32>) {
        let numbers: BTreeSet<u32> = self.retired.keys().map(|place| place.segment).collect();
        let gone = numbers
            .into_iter()
            .filter(|number| *number != 0 && !segments.contains(number));
        gone.for_each(|number| self.forget_segment(number));
    }

    /// Whether somebody counts by this binding.
    pub(super) fn owns_binding(&self, id: u32) -> bool {
        self.bindings.contains_key(&id)
    }

    /// Whether somebody counts by this path.
    pub(super) fn owns_path(&self, id: u32) -> bool {
        self.paths.contains_key(&id)
    }

    /// Forgets a segment whose number will be given to another one, keeping its share of the ports' totals.
    pub(super) fn forget_segment(&mut self, segment: u32) {
        let gone: Vec<Place> = self
            .retired
            .keys()
            .filter(|place| place.segment == segment)
            .copied()
            .collect();
        self.is_changed |= !gone.is_empty();
        for place in gone {
            if let Some(both) = self.retired.remove(&place) {
                let rest = self
                    .retired
                    .entry(Place {
                        slot: place.slot,
                        segment: 0,
                    })
                    .or_default();
                rest.forwarded.merge(both.forwarded);
                rest.sent.merge(both.sent);
            }
        }
    }

    /// Forgets a port whose slot will be given to another one.
    pub(super) fn forget_slot(&mut self, slot: u16) {
        self.keep_places(|place| place.slot != slot);
    }

    fn keep_places(&mut self, stays: impl Fn(&Place) -> bool) {
        let before = self.retired.len();
        self.retired.retain(|place, _| stays(place));
        self.is_changed |= self.retired.len() != before;
    }

    /// Reads everything, for the ports in `slots`.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(super) fn read(&self, plane: &Plane, slots: &[u16]) -> Result<Reading, LoadError> {
        let mut reading = Reading {
            places: self.retired.clone(),
            tenants: self.retired_of.clone(),
            ..Reading::default()
        };
        for (id, owner) in &self.bindings {
            let count = plane.forwarded(*id)?;
            reading.add(owner, |both| both.forwarded.add(count));
        }
        for (id, owner) in &self.paths {
            let count = plane.sent(*id)?;
            reading.add(owner, |both| both.sent.add(count));
        }
        // Slot 0 counts for interfaces without a role.
        for slot in slots.iter().copied().chain([0]) {
            for (direction, out) in [(Direction::In, false), (Direction::Out, true)] {
                for number in (0..DropReason::SLOTS).filter_map(|number| u8::try_from(number).ok()) {
                    let frames = plane.dropped(slot, direction, number)?;
                    if frames != 0 {
                        reading.drops.insert((slot, out, number), frames);
                    }
                }
            }
        }
        Ok(reading)
    }
}

impl Reading {
    fn add(&mut self, owner: &Owner, add: impl Fn(&mut Both)) {
        add(self.places.entry(owner.place).or_default());
        if let Some(tenant) = &owner.tenant {
            add(self.tenants.entry(tenant.clone()).or_default());
        }
    }

    /// Both directions of a port.
    pub(super) fn port(&self, slot: u16) -> Both {
        let mut total = Both::default();
        for (_, both) in self.places.iter().filter(|(place, _)| place.slot == slot) {
            total.forwarded.merge(both.forwarded);
            total.sent.merge(both.sent);
        }
        total
    }

    /// Both directions of a tenant: what he has sent and got at this node's ports to tenants.
    pub(super) fn tenant(&self, name: &Name) -> Both {
        self.tenants.get(name).copied().unwrap_or_default()
    }

    /// Both directions of a place.
    pub(super) fn place(&self, place: Place) -> Both {
        self.places.get(&place).copied().unwrap_or_default()
    }

    /// Frames of a port that were handed to the host.
    pub(super) fn passed(&self, slot: u16) -> u64 {
        self.drops.get(&(slot, false, 0)).copied().unwrap_or(0)
    }

    /// Messages to senders whose frames came by a port, see [`fabric_common::maps::told_index`].
    pub(super) fn told(&self, slot: u16) -> u64 {
        self.drops.get(&(slot, true, 0)).copied().unwrap_or(0)
    }

    /// Reasons with frames, by number, of a port in one direction.
    pub(super) fn reasons(&self, slot: u16, out: bool) -> impl Iterator<Item = (u8, u64)> + '_ {
        self.drops
            .range((slot, out, 1)..=(slot, out, u8::MAX))
            .map(|((_, _, number), frames)| (*number, *frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(frames: u64) -> Both {
        let sum = Sum {
            frames,
            bytes: 100 * frames,
        };
        Both {
            forwarded: sum,
            sent: sum,
        }
    }

    #[test]
    fn a_file_of_an_agent_that_did_not_count_tenants_is_read() {
        let place = Place { slot: 3, segment: 7 };
        let old = serde_json::to_string(&[(place, both(5))]).unwrap();
        let retired: Retired = serde_json::from_str(&old).unwrap();
        assert_eq!(
            (retired.places, retired.tenants.len()),
            (vec![(place, both(5))], 0)
        );
        assert!(serde_json::from_str::<Retired>("[]").unwrap().places.is_empty());
        for damaged in [r#"{"revision":7}"#, r#"{"places":[]}"#, "[7]", "7", "{}"] {
            serde_json::from_str::<Retired>(damaged).unwrap_err();
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let mut meter = Meter::default();
        let owner = Owner {
            place: Place { slot: 3, segment: 7 },
            tenant: Some(Name::new("acme").unwrap()),
        };
        meter.keep(owner.clone(), |sum| *sum = both(5));
        let saved = serde_json::to_string(&meter.retired()).unwrap();
        let meter = Meter::resume(serde_json::from_str(&saved).unwrap());
        assert_eq!(meter.retired[&owner.place], both(5));
        assert_eq!(meter.retired_of[&owner.tenant.unwrap()], both(5));
    }

    #[test]
    fn ports_and_segments_that_are_gone_leave_nothing_to_the_next_ones() {
        let mut meter = Meter::default();
        for (slot, segment) in [(0, 7), (3, 7), (3, 8), (4, 8)] {
            meter.retired.insert(Place { slot, segment }, both(1));
        }
        meter.keep_slots(&HashSet::from([3]));
        meter.keep_segments(&HashSet::from([8]));
        let left: Vec<(u16, u32)> = meter
            .retired
            .keys()
            .map(|place| (place.slot, place.segment))
            .collect();
        // The port's total stays.
        assert_eq!(left, [(0, 0), (3, 0), (3, 8)]);
    }
}
