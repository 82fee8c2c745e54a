//! The packet core's tables on the host, filled from [`Records`]. Verdicts are those of the maps, unwritten places included.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use fabric_common::Tables;
use fabric_common::buckets::{Bucket, Claim, STASH, Slot, claim, find};
use fabric_common::maps::gateway::{Irb, NEIGHBOUR_BUCKETS, NeighbourBucket, Prefix, PrefixKey, PrefixRoute};
use fabric_common::maps::storage::{FLOWS, FlowRecord, Vsm, VsmPlace, flow_index};
use fabric_common::maps::{
    Binding, FdbValue, FloodCopy, FloodKey, FloodMembers, FloodTerms, Line, NextHop, Path, Port, Segment,
    Settings, Silence, TellLimit, Tunnel, VtepAddress, fdb_key,
};
use fabric_common::tables::Table;

use crate::records::Records;

/// Constants of a twin; the maps' own [`Settings`] and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinSettings {
    /// As the loader writes them.
    pub settings: Settings,
    /// The present [`fabric_common::maps::tick`].
    pub now: u32,
    /// The present time of `CLOCK_MONOTONIC`.
    pub nanoseconds: u64,
}

impl Default for TwinSettings {
    fn default() -> Self {
        Self {
            settings: Settings {
                seed: [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03],
                fdb_mask: 0xff,
                tags_mask: 0xff,
                tunnels_mask: 0xff,
                damping_ticks: 10,
                ..Settings::default()
            },
            now: 1,
            nanoseconds: 1,
        }
    }
}

/// [`Records`] in the shape of the maps.
#[derive(Debug)]
pub struct TwinTables {
    records: Records,
    settings: TwinSettings,
    segments: BTreeMap<u32, Segment>,
    vsms: BTreeMap<u32, Vsm>,
    flows: BTreeMap<u32, FlowRecord>,
    neighbours: BTreeMap<u32, NeighbourBucket>,
    fdb: Buckets,
    tags: Buckets,
    tunnels: Buckets,
    silent: BTreeSet<u16>,
    switches: u32,
    /// What an array answers for a place that nobody wrote.
    unwritten: Unwritten,
    /// Entries whose buckets were full; the real tables have the same limit.
    unplaced: usize,
    /// By binding.
    told: RefCell<BTreeMap<u32, TellLimit>>,
}

/// Where zeros lead to another verdict than no answer does.
#[derive(Debug, Default)]
struct Unwritten {
    segment: Segment,
    path: Path,
    vsm: Vsm,
    vsm_place: VsmPlace,
    irb: Irb,
}

struct Buckets(Vec<Bucket>);

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} buckets", self.0.len())
    }
}

impl Buckets {
    fn new(mask: u32) -> Self {
        Self((0..=mask).map(|_| Bucket::default()).collect())
    }
}

