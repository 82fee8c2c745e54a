//! Looks at the machine; changes nothing.

use std::{path::Path, process::Command};

use super::{
    apt,
    bpf_linker::Version,
    plan::{Facts, Rustup, System},
    rust_src::PINNED,
    toolchain::{SYSTEM_CARGO, SYSTEM_RUSTC},
};
use crate::{exec, workspace::Workspace};

/// Both pinned bpf-linkers speak this LLVM's bitcode.
const LLVM: u32 = 22;
/// The workspace's `rust-version`.
const OLDEST: (u32, u32) = (1, 95);

pub(crate) fn gather(workspace: &Workspace, storage: bool) -> Facts {
    Facts {
        missing_commands: apt::missing_commands(storage),
        apt: apt::distribution(),
        rustup: rustup(),
        system: System {
            rust: system_rust(),
            llvm: system_llvm(),
        },
        linkers: Version::ALL
            .into_iter()
            .filter(|version| version.is_installed(workspace))
            .collect(),
        source_refused: false,
    }
}

/// rustup's names of what `cargo xtask test` runs and this cargo does not have.
pub(crate) fn missing_checkers(workspace: &Workspace) -> Vec<&'static str> {
    let absent = |subcommand: &str| exec::ask(workspace.cargo(subcommand).arg("--version")).is_none();
    [("fmt", "rustfmt"), ("clippy", "clippy")]
        .iter()
        .filter(|(sub, _)| absent(sub))
        .map(|(_, name)| *name)
        .collect()
}

pub(crate) fn has_rustup() -> bool {
    apt::find("rustup").is_some()
}

fn rustup() -> Option<Rustup> {
    if !has_rustup() {
        return None;
    }
    let active = active_toolchain();
    let fits = |name: &String| version(&mut rustc(name)).is_some_and(fits);
    let toolchain = active.filter(fits).unwrap_or_else(|| PINNED.to_owned());
    let source =
        exec::ask(rustc(&toolchain).args(["--print", "sysroot"])).is_some_and(|root| has_source(&root));
    Some(Rustup { toolchain, source })
}

/// rustup's proxy tells its choice to the programs that it starts.
fn active_toolchain() -> Option<String> {
    std::env::var("RUSTUP_TOOLCHAIN")
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| {
            let shown = exec::ask(Command::new("rustup").args(["show", "active-toolchain"]))?;
            shown.split_whitespace().next().map(str::to_owned)
        })
}

fn rustc(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "rustc"]);
    command
}

fn system_rust() -> bool {
    let usable =
        Path::new(SYSTEM_CARGO).exists() && version(&mut Command::new(SYSTEM_RUSTC)).is_some_and(fits);
    usable && has_source("/usr")
}

fn system_llvm() -> bool {
    ["bin/llvm-config", "lib/libPolly.a"]
        .iter()
        .all(|file| Path::new("/usr/lib/llvm-22").join(file).exists())
}

/// Where build-std looks for it.
fn has_source(sysroot: &str) -> bool {
    Path::new(sysroot)
        .join("lib/rustlib/src/rust/library/core/src/lib.rs")
        .exists()
}

fn version(rustc: &mut Command) -> Option<Compiler> {
    parse_version(&exec::ask(rustc.arg("-vV"))?)
}

/// What `rustc -vV` says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Compiler {
    release: (u32, u32),
    llvm: u32,
}

fn fits(compiler: Compiler) -> bool {
    compiler.release >= OLDEST && compiler.llvm == LLVM
}

fn parse_version(text: &str) -> Option<Compiler> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let mut release = field("release: ")?.split('.');
    let mut number = || release.next()?.parse().ok();
    let release = (number()?, number()?);
    let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
    Some(Compiler { release, llvm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_version_is_read() {
        let text = "rustc 1.96.0-nightly (0 2026-01-01)\nhost: x86_64\nrelease: 1.96.0-nightly\nLLVM version: 22.1.8";
        assert_eq!(
            parse_version(text),
            Some(Compiler {
                release: (1, 96),
                llvm: 22
            })
        );
        assert_eq!(parse_version("release: 1.95.0"), None);
    }

    #[test]
    fn an_old_compiler_or_another_llvm_does_not_fit() {
        assert!(fits(Compiler {
            release: (1, 95),
            llvm: 22
        }));
        assert!(!fits(Compiler {
            release: (1, 94),
            llvm: 22
        }));
        assert!(!fits(Compiler {
            release: (1, 98),
            llvm: 23
        }));
    }
}
