//! Finds what the build, the lab and the tests need, and installs what is missing.
//!
//! [`probe`] looks, [`plan`] decides (purely), the other modules act. Invariant: when everything is
//! there, nothing is run but a few questions for versions, so that the second run costs nothing.

mod apt;
mod bpf_linker;
pub(crate) mod guest;
mod plan;
mod probe;
mod rust_src;
mod toolchain;

use anyhow::Result;
use clap::{Args, ValueEnum};

pub(crate) use toolchain::Toolchain;

use crate::{
    failure::Failure,
    ui::{Done, Progress},
    workspace::Workspace,
};
use plan::{Action, Facts, Plan};

/// How the tools are set up; the same for every task.
#[derive(Args, Clone)]
pub(crate) struct ToolOptions {
    /// Install nothing: only say what is missing, and exit 1
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Whose Rust builds the XDP programs
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Choice::Auto)]
    pub(crate) toolchain: Choice,
    /// Storage servers and their clients too; who runs storage sets it.
    #[arg(skip)]
    pub(crate) storage: bool,
}

impl ToolOptions {
    /// The same, with or without what only storage needs.
    pub(crate) fn with_storage(&self, storage: bool) -> Self {
        Self {
            storage,
            ..self.clone()
        }
    }
}

/// Where the compiler and the sources of `core` for the BPF target come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// rustup with rust-src if it can be had, else the distribution's packages
    Auto,
    /// rustup's stable with rust-src
    Rustup,
    /// Debian's rustc-web, cargo-web, rust-web-src and LLVM 22
    System,
}

/// Makes sure that everything is there.
///
/// # Errors
/// When something is missing and must not, or cannot, be installed.
pub(crate) fn ensure(
    options: &ToolOptions,
    workspace: &Workspace,
    progress: &Progress,
) -> Result<(Done, Toolchain)> {
    let mut installed = false;
    let mut facts = probe::gather(workspace, options.storage);
    loop {
        let plan = plan::plan(&facts, options.toolchain)?;
        if plan.actions.is_empty() {
            let word = if installed { "installed" } else { "present" };
            return Ok((Done::new(plan.toolchain.describe(), word), plan.toolchain));
        }
        if options.no_install {
            return Err(missing(&plan, workspace).into());
        }
        let source_refused = perform(&plan, options, workspace, progress)?;
        installed = true;
        facts = Facts {
            source_refused,
            ..probe::gather(workspace, options.storage)
        };
    }
}

/// Makes sure that this cargo has `fmt` and `clippy`, which rustup's minimal profile lacks.
///
/// # Errors
/// When one is missing and must not, or cannot, be installed.
pub(crate) fn ensure_checkers(
    options: &ToolOptions,
    workspace: &Workspace,
    progress: &Progress,
) -> Result<()> {
    let missing = probe::missing_checkers(workspace);
    if missing.is_empty() {
        return Ok(());
    }
    if options.no_install || !probe::has_rustup() {
        let what = format!(
            "missing for this cargo: {}; nothing was installed",
            missing.join(", ")
        );
        return Err(Failure::new("tools-missing", what, rust_src::shell_components(&missing)).into());
    }
    rust_src::add_components(&missing, progress)
}

/// Performs all actions. True if the sources of `core` could not be had from rustup and the
/// distribution's may be tried instead.
fn perform(plan: &Plan, options: &ToolOptions, workspace: &Workspace, progress: &Progress) -> Result<bool> {
    let choice = options.toolchain;
    for action in &plan.actions {
        let done = action.perform(workspace, progress);
        let replaceable = matches!(action, Action::RustSource { .. }) && choice == Choice::Auto;
        match done {
            Err(error) if replaceable => {
                progress.note(&format!(
                    "      no rust-src from rustup, taking the system's Rust: {}",
                    first_line(&error)
                ));
                return Ok(true);
            }
            done => done?,
        }
    }
    // An action that succeeds but changes nothing would be planned again for ever.
    let left = plan::plan(&probe::gather(workspace, options.storage), choice)?;
    match left.actions.iter().find(|action| plan.actions.contains(action)) {
        None => Ok(false),
        Some(action) => {
            let what = format!(
                "{} is still not usable after its installation succeeded",
                action.describe()
            );
            Err(Failure::new("tools-missing", what, action.shell(workspace)).into())
        }
    }
}

fn first_line(error: &anyhow::Error) -> String {
    error
        .downcast_ref::<Failure>()
        .map_or_else(|| error.to_string(), |failure| failure.what.clone())
}

fn missing(plan: &Plan, workspace: &Workspace) -> Failure {
    let names: Vec<String> = plan.actions.iter().map(Action::describe).collect();
    let commands: Vec<String> = plan
        .actions
        .iter()
        .map(|action| action.shell(workspace))
        .collect();
    let what = format!(
        "missing on this machine: {}; nothing was installed",
        names.join(", ")
    );
    Failure::new("tools-missing", what, commands.join(" && "))
}
