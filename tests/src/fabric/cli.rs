//! One call of the command line.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::netns::Process;

/// No command may take longer.
const LONGEST: Duration = Duration::from_secs(30);

/// What a command left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliOutput {
    /// The command line.
    pub shown: String,
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CliOutput {
    /// Standard output as one JSON document.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON from {self}"))
    }

    /// Itself when the exit status is `status`.
    ///
    /// # Errors
    /// When it is another: with everything that was printed.
    pub fn expect_status(self, status: i32) -> Result<Self> {
        ensure!(
            self.status == Some(status),
            "expected exit status {status}: {self}"
        );
        Ok(self)
    }
}

impl std::fmt::Display for CliOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self
            .status
            .map_or_else(|| "a signal".to_owned(), |status| status.to_string());
        write!(
            formatter,
            "{} -> {status}\n{}{}",
            self.shown, self.stdout, self.stderr
        )
    }
}

/// Runs it to the end. Files, not pipes: nobody has to read while it runs.
pub(super) fn run(command: &mut Command) -> Result<CliOutput> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command
        .stdin(std::process::Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?);
    let mut process = Process::start(command)?;
    let ended = process.wait(LONGEST)?;
    let shown = process.command_line().to_owned();
    Ok(CliOutput {
        shown,
        status: ended.code(),
        stdout: content(&mut stdout)?,
        stderr: content(&mut stderr)?,
    })
}

fn content(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
