//! `cargo xtask build`: the XDP object first, because the agent embeds it, then the release binaries.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    exec,
    failure::Failure,
    tools::{self, Toolchain},
    ui::{Done, Progress, Steps},
    workspace::Workspace,
};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    tools: tools::ToolOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::new();
    tools_and_binaries(&options.tools, &workspace, &mut Steps::new(2))?;
    Ok(ExitCode::SUCCESS)
}

/// The two steps that `build` and `run` begin with.
///
/// # Errors
/// When a tool is missing or something does not compile.
pub(crate) fn tools_and_binaries(
    options: &tools::ToolOptions,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<()> {
    let toolchain = steps.run("tools", |progress| tools::ensure(options, workspace, progress))?;
    steps.run("build", |progress| {
        let object = ebpf(&toolchain, workspace, DATA_PATH, progress)?;
        binaries(workspace, progress)?;
        Ok((Done::new(format!("fabric, fabric-lab, {object}"), ""), ()))
    })
}

/// As [`tools_and_binaries`], with the programs that the benchmark compares with.
///
/// # Errors
/// When a tool is missing or something does not compile.
pub(crate) fn tools_and_benchmark(
    options: &tools::ToolOptions,
    workspace: &Workspace,
    steps: &mut Steps,
) -> Result<()> {
    let toolchain = steps.run("tools", |progress| tools::ensure(options, workspace, progress))?;
    steps.run("build", |progress| {
        let object = ebpf(&toolchain, workspace, DATA_PATH, progress)?;
        let reference = ebpf(&toolchain, workspace, "reference", progress)?;
        binaries(workspace, progress)?;
        Ok((
            Done::new(format!("fabric, fabric-bench, {object}, {reference}"), ""),
            (),
        ))
    })
}

/// The object that the agent embeds.
pub(crate) const DATA_PATH: &str = "fabric-ebpf";

/// Builds a BPF object and puts it where the agent's build script looks. Says its name and size.
///
/// # Errors
/// When it does not compile or link.
pub(crate) fn ebpf(
    toolchain: &Toolchain,
    workspace: &Workspace,
    name: &str,
    progress: &Progress,
) -> Result<String> {
    let mut cargo = toolchain.ebpf("build", workspace);
    cargo.args(["--bin", name]);
    exec::run(cargo, progress)?;
    let built = toolchain.built_object(workspace, name);
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let object = workspace.ebpf_object(name);
    if !is_bpf_object(&bytes) {
        let what = format!(
            "{} is not a BPF object: the linker was not bpf-linker",
            built.display()
        );
        return Err(Failure::new(
            "no-bpf-object",
            what,
            "rm -r .tools target/bpf && cargo xtask build",
        )
        .into());
    }
    // An unchanged object keeps its time stamp, and cargo does not build the agent again.
    if fs::read(&object).ok().as_ref() != Some(&bytes) {
        // Not in the object's own folder: the agent's build script watches that.
        let whole = workspace.target().join(format!("{name}.new"));
        replace(&object, &whole, &bytes).with_context(|| format!("cannot write {}", object.display()))?;
    }
    Ok(format!("{name} ({} KiB)", bytes.len().div_ceil(1024)))
}

/// Builds the release binaries, always the same set: another set would unify dependency features
/// differently and build half of them again.
///
/// # Errors
/// When one does not compile.
pub(crate) fn binaries(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let mut cargo = workspace.cargo("build");
    cargo.args([
        "--release",
        "-p",
        "fabric-userspace",
        "-p",
        "fabric-tests",
        "--bins",
        "--target-dir",
    ]);
    cargo.arg(workspace.target());
    exec::run(cargo, progress).map(drop)
}

/// ELF, 64 bits, little endian, machine `EM_BPF` (247).
fn is_bpf_object(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF\x02\x01") && bytes.get(18..20) == Some(&[247, 0])
}

/// Writes whole or not at all: an interrupted write must not be embedded.
fn replace(path: &Path, whole: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(whole, bytes)?;
    fs::rename(whole, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bpf_object_is_taken() {
        let mut header = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xf7\0";
        assert!(is_bpf_object(&header));
        header[18] = 62;
        assert!(!is_bpf_object(&header), "x86-64");
        assert!(!is_bpf_object(&header[..18]));
    }
}