impl TwinTables {
    /// Tables with these entries.
    pub fn new(records: Records, settings: TwinSettings) -> Self {
        let masks = settings.settings;
        let mut tables = Self {
            records: Records::default(),
            settings,
            segments: BTreeMap::new(),
            vsms: BTreeMap::new(),
            flows: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            fdb: Buckets::new(masks.fdb_mask + STASH),
            tags: Buckets::new(masks.tags_mask),
            tunnels: Buckets::new(masks.tunnels_mask),
            silent: BTreeSet::new(),
            switches: 0,
            unwritten: Unwritten::default(),
            unplaced: 0,
            told: RefCell::default(),
        };
        for (id, limits) in &records.segments {
            let segment = Segment::default();
            segment.mac_limit.store(limits.stations);
            let terms = FloodTerms::new(limits.flooded_len, limits.irb, limits.turns);
            segment.flood_terms.store(terms.0);
            let list = records.flood.get(id).map_or(&[][..], Vec::as_slice);
            segment.flood_members.store(FloodMembers::of(list).0);
            let pair = records.pairs.get(id).copied().unwrap_or_default();
            for (word, member) in segment.pair.iter().zip(pair) {
                word.store(member.0);
            }
            tables.segments.insert(*id, segment);
        }
        for (id, limits) in &records.vsms {
            let vsm = Vsm::default();
            vsm.probe_limit.store(limits.probe);
            vsm.silence_limit.store(limits.silence);
            vsm.tcp_port.store(u64::from(limits.tcp_port));
            vsm.prober.store(limits.prober);
            tables.vsms.insert(*id, vsm);
        }
        for place in records.vsm_places.keys() {
            let flows = (0..FLOWS).map(|flow| (flow_index(*place, flow), FlowRecord::default()));
            tables.flows.extend(flows);
        }
        for irb in records.irbs.keys() {
            let first = irb * NEIGHBOUR_BUCKETS;
            let buckets = (first..first + NEIGHBOUR_BUCKETS).map(|index| (index, NeighbourBucket::default()));
            tables.neighbours.extend(buckets);
        }
        for (key, id) in records.tags.iter().chain(&records.line_keys) {
            tables.place(Table::Tags, *key, u64::from(*id));
        }
        for (key, id) in &records.tunnel_keys {
            tables.place(Table::Tunnels, *key, u64::from(*id));
        }
        for ((segment, mac), next_hop) in &records.stations {
            let value = FdbValue::fixed(*segment, *next_hop);
            tables.place(Table::Fdb, fdb_key(*segment, *mac), value.0);
        }
        tables.records = records;
        tables
    }

    /// The entries.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Entries that found no place in their buckets: 0, or the settings are too small for the records.
    pub fn unplaced(&self) -> usize {
        self.unplaced
    }

    /// What senders were told so far, for tables that go on where these end.
    pub fn told(&self) -> BTreeMap<u32, TellLimit> {
        self.told.borrow().clone()
    }

    /// Goes on where other tables ended, see [`TwinTables::told`].
    pub fn set_told(&mut self, told: BTreeMap<u32, TellLimit>) {
        self.told = RefCell::new(told);
    }

    /// Lets time pass.
    pub fn set_now(&mut self, now: u32) {
        self.settings.now = now;
    }

    /// The same for the clock of storage machines.
    pub fn set_nanoseconds(&mut self, now: u64) {
        self.settings.nanoseconds = now;
    }

    /// Says of the port with this slot that it cannot send, or that it can.
    pub fn set_silent(&mut self, slot: u16, silent: bool) {
        if silent {
            self.silent.insert(slot);
        } else {
            self.silent.remove(&slot);
        }
        for port in self.records.ports.values_mut() {
            port.flags &= !Port::SILENCE;
            if !self.silent.is_empty() {
                port.flags |= Port::SILENCE;
            }
        }
    }

    /// What the FDB says about an address, static or learned.
    pub fn station(&self, segment: u32, mac: u64) -> Option<FdbValue> {
        let key = fdb_key(segment, mac);
        find(self, Table::Fdb, key, |value| FdbValue(value).is_of(segment)).map(|(_, value)| FdbValue(value))
    }

    /// Every entry of the FDB: key and value.
    pub fn fdb(&self) -> impl Iterator<Item = (u64, FdbValue)> {
        self.fdb
            .0
            .iter()
            .flat_map(|bucket| &bucket.slots)
            .map(|slot: &Slot| (slot.key.load(), FdbValue(slot.value.load())))
            .filter(|(key, _)| *key != 0)
    }

    fn place(&mut self, table: Table, key: u64, value: u64) {
        if claim(self, table, key, value) != Claim::Placed {
            self.unplaced += 1;
        }
    }
}

impl Tables for TwinTables {
    fn seed(&self) -> [u64; 2] {
        self.settings.settings.seed
    }

    fn mask(&self, table: Table) -> u32 {
        match table {
            Table::Fdb => self.settings.settings.fdb_mask,
            Table::Tags => self.settings.settings.tags_mask,
            Table::Tunnels => self.settings.settings.tunnels_mask,
        }
    }

