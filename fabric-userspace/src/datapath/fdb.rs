//! The FDB from the agent's side: ageing, reading, flushing, static entries.

use std::collections::HashMap;
use std::time::Duration;

use aya::TestRun as _;
use aya::TestRunOptions;
use fabric_common::maps::{FdbValue, fdb_key, name, tick};
use fabric_common::wire::Macs;
use nix::time::{ClockId, clock_getres};

use super::buckets::{Full, Kin};
use super::loader::{Program, xdp};
use super::{Datapath, LoadError, Table};

/// One entry as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The segment.
    pub segment: u32,
    /// The address, see [`fabric_common::wire::mac_octets`].
    pub mac: u64,
    /// Where it is.
    pub next_hop: u32,
    /// Of the document.
    pub is_static: bool,
    /// Time since it was last heard.
    pub age: Duration,
    /// Moves since it was last quiet.
    pub moves: u32,
}

/// What one pass over the FDB found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Entries that were removed.
    pub aged: u64,
    /// Learned entries that stay.
    pub learned: u64,
    /// Static entries.
    pub fixed: u64,
}

impl Sweep {
    fn plus(self, other: Self) -> Self {
        Self {
            aged: self.aged + other.aged,
            learned: self.learned + other.learned,
            fixed: self.fixed + other.fixed,
        }
    }
}

/// What to add to a segment's count of learned entries, modulo 2^32, when it was `before` the sweep and is `now` after it.
///
/// Which of the entries learned meanwhile the sweep has seen cannot be known. So only a count that stood still is made equal
/// to what was found; from another the removed entries are taken off.
fn correction(before: u32, now: u32, found: Sweep) -> u32 {
    let word = |entries: u64| u32::try_from(entries).unwrap_or(u32::MAX);
    if now == before {
        word(found.learned).wrapping_sub(before)
    } else {
        word(found.aged).min(now).wrapping_neg()
    }
}

/// Ticks by which an entry may have been heard after the clock was read.
const AHEAD: u32 = 64;
/// The greatest age that can be told, in ticks: hours.
const OLDEST: u32 = 0xffff - AHEAD;
/// The greatest limit of ages, in ticks; a tick is a quarter of a second at least.
const LONGEST: u32 = OLDEST - 256;

/// Length of one [`tick`], from the kernel's own tick.
fn tick_length() -> Duration {
    // The coarse clock advances once per kernel tick, so its resolution is 1 / HZ.
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).map_or(Duration::from_millis(4), Duration::from);
    tick * 256
}

/// The longest time after which an address can be forgotten on this machine: entries have 16 bits for when they were heard.
pub fn longest_ageing() -> Duration {
    tick_length() * LONGEST
}

/// The number of ticks that cover a time; of a longer one than can be told as many as an entry is older than for longer than from one
/// sweep to the next.
pub(crate) fn ticks(time: Duration) -> u32 {
    let ticks = time.as_nanos().div_ceil(tick_length().as_nanos().max(1));
    u32::try_from(ticks).map_or(LONGEST, |ticks| ticks.min(LONGEST))
}

/// Ticks since the entry was last heard, of 16 bits. One that was heard after the clock was read is not old.
fn age(now: u32, value: FdbValue) -> u32 {
    match now.wrapping_sub(value.last_seen()) & 0xffff {
        age if age > OLDEST => 0,
        age => age,
    }
}

pub(super) fn segment_of(key: u64, value: FdbValue) -> u32 {
    let low = (key >> 48) as u32;
    low | value.segment_high() << 16
}

/// See [`super::BucketTable::new`]: keys have only the low bits of the segment.
pub(super) fn kin(was: u64, value: u64) -> Kin {
    let (was, value) = (FdbValue(was), FdbValue(value));
    if was.segment_high() != value.segment_high() {
        Kin::Stranger
    } else if was.is_static() {
        Kin::Fixed
    } else {
        Kin::Learned
    }
}

