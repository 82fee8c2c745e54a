//! The data path on the host: the packet core over [`Records`] instead of over maps.
//!
//! It counts in the same places as the programs in the kernel, and its flood lists, its learning and its
//! verdicts are theirs. Used to explain what would happen to a frame, and as the other side of the
//! differential test.

mod counters;
mod frame;
mod tables;

use fabric_common::flood::{Metadata, Unsent, copy, seal};
use fabric_common::gateway::{Answered, Sort, Way, answer, discover, resolve, route_v4, route_v6, sort};
use fabric_common::maps::gateway::Routed;
use fabric_common::maps::{Direction, Port, TooBig, drop_index, told_index};
use fabric_common::pipeline::{Verdict, from_access, from_pseudowire, from_trunk, from_underlay};
use fabric_common::tell::{Told, tell};
use fabric_common::{DropReason, Tables};

use crate::records::Records;
use crate::validate::PortRole;

pub use counters::Counters;
pub use frame::HostFrame;
pub use tables::{TwinSettings, TwinTables};

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went to the host's own stack, unchanged.
    Passed,
    /// It ended at its port of entry.
    Dropped(DropReason),
    /// It left through one port.
    Sent(Sent),
    /// It ended at its port of entry for this reason, and this message went to its sender.
    Told(DropReason, Sent),
    /// It ended at its port of entry, and these copies of a question went out in its place.
    Asked(Vec<Copied>),
    /// Copies of it left, in the order of the flood list. It may have been none: each copy can be dropped.
    Flooded(Vec<Copied>),
}

/// A frame on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Slot of the port.
    pub slot: u16,
    /// The interface.
    pub ifindex: u32,
    /// The path, which is also the index in `COUNT_OUT`.
    pub path: u32,
    /// As on the wire, without frame check sequence.
    pub bytes: Vec<u8>,
}

/// One copy of a flooded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It left.
    Sent(Sent),
    /// It was dropped on its way out through the port with this slot.
    Dropped(u16, DropReason),
}

/// A node that forwards frames on the host.
#[derive(Debug)]
pub struct Twin {
    /// Its tables; stations that were heard are in them.
    pub tables: TwinTables,
    /// What it counted.
    pub counters: Counters,
    sequence: u32,
}

impl Twin {
    /// A node with these entries that has seen no frame.
    pub fn new(records: Records, settings: TwinSettings) -> Self {
        Self {
            tables: TwinTables::new(records, settings),
            counters: Counters::default(),
            sequence: 0,
        }
    }

    /// Runs the program of a port with this role on a frame that came in there.
    pub fn receive(&mut self, ifindex: u32, role: PortRole, frame: HostFrame) -> Outcome {
        let mut frame = frame;
        let Some(port) = self.tables.port(ifindex).copied() else {
            return self.dropped(0, DropReason::UnknownPort);
        };
        match self.decide(&port, role, &mut frame) {
            Ok(verdict) => self.emit((ifindex, port.slot), verdict, &mut frame),
            Err(reason) => self.dropped(port.slot, reason),
        }
    }

    fn decide(&self, port: &Port, role: PortRole, frame: &mut HostFrame) -> Result<Verdict, DropReason> {
        match role {
            PortRole::Access => from_access(frame, port, &self.tables),
            PortRole::Trunk => from_trunk(frame, port, &self.tables),
            PortRole::Pseudowire => from_pseudowire(frame, port, &self.tables),
            PortRole::Underlay => from_underlay(frame, port, &self.tables),
        }
    }

    fn emit(&mut self, (ifindex, slot): (u32, u16), verdict: Verdict, frame: &mut HostFrame) -> Outcome {
        match verdict {
            Verdict::Pass => {
                self.counters.bump(drop_index(slot, Direction::In, 0));
                Outcome::Passed
            }
            Verdict::Unicast {
                slot: egress,
                binding,
                len_in,
                path,
                len_out,
            } => {
                let Some(target) = self.tables.records().egress.get(&egress).copied() else {
                    return self.dropped(slot, DropReason::EgressGone);
                };
                self.counters.count_in(binding, len_in);
                self.counters.count_out(path, len_out);
                Outcome::Sent(Sent {
                    slot: egress,
                    ifindex: target,
                    path,
                    bytes: frame.bytes().to_vec(),
                })
            }
            Verdict::TooBig(ask) => self.too_big(&ask, frame),
            Verdict::Flood {
                segment,
                horizon,
                binding,
                len_in,
                from,
                turns,
            } => {
                let spared = if turns == 0 { ifindex } else { 0 };
                match self.flood((spared, from), segment, horizon, frame) {
                    Ok(copies) => {
                        self.counters.count_in(binding, len_in);
                        Outcome::Flooded(copies)
                    }
                    Err(reason) => self.dropped(slot, reason),
                }
            }
            Verdict::Route(ask) => self.gateway(ifindex, ask, frame),
        }
    }

    /// Copies for every member of a segment, but for the port of entry: its interface, 0 if the kernel makes copies for it, and slot.
    fn flood(
        &mut self,
        from: (u32, u16),
        segment: u32,
        horizon: u32,
        frame: &mut HostFrame,
    ) -> Result<Vec<Copied>, DropReason> {
        self.sequence = self.sequence.wrapping_add(1);
        let start = seal(frame)?;
        if !frame.takes_metadata(size_of::<Metadata>()) {
            return Err(DropReason::NoHeadroom);
        }
        let number = (self.sequence, self.tables.switches());
        let metadata = Metadata::new((segment, horizon), from.1, number, start);
        let list = self.tables.records().flood.get(&segment).cloned();
        let list = list.ok_or(DropReason::NoReceiver)?;
        Ok(self.copies(from, &list, &metadata, frame))
    }

