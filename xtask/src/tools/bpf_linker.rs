//! bpf-linker: turns the compiler's LLVM bitcode into a BPF object. Each LLVM needs its own.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::toolchain::Toolchain;
use crate::{exec, ui::Progress, workspace::Workspace};

/// Where Debian's LLVM 22 has its `llvm-config`.
const LLVM_BIN: &str = "/usr/lib/llvm-22/bin";

/// The pinned versions, by the LLVM that they use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Loads the LLVM 22 of rustup's own compiler. With Debian's compiler it aborts.
    RustcLlvm,
    /// Linked with the distribution's LLVM 22.
    SystemLlvm,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::RustcLlvm, Self::SystemLlvm];

    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::RustcLlvm => "0.10.4",
            Self::SystemLlvm => "0.13.0",
        }
    }

    /// The folder that `cargo install --root` gets; one each, because both files are called bpf-linker.
    fn folder(self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::RustcLlvm => workspace.tools(),
            Self::SystemLlvm => workspace.tools().join("llvm-22"),
        }
    }

    pub(crate) fn binary(self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("bin/bpf-linker")
    }

    /// Whether it is there, starts, and is this very version.
    pub(crate) fn is_installed(self, workspace: &Workspace) -> bool {
        is_version(&self.binary(workspace), self.number())
    }
}

fn is_version(binary: &Path, number: &str) -> bool {
    binary.is_file()
        && exec::ask(Command::new(binary).arg("--version")) == Some(format!("bpf-linker {number}"))
}

fn command(toolchain: &Toolchain, workspace: &Workspace) -> Command {
    let version = toolchain.linker();
    let mut command = toolchain.cargo(workspace);
    command.args([
        "install",
        "bpf-linker",
        "--locked",
        "--force",
        "--version",
        version.number(),
        "--root",
    ]);
    command.arg(version.folder(workspace));
    if version == Version::SystemLlvm {
        command.args(["--no-default-features", "--features", "llvm-22"]);
        let mut path = OsString::from(LLVM_BIN);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path);
    }
    command
}

/// The installation as a line to paste.
pub(crate) fn shell(toolchain: &Toolchain, workspace: &Workspace) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    exec::line(&command(toolchain, workspace)).replace(&path, "$PATH")
}

/// # Errors
/// When it cannot be fetched or built.
pub(crate) fn install(toolchain: &Toolchain, workspace: &Workspace, progress: &Progress) -> Result<()> {
    exec::run(command(toolchain, workspace), progress).map(drop)
}
