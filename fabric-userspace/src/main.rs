//! The `fabric` binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use fabric_userspace::agent;
use fabric_userspace::agent_options::{AgentOptions, LogFormat};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs the agent.
    Agent {
        #[arg(long)]
        state_dir: std::path::PathBuf,
        #[arg(long)]
        socket: std::path::PathBuf,
        #[arg(long)]
        config: Option<std::path::PathBuf>,
        #[arg(long)]
        node: Option<fabric_userspace::model::Name>,
        #[arg(long)]
        metrics: Option<std::net::SocketAddr>,
        #[arg(long, default_value_t = 300.0)]
        ageing: f64,
    },
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let Verb::Agent {
        state_dir,
        socket,
        config,
        node,
        metrics,
        ageing,
    } = Cli::parse().verb;
    let ageing = Duration::from_secs_f64(ageing);
    let options = AgentOptions {
        state_dir,
        socket,
        config,
        metrics,
        node,
        ageing,
        log_format: LogFormat::Text,
        log_drops: false,
    };
    match agent::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "{refusal}");
            ExitCode::FAILURE
        }
    }
}
