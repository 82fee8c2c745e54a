//! Reading the counters, summed over all CPUs.

use aya::maps::{MapData, PerCpuArray};
use fabric_common::DropReason;
use fabric_common::maps::{Count, Direction, drop_index, name};

use super::{Datapath, LoadError};

/// Rare events of one segment since its record was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentEvents {
    /// Addresses learned at present.
    pub learned: u32,
    /// Stations that changed their place.
    pub moves: u32,
    /// Moves not followed.
    pub damped: u32,
    /// Addresses not learned, limit reached.
    pub refused: u32,
    /// Addresses not learned, buckets full.
    pub unplaced: u32,
}

fn sum(map: &PerCpuArray<MapData, Count>, index: u32, map_name: &'static str) -> Result<Count, LoadError> {
    let values = map
        .get(&index, 0)
        .map_err(|error| LoadError::map(map_name)(error.into()))?;
    Ok(values.iter().fold(Count::default(), |total, one| Count {
        frames: total.frames + one.frames,
        bytes: total.bytes + one.bytes,
    }))
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
        clear(&mut self.count_in, binding, name::COUNT_IN)
    }

    /// Sets the counter of a path to zero: its next owner starts there.
    ///
    /// # Errors
    /// When the id is out of range.
    pub fn clear_sent(&mut self, path: u32) -> Result<(), LoadError> {
        clear(&mut self.count_out, path, name::COUNT_OUT)
    }

    /// Frames of a port dropped for a reason, or, for reason 0, passed to the host.
    ///
    /// # Errors
    /// When the slot is out of range.
    pub fn dropped(&self, slot: u16, direction: Direction, reason: u8) -> Result<u64, LoadError> {
        let index = drop_index(slot, direction, reason);
        let values = self
            .count_drops
            .get(&index, 0)
            .map_err(|error| LoadError::map(name::COUNT_DROPS)(error.into()))?;
        Ok(values.iter().sum())
    }

    /// Sets all drop counters of a port to zero: its slot's next owner starts there.
    ///
    /// # Errors
    /// When the slot is out of range.
    pub fn clear_drops(&mut self, slot: u16) -> Result<(), LoadError> {
        for direction in [Direction::In, Direction::Out] {
            for reason in (0..DropReason::SLOTS).filter_map(|reason| u8::try_from(reason).ok()) {
                let index = drop_index(slot, direction, reason);
                clear(&mut self.count_drops, index, name::COUNT_DROPS)?;
            }
        }
        Ok(())
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

fn clear<T: aya::Pod + Default>(
    map: &mut PerCpuArray<MapData, T>,
    index: u32,
    name: &'static str,
) -> Result<(), LoadError> {
    let wrong = LoadError::map(name);
    let cpus = aya::util::nr_cpus().map_err(|(what, error)| wrong(format!("{what}: {error}").into()))?;
    let zeros =
        aya::maps::PerCpuValues::try_from(vec![T::default(); cpus]).map_err(|error| wrong(error.into()))?;
    map.set(index, zeros, 0).map_err(|error| wrong(error.into()))
}
