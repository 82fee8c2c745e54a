//! CPU time of what handles frames: the calling thread, whose system call runs the NAPIs, and the kernel's softirq threads.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Reads the clocks.
#[derive(Debug)]
pub(super) struct CpuClock {
    softirq: Vec<PathBuf>,
}

impl CpuClock {
    /// Keeps the calling thread on its own CPU, and finds the softirq threads.
    ///
    /// # Errors
    /// When the kernel does not account run time (`CONFIG_SCHED_INFO`).
    pub(super) fn pin(cpu: usize) -> Result<Self> {
        Self::with(cpu, "ksoftirqd/")
    }

    /// As [`Self::pin`], where another CPU has a clock of its own.
    ///
    /// # Errors
    /// As [`Self::pin`].
    pub(super) fn pin_alone(cpu: usize) -> Result<Self> {
        Self::with(cpu, &format!("ksoftirqd/{cpu}\n"))
    }

    fn with(cpu: usize, threads_of: &str) -> Result<Self> {
        let mut set = CpuSet::new();
        set.set(cpu)?;
        sched_setaffinity(Pid::from_raw(0), &set).context("cannot stay on one CPU")?;
        let threads = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
        let is_softirq = |path: &PathBuf| {
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with(threads_of))
        };
        let clock = Self {
            softirq: threads
                .filter(is_softirq)
                .map(|path| path.join("schedstat"))
                .collect(),
        };
        clock.now()?;
        Ok(clock)
    }

    /// Time spent so far.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn now(&self) -> Result<Duration> {
        let own = PathBuf::from("/proc/thread-self/schedstat");
        let mut sum = 0;
        for file in std::iter::once(&own).chain(&self.softirq) {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let first = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
            sum += first.with_context(|| format!("{}: no time", file.display()))?;
        }
        Ok(Duration::from_nanos(sum))
    }
}
