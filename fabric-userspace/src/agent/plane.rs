//! What a document is carried out on: the kernel's maps and programs, or tables in memory.
//!
//! An agent differs in nothing else. With tables it follows a store, checks, compiles, writes and reports as ever, forwards
//! nothing, and hundreds of them fit into one process.

mod tables;

use std::path::Path;
use std::time::Duration;

use aya_log::EbpfLogger;
use fabric_common::address::Address;
use fabric_common::maps::gateway::KnownNeighbour;
use fabric_common::maps::{Count, Direction, NextHop, Port};

use crate::datapath::{Datapath, FdbEntry, LoadError, OldWay, SegmentEvents, StorageTables, Sweep};
use crate::diff::Op;
use crate::ids::Sizes;
use crate::records::Records;
use crate::safety::Role;
use tables::Tables;

/// FDB entries that there is room for at half load; 32 MiB.
const STATIONS: u32 = 1 << 20;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    Kernel,
    Memory,
}

impl Ground {
    /// Whether an agent has left a complete data path below this directory. Tables end with their agent.
    pub(super) fn is_pinned(self, pins: &Path) -> bool {
        self == Self::Kernel && Datapath::is_pinned(pins)
    }

    /// The second answer is true if maps were adopted.
    ///
    /// # Errors
    /// The kernel's refusals.
    pub(super) fn open(
        self,
        pins: &Path,
        sizes: &Sizes,
        log_drops: bool,
    ) -> Result<(Plane, bool), LoadError> {
        match self {
            Self::Memory => Ok((Plane::Memory(Box::default()), false)),
            Self::Kernel => {
                let (datapath, adopted) = Datapath::open(pins, sizes, STATIONS, log_drops)?;
                Ok((Plane::Kernel(Box::new(datapath)), adopted))
            }
        }
    }
}

/// What is written to and read from.
pub(super) enum Plane {
    Kernel(Box<Datapath>),
    Memory(Box<Tables>),
}

/// The same words to either.
macro_rules! either {
    ($plane:expr, $it:ident => $does:expr) => {
        match $plane {
            Plane::Kernel($it) => $does,
            Plane::Memory($it) => $does,
        }
    };
}

impl Plane {
    /// The kernel's, for what tables in memory have no use for.
    pub(super) fn kernel(&self) -> Option<&Datapath> {
        match self {
            Self::Kernel(datapath) => Some(datapath),
            Self::Memory(_) => None,
        }
    }
}

