//! A lab's folder under `/run`: state, sockets and logs of its agents. Its name is the prefix of the lab's namespaces.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, umount2};

use crate::netns::{is_abandoned, release, sweep as sweep_namespaces};

const HOMES: &str = "/run/fabric-lab";

/// The folder of one lab, removed on drop.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    kept: bool,
}

impl Home {
    /// Makes the folder of the lab `prefix`, open to root only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new(prefix: &str) -> Result<Self> {
        let path = Path::new(HOMES).join(prefix);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, kept: false })
    }

    /// Its path.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The prefix of the lab's namespaces.
    #[must_use]
    pub(super) fn prefix(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The agents' log files.
    #[must_use]
    pub(super) fn logs(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let logs = folders.map(|folder| folder.path().join("agent.log"));
        logs.filter(|log| log.exists()).collect()
    }

    /// Leaves it in place.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }

    /// Removes it now.
    ///
    /// # Errors
    /// When something of it stays.
    pub(super) fn remove(mut self) -> Result<()> {
        self.kept = true;
        remove(&self.path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.kept {
            drop(remove(&self.path));
        }
    }
}

/// Removes what crashed labs left: namespaces with the processes in them, mounts, folders. Running and kept ones stay.
///
/// # Errors
/// When something stays.
pub(super) fn sweep() -> Result<()> {
    // First the agents, which live in the namespaces, then what they held.
    sweep_namespaces()?;
    for prefix in names() {
        if is_abandoned(&prefix) {
            remove(&Path::new(HOMES).join(prefix))?;
        }
    }
    Ok(())
}

/// Takes down the kept lab `prefix`.
///
/// # Errors
/// When there is no such lab, or something stays.
pub(super) fn down(prefix: &str) -> Result<()> {
    let known = names();
    if !known.iter().any(|name| name == prefix) {
        bail!(NoSuchLab { known });
    }
    release(prefix)?;
    remove(&Path::new(HOMES).join(prefix))
}

/// The error that says which labs there are.
#[derive(Debug)]
pub(super) struct NoSuchLab {
    /// Prefixes of all labs.
    pub known: Vec<String>,
}

impl std::fmt::Display for NoSuchLab {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.known.as_slice() {
            [] => formatter.write_str("there is no lab"),
            known => write!(formatter, "there is no such lab, but {}", known.join(", ")),
        }
    }
}

impl std::error::Error for NoSuchLab {}

/// The prefixes of all labs, running, kept or crashed.
#[must_use]
pub(super) fn names() -> Vec<String> {
    let entries = fs::read_dir(HOMES).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Pins under a private bpffs go with its mount, and with them programs, maps and links.
fn remove(path: &Path) -> Result<()> {
    for mount in mounts_under(path)?.iter().rev() {
        match umount2(mount, MntFlags::MNT_DETACH) {
            // Another sweep may be faster.
            Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot unmount {}", mount.display())),
        }
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn mounts_under(path: &Path) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points
        .map(PathBuf::from)
        .filter(|point| point.starts_with(path))
        .collect())
}
