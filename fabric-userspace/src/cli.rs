//! The command line: `fabric NOUN VERB [NAME] [--flags]`, a client of the agent's API.
//!
//! Invariants: stdout holds the answer and nothing else, or is empty with an error on stderr; every error has a
//! cure and a code; without a terminal nothing is asked.

mod agent;
mod args;
mod change;
mod complete;
mod context;
mod counters;
mod datacenter;
mod doctor;
mod document;
mod examples;
mod explain;
mod fdb;
mod gateway;
mod link;
mod names;
mod node;
mod node_list;
mod port;
mod segment;
mod status;
mod stop;
mod storage;
mod store;
mod tenant;
mod transfer;
mod usage;
mod values;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::error::{Refusal, codes};
use crate::render::Output;
#[cfg(test)]
pub(crate) use args::parse;
use args::{Cli, Command};
use context::{Context, Exit};

/// Runs the command that this process was started with.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    match args::parse(&words) {
        Ok(cli) => run(cli),
        Err(error) => usage::report(&error, &words),
    }
}

fn run(cli: Cli) -> ExitCode {
    let mut output = Output::of_process(cli.global.color, cli.global.wants_json());
    let outcome = if let Command::Agent(args) = &cli.command
        && args.stop.is_none()
    {
        agent::run(args.options.clone(), &cli.global)
    } else {
        block_on_command(cli.command, Context::new(&mut output, &cli.global))
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(refusal) => {
            output.refuse(&refusal);
            exit_code_of(&refusal)
        }
    }
}

fn exit_code_of(refusal: &Refusal) -> ExitCode {
    ExitCode::from(if refusal.code == codes::USAGE { 2 } else { 1 })
}

fn block_on_command(command: Command, mut context: Context<'_>) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Refusal::new(codes::FAILED, format!("the command could not start: {error}"))
                .with_cure("look at the limits of this shell: ulimit -a")
        })?;
    runtime.block_on(dispatch(command, &mut context))
}

async fn dispatch(command: Command, context: &mut Context<'_>) -> Result<Exit, Refusal> {
    match command {
        Command::Agent(args) => stop::run(context, args).await,
        Command::Status(args) => status::run(context, &args).await,
        Command::Tenant { verb } => tenant::run(context, verb).await,
        Command::Segment { verb } => segment::run(context, verb).await,
        Command::Port { verb } => port::run(context, verb).await,
        Command::Gateway { verb } => gateway::run(context, verb).await,
        Command::Datacenter { verb } => datacenter::run(context, verb).await,
        Command::Node { verb } => node::run(context, verb).await,
        Command::Link { verb } => link::run(context, verb).await,
        Command::Storage { verb } => storage::run(context, verb).await,
        Command::Fdb { verb } => fdb::run(context, verb).await,
        Command::Counters(args) => counters::run(context, &args).await,
        Command::Plan(args) => document::plan(context, &args).await,
        Command::Apply(args) => document::apply(context, &args).await,
        Command::Import(args) => transfer::import(context, &args).await,
        Command::Export(args) => document::export(context, &args).await,
        Command::Confirm(args) => document::confirm(context, &args).await,
        Command::History => document::history(context).await,
        Command::Rollback(args) => document::rollback(context, &args).await,
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Schema => document::schema(context),
        Command::Completions(args) => complete::script(context, &args),
        Command::CompleteNames(args) => complete::names(context, &args).await,
        Command::Help(args) => explain::run(context, &args),
    }
}
