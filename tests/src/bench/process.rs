//! What the kernel says of a process.

use std::time::Duration;

use anyhow::{Context, Result};

/// Seconds of CPU time that a process has used.
pub(super) fn cpu_of(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold anything: utime and stime are fields 14 and 15 of proc_pid_stat(5).
    let fields = stat.rsplit_once(')').context("no name in stat")?.1;
    let ticks: Option<Vec<f64>> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse().ok())
        .collect();
    let ticks: f64 = ticks.context("no times in stat")?.iter().sum();
    let hertz = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("no clock ticks")?;
    #[expect(clippy::cast_precision_loss, reason = "some hundred")]
    Ok(ticks / hertz as f64)
}

/// The same of its threads that live, to the nanosecond instead of the tick.
pub(super) fn on_cpu(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        // Time on a CPU is the first number (kernel: Documentation/scheduler/sched-stats.rst).
        let first = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        sum += first.context("no time in schedstat")?;
    }
    Ok(Duration::from_nanos(sum))
}

/// Whether all its threads are stopped: what they were doing when the signal came they do to its end.
pub(super) fn is_stopped(pid: u32) -> Result<bool> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        let fields = stat.rsplit_once(')').context("no name in stat")?.1;
        if !fields.trim_start().starts_with('T') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Its memory in KiB, mapped files and tables included.
pub(super) fn resident(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// That of it in KiB which it shares with nobody.
pub(super) fn own(pid: u32) -> Result<u64> {
    memory(pid, "RssAnon:")
}

fn memory(pid: u32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.with_context(|| format!("no {name}"))?
        .parse()
        .with_context(|| name.to_owned())
}
