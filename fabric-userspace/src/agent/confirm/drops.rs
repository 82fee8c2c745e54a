//! Whether drops jump: against what is usual here, since a document can be right where a neighbour always sends a few
//! frames that mean nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// One reading after another.
const PERIOD: Duration = Duration::from_secs(1);
/// So long after the change frames of nodes that do not have it yet are no sign.
const SETTLE: Duration = Duration::from_secs(1);
/// Seconds that say what is usual.
const KEPT: usize = 60;
/// A jump is more than so many times the worst usual second, and so many frames more.
const TIMES: u64 = 4;
const MORE: u64 = 100;

/// What was dropped in the last seconds.
#[derive(Default)]
pub(super) struct Drops {
    last: Option<(Instant, u64)>,
    usual: VecDeque<u64>,
}

impl Drops {
    /// Reads the counter's `total`. The answer are the frames of a second, if they are too many since the change
    /// that was made at `since`.
    pub(super) fn look(&mut self, now: Instant, total: u64, since: Option<Instant>) -> Option<u64> {
        let Some((then, before)) = self.last else {
            self.last = Some((now, total));
            return None;
        };
        let elapsed = now.duration_since(then);
        if elapsed < PERIOD {
            return None;
        }
        self.last = Some((now, total));
        // A port that left took its counts along.
        let frames = total.saturating_sub(before);
        let a_second = u64::try_from(u128::from(frames) * 1000 / elapsed.as_millis()).unwrap_or(u64::MAX);
        let Some(since) = since else {
            self.usual.push_back(a_second);
            if self.usual.len() > KEPT {
                self.usual.pop_front();
            }
            return None;
        };
        // An agent that was started during the trial knows nothing of what is usual; the time is kept all the same.
        let usual = *self.usual.iter().max()?;
        let is_jump = a_second > usual.saturating_mul(TIMES).saturating_add(MORE);
        (is_jump && then >= since + SETTLE).then_some(a_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Drops, Instant, u64);

    impl Clock {
        fn second(&mut self, frames: u64, since: Option<Instant>) -> Option<u64> {
            self.1 += PERIOD;
            self.2 += frames;
            self.0.look(self.1, self.2, since)
        }
    }

    fn quiet(frames: u64) -> Clock {
        let mut clock = Clock(Drops::default(), Instant::now(), 7);
        for _ in 0..10 {
            assert_eq!(clock.second(frames, None), None);
        }
        clock
    }

    #[test]
    fn a_jump_is_told_once_the_change_has_settled() {
        let mut clock = quiet(0);
        let since = Some(clock.1);
        assert_eq!(clock.second(5000, since), None, "nodes change one after another");
        assert_eq!(clock.second(MORE, since), None);
        assert_eq!(clock.second(MORE + 1, since), Some(MORE + 1));
    }

    #[test]
    fn what_is_usual_is_no_jump() {
        let mut clock = quiet(1000);
        let since = Some(clock.1);
        for _ in 0..5 {
            assert_eq!(clock.second(4000, since), None);
        }
        assert_eq!(clock.second(4101, since), Some(4101));
    }

    /// The time that the change may take goes on over a restart of the agent; what was usual before it is not known.
    #[test]
    fn after_a_restart_during_the_trial_nothing_is_a_jump() {
        let mut clock = Clock(Drops::default(), Instant::now(), 7);
        let since = Some(clock.1);
        for _ in 0..5 {
            assert_eq!(clock.second(4000, since), None);
        }
        assert_eq!(clock.second(0, None), None);
        assert_eq!(
            clock.second(4000, since),
            Some(4000),
            "a second says what is usual"
        );
    }

    #[test]
    fn without_a_change_nothing_is_a_jump() {
        let mut clock = quiet(0);
        assert_eq!(clock.second(1_000_000, None), None);
    }
}
