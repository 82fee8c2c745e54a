//! The whole command line as clap reads it: every command, and the flags that all of them take.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::{
    agent, complete, counters, datacenter, doctor, document, examples, explain, fdb, gateway, link, node,
    port, segment, status, storage, tenant, transfer, values,
};
use crate::client::DEFAULT_SOCKET;
use crate::render::ColorChoice;

/// Lend servers and storage to many tenants, each inside its own LAN.
#[derive(Debug, Parser)]
#[command(
    name = "fabric",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the agent of this node, or stop it
    Agent(agent::AgentArgs),
    /// Is everything well?
    Status(status::StatusArgs),
    /// Attach, detach, list, show and remove tenants
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Tenant {
        #[command(subcommand)]
        verb: tenant::Verb,
    },
    /// Add, remove, list and show the LANs of tenants
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Segment {
        #[command(subcommand)]
        verb: segment::Verb,
    },
    /// List, show and set the ports of this node
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Port {
        #[command(subcommand)]
        verb: port::Verb,
    },
    /// Add, remove, list and show datacenters
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Datacenter {
        #[command(subcommand)]
        verb: datacenter::Verb,
    },
    /// Add, remove, list and show the nodes of the fabric
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Node {
        #[command(subcommand)]
        verb: node::Verb,
    },
    /// Add, remove, list and show links, and take them down
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Link {
        #[command(subcommand)]
        verb: link::Verb,
    },
    /// Add, remove, list and show routers of tenants
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Gateway {
        #[command(subcommand)]
        verb: gateway::Verb,
    },
    /// Add, remove, list, show and switch storage machines
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Storage {
        #[command(subcommand)]
        verb: storage::Verb,
    },
    /// Show, flush, add and remove MAC addresses
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Fdb {
        #[command(subcommand)]
        verb: fdb::Verb,
    },
    /// Where frames went, and why some were dropped
    Counters(counters::CountersArgs),
    /// Show what a document would change
    Plan(document::PlanArgs),
    /// Put a document in force
    Apply(document::ApplyArgs),
    /// Print the document in force, of the agent or of a store
    Export(transfer::ExportArgs),
    /// Put a document into a store that no agent uses yet
    // Done once in the life of a fabric: the list of commands has to fit a screen.
    #[command(hide = true)]
    Import(transfer::ImportArgs),
    /// Keep a document that was applied with --confirm-within
    // Told by the answer to such an apply: the list of commands has to fit a screen.
    #[command(hide = true)]
    Confirm(document::ConfirmArgs),
    /// List the kept revisions of the document
    History,
    /// Put a kept revision in force again
    Rollback(document::RollbackArgs),
    /// Check ports, and say what would cure them
    Doctor(doctor::DoctorArgs),
    /// Print the JSON Schema of the document
    // For programs and editors, as above.
    #[command(hide = true)]
    Schema,
    /// Print a completion script for a shell
    // Done once in the life of a shell, as above.
    #[command(hide = true)]
    Completions(complete::ScriptArgs),
    /// Names for a completion script
    #[command(hide = true)]
    CompleteNames(complete::NamesArgs),
    /// Explain a command, an error code or a drop reason
    Help(explain::HelpArgs),
}

#[derive(Debug, Args)]
pub(super) struct Global {
    /// The agent's socket [default: $FABRIC_SOCKET, or /run/fabric/agent.sock]
    #[arg(long, global = true, value_name = "PATH", hide_short_help = true)]
    socket: Option<PathBuf>,
    /// Print JSON; the same as -o json
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Form of the answer: wide (ids, exact numbers), json, or name (one a line)
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_name = "FORM",
        hide_short_help = true,
        hide_possible_values = true
    )]
    output: Option<Form>,
    /// When to use colours; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_short_help = true
    )]
    pub(super) color: ColorChoice,
    /// How long to wait for the agent [default: 30]
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = values::seconds,
        hide_short_help = true,
        hide_default_value = true
    )]
    pub(super) timeout: Duration,
}

/// Form of an answer other than the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// With ids and exact numbers
    Wide,
    /// What the agent said
    Json,
    /// Names only, one a line
    Name,
}

impl Global {
    pub(super) fn form(&self) -> Option<Form> {
        if self.json { Some(Form::Json) } else { self.output }
    }

    pub(super) fn wants_json(&self) -> bool {
        self.form() == Some(Form::Json)
    }

    pub(super) fn socket(&self) -> PathBuf {
        let from_environment = || {
            std::env::var_os("FABRIC_SOCKET")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        self.socket
            .clone()
            .or_else(from_environment)
            .unwrap_or_else(|| DEFAULT_SOCKET.into())
    }
}

/// The command with its help texts.
pub(super) fn command() -> clap::Command {
    // Help is text for two streams and for golden tests; colours belong to the answers.
    examples::with_texts(Cli::command().color(clap::ColorChoice::Never))
}

/// Reads the words of a command line, the program's name first.
pub(crate) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
