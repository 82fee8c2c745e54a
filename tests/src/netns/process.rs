//! A child process that ends with its handle.

use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::shown;
use crate::wait;

/// A running child; killed and reaped on drop, by its process id.
#[derive(Debug)]
pub struct Process {
    child: Child,
    shown: String,
    left: bool,
}

impl Process {
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let shown = shown(command);
        let child = command.spawn().with_context(|| format!("cannot run {shown}"))?;
        Ok(Self {
            child,
            shown,
            left: false,
        })
    }

    /// Its process id; still reserved after the end until the handle goes or [`Process::ended`] saw the end.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The command line.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.shown
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its exit status when it has ended.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot wait for {}", self.shown))
    }

    /// Sends `signal` if it still runs.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).with_context(|| format!("cannot send {signal} to {}", self.shown))
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.shown);
        wait::until(within, &what, || self.ended())
    }

    /// Lets it live on when the handle goes; gives its process id.
    #[must_use]
    pub fn leave(mut self) -> u32 {
        self.left = true;
        self.pid()
    }

    /// Kills it without giving it a chance to clean up, and reaps it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill9(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGKILL)?;
        self.wait(wait::PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.left {
            drop(self.kill9());
        }
    }
}
