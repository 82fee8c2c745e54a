//! Ctrl-C and SIGTERM end the lab and the benchmark between two steps, so that everything is taken down the ordinary way.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The signal that came; 0 for none.
static RECEIVED: AtomicI32 = AtomicI32::new(0);

/// The error that means "somebody asked us to stop".
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// From now on SIGINT, SIGTERM and SIGHUP are remembered. A second one ends the process at once; what it leaves is removed by
/// the next start.
///
/// # Errors
/// When the kernel refuses.
pub fn listen() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(remember),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler touches an atomic and calls _exit, both async-signal-safe (signal-safety(7)).
        unsafe { sigaction(signal, &action) }.with_context(|| format!("cannot listen for {signal}"))?;
    }
    Ok(())
}

extern "C" fn remember(signal: libc::c_int) {
    if RECEIVED.swap(signal, Ordering::Relaxed) != 0 {
        // SAFETY: _exit is always safe to call; no destructor runs, on purpose.
        unsafe { libc::_exit(128 + signal) };
    }
}

/// The signal that came.
#[must_use]
pub fn received() -> Option<Signal> {
    Signal::try_from(RECEIVED.load(Ordering::Relaxed)).ok()
}

/// # Errors
/// [`Interrupted`] when a signal came.
pub fn check() -> Result<()> {
    match received() {
        None => Ok(()),
        Some(_) => Err(Interrupted.into()),
    }
}

/// Whether `error` is the consequence of a signal. Ctrl-C ends our children too, and their death may be seen before our own
/// handler has run.
#[must_use]
pub fn caused(error: &anyhow::Error) -> bool {
    let deadline = Instant::now() + Duration::from_millis(20);
    while received().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    error.is::<Interrupted>() || received().is_some()
}
