//! The time that a revision has to be confirmed in, over restarts of the agent.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::error::{Refusal, codes};
use crate::store::Pending;

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A revision that waits to be confirmed, as it is kept in the state directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    pub(super) revision: u64,
    pub(super) before: u64,
    window_ms: u64,
    /// The boot that the clock below belongs to.
    boot: String,
    /// CLOCK_BOOTTIME: nobody can set it, and it goes on while the agent is dead or the machine sleeps.
    ends_ms: u64,
}

impl Trial {
    pub(super) fn begin(revision: u64, before: u64, window: Duration) -> Result<Self, Refusal> {
        Ok(Self {
            revision,
            before,
            window_ms: millis(window),
            boot: boot()?,
            ends_ms: millis(since_boot()? + window),
        })
    }

    /// With the time that is left. None is after a reboot: nobody has confirmed it, and how long the machine was down is
    /// not known.
    pub(super) fn pending(&self) -> Pending {
        let same_boot = boot().is_ok_and(|boot| boot == self.boot);
        let now = since_boot().map_or(u64::MAX, millis);
        let left = self.ends_ms.saturating_sub(now);
        Pending {
            revision: self.revision,
            before: self.before,
            window: Duration::from_millis(self.window_ms),
            left: Duration::from_millis(if same_boot { left } else { 0 }),
            by: None,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn since_boot() -> Result<Duration, Refusal> {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .map_err(|error| {
            Refusal::new(
                codes::FAILED,
                format!("the clock CLOCK_BOOTTIME cannot be read: {error}"),
            )
        })
}

fn boot() -> Result<String, Refusal> {
    let text = std::fs::read_to_string(BOOT);
    let text = text.map_err(|error| {
        Refusal::new(codes::FAILED, format!("cannot read {BOOT}: {error}"))
            .with_cure("mount -t proc proc /proc")
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_of_another_boot_is_over() {
        let mut trial = Trial::begin(2, 1, Duration::from_secs(60)).unwrap();
        let left = trial.pending().left;
        assert!(
            left > Duration::from_secs(50) && left <= Duration::from_secs(60),
            "{left:?}"
        );
        trial.boot = "another".to_owned();
        assert_eq!(trial.pending().left, Duration::ZERO);
    }

    #[test]
    fn a_trial_ends_by_the_clock_since_boot() {
        let mut trial = Trial::begin(2, 1, Duration::from_secs(60)).unwrap();
        trial.ends_ms -= 60_001;
        assert_eq!(trial.pending().left, Duration::ZERO);
    }
}
