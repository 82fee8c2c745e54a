//! The verbs of `fabric node`; `list` is in [`super::node_list`].

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names, node_list};
use crate::api::{Edit, NodeDetail, path};
use crate::error::Refusal;
use crate::model::{self, Name};
use crate::render::plant;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Add a machine that will run the fabric
    Add(AddArgs),
    /// Remove a node that nothing uses
    Remove {
        /// The node
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List the nodes, and which revision each has
    List,
    /// Show nodes with their ports, links and segments
    Show {
        /// One node; all of them if absent
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new node
    name: Name,
    /// Where it stands
    #[arg(long)]
    datacenter: Name,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Add(args) => add(context, args).await,
        Verb::Remove { name, change } => {
            let edit = Edit::RemoveNode { node: name };
            change::run(context, &edit.into(), &change).await
        }
        Verb::List => node_list::run(context).await,
        Verb::Show { name } => show(context, name.as_deref()).await,
    }
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let node = model::Node {
        name: args.name,
        datacenter: args.datacenter,
        ports: Vec::new(),
    };
    let edit = Edit::AddNode { node: Box::new(node) };
    change::run(context, &edit.into(), &args.change).await
}

async fn show(context: &mut Context<'_>, name: Option<&str>) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |node: &NodeDetail| node.name.clone(),
        empty: "no nodes yet; add one: fabric node add NAME --datacenter DATACENTER",
        picture: &|list, _| plant::show_nodes(list),
    };
    context
        .list_of(path::NODE_DETAILS, &names::NODE, name, &listing)
        .await
}
