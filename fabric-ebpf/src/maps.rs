//! The maps, and how the packet core looks things up in them.

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::btf_maps::{DevMapHash, HashOfMaps};
use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_jiffies64, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::maps::{Array, DevMap, HashMap, LpmTrie, PerCpuArray, ProgramArray};
use fabric_common::Tables;
use fabric_common::buckets::Bucket;
use fabric_common::label;
use fabric_common::maps::gateway::{Irb, NEIGHBOUR_BUCKETS, NeighbourBucket, PrefixKey, PrefixRoute, Routed};
use fabric_common::maps::storage::{FlowRecord, Vsm, VsmPlace};
use fabric_common::maps::{
    Binding, Count, FloodCopy, FloodKey, FloodProgress, Layout, Line, NextHop, Path, Port, Segment, Settings,
    Silence, TellLimit, TooBig, Tunnel, VtepAddress, after, capacity, count_index, tick,
};
use fabric_common::tables::Table;

// Sizes of one are set by the loader.
#[map]
static LAYOUT: Array<Layout> = Array::with_max_entries(1, 0);
#[map]
static PORTS: Array<Port> = Array::with_max_entries(capacity::IFINDEX, BPF_F_MMAPABLE);
#[map]
static ACCESS: Array<Binding> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static TAGS: Array<Bucket> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static TUNNEL_KEYS: Array<Bucket> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static BINDINGS: Array<Binding> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static TUNNELS: Array<Tunnel> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static VTEPS: HashMap<VtepAddress, u32> = HashMap::with_max_entries(capacity::PORTS, 0);
#[map]
static LINES: Array<Line> = Array::with_max_entries(capacity::LINES, BPF_F_MMAPABLE);
#[map]
static LABEL_SITES: Array<u64> = Array::with_max_entries(label::COUNT / 8, BPF_F_MMAPABLE);
#[map]
static ROUTES: Array<Binding> = Array::with_max_entries(capacity::LINES * capacity::SITES, BPF_F_MMAPABLE);
#[map]
static SEGMENTS: Array<Segment> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static FDB: Array<Bucket> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static NEXT_HOPS: Array<NextHop> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static PATHS: Array<Path> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static VSMS: Array<Vsm> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static VSM_PLACES: Array<VsmPlace> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static FLOWS: Array<FlowRecord> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static IRBS: Array<Irb> = Array::with_max_entries(capacity::IRBS, BPF_F_MMAPABLE);
#[map]
static PREFIXES: LpmTrie<PrefixKey, PrefixRoute> = LpmTrie::with_max_entries(capacity::PREFIXES, 0);
#[map]
static NEIGHBOURS: Array<NeighbourBucket> =
    Array::with_max_entries(capacity::IRBS * NEIGHBOUR_BUCKETS, BPF_F_MMAPABLE);
#[btf_map]
pub(crate) static FLOOD: HashOfMaps<u32, DevMapHash<{ capacity::FLOOD_MEMBERS as usize }>, 65536> =
    HashOfMaps::new();
#[map]
static FLOOD_NEXT_HOPS: HashMap<FloodKey, FloodCopy> = HashMap::with_max_entries(1, 1);
#[map]
static SILENT: Array<Silence> = Array::with_max_entries(capacity::PORTS, BPF_F_MMAPABLE);
#[map]
static SWITCHES: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static EGRESS: DevMap = DevMap::with_max_entries(capacity::PORTS, 0);
#[map]
static COUNT_IN: Array<Count> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static COUNT_OUT: Array<Count> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static COUNT_DROPS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static FLOOD_SEQUENCE: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(crate) static FLOOD_PROGRESS: PerCpuArray<FloodProgress> =
    PerCpuArray::with_max_entries(capacity::PORTS, 0);
#[map]
pub(crate) static TOO_BIG: PerCpuArray<TooBig> = PerCpuArray::with_max_entries(1, 0);
#[map]
static TELL_LIMITS: PerCpuArray<[TellLimit; TellLimit::BLOCK as usize]> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(crate) static ROUTED: PerCpuArray<Routed> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(crate) static AFTER: ProgramArray = ProgramArray::with_max_entries(after::COUNT, 0);
#[map]
pub(crate) static CLOCK: Array<u64> = Array::with_max_entries(1, 0);

/// Written by the loader before the programs are loaded, frozen then.
#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings {
    seed: [0; 2],
    fdb_mask: 0,
    tags_mask: 0,
    tunnels_mask: 0,
    damping_ticks: 0,
    binding_bits: 0,
    path_bits: 0,
};

/// Volatile: the compiler would otherwise take the zeros above for the truth.
macro_rules! setting {
    ($($field:tt)+) => {
        // SAFETY: a live static of plain integers.
        unsafe { (&raw const SETTINGS.$($field)+).read_volatile() }
    };
}

/// The counters in which no other CPU counts.
#[derive(Clone, Copy)]
pub(crate) struct Own {
    cpu: u32,
}

impl Own {
    /// Of the CPU that this program runs on. It does not leave it.
    #[inline(always)]
    pub(crate) fn here() -> Self {
        Self {
            // SAFETY: the helper has no arguments.
            cpu: unsafe { bpf_get_smp_processor_id() },
        }
    }

    /// Frames forwarded.
    #[inline(always)]
    pub(crate) fn forwarded(self, binding: u32) -> Option<*mut Count> {
        COUNT_IN.get_ptr_mut(count_index(self.cpu, setting!(binding_bits), binding))
    }

