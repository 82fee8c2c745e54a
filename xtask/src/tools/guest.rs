//! What the virtual machines of the FCoE tests are made of: a distribution's kernel, the modules that the guests load, a shell.
//!
//! FCoE lives in the kernel, and the kernel of this machine may lack it, as those for clouds do. Packages are unpacked into
//! `.tools/guest` and not installed: this machine is neither to boot another kernel nor to lose its own busybox.

mod image;
mod modules;
mod packages;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use super::{ToolOptions, apt};
use crate::{
    exec,
    failure::Failure,
    sudo,
    ui::{Done, Progress},
    workspace::Workspace,
};

/// The guests are virtual PCs: on another processor their kernel is not among the packages.
const ARCHITECTURE: &str = "x86_64";

/// Statically linked, so that the guest needs no libraries.
const SHELL: &str = "busybox-static";

/// Written last. First line: what was unpacked; the others: [`modules::WANTED`], so that another list is provided anew.
const MANIFEST: &str = "manifest";

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("guest")
}

/// Makes sure that `.tools/guest` has `kernel`, `busybox` and `modules/NN-NAME.ko`, numbered as they must be loaded.
///
/// # Errors
/// When they are not there and must not, or cannot, be had.
pub(crate) fn ensure(options: &ToolOptions, workspace: &Workspace, progress: &Progress) -> Result<Done> {
    if let Some(what) = provided(&folder(workspace)) {
        return Ok(Done::new(what, "present"));
    }
    let Some(distribution) = apt::distribution().filter(|_| std::env::consts::ARCH == ARCHITECTURE) else {
        return Err(Failure::new(
            "no-guest-kernel",
            "the guests of the FCoE tests boot a kernel out of the packages of Debian or Ubuntu on x86-64, which this machine is not",
            "run `cargo xtask test --filter fcoe` on such a machine",
        )
        .into());
    };
    if options.no_install {
        let what = format!(
            "missing on this machine: a kernel and a shell for the guests of the FCoE tests, in {}; nothing was downloaded",
            folder(workspace).display()
        );
        return Err(Failure::new("tools-missing", what, "run it again without --no-install").into());
    }
    let what = provide(&distribution, workspace, progress)?;
    Ok(Done::new(what, "installed"))
}

/// What is there, if that is all that is wanted.
fn provided(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let (what, wanted) = text.split_once('\n')?;
    let complete = wanted.lines().eq(modules::WANTED.map(|module| module.name));
    complete.then(|| what.to_owned())
}

fn provide(distribution: &str, workspace: &Workspace, progress: &Progress) -> Result<String> {
    progress.clear();
    sudo::prepare("asking the package sources for a kernel")?;
    let mut update = sudo::command("apt-get", &[("DEBIAN_FRONTEND", "noninteractive")]);
    update.arg("update");
    exec::run(update, progress)?;
    let kernel = packages::kernel(distribution)?;
    apt::known(&[SHELL])?;

    let names = modules::WANTED.map(|module| module.name).join("\n");

    // What an earlier run could not finish is of no use.
    let draft = workspace.tools().join("guest.new");
    remove(&draft)?;
    let tree = draft.join("tree");
    fs::create_dir_all(&tree).with_context(|| format!("cannot make {}", tree.display()))?;
    packages::unpack(kernel.iter().map(String::as_str).chain([SHELL]), &tree, progress)?;
    let what = format!("Linux {}", collect(&tree, &draft, progress)?);
    remove(&tree)?;
    fs::write(draft.join(MANIFEST), format!("{what}\n{names}\n"))?;
    remove(&folder(workspace))?;
    fs::rename(&draft, folder(workspace)).context("cannot put the guest's parts in their place")?;
    Ok(what)
}

/// Puts what the guests need of the unpacked `tree` into `draft`; gives the kernel's version.
fn collect(tree: &Path, draft: &Path, progress: &Progress) -> Result<String> {
    let version = modules::version(tree)?;
    let images = [
        format!("boot/vmlinuz-{version}"),
        format!("lib/modules/{version}/vmlinuz"),
    ];
    image::provide(&one_of(&images, tree)?, &draft.join("kernel"))?;
    let shell = one_of(&["bin/busybox".into(), "usr/bin/busybox".into()], tree)?;
    fs::copy(shell, draft.join("busybox"))?;
    modules::collect(tree, &version, &draft.join("modules"), progress)?;
    Ok(version)
}

/// The first of `places` that is there.
fn one_of(places: &[String], tree: &Path) -> Result<PathBuf> {
    let found = places
        .iter()
        .map(|place| tree.join(place))
        .find(|path| path.is_file());
    found.ok_or_else(|| packages::unexpected(&format!("no {}", places.join(" and no "))).into())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Has `program` unpack `from` into `to`.
fn unpack(program: &str, from: &Path, to: &Path) -> Result<()> {
    let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut command = Command::new(program);
    command.arg("-dc").arg(from).stdout(file);
    let output = command
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .with_context(|| format!("cannot start: {}", exec::line(&command)))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(packages::unexpected(&format!("{}: {}", exec::line(&command), said.trim())).into())
}
