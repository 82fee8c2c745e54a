//! Taking an agent down, and the proof that it left nothing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, umount2};

use super::Agent;
use crate::fabric::log;
use crate::wait;

/// What stays when an agent is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Process of the agent.
    pub pid: u32,
    /// Its control socket.
    pub socket: PathBuf,
    /// Folder with socket, state and log, to be removed by whoever takes the agent down.
    pub folder: PathBuf,
}

impl Agent {
    /// `fabric agent stop --detach`: it ends, and everything is taken down; not one of its BPF objects may live on.
    ///
    /// # Errors
    /// When it does not end well, or something of it is left.
    pub fn stop_detach(&mut self) -> Result<()> {
        let objects = self.objects()?;
        self.ok(&["agent", "stop", "--detach"])?;
        self.ended_well()?;
        objects.wait_gone(wait::PATIENCE)?;
        let mounts = self.mounts()?;
        ensure!(mounts.is_empty(), "left mounted: {mounts:?}");
        Ok(())
    }

    /// Takes it down and says what was wrong: something left behind, an error or a panic in the log. A killed agent is
    /// started once more, because only an agent knows what to take down.
    ///
    /// # Errors
    /// The first thing that was wrong.
    pub fn finish(mut self) -> Result<()> {
        self.take_down()
    }

    /// Leaves it running when this process ends, with all its files.
    ///
    /// # Errors
    /// When it does not run.
    pub fn keep(mut self) -> Result<Kept> {
        let process = self.process.take().context("the agent does not run")?;
        self.done = true;
        self.folder.leave();
        Ok(Kept {
            pid: process.leave(),
            socket: self.socket(),
            folder: self.folder.path().to_owned(),
        })
    }

    fn take_down(&mut self) -> Result<()> {
        self.done = true;
        let stopped = match self.process {
            Some(_) => self.stop_detach(),
            None if self.state_dir().exists() && !self.mounts()?.is_empty() => {
                self.restart().and_then(|()| self.stop_detach())
            }
            None => Ok(()),
        };
        self.process = None;
        self.unmount();
        let said = self.log()?;
        let complaints = log::complaints(&said, &self.allowed);
        stopped
            .with_context(|| format!("agent {}, its log ends:\n{}", self.launch.node, log::tail(&said)))?;
        ensure!(
            complaints.is_empty(),
            "agent {} logged:\n{}",
            self.launch.node,
            complaints.join("\n")
        );
        Ok(())
    }

    fn mounts(&self) -> Result<Vec<PathBuf>> {
        let table = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
        let points = table
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(PathBuf::from);
        Ok(points
            .filter(|point| point.starts_with(self.folder.path()))
            .collect())
    }

    /// Pins under a private bpffs go with its mount.
    pub(super) fn unmount(&self) {
        for mount in self.mounts().unwrap_or_default().iter().rev() {
            // Nothing can be done about a refusal; the folder's removal shows it.
            let _ = umount2(mount, MntFlags::MNT_DETACH);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let complaint = self.take_down().err().map(|error| format!("{error:#}"));
        // A second panic while the first one unwinds would end the whole test program.
        assert!(
            std::thread::panicking() || complaint.is_none(),
            "{}",
            complaint.unwrap_or_default()
        );
    }
}
