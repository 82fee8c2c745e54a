//! Randomness that can be repeated.

use anyhow::{Context, Result};

/// `FABRIC_SEED`, or the time. The test prints it.
///
/// # Errors
/// When `FABRIC_SEED` is no number.
pub fn seed() -> Result<u64> {
    if let Ok(named) = std::env::var("FABRIC_SEED") {
        return named
            .parse()
            .with_context(|| format!("FABRIC_SEED={named} is no number"));
    }
    let now = std::time::UNIX_EPOCH.elapsed()?;
    u64::try_from(now.as_micros()).context("no clock")
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same words.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 up to, not including, `end`; 0 for an `end` of 0.
    pub fn below(&mut self, end: usize) -> usize {
        let below = self.word() % (end.max(1) as u64);
        // Smaller than `end`, so it fits.
        usize::try_from(below).unwrap_or(0)
    }

    /// Eight bits.
    pub fn byte(&mut self) -> u8 {
        self.word().to_le_bytes()[0]
    }

    /// Sixteen bits.
    pub fn short(&mut self) -> u16 {
        let [a, b, ..] = self.word().to_le_bytes();
        u16::from_le_bytes([a, b])
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}
