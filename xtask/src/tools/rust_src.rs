//! What rustup adds: the sources of `core`, because the BPF target has no precompiled one, and checkers.

use std::process::Command;

use anyhow::Result;

use crate::{exec, ui::Progress};

/// Taken when the active toolchain's LLVM does not fit the pinned bpf-linker.
pub(crate) const PINNED: &str = "1.95.0";

fn command(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    if toolchain == PINNED {
        command.args([
            "toolchain",
            "install",
            PINNED,
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ]);
    } else {
        command.args(["component", "add", "rust-src", "--toolchain", toolchain]);
    }
    command
}

/// For the toolchain that runs us: rustup's proxy has put its name into our environment.
fn components(names: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["component", "add"]).args(names);
    command
}

pub(crate) fn shell_components(names: &[&str]) -> String {
    exec::line(&components(names))
}

/// # Errors
/// When rustup cannot fetch them.
pub(crate) fn add_components(names: &[&str], progress: &Progress) -> Result<()> {
    exec::run(components(names), progress).map(drop)
}

pub(crate) fn shell(toolchain: &str) -> String {
    exec::line(&command(toolchain))
}

/// # Errors
/// When rustup cannot fetch it.
pub(crate) fn add(toolchain: &str, progress: &Progress) -> Result<()> {
    exec::run(command(toolchain), progress).map(drop)
}
