//! Decides what to install from what is there. Pure: no file, no process.

use anyhow::Result;

use super::{
    Choice, apt,
    bpf_linker::{self, Version},
    rust_src,
    toolchain::Toolchain,
};
use crate::{failure::Failure, ui::Progress, workspace::Workspace};

/// What [`super::probe`] saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Commands of [`apt::COMMANDS`] that are not there, by name.
    pub(crate) missing_commands: Vec<&'static str>,
    /// `ID` of os-release if this system has apt-get, e.g. `debian`.
    pub(crate) apt: Option<String>,
    pub(crate) rustup: Option<Rustup>,
    /// Packages of [`apt::SYSTEM_RUST`] and [`apt::SYSTEM_LLVM`] that are not there.
    pub(crate) system: System,
    pub(crate) linkers: Vec<Version>,
    /// rustup was asked for the sources and could not give them.
    pub(crate) source_refused: bool,
}

/// A rustup toolchain whose LLVM fits the pinned bpf-linker.
#[derive(Clone, Debug)]
pub(crate) struct Rustup {
    pub(crate) toolchain: String,
    /// `core`'s sources are in its sysroot.
    pub(crate) source: bool,
}

/// The distribution's own Rust.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct System {
    /// Compiler, cargo and sources of a fitting version.
    pub(crate) rust: bool,
    /// Headers and libraries to build bpf-linker with; only needed while that is missing.
    pub(crate) llvm: bool,
}

/// One installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Packages(Vec<&'static str>),
    RustSource { toolchain: String },
    Linker(Toolchain),
}

/// The toolchain that will build the XDP programs, and what to install before.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) toolchain: Toolchain,
    pub(crate) actions: Vec<Action>,
}

/// # Errors
/// When something is missing that only a package manager other than apt could install, or when
/// `--toolchain rustup` is asked for where there is no rustup.
pub(crate) fn plan(facts: &Facts, choice: Choice) -> Result<Plan> {
    let toolchain = choose(facts, choice)?;
    let mut packages = apt::packages(&facts.missing_commands);
    let mut actions = Vec::new();
    let linker_missing = !facts.linkers.contains(&toolchain.linker());
    match &toolchain {
        Toolchain::Rustup(name) if facts.rustup.as_ref().is_some_and(|rustup| !rustup.source) => {
            actions.push(Action::RustSource {
                toolchain: name.clone(),
            });
        }
        Toolchain::System if !facts.system.rust => packages.extend(apt::SYSTEM_RUST),
        Toolchain::Rustup(_) | Toolchain::System => {}
    }
    if toolchain == Toolchain::System && linker_missing && !facts.system.llvm {
        packages.extend(apt::SYSTEM_LLVM);
    }
    if !packages.is_empty() {
        if facts.apt.is_none() {
            return Err(no_apt(facts, &toolchain).into());
        }
        actions.insert(0, Action::Packages(packages));
    }
    if linker_missing {
        actions.push(Action::Linker(toolchain.clone()));
    }
    Ok(Plan { toolchain, actions })
}

/// What is ready wins; then what rustup can fetch in seconds; then packages.
fn choose(facts: &Facts, choice: Choice) -> Result<Toolchain> {
    let rustup = facts.rustup.as_ref();
    let by_rustup = |rustup: &Rustup| Toolchain::Rustup(rustup.toolchain.clone());
    match choice {
        Choice::System => Ok(Toolchain::System),
        Choice::Rustup => rustup.map(by_rustup).ok_or_else(|| {
            Failure::new(
                "no-rustup",
                "--toolchain rustup was asked for, but rustup is not in PATH",
                "cargo xtask build --toolchain system",
            )
            .into()
        }),
        Choice::Auto => Ok(rustup
            .filter(|rustup| rustup.source || !(facts.source_refused || system_ready(facts)))
            .map_or(Toolchain::System, by_rustup)),
    }
}

fn system_ready(facts: &Facts) -> bool {
    facts.system.rust && facts.linkers.contains(&Toolchain::System.linker())
}

fn no_apt(facts: &Facts, toolchain: &Toolchain) -> Failure {
    let mut names: Vec<&str> = facts.missing_commands.clone();
    if *toolchain == Toolchain::System && !facts.system.rust {
        names.push("rustc 1.95 with LLVM 22 and the sources of core");
    }
    let what = format!(
        "missing: {}; this system has no apt-get, and packages are installed on Debian and Ubuntu only",
        names.join(", ")
    );
    let cure = "install the packages that hold them (Fedora: iproute ethtool iputils wireshark-cli bpftool gcc; Rust: https://rustup.rs), then run it again";
    Failure::new("tools-missing", what, cure)
}

impl Action {
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Packages(packages) => format!("packages {}", packages.join(" ")),
            Self::RustSource { toolchain } => format!("rust-src for {toolchain}"),
            Self::Linker(toolchain) => format!("bpf-linker {}", toolchain.linker().number()),
        }
    }

    /// The same installation as a line to paste.
    pub(crate) fn shell(&self, workspace: &Workspace) -> String {
        match self {
            Self::Packages(packages) => apt::shell(packages),
            Self::RustSource { toolchain } => rust_src::shell(toolchain),
            Self::Linker(toolchain) => bpf_linker::shell(toolchain, workspace),
        }
    }

    /// # Errors
    /// Those of the installer, with its output.
    pub(crate) fn perform(&self, workspace: &Workspace, progress: &Progress) -> Result<()> {
        match self {
            Self::Packages(packages) => apt::install(packages, progress),
            Self::RustSource { toolchain } => rust_src::add(toolchain, progress),
            Self::Linker(toolchain) => bpf_linker::install(toolchain, workspace, progress),
        }
    }
}

#[cfg(test)]
mod tests;
