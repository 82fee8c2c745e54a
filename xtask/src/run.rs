//! `cargo xtask run`: the lab in namespaces, or the agent on this host's ports.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Result;
use clap::Args;

use crate::{build, exec, failure::Failure, sudo, tools, ui::Steps, workspace::Workspace};

#[derive(Args)]
#[command(after_help = "Other arguments go on to the lab, or with --config to `fabric agent`.")]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) tools: tools::ToolOptions,
    /// Leave the lab up, and say how to look around
    #[arg(long, conflicts_with = "config")]
    pub(crate) keep: bool,
    /// Run the agent with this document on this host's ports, instead of the lab
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the agent keeps its state
    #[arg(
        long,
        value_name = "DIR",
        requires = "config",
        default_value = "/var/lib/fabric"
    )]
    state_dir: PathBuf,
    /// The agent's socket
    #[arg(
        long,
        value_name = "PATH",
        requires = "config",
        default_value = "/run/fabric/agent.sock"
    )]
    socket: PathBuf,
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<OsString>,
}

/// The lab numbers its own lines from here on: `[3/4]`, `[4/4]`.
const STEPS: usize = 4;

const WHY: &str = "attaching XDP programs";

/// Replaces this process by the lab or the agent: exit code and Ctrl-C are then its own.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::new();
    if let Some(config) = &options.config {
        readable(config)?;
    }
    sudo::prepare(WHY)?;
    let total = if options.config.is_some() { 2 } else { STEPS };
    let storage = options.config.is_none() && is_storage(&options.rest);
    let tools = options.tools.with_storage(storage);
    build::tools_and_binaries(&tools, &workspace, &mut Steps::new(total))?;
    let command = match &options.config {
        Some(config) => agent(options, config, &workspace),
        None => lab(options, &workspace),
    };
    // The first build may have taken longer than sudo remembers the password.
    sudo::prepare(WHY)?;
    Err(exec::replace(command))
}

/// Whether the lab's arguments ask for the one with storage machines. The last one counts, as for the lab.
fn is_storage(rest: &[OsString]) -> bool {
    let words: Vec<&str> = rest.iter().filter_map(|word| word.to_str()).collect();
    let mut last_first = words.iter().enumerate().rev();
    let lab = last_first.find_map(|(at, word)| match *word {
        "--lab" => words.get(at + 1).copied(),
        joined => joined.strip_prefix("--lab="),
    });
    lab == Some("storage")
}

fn lab(options: &Options, workspace: &Workspace) -> Command {
    let vars = [
        ("FABRIC_BIN", workspace.release("fabric").into_os_string()),
        ("FABRIC_STEPS", "3/4".into()),
    ];
    let mut command = sudo::command(workspace.release("fabric-lab"), &vars);
    if options.keep {
        command.arg("--keep");
    }
    command.args(&options.rest);
    command
}

fn agent(options: &Options, config: &Path, workspace: &Workspace) -> Command {
    let mut command = sudo::command::<&str, &str>(workspace.release("fabric"), &[]);
    command.arg("agent").arg("--config").arg(config);
    command
        .arg("--state-dir")
        .arg(&options.state_dir)
        .arg("--socket")
        .arg(&options.socket)
        .args(&options.rest);
    command
}

/// A wrong name is told before the minutes of a first build.
fn readable(config: &Path) -> Result<()> {
    std::fs::File::open(config).map(drop).map_err(|error| {
        let what = format!(
            "cannot read the configuration {}: {error}; nothing was started",
            config.display()
        );
        Failure::new(
            "config-unreadable",
            what,
            format!("ls -l {}", exec::quote(&config.to_string_lossy())),
        )
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_storage_lab_needs_the_tools_of_storage() {
        let asks = |line: &str| {
            let rest: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            is_storage(&rest)
        };
        assert!(asks("--lab storage") && asks("--keep --lab=storage"));
        for line in [
            "",
            "--lab figure-2",
            "--lab",
            "--lab=figure-1 storage",
            "--down storage",
        ] {
            assert!(!asks(line), "{line}");
        }
    }
}
