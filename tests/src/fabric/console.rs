//! The command line and the socket of one agent, for other threads and for while nobody answers.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::Value;

use super::{CliOutput, api, cli};
use crate::netns::NetNs;

/// Speaks to whoever listens on one socket, over the agent's deaths and new beginnings.
#[derive(Clone, Debug)]
pub struct Console {
    pub(super) namespace: NetNs,
    pub(super) binary: PathBuf,
    pub(super) socket: PathBuf,
}

impl Console {
    /// Runs the command line and gives what it printed, whatever its status.
    ///
    /// # Errors
    /// When it cannot be run, or does not end.
    pub fn cli(&self, words: &[&str]) -> Result<CliOutput> {
        let mut command = self.namespace.command(&self.binary);
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
