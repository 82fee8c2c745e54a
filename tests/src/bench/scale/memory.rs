//! What memory alone costs: the time of one load that nothing could fetch ahead, because its address is what the load before it
//! said. A frame to a random address of the FDB waits for one such load, whatever else is done for it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::random::Random;

/// Loads of one round.
const LOADS: u32 = 400_000;
const ROUNDS: u32 = 9;

/// A cache line that names another one.
#[derive(Clone, Default)]
#[repr(align(64))]
struct Line {
    next: u32,
}

/// A table of cache lines in pages of 4 KiB, as the kernel's maps are.
pub(super) struct Memory(Vec<Line>);

impl Memory {
    /// So many lines.
    pub(super) fn new(lines: usize) -> Self {
        Self(vec![Line::default(); lines])
    }

    /// Lines that so many entries at random places are in, on average.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far below 2^52, and not negative"
    )]
    pub(super) fn lines_of(&self, entries: u32) -> usize {
        let all = self.0.len() as f64;
        let in_use = all * (1.0 - (-f64::from(entries) / all).exp());
        (in_use.round() as usize).max(1)
    }

    /// Nanoseconds of a load from one of `lines` random lines, the least of the rounds.
    ///
    /// # Errors
    /// When there are too many lines.
    pub(super) fn cost(&mut self, lines: usize) -> Result<f64> {
        let first = self.chain(lines)?;
        let mut least = Duration::MAX;
        for _ in 0..ROUNDS {
            // Not the CPU's clock: it counts in ticks.
            let begun = Instant::now();
            let mut at = first;
            for _ in 0..LOADS {
                at = black_box(self.0.get(at).map_or(0, |line| line.next as usize));
            }
            black_box(at);
            least = least.min(begun.elapsed());
        }
        Ok(least.as_secs_f64() * 1e9 / f64::from(LOADS))
    }

    /// Has random lines name each other in a ring. Gives one of them.
    fn chain(&mut self, lines: usize) -> Result<usize> {
        let mut random = Random::new(1);
        let mut order: Vec<u32> = (0..u32::try_from(self.0.len())?).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        order.truncate(lines);
        let first = *order.first().context("no line")?;
        for (at, line) in order.iter().enumerate() {
            let next = order.get(at + 1).copied().unwrap_or(first);
            self.0.get_mut(*line as usize).context("no such line")?.next = next;
        }
        Ok(first as usize)
    }
}
