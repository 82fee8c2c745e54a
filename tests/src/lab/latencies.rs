//! Times of one kind.

use std::time::Duration;

/// Measured times, sorted.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Of times in any order.
    #[must_use]
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest time that `percent` of all do not exceed (nearest rank); `None` without any.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100);
        self.0.get(rank.max(1) - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times = Latencies::new((1..=20).rev().map(Duration::from_millis).collect());
        assert_eq!(times.percentile(50), Some(Duration::from_millis(10)));
        assert_eq!(times.percentile(99), Some(Duration::from_millis(20)));
        assert_eq!(times.percentile(0), Some(Duration::from_millis(1)));
        assert_eq!(Latencies::default().percentile(50), None);
    }
}
