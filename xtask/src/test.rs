//! `cargo xtask test`: every check there is. No failure stops the others, and the last line counts them.

mod report;
mod suite;

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::Result;
use clap::Args;

use crate::{
    build, exec, failure, sudo,
    tools::{self, Toolchain},
    ui::{self, Done, Progress, Steps},
    workspace::{self, Workspace},
};
use report::Tally;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    tools: tools::ToolOptions,
    /// Only the tests whose name contains NAME, without the format and lint steps
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
}

const WHY: &str = "testing with network namespaces and XDP";

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut session = Session {
        workspace: Workspace::new(),
        steps: Steps::new(if options.filter.is_some() { 5 } else { 8 }),
        tally: Tally::default(),
    };
    let started = Instant::now();
    session.all(options);
    session.tally.print(started.elapsed());
    Ok(if session.tally.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Session {
    workspace: Workspace,
    steps: Steps,
    tally: Tally,
}

impl Session {
    fn all(&mut self, options: &Options) {
        let tools = options.tools.with_storage(true);
        let toolchain = self.step("tools", "cargo xtask test", |workspace, progress| {
            root_and_tools(&tools, workspace, progress)
        });
        self.step("guests", "cargo xtask test", |workspace, progress| {
            Ok((tools::guest::ensure(&tools, workspace, progress)?, ()))
        });
        if options.filter.is_none() {
            self.format();
            self.clippy_host();
            self.clippy_bpf(toolchain.as_ref());
        }
        let built = toolchain.and_then(|toolchain| self.build(&toolchain));
        if built.is_none() {
            // Without a data path each test would fail for the same reason.
            self.tally.fail("tests (not run: no build)", "cargo xtask build");
            return;
        }
        suite::run(self, options.filter.as_deref());
    }

    fn format(&mut self) {
        let mut cargo = self.workspace.cargo("fmt");
        cargo.args(["--all", "--", "--check", "--color", workspace::colour()]);
        self.command("format", "cargo fmt --all", cargo);
    }

    fn clippy_host(&mut self) {
        let mut cargo = self.workspace.cargo("clippy");
        cargo.args([
            "--workspace",
            "--exclude",
            "fabric-ebpf",
            "--all-targets",
            "--target-dir",
        ]);
        cargo.arg(self.workspace.target()).args(["--", "-D", "warnings"]);
        self.command("clippy", "cargo clippy --all-targets -- -D warnings", cargo);
    }

    /// For the BPF target itself where there is a clippy for its compiler; else as host code, which
    /// misses only what is behind `cfg(target_arch = "bpf")`.
    fn clippy_bpf(&mut self, toolchain: Option<&Toolchain>) {
        let mut cargo = match toolchain {
            Some(toolchain) if toolchain.has_clippy() => toolchain.ebpf("clippy", &self.workspace),
            Some(_) | None => {
                let mut cargo = self.workspace.cargo("clippy");
                // Without std there is no unwinding; a folder of its own keeps the other builds' artefacts.
                cargo
                    .env("CARGO_PROFILE_DEV_PANIC", "abort")
                    .args(["-p", "fabric-ebpf", "--target-dir"]);
                cargo.arg(self.workspace.target().join("bpf"));
                cargo
            }
        };
        cargo.args(["--", "-D", "warnings"]);
        self.command("clippy-bpf", &exec::line(&cargo), cargo);
    }

    fn build(&mut self, toolchain: &Toolchain) -> Option<()> {
        self.step("build", "cargo xtask build", |workspace, progress| {
            let object = build::ebpf(toolchain, workspace, build::DATA_PATH, progress)?;
            build::binaries(workspace, progress)?;
            Ok((Done::new(format!("fabric, fabric-lab, {object}"), "ok"), ()))
        })
    }

    /// A step that is one command.
    fn command(&mut self, name: &str, again: &str, command: Command) {
        self.step(name, again, |_, progress| {
            exec::run(command, progress)?;
            Ok((Done::new("", "ok"), ()))
        });
    }

    /// Counts the step, and prints why it failed.
    fn step<T>(
        &mut self,
        name: &str,
        again: &str,
        work: impl FnOnce(&Workspace, &Progress) -> Result<(Done, T)>,
    ) -> Option<T> {
        let workspace = &self.workspace;
        match self.steps.run(name, |progress| work(workspace, progress)) {
            Ok(value) => {
                self.tally.pass(1);
                Some(value)
            }
            Err(error) => {
                ui::say(&failure::render(&error));
                self.tally.fail(&format!("step {name}"), again);
                None
            }
        }
    }
}

fn root_and_tools(
    options: &tools::ToolOptions,
    workspace: &Workspace,
    progress: &Progress,
) -> Result<(Done, Toolchain)> {
    progress.clear();
    sudo::prepare(WHY)?;
    tools::ensure_checkers(options, workspace, progress)?;
    tools::ensure(options, workspace, progress)
}
