//! The command line and the socket of one agent, for other threads and for while nobody answers.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use serde_json::Value;

use super::{CliOutput, api, binary, cli};
use crate::netns::{NetNs, run_tool};

/// Speaks to whoever listens on one socket, over the agent's deaths and new beginnings.
#[derive(Clone, Debug)]
pub struct Console {
    pub(super) namespace: NetNs,
    pub(super) binary: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) user: Option<u32>,
}

impl Console {
    /// Speaks to whoever listens on `socket`, and may start an agent there.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn new(namespace: &NetNs, socket: &Path) -> Result<Self> {
        Ok(Self {
            namespace: namespace.clone(),
            binary: binary()?,
            socket: socket.to_owned(),
            user: None,
        })
    }

    /// The command line is run by another user and group of this number, without any privilege. `copy` is where the binary
    /// is put for him: it may stand where only root can read.
    ///
    /// # Errors
    /// When the binary cannot be copied.
    pub fn by_user(mut self, user: u32, copy: &Path) -> Result<Self> {
        // By another process: a thread that forks while a file is open for writing keeps it from being run (ETXTBSY).
        run_tool(Command::new("cp").arg(&self.binary).arg(copy))?;
        self.binary = copy.to_owned();
        self.user = Some(user);
        Ok(self)
    }

    /// Runs the command line and gives what it printed, whatever its status.
    ///
    /// # Errors
    /// When it cannot be run, or does not end.
    pub fn cli(&self, words: &[&str]) -> Result<CliOutput> {
        let mut command = self.namespace.command(&self.binary);
        if let Some(user) = self.user {
            // After the namespace has been entered, which takes root.
            // SAFETY: between fork and exec three system calls are made; no allocation, no lock.
            unsafe { command.pre_exec(move || become_user(user)) };
        }
        cli::run(command.arg("--socket").arg(&self.socket).args(words))
    }

    /// Sends `body` as it is and gives status and text of the answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn send(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        api::exchange(&self.socket, method, path, body)
    }

    /// As [`Console::send`], for an answer that must be a good one.
    ///
    /// # Errors
    /// When nobody answers, or refuses.
    pub fn get(&self, path: &str) -> Result<Value> {
        api::request(&self.socket, "GET", path, &Value::Null)
    }
}

fn become_user(user: u32) -> std::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    // The kernel drops all capabilities with the last user id of root (capabilities(7)).
    Ok(setresuid(uid, uid, uid)?)
}