    /// The programs of gateways.
    fn gateway(&mut self, ifindex: u32, ask: Routed, frame: &mut HostFrame) -> Outcome {
        let mut ask = ask;
        let tables = &self.tables;
        let way = sort(frame, &ask).and_then(|sort| match sort {
            Sort::V4 => route_v4(frame, &mut ask, tables),
            Sort::V6 => route_v6(frame, &mut ask, tables),
            Sort::Resolution => resolve(frame, &ask, tables),
            Sort::Discovery => discover(frame, &ask, tables),
        });
        match way {
            Ok(Way::On(verdict)) => self.emit((ifindex, ask.slot), verdict, frame),
            Ok(Way::Answered(reason)) => {
                let dropped = self.dropped(ask.slot, reason);
                self.answer(reason, &ask, frame).unwrap_or(dropped)
            }
            Err(reason) => self.dropped(ask.slot, reason),
        }
    }

    fn answer(&mut self, reason: DropReason, ask: &Routed, frame: &mut HostFrame) -> Option<Outcome> {
        if ask.answer == 0 {
            return None;
        }
        match answer(frame, ask, &self.tables)? {
            Answered::Told(told) => self.told((ask.slot, reason), told, frame),
            Answered::Asked(segment) => {
                let copies = self.flood((0, 0), segment, 0, frame).ok()?;
                Some(Outcome::Asked(copies))
            }
        }
    }

    fn too_big(&mut self, ask: &TooBig, frame: &mut HostFrame) -> Outcome {
        let dropped = self.dropped(ask.slot, DropReason::TooBig);
        let Some(told) = tell(frame, ask, &self.tables) else {
            return dropped;
        };
        let why = (ask.slot, DropReason::TooBig);
        self.told(why, told, frame).unwrap_or(dropped)
    }

    fn told(&mut self, (slot, reason): (u16, DropReason), told: Told, frame: &HostFrame) -> Option<Outcome> {
        let target = self.tables.records().egress.get(&told.slot).copied()?;
        self.counters.count_out(told.path, told.len);
        self.counters.bump(told_index(slot));
        let sent = Sent {
            slot: told.slot,
            ifindex: target,
            path: told.path,
            bytes: frame.bytes().to_vec(),
        };
        Some(Outcome::Told(reason, sent))
    }

    /// One copy for each entry of the list, but for those of the interface that the frame came in by.
    fn copies(
        &mut self,
        (ingress, entry): (u32, u16),
        list: &[u16],
        metadata: &Metadata,
        frame: &HostFrame,
    ) -> Vec<Copied> {
        let mut copies = self.unsent(metadata.segment(), entry);
        for (place, slot) in list.iter().enumerate() {
            let number = list[..place].iter().filter(|earlier| *earlier == slot).count();
            let Some(target) = self.tables.records().egress.get(slot).copied() else {
                continue;
            };
            if target != ingress && !self.tables.is_silent(*slot) {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                copies.push(self.copy((*slot, target), number, metadata, frame.clone()));
            }
        }
        copies
    }

    /// Copies for ports that cannot send.
    fn unsent(&mut self, segment: u32, entry: u16) -> Vec<Copied> {
        let mut unsent = Vec::new();
        let Some(mut walk) = Unsent::of(&self.tables, segment, entry) else {
            return unsent;
        };
        for slot in (1..).take(Unsent::SLOTS as usize) {
            let copies = walk.at(&self.tables, slot);
            unsent.extend((0..copies).map(|_| self.refused(slot, DropReason::LinkDown)));
        }
        unsent
    }

    fn refused(&mut self, slot: u16, reason: DropReason) -> Copied {
        self.counters.bump(drop_index(slot, Direction::Out, reason as u8));
        Copied::Dropped(slot, reason)
    }

    fn copy(
        &mut self,
        (slot, ifindex): (u16, u32),
        number: u16,
        metadata: &Metadata,
        mut frame: HostFrame,
    ) -> Copied {
        match copy(&mut frame, metadata, slot, number, &self.tables) {
            Ok(done) => {
                self.counters.count_out(done.path, done.len);
                Copied::Sent(Sent {
                    slot,
                    ifindex,
                    path: done.path,
                    bytes: frame.bytes().to_vec(),
                })
            }
            Err(reason) => self.refused(slot, reason),
        }
    }

    fn dropped(&mut self, slot: u16, reason: DropReason) -> Outcome {
        self.counters.bump(drop_index(slot, Direction::In, reason as u8));
        Outcome::Dropped(reason)
    }
}

impl Outcome {
    /// The frames that left, whichever way.
    pub fn sent(&self) -> Vec<&Sent> {
        match self {
            Self::Passed | Self::Dropped(_) => Vec::new(),
            Self::Sent(sent) | Self::Told(_, sent) => vec![sent],
            Self::Flooded(copies) | Self::Asked(copies) => copies
                .iter()
                .filter_map(|copy| match copy {
                    Copied::Sent(sent) => Some(sent),
                    Copied::Dropped(..) => None,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
