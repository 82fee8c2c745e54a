//! The verbs of `fabric fdb`: `add` and `remove` change the document, `flush` only what was learned.

use clap::{Args, Subcommand};

use super::change;
use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use crate::api::{Edit, FdbEntry, Flushed, WhichStations, path};
use crate::client::with_query;
use crate::error::Refusal;
use crate::model::{IfName, Mac, Name, ServiceVid, StationName};
use crate::render::fdb;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show where MAC addresses are
    Show(ShowArgs),
    /// Forget learned addresses; static ones stay
    Flush(FlushArgs),
    /// Give a station a fixed place
    Add(AddArgs),
    /// Take a station's fixed place away
    Remove {
        /// Its address
        mac: Mac,
        /// Its segment
        #[arg(long)]
        segment: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Only this address
    mac: Option<Mac>,
    /// Only of this segment
    #[arg(long)]
    segment: Option<Name>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<Name>,
}

#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = true, args = ["segment", "tenant", "mac", "all"])]
pub(super) struct FlushArgs {
    /// Of this segment
    #[arg(long)]
    segment: Option<Name>,
    /// Of this tenant
    #[arg(long)]
    tenant: Option<Name>,
    /// This address
    #[arg(long)]
    mac: Option<Mac>,
    /// Of everybody
    #[arg(long, conflicts_with_all = ["segment", "tenant", "mac"])]
    all: bool,
}

#[derive(Debug, Args)]
#[group(id = "place", required = true, multiple = false, args = ["port", "link"])]
pub(super) struct AddArgs {
    /// Its address
    mac: Mac,
    /// Its segment
    #[arg(long)]
    segment: Name,
    /// Access port where it is
    #[arg(long)]
    port: Option<IfName>,
    /// Link to the foreign VTEP where it is
    #[arg(long)]
    link: Option<Name>,
    /// Node of the port; this one if absent
    #[arg(long)]
    node: Option<Name>,
    /// Its name, for people
    #[arg(long)]
    name: Option<StationName>,
    /// Inner tag of frames for this station alone
    #[arg(long, value_name = "N")]
    c_vid: Option<ServiceVid>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Show(args) => show(context, &args).await,
        Verb::Flush(args) => flush(context, args).await,
        Verb::Add(args) => add(context, args).await,
        Verb::Remove { mac, segment, change } => {
            let edit = Edit::RemoveStation { segment, mac };
            change::run(context, &edit.into(), &change).await
        }
    }
}

async fn show(context: &mut Context<'_>, args: &ShowArgs) -> Result<Exit, Refusal> {
    let given = [
        ("segment", args.segment.as_ref().map(Name::to_string)),
        ("tenant", args.tenant.as_ref().map(Name::to_string)),
        ("mac", args.mac.as_ref().map(Mac::to_string)),
    ];
    let query: Vec<_> = given
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    let answer = context.client.get(&with_query(path::FDB, &query)).await?;
    let listing = Listing {
        name: |entry: &FdbEntry| entry.mac.clone(),
        empty: "no such addresses; they are learned from frames, see: fabric counters",
        picture: &fdb::list,
    };
    context.list(&answer, &listing)
}

async fn flush(context: &mut Context<'_>, args: FlushArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    let request = WhichStations {
        segment: args.segment,
        tenant: args.tenant,
        mac: args.mac,
    };
    let answer = context.client.post(path::FDB_FLUSH, &request).await?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
        return Ok(Exit::Done);
    }
    let flushed: Flushed = answer.item()?.body.item;
    let text = match flushed.entries {
        0 => "nothing to forget: no learned address fits".to_owned(),
        1 => "forgot 1 learned address".to_owned(),
        more => format!("forgot {more} learned addresses"),
    };
    context.output.answer(&[text.into()])?;
    Ok(Exit::Done)
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let edit = Edit::AddStation {
        segment: args.segment,
        mac: args.mac,
        node: args.node,
        port: args.port,
        link: args.link,
        name: args.name,
        c_vid: args.c_vid.map(ServiceVid::get),
    };
    change::run(context, &edit.into(), &args.change).await
}
