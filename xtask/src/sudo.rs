//! What needs root runs through sudo when we are not root; cargo itself never does, so that no
//! file of root's is left in `target/`.

use std::{
    ffi::{OsStr, OsString},
    io::IsTerminal,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::failure::Failure;

/// Whether this process may do what root may.
pub(crate) fn is_root() -> bool {
    // The kernel gives /proc/self to the effective user of the process.
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Asks for the password once, before a progress line hides the question. Does nothing for root.
///
/// # Errors
/// When there is no sudo, or it refuses.
pub(crate) fn prepare(why: &str) -> Result<()> {
    if is_root() {
        return Ok(());
    }
    let mut sudo = Command::new("sudo");
    if !std::io::stdin().is_terminal() {
        // Without a terminal nothing is asked and nothing waits.
        sudo.arg("-n");
    }
    let granted = sudo
        .arg("-v")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if granted {
        return Ok(());
    }
    let cure = "run it as root, or let this user use sudo, then run it again";
    Err(Failure::new(
        "not-root",
        format!("{why} needs root, and sudo is not there or refused"),
        cure,
    )
    .into())
}

/// `program` with `vars`, as root.
pub(crate) fn command<K: AsRef<OsStr>, V: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    vars: &[(K, V)],
) -> Command {
    if is_root() {
        let mut command = Command::new(program);
        command.envs(vars.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        return command;
    }
    // sudo's own environment rules differ between hosts; `env` is never subject to them.
    let mut command = Command::new("sudo");
    command.args(["--", "env"]);
    for (name, value) in vars {
        let mut pair = OsString::from(name);
        pair.push("=");
        pair.push(value);
        command.arg(pair);
    }
    command.arg(program);
    command
}
