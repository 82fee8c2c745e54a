use clap::Subcommand;

use super::context::{Context, Exit};
use super::node_list;
use crate::error::Refusal;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the nodes, and which revision each has
    List,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::List => node_list::run(context).await,
    }
}
