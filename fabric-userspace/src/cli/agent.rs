//! The flags of `fabric agent` and of `fabric agent stop`; an agent runs in the process of its command.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::Global;
use super::context::Exit;
use super::store::StoreArgs;
use super::values;
use crate::agent_options::{AgentOptions, LogFormat};
use crate::error::{Refusal, codes};
use crate::model::Name;

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(super) struct AgentArgs {
    #[command(subcommand)]
    pub(super) stop: Option<StopVerb>,
    #[command(flatten)]
    pub(super) options: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum StopVerb {
    /// Stop the agent; forwarding goes on without it
    Stop(StopArgs),
}

#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Take the data path down too, restore the interfaces
    #[arg(long)]
    pub(super) detach: bool,
    /// Do not ask, even if traffic stops
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// Take down what a dead agent left here
    #[arg(long, value_name = "DIR", requires = "detach")]
    pub(super) state_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// Where the document is kept; made if missing
    #[arg(long, value_name = "DIR", required = true)]
    state_dir: Option<PathBuf>,
    /// A document to start with, if none is kept
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve Prometheus metrics over TCP
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// The node that this is [default: the host's name]
    #[arg(long)]
    node: Option<Name>,
    /// Age of forgotten addresses [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    ageing: Option<Duration>,
    /// Share MAC addresses with FRR (EVPN)
    #[arg(long)]
    evpn: bool,
    /// Log every dropped frame, to look for a fault
    #[arg(long)]
    log_drops: bool,
    /// Form of the log, text or json [default: text]
    #[arg(long, value_name = "FORM", hide_possible_values = true)]
    log_format: Option<LogFormat>,
    #[command(flatten)]
    store: StoreArgs,
}

impl RunArgs {
    /// Whether an option of a running agent was given, which means nothing to `stop`.
    pub(super) fn any(&self) -> bool {
        self.state_dir.is_some()
            || self.config.is_some()
            || self.metrics.is_some()
            || self.node.is_some()
            || self.ageing.is_some()
            || self.evpn
            || self.log_drops
            || self.log_format.is_some()
            || self.store.any()
    }

    fn into_options(self, global: &Global) -> Result<AgentOptions, Refusal> {
        let state_dir = self.state_dir.ok_or_else(|| {
            Refusal::new(codes::USAGE, "an agent needs a state directory")
                .with_cure("fabric agent --state-dir /var/lib/fabric")
        })?;
        Ok(AgentOptions {
            store: self.store.address()?,
            state_dir,
            socket: global.socket(),
            config: self.config,
            evpn: self.evpn,
            log_drops: self.log_drops,
            metrics: self.metrics,
            node: self.node,
            ageing: self.ageing.unwrap_or(Duration::from_secs(300)),
            log_format: self.log_format.unwrap_or_default(),
        })
    }
}

pub(super) fn run(args: RunArgs, global: &Global) -> Result<Exit, Refusal> {
    let options = args.into_options(global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Refusal::new(codes::FAILED, format!("the agent could not start: {error}"))
                .with_cure("look at the limits of the service: systemctl show fabric-agent")
        })?;
    runtime.block_on(crate::agent::run(options))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Command, parse};
    use crate::store::etcd::Address;

    fn options(line: &str) -> AgentOptions {
        let words: Vec<_> = line.split(' ').map(Into::into).collect();
        let cli = parse(&words).expect("legal");
        let Command::Agent(args) = cli.command else {
            panic!("not the agent: {line}")
        };
        args.options.into_options(&cli.global).expect("complete")
    }

    #[test]
    fn an_agent_needs_only_a_state_directory() {
        let least = options("fabric agent --state-dir /s --socket /a.sock");
        let expected = AgentOptions {
            store: None,
            state_dir: "/s".into(),
            socket: "/a.sock".into(),
            config: None,
            metrics: None,
            node: None,
            evpn: false,
            ageing: Duration::from_secs(300),
            log_drops: false,
            log_format: LogFormat::Text,
        };
        assert_eq!(least, expected);
    }

    #[test]
    fn every_option_reaches_the_agent() {
        let all = options(
            "fabric agent --state-dir /s --socket /a.sock --config c.json --metrics 127.0.0.1:9100 \
             --node edge1 --evpn --ageing 20 --log-format json --store etcd://h1,h2/lab",
        );
        assert_eq!(all.store, Address::parse("etcd://h1:2379,h2:2379/lab").ok());
        assert_eq!(all.config, Some("c.json".into()));
        assert_eq!(all.metrics, "127.0.0.1:9100".parse().ok());
        assert_eq!(all.node, Name::new("edge1").ok());
        assert!(all.evpn);
        assert_eq!(all.ageing, Duration::from_secs(20));
        assert_eq!(all.log_format, LogFormat::Json);
    }
}
