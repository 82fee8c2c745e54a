//! The kernel's side of the fabric: programs, maps, links, and their pins.
//!
//! Everything that must outlive the agent is pinned below one directory of a BPF file system: the maps, and
//! one link per port. Programs are loaded anew by each agent, those of a port's role with the first such port, and put in place
//! of the old ones by updating the links, which loses no frame.

mod apply;
mod bpffs;
mod buckets;
mod counters;
mod detach;
mod error;
mod fdb;
mod flood;
mod gateway;
mod links;
mod loader;
mod mapped;
mod observe;
mod pins;
mod placed;
mod silence;
mod storage;
mod switching;
mod syscall;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, DevMap, HashMap, LpmTrie, MapData};
use fabric_common::buckets::Bucket;
use fabric_common::maps::gateway::{Irb, NeighbourBucket, PrefixKey, PrefixRoute};
use fabric_common::maps::storage::{FlowRecord, Vsm, VsmPlace};
use fabric_common::maps::{
    Binding, Count, FloodCopy, FloodKey, Line, NextHop, Path, Port, Segment, Silence, Tunnel, VtepAddress,
};

pub use apply::{Step, steps};
pub use buckets::{BucketTable, Full, Kin, Memory};
pub use counters::SegmentEvents;
pub use error::LoadError;
pub(crate) use fdb::ticks;
pub use fdb::{FdbEntry, Sweep, longest_ageing};
pub use loader::Program;
pub use placed::{Placed, Placement, Whereabouts};
pub(crate) use storage::StorageTables;
pub use switching::OldWay;

use self::counters::Counters;
use self::flood::FloodLists;
use self::mapped::Mapped;

/// A hash table in a map.
type Table = BucketTable<Mapped<Bucket>>;

/// A loaded data path.
pub struct Datapath {
    directory: PathBuf,
    log_drops: bool,
    ebpf: Ebpf,
    ports: Mapped<Port>,
    /// Interfaces that have a record in `ports`.
    port_indices: BTreeSet<u32>,
    access: Mapped<Binding>,
    tags: Table,
    tunnel_keys: Table,
    bindings: Mapped<Binding>,
    tunnels: Mapped<Tunnel>,
    lines: Mapped<Line>,
    label_sites: Mapped<u64>,
    routes: Mapped<Binding>,
    segments: Mapped<Segment>,
    fdb: Table,
    next_hops: Arc<Mapped<NextHop>>,
    paths: Arc<Mapped<Path>>,
    vsms: Arc<Mapped<Vsm>>,
    vsm_places: Mapped<VsmPlace>,
    flows: Arc<Mapped<FlowRecord>>,
    irbs: Mapped<Irb>,
    prefixes: LpmTrie<MapData, PrefixKey, PrefixRoute>,
    neighbours: Mapped<NeighbourBucket>,
    vteps: HashMap<MapData, VtepAddress, u32>,
    egress: DevMap<MapData>,
    flood_next_hops: HashMap<MapData, FloodKey, FloodCopy>,
    silent: Mapped<Silence>,
    switches: Mapped<u64>,
    /// Next hops that still say what was before their last switch.
    unsettled: Vec<u32>,
    flood: FloodLists,
    count_in: Counters<Count>,
    count_out: Counters<Count>,
    count_drops: Counters<u64>,
    clock: Array<MapData, u64>,
}

const _: () = assert!(size_of::<Bucket>() == 64);
