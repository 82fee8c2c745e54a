//! The verbs of `fabric datacenter`.

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names};
use crate::api::{Datacenter, Edit, path};
use crate::error::Refusal;
use crate::model::{self, ISid, Label, Name, Range, ServiceVid, Vni};
use crate::render::{Line, plant};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Add a datacenter with numbers of its own
    Add(Box<AddArgs>),
    /// Remove a datacenter that nothing uses
    Remove {
        /// The datacenter
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List datacenters with their ranges
    List,
    /// Show datacenters with their nodes and segments
    Show {
        /// One datacenter; all of them if absent
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new datacenter
    name: Name,
    /// Its id, unique in the fabric
    #[arg(long, value_name = "N")]
    id: u16,
    /// Outer tags, as in 100-1099
    #[arg(long, value_name = "RANGE")]
    s_vids: Range<ServiceVid>,
    /// Inner tags
    #[arg(long, value_name = "RANGE")]
    c_vids: Range<ServiceVid>,
    /// VXLAN identifiers
    #[arg(long, value_name = "RANGE")]
    vnis: Option<Range<Vni>>,
    /// Pseudowire labels
    #[arg(long, value_name = "RANGE")]
    labels: Option<Range<Label>>,
    /// Segment IDs
    #[arg(long, value_name = "RANGE")]
    i_sids: Option<Range<ISid>>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Add(args) => add(context, *args).await,
        Verb::Remove { name, change } => {
            let edit = Edit::RemoveDatacenter { datacenter: name };
            change::run(context, &edit.into(), &change).await
        }
        Verb::List => show(context, None, &plant::datacenters).await,
        Verb::Show { name } => show(context, name.as_deref(), &|list, _| plant::show_datacenters(list)).await,
    }
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let datacenter = model::Datacenter {
        name: args.name,
        id: args.id,
        s_vids: args.s_vids,
        c_vids: args.c_vids,
        vnis: args.vnis,
        labels: args.labels,
        i_sids: args.i_sids,
    };
    let edit = Edit::AddDatacenter {
        datacenter: Box::new(datacenter),
    };
    change::run(context, &edit.into(), &args.change).await
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Datacenter], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |datacenter: &Datacenter| datacenter.name.clone(),
        empty: "no datacenters yet; add one: fabric datacenter add NAME --id N --s-vids RANGE --c-vids RANGE",
        picture,
    };
    context
        .list_of(path::DATACENTERS, &names::DATACENTER, name, &listing)
        .await
}
