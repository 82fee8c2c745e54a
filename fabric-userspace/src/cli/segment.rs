//! The verbs of `fabric segment`; its lists are taken out of those of tenants.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names};
use crate::api::{Edit, Segment, kind, path};
use crate::client::Answer;
use crate::error::Refusal;
use crate::model::{MacLimit, Name, ServiceVid, Vni};
use crate::render::{Line, segment};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Give a tenant another LAN
    Add(AddArgs),
    /// Remove a LAN of a tenant
    Remove {
        /// The segment
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List segments with their tags
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show segments with their ends and addresses
    Show {
        /// One segment, by name or id; all of them if absent
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new segment
    name: Name,
    /// Its tenant; made if it is not there
    #[arg(long)]
    tenant: Name,
    /// Whose numbers it has; needed if several
    #[arg(long)]
    datacenter: Option<Name>,
    /// Outer tag; chosen if absent
    #[arg(long, value_name = "N")]
    s_vid: Option<ServiceVid>,
    /// Base inner tag; chosen if absent
    #[arg(long, value_name = "N")]
    c_vid: Option<ServiceVid>,
    /// VXLAN identifier; chosen if absent and needed
    #[arg(long, value_name = "N")]
    vni: Option<Vni>,
    /// Most MAC addresses
    #[arg(long, value_name = "N")]
    mac_limit: Option<MacLimit>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Add(args) => add(context, args).await,
        Verb::Remove { name, change } => {
            let edit = Edit::RemoveSegment { segment: name };
            change::run(context, &edit.into(), &change).await
        }
        Verb::List { tenant } => {
            let answer = segments(context, tenant.as_deref()).await?;
            show(context, &answer, &segment::list)
        }
        Verb::Show { name } => {
            let answer = segments(context, None).await?;
            let answer = names::only(answer, &names::SEGMENT, name.as_deref())?;
            show(context, &answer, &|segments, _| segment::show(segments))
        }
    }
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let edit = Edit::AddSegment {
        tenant: args.tenant,
        segment: args.name,
        datacenter: args.datacenter,
        s_vid: args.s_vid.map(ServiceVid::get),
        c_vid: args.c_vid.map(ServiceVid::get),
        vni: args.vni.map(Vni::get),
        mac_limit: args.mac_limit.map(MacLimit::get),
    };
    change::run(context, &edit.into(), &args.change).await
}

// The API has segments inside of their tenants.
async fn segments(context: &Context<'_>, tenant: Option<&str>) -> Result<Answer, Refusal> {
    let answer = context.client.get(path::TENANTS).await?;
    let answer = names::only(answer, &names::TENANT, tenant)?;
    let segments = |tenant: &Value| {
        tenant
            .get("segments")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let all: Vec<Value> = answer.items().iter().flat_map(segments).collect();
    Ok(answer.with_items(kind::SEGMENT_LIST, all))
}

fn show(
    context: &mut Context<'_>,
    answer: &Answer,
    picture: &dyn Fn(&[Segment], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |segment: &Segment| segment.name.clone(),
        empty: "no segments yet; add one: fabric segment add NAME --tenant TENANT",
        picture,
    };
    context.list(answer, &listing)
}