impl Datapath {
    /// The kernel's present [`tick`].
    ///
    /// # Errors
    /// When the kernel does not run the program.
    pub fn now(&mut self) -> Result<u32, LoadError> {
        // The kernel takes no frame shorter than an Ethernet header.
        let frame = [0u8; 64];
        let program = xdp(&mut self.ebpf, Program::Clock)?;
        let options = TestRunOptions {
            data_in: Some(&frame),
            ..TestRunOptions::default()
        };
        program.test_run(options)?;
        let clock = self
            .clock
            .get(&0, 0)
            .map_err(|error| LoadError::map(name::CLOCK)(error.into()))?;
        Ok(tick(clock))
    }

    /// Removes learned entries that were silent for `limit` or that two CPUs have entered at once, corrects the
    /// segments' counts, and gives the slots free that were left since the last sweep. What is `held` (segment, address,
    /// next hop) does not age.
    ///
    /// # Errors
    /// When the kernel's clock cannot be read, or it does not tell when programs have ended.
    pub fn sweep(
        &mut self,
        limit: Duration,
        held: impl Fn(u32, u64, u32) -> bool,
    ) -> Result<Sweep, LoadError> {
        let now = self.now()?;
        let limit = ticks(limit);
        let before = self.learned_counts();
        let mut found = HashMap::<u32, Sweep>::new();
        for slot in self.fdb.iter() {
            let (key, value) = (slot.key.load(), FdbValue(slot.value.load()));
            if value.next_hop() == 0 {
                continue;
            }
            let of = found.entry(segment_of(key, value)).or_default();
            if value.is_static() {
                of.fixed += 1;
            } else if age(now, value) > limit
                && held(segment_of(key, value), key & Macs::MASK, value.next_hop())
            {
                // 16 bits of a clock would turn over. If XDP was quicker, it has done the same, or moved it.
                slot.value.compare_exchange(value.0, value.seen(now).0);
                of.learned += 1;
            } else if age(now, value) > limit || self.fdb.is_shadowed(slot) {
                // Only if nobody refreshed it since it was read.
                if Table::take_out(slot, value.0) {
                    of.aged += 1;
                }
            } else {
                of.learned += 1;
            }
        }
        self.correct_counts(&before, &found);
        self.give_free()?;
        Ok(found.into_values().fold(Sweep::default(), Sweep::plus))
    }

    /// Gives the slots of removed entries free.
    ///
    /// # Errors
    /// When the kernel does not tell when programs have ended.
    pub(super) fn give_free(&mut self) -> Result<(), LoadError> {
        let left = self.fdb.without_value();
        if left.is_empty() {
            return Ok(());
        }
        self.grace()?;
        self.fdb.release(&left);
        Ok(())
    }

    /// Moves addresses that XDP found no room for from the stash into the table. Returns how many.
    pub fn empty_stash(&self) -> u64 {
        self.fdb.empty_stash()
    }

    /// The count of learned entries of each segment in use.
    fn learned_counts(&self) -> HashMap<u32, u32> {
        let in_use = (1..self.segments.len()).filter_map(|id| Some((id, self.segments.shared(id)?)));
        in_use
            .filter(|(_, segment)| segment.mac_limit.load() != 0)
            .map(|(id, segment)| (id, segment.learned.load()))
            .collect()
    }

    /// XDP counts what it learns; what ages or is flushed is taken off here.
    ///
    /// By difference: XDP goes on learning, and a count written over what it added meanwhile would let the segment exceed
    /// its limit.
    fn correct_counts(&self, before: &HashMap<u32, u32>, found: &HashMap<u32, Sweep>) {
        for (id, before) in before {
            let Some(segment) = self.segments.shared(*id) else {
                continue;
            };
            let found = found.get(id).copied().unwrap_or_default();
            segment
                .learned
                .add(correction(*before, segment.learned.load(), found));
        }
    }

    /// Hands out all entries, static and learned, in no order.
    ///
    /// # Errors
    /// When the kernel's clock cannot be read.
    pub fn for_each_station(&mut self, each: impl FnMut(FdbEntry)) -> Result<(), LoadError> {
        let now = self.now()?;
        let length = tick_length();
        let entry = |key: u64, value: FdbValue| FdbEntry {
            segment: segment_of(key, value),
            mac: key & Macs::MASK,
            next_hop: value.next_hop(),
            is_static: value.is_static(),
            age: length * age(now, value),
            moves: value.moves(),
        };
        self.fdb
            .iter()
            .map(|slot| (slot.key.load(), FdbValue(slot.value.load())))
            .filter(|(_, value)| value.next_hop() != 0)
            .map(|(key, value)| entry(key, value))
            .for_each(each);
        Ok(())
    }

