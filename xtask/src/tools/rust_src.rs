//! The sources of `core` for a rustup toolchain: the BPF target has no precompiled one.

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

pub(crate) fn shell(toolchain: &str) -> String {
    exec::line(&command(toolchain))
}

/// # Errors
/// When rustup cannot fetch it.
pub(crate) fn add(toolchain: &str, progress: &Progress) -> Result<()> {
    exec::run(command(toolchain), progress).map(drop)
}
