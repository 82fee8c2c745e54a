//! Reading the counters, summed over all CPUs.

use std::fs;
use std::io;

use fabric_common::DropReason;
use fabric_common::maps::{Count, Direction, count_index, drop_index, drop_slot, name};

use super::mapped::Mapped;
use super::{Datapath, LoadError};

/// Rare events of one segment since its record was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentEvents {
    /// Addresses learned at present.
    pub learned: u32,
    /// Stations that changed their place.
    pub moves: u32,
    /// Frames whose move was not followed. This and the others count on from 0 after 2^32.
    pub damped: u32,
    /// Frames whose address was not learned, limit reached.
    pub refused: u32,
    /// Addresses not learned, buckets full.
    pub unplaced: u32,
}

/// Counters of which each CPU has its own, as XDP counts in them ([`count_index`]).
pub(super) struct Counters<T> {
    memory: Mapped<T>,
    /// Bits of a counter's number.
    bits: u8,
}

impl<T: aya::Pod> Counters<T> {
    pub(super) fn new(memory: Mapped<T>, bits: u8) -> Self {
        Self { memory, bits }
    }

    /// What each CPU has counted.
    fn parts(&self, counter: u32) -> Option<impl Iterator<Item = T>> {
        let places = self.places(counter)?;
        Some(places.filter_map(|place| self.memory.get(place)))
    }

    /// Where a CPU counts at the same moment, its frame or the clearing may be lost.
    fn clear(&self, counter: u32) -> Option<()> {
        self.places(counter)?
            .for_each(|place| self.memory.withdraw(place));
        Some(())
    }

    /// Clears what somebody has counted who is not there any more. In the order of the memory: with many CPUs a counter's places lie
    /// far apart.
    fn clear_strays(&self, is_owned: impl Fn(u32) -> bool)
    where
        T: Default + PartialEq,
    {
        let counters = (1 << self.bits) - 1;
        for place in 0..self.memory.len() {
            let has_counted = self.memory.get(place).is_some_and(|part| part != T::default());
            if has_counted && !is_owned(place & counters) {
                self.memory.withdraw(place);
            }
        }
    }

    fn places(&self, counter: u32) -> Option<impl Iterator<Item = u32>> {
        let (bits, cpus) = (self.bits, self.memory.len() >> self.bits);
        (counter >> bits == 0).then(|| (0..cpus).map(move |cpu| count_index(cpu, bits, counter)))
    }
}

/// Numbers of CPUs are below this, also of those that are not there yet.
pub(super) fn cpus() -> Result<u32, LoadError> {
    const POSSIBLE: &str = "/sys/devices/system/cpu/possible";
    let wrong = |source| LoadError::Pins {
        path: POSSIBLE.into(),
        source,
    };
    let list = fs::read_to_string(POSSIBLE).map_err(wrong)?;
    last(&list)
        .and_then(|last| last.checked_add(1))
        .ok_or_else(|| wrong(io::Error::other(format!("no list of CPUs: {}", list.trim()))))
}

/// The last number of a list like `0-3,8-11`.
fn last(list: &str) -> Option<u32> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

fn no_counter(map: &'static str, counter: u32) -> impl FnOnce() -> LoadError {
    move || LoadError::map(map)(format!("there is no counter {counter}").into())
}

fn sum(counters: &Counters<Count>, counter: u32, map: &'static str) -> Result<Count, LoadError> {
    let parts = counters.parts(counter).ok_or_else(no_counter(map, counter))?;
    Ok(parts.fold(Count::default(), |total, one| Count {
        frames: total.frames + one.frames,
        bytes: total.bytes + one.bytes,
    }))
}

fn clear<T: aya::Pod>(counters: &Counters<T>, counter: u32, map: &'static str) -> Result<(), LoadError> {
    counters.clear(counter).ok_or_else(no_counter(map, counter))
}

impl Datapath {
    /// Frames that came in through a binding and were forwarded.
    ///
    /// # Errors
    /// When the id is out of range.
    pub fn forwarded(&self, binding: u32) -> Result<Count, LoadError> {
        sum(&self.count_in, binding, name::COUNT_IN)
    }

    /// Frames that left by a path.
    ///
    /// # Errors
    /// When the id is out of range.
    pub fn sent(&self, path: u32) -> Result<Count, LoadError> {
        sum(&self.count_out, path, name::COUNT_OUT)
    }

    /// Sets the counter of a binding to zero: its next owner starts there.
    ///
    /// # Errors
    /// When the id is out of range.
    pub fn clear_forwarded(&mut self, binding: u32) -> Result<(), LoadError> {
        clear(&self.count_in, binding, name::COUNT_IN)
    }

    /// Sets the counter of a path to zero: its next owner starts there.
    ///
    /// # Errors
    /// When the id is out of range.
    pub fn clear_sent(&mut self, path: u32) -> Result<(), LoadError> {
        clear(&self.count_out, path, name::COUNT_OUT)
    }

    /// Frames of a port dropped for a reason, or, for reason 0, passed to the host.
    ///
    /// # Errors
    /// When the slot is out of range.
    pub fn dropped(&self, slot: u16, direction: Direction, reason: u8) -> Result<u64, LoadError> {
        let index = drop_index(slot, direction, reason);
        let parts = self.count_drops.parts(index);
        Ok(parts.ok_or_else(no_counter(name::COUNT_DROPS, index))?.sum())
    }

    /// Sets all drop counters of a port to zero: its slot's next owner starts there.
    ///
    /// # Errors
    /// When the slot is out of range.
    pub fn clear_drops(&mut self, slot: u16) -> Result<(), LoadError> {
        for direction in [Direction::In, Direction::Out] {
            for reason in (0..DropReason::SLOTS).filter_map(|reason| u8::try_from(reason).ok()) {
                let index = drop_index(slot, direction, reason);
                clear(&self.count_drops, index, name::COUNT_DROPS)?;
            }
        }
        Ok(())
    }

    /// Sets the counters to zero of bindings, paths and slots of ports that nobody owns. Slot 0, of interfaces without a role, stays.
    pub fn clear_strays(
        &mut self,
        owns_binding: impl Fn(u32) -> bool,
        owns_path: impl Fn(u32) -> bool,
        owns_slot: impl Fn(u16) -> bool,
    ) {
        self.count_in.clear_strays(owns_binding);
        self.count_out.clear_strays(owns_path);
        let slot = |index| u16::try_from(drop_slot(index)).unwrap_or(0);
        self.count_drops
            .clear_strays(|index| matches!(slot(index), slot if slot == 0 || owns_slot(slot)));
    }

    /// The rare events of a segment.
    pub fn segment_events(&self, segment: u32) -> Option<SegmentEvents> {
        self.segments.shared(segment).map(|entry| SegmentEvents {
            learned: entry.learned.load(),
            moves: entry.moves.load(),
            damped: entry.damped.load(),
            refused: entry.refused.load(),
            unplaced: entry.unplaced.load(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_may_have_gaps() {
        assert_eq!(last("0\n"), Some(0));
        assert_eq!(last("0-1\n"), Some(1));
        assert_eq!(last("0,2-3,8-11\n"), Some(11));
        assert_eq!(last("0-3,8\n"), Some(8));
        assert_eq!(last("\n"), None);
    }
}
