use clap::Subcommand;

use super::context::{Context, Exit, Listing};
use super::names;
use crate::api::{Link, path};
use crate::error::Refusal;
use crate::render::{Line, link};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the links of this node
    List,
    /// Show links with their byte budget
    Show {
        /// One link; all of them if absent
        name: Option<String>,
    },
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::List => show(context, None, &link::list).await,
        Verb::Show { name } => show(context, name.as_deref(), &|links, _| link::show(links)).await,
    }
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Link], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let answer = context.client.get(path::LINKS).await?;
    let answer = names::only(answer, &names::LINK, name)?;
    let listing = Listing {
        name: |link: &Link| link.name.clone(),
        empty: "no links yet; write them into the document: fabric export > site.json, then fabric apply -f site.json",
        picture,
    };
    context.list(&answer, &listing)
}
