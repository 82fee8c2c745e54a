//! Random numbers that can be had again.

use std::time::{Duration, SystemTime};

/// xorshift64 from `FABRIC_SEED`, or from the clock. Prints its seed: a failing test shows it.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let told = std::env::var("FABRIC_SEED")
            .ok()
            .map(|seed| seed.parse().expect("a number"));
        let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed: u64 = told.unwrap_or_else(|| u64::from(clock().subsec_nanos()) | 1 << 32);
        println!("seed: FABRIC_SEED={seed}");
        Self(seed.max(1))
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to `longest`.
    pub(crate) fn pause(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_nanos()).unwrap().max(1);
        Duration::from_nanos(self.roll() % longest)
    }
}