    fn damping_ticks(&self) -> u32 {
        self.settings.settings.damping_ticks.into()
    }

    fn now(&self) -> u32 {
        self.settings.now
    }

    fn bucket(&self, table: Table, index: u32) -> Option<&Bucket> {
        let buckets = match table {
            Table::Fdb => &self.fdb,
            Table::Tags => &self.tags,
            Table::Tunnels => &self.tunnels,
        };
        buckets.0.get(index as usize)
    }

    fn port(&self, ifindex: u32) -> Option<&Port> {
        self.records.ports.get(&ifindex)
    }

    fn access(&self, index: u32) -> Option<&Binding> {
        self.records.access.get(&index)
    }

    fn binding(&self, id: u32) -> Option<&Binding> {
        self.records.bindings.get(&id)
    }

    fn tunnel(&self, id: u32) -> Option<&Tunnel> {
        self.records.tunnels.get(&id)
    }

    fn is_vtep(&self, address: &VtepAddress) -> bool {
        self.records.vteps.contains(address)
    }

    fn line(&self, id: u32) -> Option<&Line> {
        self.records.lines.get(&id)
    }

    fn label_site(&self, label: u32) -> u8 {
        let sites = self.records.label_sites.get(&(label >> 3)).copied().unwrap_or(0);
        sites.to_le_bytes()[label as usize & 7]
    }

    fn route(&self, index: u32) -> Option<&Binding> {
        self.records.routes.get(&index)
    }

    fn segment(&self, id: u32) -> Option<&Segment> {
        self.segments.get(&id).or(Some(&self.unwritten.segment))
    }

    fn next_hop(&self, id: u32) -> Option<&NextHop> {
        self.records.next_hops.get(&id)
    }

    fn path(&self, id: u32) -> Option<&Path> {
        self.records.paths.get(&id).or(Some(&self.unwritten.path))
    }

    fn vsm(&self, id: u32) -> Option<&Vsm> {
        self.vsms.get(&id).or(Some(&self.unwritten.vsm))
    }

    fn vsm_place(&self, id: u32) -> Option<&VsmPlace> {
        let place = self.records.vsm_places.get(&id);
        place.or(Some(&self.unwritten.vsm_place))
    }

    fn flow(&self, index: u32) -> Option<&FlowRecord> {
        self.flows.get(&index)
    }

    fn irb(&self, id: u32) -> Option<&Irb> {
        self.records.irbs.get(&id).or(Some(&self.unwritten.irb))
    }

    fn prefix(&self, bits: u32, key: &PrefixKey) -> Option<&PrefixRoute> {
        let fits = |prefix: &Prefix| prefix.length <= bits && prefix.key.shares(key, prefix.length);
        let fitting = self.records.prefixes.iter().filter(|(prefix, _)| fits(prefix));
        fitting
            .max_by_key(|(prefix, _)| prefix.length)
            .map(|(_, route)| route)
    }

    fn neighbours(&self, index: u32) -> Option<&NeighbourBucket> {
        self.neighbours.get(&index)
    }

    fn nanoseconds(&self) -> u64 {
        self.settings.nanoseconds
    }

    fn may_tell(&self, binding: u32) -> bool {
        self.told
            .borrow_mut()
            .entry(binding)
            .or_default()
            .take(self.now())
    }

    fn flood_copy(&self, key: &FloodKey) -> Option<FloodCopy> {
        self.records.flood_next_hops.get(key).copied()
    }

    fn silence(&self, slot: u16) -> Silence {
        if self.silent.contains(&slot) {
            Silence::until(self.now().wrapping_add(1))
        } else {
            Silence::default()
        }
    }

    fn silent_ports(&self) -> u64 {
        self.silent.len() as u64
    }

    fn switches(&self) -> u32 {
        self.switches
    }
}