/// As the functions of the same names of [`Datapath`].
impl Plane {
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), LoadError> {
        either!(self, it => it.apply(op))
    }

    pub(super) fn set_floods(&mut self, floods: &[(u32, &[u16])]) -> Result<(), LoadError> {
        either!(self, it => it.set_floods(floods))
    }

    pub(super) fn clear_floods(&mut self, segments: &[u32]) -> Result<(), LoadError> {
        either!(self, it => it.clear_floods(segments))
    }

    pub(super) fn set_stations(&mut self, stations: &[(u32, u64, u32)]) -> Result<(), LoadError> {
        either!(self, it => it.set_stations(stations))
    }

    pub(super) fn set_port(&mut self, ifindex: u32, port: &Port) -> Result<(), LoadError> {
        either!(self, it => it.set_port(ifindex, Some(port)))
    }

    pub(super) fn switch(&mut self, next_hops: &[(u32, NextHop)], old_way: OldWay) -> Result<(), LoadError> {
        either!(self, it => it.switch(next_hops, old_way))
    }

    /// Whether the kernel has taken the way to an interface away. Tables in memory lose none.
    pub(super) fn has_lost_way(&self, slot: u16, ifindex: u32) -> bool {
        self.kernel()
            .is_some_and(|datapath| datapath.egress_ifindex(slot) != Some(ifindex))
    }

    pub(super) fn settle(&mut self) -> Result<(), LoadError> {
        either!(self, it => it.settle())
    }

    pub(super) fn spare_copies(&mut self) -> Result<(), LoadError> {
        either!(self, it => it.spare_copies())
    }

    pub(super) fn neighbours(&self, irb: u32) -> Vec<KnownNeighbour> {
        either!(self, it => it.neighbours(irb).collect())
    }

    pub(super) fn ask_neighbour(&mut self, irb: u32, address: Address) -> Result<(), LoadError> {
        either!(self, it => it.ask_neighbour(irb, address))
    }

    pub(super) fn forget_neighbour(&self, irb: u32, known: KnownNeighbour) {
        either!(self, it => it.forget_neighbour(irb, known));
    }

    pub(super) fn observe(&self) -> Result<Records, LoadError> {
        either!(self, it => it.observe())
    }

    pub(super) fn grace(&mut self) -> Result<(), LoadError> {
        either!(self, it => it.grace())
    }

    pub(super) fn load_role(&mut self, role: Role) -> Result<(), LoadError> {
        either!(self, it => it.load_role(role))
    }

    pub(super) fn attach(&mut self, ifindex: u32, role: Role) -> Result<(), LoadError> {
        either!(self, it => it.attach(ifindex, role))
    }

    pub(super) fn detach(&mut self, ifindex: u32) -> Result<(), LoadError> {
        either!(self, it => it.detach(ifindex))
    }

    pub(super) fn attached(&self) -> Vec<u32> {
        either!(self, it => it.attached())
    }

    pub(super) fn program_ids(&mut self) -> Result<Vec<u32>, LoadError> {
        either!(self, it => it.program_ids())
    }

    pub(super) fn remove(&mut self) -> Result<(), LoadError> {
        either!(self, it => it.remove())
    }

    pub(super) fn set_silent(&mut self, slot: u16, silent: bool) -> Result<(), LoadError> {
        either!(self, it => it.set_silent(slot, silent))
    }

    pub(super) fn renew_silence(&mut self) -> Result<(), LoadError> {
        either!(self, it => it.renew_silence())
    }

    pub(super) fn silent_slots(&self) -> Vec<u16> {
        either!(self, it => it.silent_slots())
    }

    pub(super) fn forwarded(&self, binding: u32) -> Result<Count, LoadError> {
        either!(self, it => it.forwarded(binding))
    }

    pub(super) fn sent(&self, path: u32) -> Result<Count, LoadError> {
        either!(self, it => it.sent(path))
    }

    pub(super) fn dropped(&self, slot: u16, direction: Direction, reason: u8) -> Result<u64, LoadError> {
        either!(self, it => it.dropped(slot, direction, reason))
    }

    pub(super) fn clear_forwarded(&mut self, binding: u32) -> Result<(), LoadError> {
        either!(self, it => it.clear_forwarded(binding))
    }

    pub(super) fn clear_sent(&mut self, path: u32) -> Result<(), LoadError> {
        either!(self, it => it.clear_sent(path))
    }

    pub(super) fn clear_strays(
        &mut self,
        owns_binding: impl Fn(u32) -> bool,
        owns_path: impl Fn(u32) -> bool,
        owns_slot: impl Fn(u16) -> bool,
    ) {
        either!(self, it => it.clear_strays(owns_binding, owns_path, owns_slot));
    }

    pub(super) fn clear_drops(&mut self, slot: u16) -> Result<(), LoadError> {
        either!(self, it => it.clear_drops(slot))
    }

    pub(super) fn segment_events(&self, segment: u32) -> Option<SegmentEvents> {
        either!(self, it => it.segment_events(segment))
    }

    pub(super) fn now(&mut self) -> Result<u32, LoadError> {
        either!(self, it => it.now())
    }

    pub(super) fn for_each_station(&mut self, each: impl FnMut(FdbEntry)) -> Result<(), LoadError> {
        either!(self, it => it.for_each_station(each))
    }

    pub(super) fn fdb_capacity(&self) -> u64 {
        either!(self, it => it.fdb_capacity())
    }

    pub(super) fn sweep(
        &mut self,
        limit: Duration,
        held: impl Fn(u32, u64, u32) -> bool,
    ) -> Result<Sweep, LoadError> {
        either!(self, it => it.sweep(limit, held))
    }

    pub(super) fn flush(&mut self, which: impl Fn(u32, u64, u32) -> bool) -> u64 {
        either!(self, it => it.flush(which))
    }

    pub(super) fn empty_stash(&self) -> u64 {
        either!(self, it => it.empty_stash())
    }

    pub(super) fn storage_tables(&self) -> StorageTables {
        either!(self, it => it.storage_tables())
    }

    pub(super) fn logger(&mut self) -> Option<EbpfLogger<&'static dyn log::Log>> {
        either!(self, it => it.logger())
    }
}
