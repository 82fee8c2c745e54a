//! Removing what a killed test or lab left behind, and nothing else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{NetNs, RUN_NETNS, scope};
use crate::wait;

/// What every name made here starts with, followed by the process id of its maker.
pub(super) const PREFIX: &str = "fab";

const KEPT: &str = "/run/fabric-tests/kept";

/// Deletes the namespaces of dead makers, and kills what still runs inside them. Kept ones stay.
///
/// # Errors
/// When a leftover does not go.
pub fn sweep() -> Result<Vec<String>> {
    remove_all(is_abandoned)
}

/// Whether a name or prefix made by [`Scope`](super::Scope) is of a process that has ended and did not keep it.
#[must_use]
pub fn is_abandoned(name: &str) -> bool {
    maker(name).is_some_and(|pid| !alive(pid)) && !is_kept(name)
}

/// Deletes the namespaces that [`Scope::keep`](super::Scope::keep) left under `prefix`; gives their names.
///
/// # Errors
/// When one does not go.
pub fn release(prefix: &str) -> Result<Vec<String>> {
    let removed = remove_all(|name| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('-'))
    })?;
    match fs::remove_file(Path::new(KEPT).join(prefix)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("cannot remove the mark")
        }
        _ => Ok(removed),
    }
}

pub(super) fn mark_kept(prefix: &str) -> Result<()> {
    fs::create_dir_all(KEPT).with_context(|| format!("cannot make {KEPT}"))?;
    fs::write(Path::new(KEPT).join(prefix), "").with_context(|| format!("cannot mark {prefix} as kept"))
}

fn remove_all(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(RUN_NETNS) else {
        return Ok(Vec::new());
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: Vec<String> = names.filter(|name| wanted(name)).collect();
    for name in &names {
        remove_leftover(name)?;
    }
    Ok(names)
}

/// A name may be a file without a namespace (its maker died between the two steps), or another sweep may be faster.
pub(super) fn remove_leftover(name: &str) -> Result<()> {
    let path = Path::new(RUN_NETNS).join(name);
    match NetNs::open(name, name).and_then(|leftover| scope::remove(&leftover)) {
        Err(_) if !path.exists() => Ok(()),
        Err(error) => fs::remove_file(&path).map_err(|_| error),
        Ok(()) => Ok(()),
    }
}

fn maker(name: &str) -> Option<i32> {
    let rest = name.strip_prefix(PREFIX)?;
    let (pid, _) = rest.split_once('-')?;
    pid.parse().ok()
}

fn is_kept(name: &str) -> bool {
    let Ok(marks) = fs::read_dir(KEPT) else {
        return false;
    };
    let mut prefixes = marks
        .flatten()
        .map(|mark| mark.file_name().to_string_lossy().into_owned());
    prefixes.any(|prefix| {
        name.strip_prefix(&prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

pub(super) fn alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// The processes inside a namespace, without the caller's own.
///
/// # Errors
/// When the namespace's file cannot be read.
pub fn pids_inside(namespace: &NetNs) -> Result<Vec<i32>> {
    let inode = namespace
        .inner
        .handle
        .metadata()
        .context("cannot look at the namespace")?
        .ino();
    let own = std::process::id().cast_signed();
    let all = fs::read_dir("/proc").context("cannot read /proc")?.flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    Ok(pids
        .filter(|&pid| pid != own && net_inode(pid) == Some(inode))
        .collect())
}

fn net_inode(pid: i32) -> Option<u64> {
    let path: PathBuf = format!("/proc/{pid}/ns/net").into();
    Some(fs::metadata(path).ok()?.ino())
}

/// Only processes that live in a namespace of ours can be meant, so each is ours whoever forked it.
pub(super) fn kill_inside(namespace: &NetNs) -> Result<()> {
    wait::until_true(wait::PATIENCE, "the processes inside to end", || {
        let pids = pids_inside(namespace)?;
        for &pid in &pids {
            // Gone meanwhile is as good.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Ok(pids.is_empty())
    })
}
