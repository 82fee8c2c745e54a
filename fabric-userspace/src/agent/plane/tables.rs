//! Tables that no frame ever reads.

use std::collections::BTreeSet;
use std::time::Duration;

use aya_log::EbpfLogger;
use fabric_common::address::Address;
use fabric_common::maps::gateway::KnownNeighbour;
use fabric_common::maps::{Count, Direction, NextHop, Port};

use crate::datapath::{FdbEntry, LoadError, OldWay, SegmentEvents, StorageTables, Sweep};
use crate::diff::{Entry, Key, Op};
use crate::records::Records;
use crate::safety::Role;

/// The maps as plain data. Nothing is learned and nothing counted: no frame comes.
#[derive(Debug, Default)]
pub(in crate::agent) struct Tables {
    records: Records,
    /// Interfaces on which a program would be.
    attached: BTreeSet<u32>,
    silent: BTreeSet<u16>,
}

/// As the functions of the same names of [`crate::datapath::Datapath`].
#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the kernel refuses what memory never does"
)]
impl Tables {
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), LoadError> {
        op.apply(&mut self.records);
        Ok(())
    }

    pub(super) fn set_floods(&mut self, floods: &[(u32, &[u16])]) -> Result<(), LoadError> {
        let lists = floods.iter().map(|(segment, slots)| (*segment, slots.to_vec()));
        self.records.flood.extend(lists);
        Ok(())
    }

    pub(super) fn clear_floods(&mut self, segments: &[u32]) -> Result<(), LoadError> {
        let mut clear = |segment| self.apply(&Op::Clear(Key::Flood(segment)));
        segments.iter().copied().try_for_each(&mut clear)
    }

    pub(super) fn set_stations(&mut self, stations: &[(u32, u64, u32)]) -> Result<(), LoadError> {
        let entries = stations
            .iter()
            .map(|(segment, mac, next_hop)| ((*segment, *mac), *next_hop));
        self.records.stations.extend(entries);
        Ok(())
    }

    pub(super) fn set_port(&mut self, ifindex: u32, port: Option<&Port>) -> Result<(), LoadError> {
        self.apply(&match port {
            Some(port) => Op::Set(Entry::Port(ifindex, *port)),
            None => Op::Clear(Key::Port(ifindex)),
        })
    }

    pub(super) fn switch(&mut self, next_hops: &[(u32, NextHop)], _old_way: OldWay) -> Result<(), LoadError> {
        self.records.next_hops.extend(next_hops.iter().copied());
        Ok(())
    }

    pub(super) fn settle(&mut self) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn spare_copies(&mut self) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn neighbours(&self, _irb: u32) -> std::iter::Empty<KnownNeighbour> {
        std::iter::empty()
    }

    pub(super) fn ask_neighbour(&mut self, _irb: u32, _address: Address) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn forget_neighbour(&self, _irb: u32, _known: KnownNeighbour) {}

    pub(super) fn observe(&self) -> Result<Records, LoadError> {
        Ok(self.records.clone())
    }

    pub(super) fn grace(&mut self) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn load_role(&mut self, _role: Role) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn attach(&mut self, ifindex: u32, _role: Role) -> Result<(), LoadError> {
        self.attached.insert(ifindex);
        Ok(())
    }

    pub(super) fn detach(&mut self, ifindex: u32) -> Result<(), LoadError> {
        self.attached.remove(&ifindex);
        Ok(())
    }

    pub(super) fn attached(&self) -> Vec<u32> {
        self.attached.iter().copied().collect()
    }

    pub(super) fn program_ids(&mut self) -> Result<Vec<u32>, LoadError> {
        Ok(Vec::new())
    }

    pub(super) fn remove(&mut self) -> Result<(), LoadError> {
        *self = Self::default();
        Ok(())
    }

    pub(super) fn set_silent(&mut self, slot: u16, silent: bool) -> Result<(), LoadError> {
        if silent {
            self.silent.insert(slot);
        } else {
            self.silent.remove(&slot);
        }
        Ok(())
    }

    pub(super) fn renew_silence(&mut self) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn silent_slots(&self) -> Vec<u16> {
        self.silent.iter().copied().collect()
    }

    pub(super) fn forwarded(&self, _binding: u32) -> Result<Count, LoadError> {
        Ok(Count::default())
    }

    pub(super) fn sent(&self, _path: u32) -> Result<Count, LoadError> {
        Ok(Count::default())
    }

    pub(super) fn dropped(&self, _slot: u16, _direction: Direction, _reason: u8) -> Result<u64, LoadError> {
        Ok(0)
    }

    pub(super) fn clear_forwarded(&mut self, _binding: u32) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn clear_sent(&mut self, _path: u32) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn clear_strays(
        &mut self,
        _owns_binding: impl Fn(u32) -> bool,
        _owns_path: impl Fn(u32) -> bool,
        _owns_slot: impl Fn(u16) -> bool,
    ) {
    }

    pub(super) fn clear_drops(&mut self, _slot: u16) -> Result<(), LoadError> {
        Ok(())
    }

    pub(super) fn segment_events(&self, segment: u32) -> Option<SegmentEvents> {
        let is_known = self.records.segments.contains_key(&segment);
        is_known.then(SegmentEvents::default)
    }

    pub(super) fn now(&mut self) -> Result<u32, LoadError> {
        Ok(0)
    }

    pub(super) fn for_each_station(&mut self, each: impl FnMut(FdbEntry)) -> Result<(), LoadError> {
        let fixed = self.records.stations.iter();
        let entry = |(&(segment, mac), &next_hop): (&(u32, u64), &u32)| FdbEntry {
            segment,
            mac,
            next_hop,
            is_static: true,
            age: Duration::ZERO,
            moves: 0,
        };
        fixed.map(entry).for_each(each);
        Ok(())
    }

    /// There is always room.
    pub(super) fn fdb_capacity(&self) -> u64 {
        u64::MAX
    }

    pub(super) fn sweep(
        &mut self,
        _limit: Duration,
        _held: impl Fn(u32, u64, u32) -> bool,
    ) -> Result<Sweep, LoadError> {
        Ok(Sweep {
            fixed: self.records.stations.len() as u64,
            ..Sweep::default()
        })
    }

    pub(super) fn flush(&mut self, _which: impl Fn(u32, u64, u32) -> bool) -> u64 {
        0
    }

    pub(super) fn empty_stash(&self) -> u64 {
        0
    }

    pub(super) fn storage_tables(&self) -> StorageTables {
        StorageTables::none()
    }

    pub(super) fn logger(&mut self) -> Option<EbpfLogger<&'static dyn log::Log>> {
        None
    }
}
