//! The compiler that builds the XDP programs. Stable with `RUSTC_BOOTSTRAP=1`: only `build-std` is
//! unstable about it, and a nightly would move under us.

use std::{path::PathBuf, process::Command};

use super::bpf_linker::Version;
use crate::{
    child_env,
    workspace::{self, Workspace},
};

/// Debian's compiler; a rustup one may come first in PATH.
pub(crate) const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
pub(crate) const SYSTEM_CARGO: &str = "/usr/bin/cargo";

/// `--btf`: the agent and bpftool read types and source lines from the object, which needs full debug information.
/// `allows-misaligned-mem-access`: without it each header field is read byte by byte and the code is twice as long.
const FLAGS: &str =
    "-C debuginfo=2 -C link-arg=--btf -C link-arg=--cpu-features=+allows-misaligned-mem-access";
const TARGET: &str = "bpfel-unknown-none";

/// Who compiles for the BPF target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// A rustup toolchain by name.
    Rustup(String),
    /// The distribution's packages.
    System,
}

impl Toolchain {
    pub(crate) fn linker(&self) -> Version {
        match self {
            Self::Rustup(_) => Version::RustcLlvm,
            Self::System => Version::SystemLlvm,
        }
    }

    /// What the `tools` line says.
    pub(crate) fn describe(&self) -> String {
        let linker = self.linker().number();
        match self {
            Self::Rustup(_) => format!("rust-src, bpf-linker {linker}"),
            Self::System => format!("the system's Rust, bpf-linker {linker}"),
        }
    }

    /// This toolchain's cargo, in the root of the checkout.
    pub(crate) fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Rustup(name) => {
                let mut command = Command::new("rustup");
                command.args(["run", name, "cargo"]);
                command
            }
            Self::System => Command::new(SYSTEM_CARGO),
        };
        child_env::clean(&mut command, workspace.root());
        child_env::clean_flags(&mut command);
        command
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TERM_COLOR", workspace::colour());
        if *self == Self::System {
            command
                .env("RUSTC", SYSTEM_RUSTC)
                .env("RUSTDOC", "/usr/bin/rustdoc");
        }
        command.current_dir(workspace.root());
        command
    }

    /// `cargo SUBCOMMAND` of the XDP programs for the BPF target, into a target folder of its own: the
    /// host's dependencies would otherwise be rebuilt on each change between the two.
    pub(crate) fn ebpf(&self, subcommand: &str, workspace: &Workspace) -> Command {
        let mut command = self.cargo(workspace);
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER",
                self.linker().binary(workspace),
            )
            .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS", FLAGS)
            .args([
                subcommand,
                "--release",
                "-p",
                "fabric-ebpf",
                "--target",
                TARGET,
                "-Z",
                "build-std=core",
            ])
            .arg("--target-dir")
            .arg(ebpf_target(workspace));
        command
    }

    /// Where [`Toolchain::ebpf`] leaves the object `name` of `build`.
    pub(crate) fn built_object(&self, workspace: &Workspace, name: &str) -> PathBuf {
        ebpf_target(workspace).join(TARGET).join("release").join(name)
    }

    /// Debian has no clippy for its compiler.
    pub(crate) fn has_clippy(&self) -> bool {
        matches!(self, Self::Rustup(_))
    }
}

fn ebpf_target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("bpf")
}
