//! What a client saw, in microseconds of the machine's monotonic clock.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};

use super::blocks::{self, Verdict};

/// `CLOCK_MONOTONIC` in microseconds: the same for all processes of a machine.
#[must_use]
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    // 2^64 microseconds are half a million years.
    now.map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

/// One request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Number of the block.
    pub number: u64,
    /// When it was asked first.
    pub begun_us: u64,
    /// When the answer was there.
    pub answered_us: u64,
}

/// A request that the server answered with an error: what a program would see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoError {
    /// Number of the block.
    pub number: u64,
    /// The error, as NBD numbers it (5 is EIO).
    pub errno: u32,
    /// When.
    pub at_us: u64,
}

/// The end of a session that the client had not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// When it saw it.
    pub at_us: u64,
    /// "Connection reset by peer", and the like.
    pub why: String,
}

/// A time in which a client with a request open got no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// The last answer before it.
    pub from_us: u64,
    /// The first answer after it, or the end of the record.
    pub until_us: u64,
}

impl Stall {
    /// Its length.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.until_us.saturating_sub(self.from_us))
    }
}

/// Everything that a [`Load`](super::Load) saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose blocks these are.
    pub run: u64,
    /// When it began.
    pub from_us: u64,
    /// When it was looked at, or ended.
    pub until_us: u64,
    /// Blocks of the disk.
    pub slots: u64,
    /// In the order of the answers.
    pub answered: Vec<Exchange>,
    /// The request without an answer: number, and when it was asked.
    pub pending: Option<(u64, u64)>,
    /// Must be empty where nothing may be noticed.
    pub io_errors: Vec<IoError>,
    /// Ends of sessions; each was opened again.
    pub breaks: Vec<Break>,
    /// Numbers of the blocks that were read and were not what had been written.
    pub wrong: Vec<u64>,
}

impl Record {
    pub(super) fn new(run: u64) -> Self {
        let now = monotonic_us();
        Self {
            run,
            from_us: now,
            until_us: now,
            slots: 0,
            answered: Vec::new(),
            pending: None,
            io_errors: Vec::new(),
            breaks: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// The longest time without an answer, also before the first and after the last one.
    #[must_use]
    pub fn longest_stall(&self) -> Stall {
        self.stalls().max_by_key(Stall::length).unwrap_or_default()
    }

    /// The longest of those that ended after a moment: what was before, as the opening of the disk, does not count.
    #[must_use]
    pub fn longest_stall_after(&self, at_us: u64) -> Stall {
        let after = self.stalls().filter(|stall| stall.until_us > at_us);
        after.max_by_key(Stall::length).unwrap_or_default()
    }

    fn stalls(&self) -> impl Iterator<Item = Stall> {
        let answers = self.answered.iter().map(|exchange| exchange.answered_us);
        let from = std::iter::once(self.from_us).chain(answers.clone());
        let until = answers.chain(std::iter::once(self.until_us));
        from.zip(until)
            .map(|(from_us, until_us)| Stall { from_us, until_us })
    }

    /// The stall around a moment: the last answer before it and the first after it.
    #[must_use]
    pub fn stall_at(&self, at_us: u64) -> Stall {
        let split = self
            .answered
            .partition_point(|exchange| exchange.answered_us <= at_us);
        let before = split.checked_sub(1).and_then(|last| self.answered.get(last));
        let after = self.answered.get(split);
        Stall {
            from_us: before.map_or(self.from_us, |exchange| exchange.answered_us),
            until_us: after.map_or(self.until_us, |exchange| exchange.answered_us),
        }
    }

    /// Holds the acknowledged writes against a volume's file: whatever server serves it must have written them out, or
    /// share this machine's page cache.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn verify(&self, volume: &Path) -> Result<Verdict> {
        let answered: Vec<u64> = self.answered.iter().map(|exchange| exchange.number).collect();
        blocks::verify(volume, self.run, self.slots, &answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stall_may_be_at_either_end() {
        let mut record = Record::new(1);
        record.from_us = 100;
        record.until_us = 200;
        assert_eq!(record.longest_stall().length(), Duration::from_micros(100));
        record.answered = [110, 130, 135]
            .map(|answered_us| Exchange {
                number: 0,
                begun_us: 0,
                answered_us,
            })
            .to_vec();
        let stall = |from_us, until_us| Stall { from_us, until_us };
        assert_eq!(record.longest_stall(), stall(135, 200));
        record.until_us = 140;
        assert_eq!(record.longest_stall(), stall(110, 130));
        assert_eq!(record.longest_stall_after(129), stall(110, 130));
        assert_eq!(record.longest_stall_after(135), stall(135, 140));
        assert_eq!(record.stall_at(132), stall(130, 135));
        assert_eq!(record.stall_at(105), stall(100, 110));
        assert_eq!(record.stall_at(137), stall(135, 140));
    }
}
