use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names};
use crate::api::{Edit, Node, path};
use crate::error::Refusal;
use crate::model::{self, Name};
use crate::render::{Line, plant};

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
    /// List the nodes of the fabric
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
        Verb::List => show(context, None, &plant::nodes).await,
        Verb::Show { name } => show(context, name.as_deref(), &|list, _| plant::show_nodes(list)).await,
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

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Node], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let answer = context.client.get(path::NODES).await?;
    let answer = names::only(answer, &names::NODE, name)?;
    let listing = Listing {
        name: |node: &Node| node.name.clone(),
        empty: "no nodes yet; add one: fabric node add NAME --datacenter DATACENTER",
        picture,
    };
    context.list(&answer, &listing)
}
