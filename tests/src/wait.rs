//! Waiting with a deadline, never for a fixed time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything in a test may take that is expected to succeed; generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Calls `probe` until it gives a value.
///
/// # Errors
/// An error of `probe` ends the wait at once; after `within` the error names `what` was not seen.
pub fn until<T>(within: Duration, what: &str, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = probe()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} for {what}, in vain");
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Calls `probe` until it is true.
///
/// # Errors
/// As [`until`].
pub fn until_true(within: Duration, what: &str, mut probe: impl FnMut() -> Result<bool>) -> Result<()> {
    until(within, what, || Ok(probe()?.then_some(())))
}
