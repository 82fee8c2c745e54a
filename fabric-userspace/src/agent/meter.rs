//! Counters that never go backwards, put together from those of bindings and paths.
//!
//! The data path counts a frame where it is cheapest: under the binding that it came by and the path that it
//! left by. Both come and go with the document; what a departing one has counted is kept here for its port and
//! tenant.

use std::collections::{BTreeMap, HashMap};

use fabric_common::DropReason;
use fabric_common::maps::{Binding, Count, Direction, label_line, tag_slot};
use serde::{Deserialize, Serialize};

use super::plane::Plane;
use crate::datapath::LoadError;
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
    bindings: HashMap<u32, Place>,
    paths: HashMap<u32, Place>,
    /// Slot of each line.
    lines: HashMap<u32, u16>,
    retired: BTreeMap<Place, Both>,
}

/// What the agent saves of a [`Meter`].
pub(super) type Retired = Vec<(Place, Both)>;

/// Everything counted at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// By port and segment.
    pub places: BTreeMap<Place, Both>,
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

impl Meter {
    /// A meter that goes on where an earlier agent stopped.
    pub(super) fn resume(retired: Retired) -> Self {
        Self {
            retired: retired.into_iter().collect(),
            ..Self::default()
        }
    }

    /// For saving.
    pub(super) fn retired(&self) -> Retired {
        self.retired.iter().map(|(place, both)| (*place, *both)).collect()
    }

    /// Takes note of the owners in `records`. Owners that are gone stay until [`Meter::retire`].
    pub(super) fn learn(&mut self, records: &Records) {
        for (index, binding) in &records.access {
            self.own_binding(binding.id(), index >> 12, binding.segment());
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
                self.own_binding(binding.id(), u32::from(slot), owner(binding.segment()));
            }
        }
        for (index, binding) in &records.routes {
            let slot = self.lines.get(&(index >> 8)).copied().unwrap_or(0);
            self.own_binding(binding.id(), u32::from(slot), owner(binding.segment()));
        }
        for tunnel in records
            .tunnels
            .values()
            .filter(|tunnel| tunnel.binding.segment() != 0)
        {
            self.own_binding(
                tunnel.binding.id(),
                u32::from(tunnel.slot),
                tunnel.binding.segment(),
            );
        }
        for (id, path) in &records.paths {
            self.paths.insert(
                *id,
                Place {
                    slot: path.slot,
                    segment: owner(path.segment),
                },
            );
        }
    }

    fn own_binding(&mut self, id: u32, slot: u32, segment: u32) {
        let slot = u16::try_from(slot).unwrap_or(0);
        self.bindings.insert(id, Place { slot, segment });
    }

    /// Keeps what these bindings and paths have counted, and sets their counters to zero for the next owners.
    /// To be called when no frame can be counted by them any more.
    ///
    /// # Errors
    /// When a counter cannot be read or cleared.
    pub(super) fn retire(
        &mut self,
        plane: &mut Plane,
        bindings: &[u32],
        paths: &[u32],
    ) -> Result<(), LoadError> {
        for id in bindings {
            if let Some(place) = self.bindings.remove(id) {
                let count = plane.forwarded(*id)?;
                self.retired.entry(place).or_default().forwarded.add(count);
                plane.clear_forwarded(*id)?;
            }
        }
        for id in paths {
            if let Some(place) = self.paths.remove(id) {
                let count = plane.sent(*id)?;
                self.retired.entry(place).or_default().sent.add(count);
                plane.clear_sent(*id)?;
            }
        }
        Ok(())
    }

    /// Forgets a segment whose number will be given to another one, keeping its share of the ports' totals.
    pub(super) fn forget_segment(&mut self, segment: u32) {
        let gone: Vec<Place> = self
            .retired
            .keys()
            .filter(|place| place.segment == segment)
            .copied()
            .collect();
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
        self.retired.retain(|place, _| place.slot != slot);
    }

    /// Reads everything, for the ports in `slots`.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(super) fn read(&self, plane: &Plane, slots: &[u16]) -> Result<Reading, LoadError> {
        let mut reading = Reading {
            places: self.retired.clone(),
            ..Reading::default()
        };
        for (id, place) in &self.bindings {
            reading
                .places
                .entry(*place)
                .or_default()
                .forwarded
                .add(plane.forwarded(*id)?);
        }
        for (id, place) in &self.paths {
            reading
                .places
                .entry(*place)
                .or_default()
                .sent
                .add(plane.sent(*id)?);
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
    /// Both directions of a port.
    pub(super) fn port(&self, slot: u16) -> Both {
        self.sum(|place| place.slot == slot)
    }

    /// Both directions of the places for which `which` is true.
    pub(super) fn sum(&self, which: impl Fn(&Place) -> bool) -> Both {
        let mut total = Both::default();
        for (_, both) in self.places.iter().filter(|(place, _)| which(place)) {
            total.forwarded.merge(both.forwarded);
            total.sent.merge(both.sent);
        }
        total
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
