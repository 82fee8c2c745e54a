//! An FDB, and what the data path and the agent do with it.

use std::sync::{Arc, Mutex};

use common::maps::{FdbValue, Segment, fdb_key};

use crate::buckets::{Bucket, Choices, STASH, find};
use crate::datapath::buckets::{BucketTable, Kin, Memory};
use crate::learn;
use crate::schedule::grace;
use crate::tables::{Table, Tables};

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3211];
const SEGMENT: u32 = 7;
/// When stations were heard, and now.
const EARLIER: u32 = 100;
const NOW: u32 = 200;

struct Buckets(Arc<Vec<Bucket>>);

impl Memory for Buckets {
    fn bucket(&self, number: u32) -> Option<&Bucket> {
        self.0.get(number as usize)
    }

    fn buckets(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap()
    }
}

/// As `datapath::fdb` has it.
fn kin(was: u64, value: u64) -> Kin {
    match FdbValue(was) {
        was if was.segment_high() != FdbValue(value).segment_high() => Kin::Stranger,
        was if was.is_static() => Kin::Fixed,
        _ => Kin::Learned,
    }
}

pub(crate) struct World {
    memory: Arc<Vec<Bucket>>,
    table: BucketTable<Buckets>,
    mask: u32,
    segment: Segment,
    /// Keys of the stations, by their numbers.
    keys: Vec<u64>,
    wrong: Mutex<Option<String>>,
}

impl World {
    /// With `mask` + 1 buckets.
    pub(crate) fn new(mask: u32) -> Self {
        let memory: Arc<Vec<Bucket>> = Arc::new((0..=mask + STASH).map(|_| Bucket::default()).collect());
        let segment = Segment::default();
        segment.mac_limit.store(100);
        Self {
            table: BucketTable::new(Buckets(Arc::clone(&memory)), SEED, mask, kin),
            memory,
            mask,
            segment,
            keys: keys(mask),
            wrong: Mutex::new(None),
        }
    }

    pub(crate) fn base(&self) -> usize {
        self.memory.as_ptr().addr()
    }

    /// The first thing that went wrong.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.wrong.lock().unwrap().clone()
    }

    fn complain(&self, what: String) {
        self.wrong.lock().unwrap().get_or_insert(what);
    }

    fn next_hop(&self, station: usize) -> Option<u32> {
        let found = find(self, Table::Fdb, self.keys[station], |value| {
            FdbValue(value).is_of(SEGMENT)
        });
        found.map(|(_, value)| FdbValue(value).next_hop())
    }

    /// A frame to a station: to one of these next hops, or to everybody.
    pub(crate) fn sends(&self, station: usize, right: &[u32]) {
        if let Some(next_hop) = self
            .next_hop(station)
            .filter(|next_hop| !right.contains(next_hop))
        {
            self.complain(format!(
                "a frame to station {station} went to next hop {next_hop}"
            ));
        }
    }

    /// The same when nothing goes on any more: to everybody is wrong.
    pub(crate) fn must_send(&self, station: usize, right: u32) {
        let next_hop = self.next_hop(station);
        if next_hop != Some(right) {
            self.complain(format!(
                "in the end frames to station {station} go to {next_hop:?}"
            ));
        }
    }

    /// A frame from a station.
    pub(crate) fn hears(&self, station: usize, next_hop: u32) {
        learn::source(self, SEGMENT, self.keys[station] & 0xffff_ffff_ffff, next_hop);
    }

    /// The document has a station, as `Datapath::set_station` enters it.
    pub(crate) fn enter(&self, station: usize, next_hop: u32) {
        self.set(station, FdbValue::fixed(SEGMENT, next_hop));
    }

    /// A station was heard, or another node says so.
    pub(crate) fn learn(&self, station: usize, next_hop: u32) {
        self.set(station, FdbValue::learned(SEGMENT, next_hop, EARLIER));
    }

    fn set(&self, station: usize, value: FdbValue) {
        if !self.has_set(station, value) {
            self.complain(format!("no room for station {station}"));
        }
    }

    fn has_set(&self, station: usize, value: FdbValue) -> bool {
        self.table.set(self.keys[station], value.0).is_ok()
    }

    /// As [`Self::enter`], where XDP may leave no room.
    pub(crate) fn tries_to_enter(&self, station: usize, next_hop: u32) {
        self.has_set(station, FdbValue::fixed(SEGMENT, next_hop));
    }

    /// The document has a station no more, as `Datapath::clear_station` takes it out.
    pub(crate) fn leaves(&self, station: usize) {
        for slot in self.table.find(self.keys[station]) {
            let value = slot.value.load();
            if FdbValue(value).is_static() {
                BucketTable::<Buckets>::take_out(slot, value);
            }
        }
    }

    /// As `Datapath::sweep` ages it.
    pub(crate) fn ages(&self, station: usize) {
        for slot in self.table.find(self.keys[station]) {
            let value = slot.value.load();
            let is_old = FdbValue(value).last_seen() != NOW;
            if FdbValue(value).next_hop() != 0
                && !FdbValue(value).is_static()
                && (is_old || self.table.is_shadowed(slot))
            {
                BucketTable::<Buckets>::take_out(slot, value);
            }
        }
        self.give_free();
    }

    /// As `Datapath::flush` does it.
    pub(crate) fn flush(&self, station: usize) {
        for slot in self.table.find(self.keys[station]) {
            let value = slot.value.load();
            if FdbValue(value).next_hop() != 0 && !FdbValue(value).is_static() {
                BucketTable::<Buckets>::take_out(slot, value);
            }
        }
        self.give_free();
    }

    /// As `Datapath::give_free` does it.
    pub(crate) fn give_free(&self) {
        let left = self.table.without_value();
        if !left.is_empty() {
            grace();
            self.table.release(&left);
        }
    }
}

/// The two buckets of each station in a table of four; a smaller table has fewer of them.
const STATIONS: [(u32, u32); 14] = [
    (0, 1),
    (0, 1),
    (0, 1),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (1, 1),
    (1, 1),
    (1, 1),
    (1, 1),
    (0, 2),
];

fn keys(mask: u32) -> Vec<u64> {
    let key = |(from, (first, second)): (u64, &(u32, u32))| {
        let mut all = (from * 1000..).map(|mac| fdb_key(SEGMENT, 0x0200_0000_0000 + mac));
        let is_meant = |key: &u64| {
            let choices = Choices::of(*key, SEED, mask);
            (choices.first, choices.second) == (first & mask, second & mask)
        };
        all.find(is_meant).unwrap()
    };
    (0..).zip(&STATIONS).map(key).collect()
}

impl Tables for World {
    fn seed(&self) -> [u64; 2] {
        SEED
    }

    fn mask(&self, _: Table) -> u32 {
        self.mask
    }

    fn damping_ticks(&self) -> u32 {
        10
    }

    fn now(&self) -> u32 {
        NOW
    }

    fn bucket(&self, _: Table, index: u32) -> Option<&Bucket> {
        self.memory.get(index as usize)
    }

    fn segment(&self, _: u32) -> Option<&Segment> {
        Some(&self.segment)
    }
}