    /// Removes learned entries for which `which` is true; returns how many.
    pub fn flush(&mut self, which: impl Fn(u32, u64, u32) -> bool) -> u64 {
        let mut flushed = 0;
        for slot in self.fdb.iter() {
            let (key, value) = (slot.key.load(), FdbValue(slot.value.load()));
            let segment = segment_of(key, value);
            if value.next_hop() != 0
                && !value.is_static()
                && which(segment, key & Macs::MASK, value.next_hop())
                && Table::take_out(slot, value.0)
            {
                flushed += 1;
                // XDP only adds, so what is not 0 here does not become 0 before the subtraction.
                if let Some(entry) = self
                    .segments
                    .shared(segment)
                    .filter(|one| one.learned.load() != 0)
                {
                    entry.learned.add(1u32.wrapping_neg());
                }
            }
        }
        if flushed != 0 {
            // Should it fail, the next sweep does it.
            let _ = self.give_free();
        }
        flushed
    }

    /// Number of slots in the FDB.
    pub fn fdb_capacity(&self) -> u64 {
        self.fdb.capacity()
    }

    pub(super) fn set_station(&self, segment: u32, mac: u64, next_hop: u32) -> Result<(), Full> {
        self.fdb
            .set(fdb_key(segment, mac), FdbValue::fixed(segment, next_hop).0)
    }

    pub(super) fn clear_station(&self, segment: u32, mac: u64) {
        for slot in self.fdb.find(fdb_key(segment, mac)) {
            let value = FdbValue(slot.value.load());
            if value.is_static() && value.is_of(segment) {
                Table::take_out(slot, value.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fabric_common::maps::FdbValue;

    use super::{AHEAD, LONGEST, Sweep, age, correction, longest_ageing, tick_length, ticks};

    #[test]
    fn the_longest_ageing_is_not_shortened() {
        let longest = longest_ageing();
        assert_eq!(ticks(longest), LONGEST);
        assert_eq!(ticks(longest - tick_length()), LONGEST - 1);
        assert!(longest > Duration::from_secs(12 * 3600), "{longest:?}");
    }

    /// Ages are told to nearly all of 16 bits, and an entry can be older than any limit.
    #[test]
    fn what_was_not_heard_for_hours_is_old_and_what_was_heard_just_now_is_not() {
        let heard = |tick: u32| FdbValue::learned(1, 1, tick);
        let now = 0x1_0010;
        assert_eq!(age(now, heard(0x10)), 0);
        assert_eq!(age(now, heard(0x20)), 0, "behind the reading of the clock");
        assert_eq!(age(now, heard(0xfff0)), 0x20);
        assert_eq!(age(now, heard(0x10 + AHEAD + 1)), 0xffff - AHEAD);
        let year = ticks(Duration::from_secs(31_536_000));
        assert!(age(now, heard(0x10 + AHEAD + 1)) > year, "{year}");
    }

    fn found(learned: u64, aged: u64) -> Sweep {
        Sweep {
            aged,
            learned,
            fixed: 0,
        }
    }

    #[test]
    fn a_count_that_stood_still_becomes_what_was_found() {
        for (before, learned, aged) in [(10, 10, 0), (10, 7, 3), (10, 12, 0), (0, 0, 0)] {
            let by = correction(before, before, found(learned, aged));
            assert_eq!(u64::from(before.wrapping_add(by)), learned);
        }
    }

    #[test]
    fn what_was_learned_during_the_sweep_stays_counted() {
        // Ten before, five learned meanwhile, of which the sweep saw two; it removed three.
        let by = correction(10, 15, found(9, 3));
        assert_eq!(15u32.wrapping_add(by), 12);
    }

    #[test]
    fn a_count_that_is_too_low_does_not_wrap() {
        assert_eq!(1u32.wrapping_add(correction(0, 1, found(0, 3))), 0);
    }
}