    /// Frames sent.
    #[inline(always)]
    pub(crate) fn sent(self, path: u32) -> Option<*mut Count> {
        COUNT_OUT.get_ptr_mut(count_index(self.cpu, setting!(path_bits), path))
    }

    /// Frames dropped, passed or told of.
    #[inline(always)]
    pub(crate) fn dropped(self, index: u32) -> Option<*mut u64> {
        COUNT_DROPS.get_ptr_mut(count_index(self.cpu, capacity::DROP_BITS, index))
    }
}

/// The maps of the loaded object.
pub(crate) struct KernelTables;

impl Tables for KernelTables {
    #[inline(always)]
    fn seed(&self) -> [u64; 2] {
        [setting!(seed[0]), setting!(seed[1])]
    }

    #[inline(always)]
    fn mask(&self, table: Table) -> u32 {
        match table {
            Table::Fdb => setting!(fdb_mask),
            Table::Tags => setting!(tags_mask),
            Table::Tunnels => setting!(tunnels_mask),
        }
    }

    #[inline(always)]
    fn damping_ticks(&self) -> u32 {
        u32::from(setting!(damping_ticks))
    }

    #[inline(always)]
    fn now(&self) -> u32 {
        // SAFETY: the helper has no arguments. The clock helpers cost 20 to 40 ns, this one 2.
        tick(unsafe { bpf_jiffies64() })
    }

    #[inline(always)]
    fn bucket(&self, table: Table, index: u32) -> Option<&Bucket> {
        match table {
            Table::Fdb => FDB.get(index),
            Table::Tags => TAGS.get(index),
            Table::Tunnels => TUNNEL_KEYS.get(index),
        }
    }

    #[inline(always)]
    fn port(&self, ifindex: u32) -> Option<&Port> {
        PORTS.get(ifindex)
    }

    #[inline(always)]
    fn access(&self, index: u32) -> Option<&Binding> {
        ACCESS.get(index)
    }

    #[inline(always)]
    fn binding(&self, id: u32) -> Option<&Binding> {
        BINDINGS.get(id)
    }

    #[inline(always)]
    fn tunnel(&self, id: u32) -> Option<&Tunnel> {
        TUNNELS.get(id)
    }

    #[inline(always)]
    fn is_vtep(&self, address: &VtepAddress) -> bool {
        // SAFETY: only the presence of the entry is read.
        unsafe { VTEPS.get(address) }.is_some()
    }

    #[inline(always)]
    fn line(&self, id: u32) -> Option<&Line> {
        LINES.get(id)
    }

    #[inline(always)]
    fn label_site(&self, label: u32) -> u8 {
        LABEL_SITES
            .get(label >> 3)
            .map_or(0, |sites| (sites >> ((label & 7) * 8) & 0xff) as u8)
    }

    #[inline(always)]
    fn route(&self, index: u32) -> Option<&Binding> {
        ROUTES.get(index)
    }

    #[inline(always)]
    fn segment(&self, id: u32) -> Option<&Segment> {
        SEGMENTS.get(id)
    }

    #[inline(always)]
    fn next_hop(&self, id: u32) -> Option<&NextHop> {
        NEXT_HOPS.get(id)
    }

    #[inline(always)]
    fn path(&self, id: u32) -> Option<&Path> {
        PATHS.get(id)
    }

    #[inline(always)]
    fn vsm(&self, id: u32) -> Option<&Vsm> {
        VSMS.get(id)
    }

    #[inline(always)]
    fn vsm_place(&self, id: u32) -> Option<&VsmPlace> {
        VSM_PLACES.get(id)
    }

    #[inline(always)]
    fn flow(&self, index: u32) -> Option<&FlowRecord> {
        FLOWS.get(index)
    }

    #[inline(always)]
    fn irb(&self, id: u32) -> Option<&Irb> {
        IRBS.get(id)
    }

    #[inline(always)]
    fn prefix(&self, bits: u32, key: &PrefixKey) -> Option<&PrefixRoute> {
        PREFIXES.get(Key::new(bits, *key))
    }

    #[inline(always)]
    fn neighbours(&self, index: u32) -> Option<&NeighbourBucket> {
        NEIGHBOURS.get(index)
    }

    #[inline(always)]
    fn nanoseconds(&self) -> u64 {
        // SAFETY: the helper has no arguments.
        unsafe { bpf_ktime_get_ns() }
    }

    #[inline(always)]
    fn may_tell(&self, binding: u32) -> bool {
        let (block, at) = (binding / TellLimit::BLOCK, binding % TellLimit::BLOCK);
        TELL_LIMITS.get_ptr_mut(block).is_some_and(|limits| {
            // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
            unsafe { (&mut *limits)[at as usize].take(self.now()) }
        })
    }

    #[inline(always)]
    fn flood_copy(&self, key: &FloodKey) -> Option<FloodCopy> {
        // SAFETY: the value is copied at once; a concurrent change gives the old or the new number.
        unsafe { FLOOD_NEXT_HOPS.get(key) }.copied()
    }

    #[inline(always)]
    fn silence(&self, slot: u16) -> Silence {
        SILENT.get(u32::from(slot)).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn silent_ports(&self) -> u64 {
        self.silence(0).0
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the counter wraps by design")]
    fn switches(&self) -> u32 {
        SWITCHES.get(0).map_or(0, |switches| *switches as u32)
    }
}
