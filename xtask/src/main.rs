//! `cargo xtask`: finds or installs the tools, then builds, runs and tests the fabric.
//!
//! Invariant: nothing that this crate builds is a dependency of it, so it compiles and works
//! on a machine that has only Rust and a C compiler.

mod bench;
mod build;
mod child_env;
mod exec;
mod failure;
#[cfg(test)]
mod fake;
mod run;
mod sudo;
mod test;
mod tools;
mod ui;
mod workspace;

use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Build, run and test the tagging fabric"
)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up the tools and build the XDP programs and the release binaries
    Build(build::Options),
    /// Build, then show the fabric at work in namespaces, or run the agent on this host's ports
    Run(run::Options),
    /// Build, then measure what a frame costs, beside the limit and the kernel's own devices
    Bench(bench::Options),
    /// Format, lints, build, all tests; ends with `N passed, M failed`
    Test(test::Options),
    /// What the continuous integration runs: the same as `test`
    Ci(test::Options),
}

const EXAMPLES: &str = "Examples:
  cargo xtask run                       two tenants, same addresses, one wire: removes itself
  cargo xtask run -- --lab storage      a storage machine dies under its client
  cargo xtask run -- --lab cluster      four nodes on an etcd whose leader dies
  cargo xtask run -- --config FILE      the agent on this host's ports
  cargo xtask test --filter NAME        only the tests whose name contains NAME
  cargo xtask bench --quick             what a frame costs, in under a minute

Exit codes: 0 done, 1 failed or refused, 2 wrong usage; `run` passes on the code of what it ran.";

fn main() -> ExitCode {
    let cli = Cli::parse_from(own_options_first(without_separator(std::env::args_os())));
    let outcome = match cli.command {
        Task::Build(options) => build::run(&options),
        Task::Run(options) => run::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Test(options) | Task::Ci(options) => test::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        failure::report(&error);
        ExitCode::FAILURE
    })
}

/// `cargo xtask run -- --keep` and `cargo xtask run --keep` mean the same: people know the first
/// form from `cargo run`, where the separator is needed.
fn without_separator(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    if args.get(1).is_some_and(|task| task == "run" || task == "bench")
        && let Some(at) = args.iter().position(|arg| arg == "--")
    {
        args.remove(at);
    }
    args
}

/// Puts the options of `run` itself in front of those that go on: clap would hand on everything that follows the first
/// option that it does not know.
fn own_options_first(args: Vec<OsString>) -> Vec<OsString> {
    let cli = Cli::command();
    let task = args.get(1).and_then(|task| cli.find_subcommand(task));
    let Some(task) = task.filter(|task| task.get_name() == "run") else {
        return args;
    };
    let mut rest = args.into_iter();
    let mut own: Vec<OsString> = rest.by_ref().take(2).collect();
    let mut others = Vec::new();
    while let Some(arg) = rest.next() {
        match takes_value(task, &arg) {
            Some(true) => {
                own.push(arg);
                // Without its value it must not take the first of the others for it.
                let Some(value) = rest.next() else {
                    return own;
                };
                own.push(value);
            }
            Some(false) => own.push(arg),
            None => others.push(arg),
        }
    }
    own.extend(others);
    own
}

/// Whether the next argument belongs to `arg`; nothing for what is not one of the task's long options.
fn takes_value(task: &clap::Command, arg: &OsStr) -> Option<bool> {
    let name = arg.to_str()?.strip_prefix("--")?;
    let (name, joined) = name
        .split_once('=')
        .map_or((name, false), |(name, _)| (name, true));
    let option = task
        .get_arguments()
        .find(|option| option.get_long() == Some(name))?;
    Some(option.get_action().takes_values() && !joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(own_options_first(without_separator(
            line.split(' ').map(OsString::from),
        )))
    }

    fn run_options(line: &str) -> run::Options {
        match parse(line).unwrap().command {
            Task::Run(options) => options,
            Task::Build(_) | Task::Bench(_) | Task::Test(_) | Task::Ci(_) => panic!("not a run"),
        }
    }

    #[test]
    fn keep_works_with_and_without_the_separator() {
        assert!(run_options("xtask run --keep").keep);
        assert!(run_options("xtask run -- --keep").keep);
        assert!(!run_options("xtask run").keep);
    }

    #[test]
    fn config_works_with_and_without_the_separator_and_mixes_with_tool_options() {
        for line in [
            "xtask run --no-install --config a.json",
            "xtask run --no-install -- --config a.json",
        ] {
            let options = run_options(line);
            assert_eq!(
                options.config.as_deref(),
                Some(std::path::Path::new("a.json")),
                "{line}"
            );
            assert!(options.tools.no_install, "{line}");
        }
    }

    #[test]
    fn unknown_arguments_go_on_to_the_lab() {
        assert_eq!(
            run_options("xtask run --keep -- --flows 3").rest,
            ["--flows", "3"]
        );
    }

    #[test]
    fn options_of_run_are_its_own_wherever_they_stand() {
        let options = run_options(
            "xtask run -- --node edge1 --config a.json --log-drops --socket=/s --state-dir /d --no-install",
        );
        assert_eq!(options.config.as_deref(), Some(std::path::Path::new("a.json")));
        assert!(options.tools.no_install);
        assert_eq!(options.rest, ["--node", "edge1", "--log-drops"]);
        assert!(run_options("xtask run --lab figure-1 --keep").keep);
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(parse("xtask run --node edge1 --config").is_err());
    }

    #[test]
    fn keep_and_config_exclude_each_other() {
        assert!(parse("xtask run --keep --config a.json").is_err());
    }

    #[test]
    fn the_separator_is_kept_for_other_tasks() {
        assert!(parse("xtask test -- --keep").is_err());
    }
}
