//! An FDB, and what the data path and the agent do with it.

use std::sync::{Arc, Mutex};

use common::maps::{FdbValue, Segment, fdb_key};

use crate::buckets::{Bucket, Choices, STASH, find};
use crate::datapath::buckets::{BucketTable, Memory};
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
            table: BucketTable::new(Buckets(Arc::clone(&memory)), SEED, mask),
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
        let same = |was: u64| FdbValue(was).segment_high() == value.segment_high();
        if self.table.set(self.keys[station], value.0, same).is_err() {
            self.complain(format!("no room for station {station}"));
        }
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

/// Stations whose first bucket is the first one; the second is the last one, but for the fifth station.
fn keys(mask: u32) -> Vec<u64> {
    let with_second = |second: u32, from: u64| {
        let all = (from..).map(|mac| fdb_key(SEGMENT, 0x0200_0000_0000 + mac));
        all.filter(move |key| {
            let choices = Choices::of(*key, SEED, mask);
            choices.first == 0 && choices.second == second
        })
    };
    let mut keys: Vec<u64> = with_second(mask, 0).take(4).collect();
    keys.extend(with_second(0, 1000).take(1));
    keys
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
