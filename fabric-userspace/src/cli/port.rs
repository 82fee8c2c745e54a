//! The verbs of `fabric port`.

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::{self, ChangeArgs};
use super::{change, names};
use crate::api::{Edit, Port, path};
use crate::error::Refusal;
use crate::model::{IfName, Name};
use crate::render::{Line, port};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the ports of this node
    List,
    /// Show ports with options, changes and counters
    Show {
        /// One port, by name or ifindex; all of them if absent
        name: Option<String>,
    },
    /// Set options of a port
    Set(SetArgs),
}

#[derive(Debug, Args)]
#[group(id = "option", required = true, multiple = true, args = ["drop_group_source", "tunnel_lldp"])]
pub(super) struct SetArgs {
    /// The port
    name: IfName,
    /// Drop frames whose source is a group address
    #[arg(long, value_name = "on|off", value_parser = values::switch)]
    drop_group_source: Option<bool>,
    /// Carry the tenant's LLDP
    #[arg(long, value_name = "on|off", value_parser = values::switch)]
    tunnel_lldp: Option<bool>,
    /// Node of the port; this one if absent
    #[arg(long)]
    node: Option<Name>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::List => show(context, None, &port::list).await,
        Verb::Show { name } => show(context, name.as_deref(), &|ports, _| port::show(ports)).await,
        Verb::Set(args) => set(context, args).await,
    }
}

async fn set(context: &mut Context<'_>, args: SetArgs) -> Result<Exit, Refusal> {
    let edit = Edit::SetPort {
        node: args.node,
        port: args.name,
        drop_group_source: args.drop_group_source,
        tunnel_lldp: args.tunnel_lldp,
    };
    change::run(context, &edit.into(), &args.change).await
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Port], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |port: &Port| port.name.clone(),
        empty: "no ports in use yet; use one: fabric tenant attach NAME --port PORT --untagged",
        picture,
    };
    context.list_of(path::PORTS, &names::PORT, name, &listing).await
}
