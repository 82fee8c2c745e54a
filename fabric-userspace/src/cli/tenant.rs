//! The verbs of `fabric tenant`; rates in its list are between two readings.

use std::collections::HashMap;
use std::time::Instant;

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::status::GLANCE;
use super::values::{ChangeArgs, VlanArgs};
use super::{change, names};
use crate::api::{Edit, Tenant, path};
use crate::error::Refusal;
use crate::model::{IfName, Mac, MacLimit, Name, ServiceVid, Vni};
use crate::render::tenant::{self, TenantRates};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lend a port, or a VLAN of it, to a tenant
    Attach(Box<AttachArgs>),
    /// Take a port, or a VLAN of it, back
    Detach(DetachArgs),
    /// List tenants with their traffic
    List,
    /// Show tenants with their segments and ends
    Show {
        /// One tenant; all of them if absent
        name: Option<String>,
    },
    /// Remove a tenant with all its segments
    Remove {
        /// The tenant
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct AttachArgs {
    /// The tenant; made if it is not there
    tenant: Name,
    /// Access port
    #[arg(long)]
    port: IfName,
    #[command(flatten)]
    vlan: VlanArgs,
    /// Segment; named after tenant and VLAN if absent
    #[arg(long, value_name = "NAME")]
    segment: Option<Name>,
    /// Node of the port; this one if absent
    #[arg(long)]
    node: Option<Name>,
    /// Outer tag of a new segment; chosen if absent
    #[arg(long, value_name = "N", hide_short_help = true)]
    s_vid: Option<ServiceVid>,
    /// Base inner tag of a new segment; chosen if absent
    #[arg(long, value_name = "N", hide_short_help = true)]
    c_vid: Option<ServiceVid>,
    /// VXLAN identifier of a new segment; chosen if absent and needed
    #[arg(long, value_name = "N", hide_short_help = true)]
    vni: Option<Vni>,
    /// Most MAC addresses of a new segment
    #[arg(long, value_name = "N", hide_short_help = true)]
    mac_limit: Option<MacLimit>,
    /// A station with a fixed place here; may be repeated
    #[arg(long = "station", value_name = "MAC", hide_short_help = true)]
    stations: Vec<Mac>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(super) struct DetachArgs {
    /// The tenant
    tenant: Name,
    /// Access port
    #[arg(long)]
    port: IfName,
    #[command(flatten)]
    vlan: VlanArgs,
    /// Node of the port; this one if absent
    #[arg(long)]
    node: Option<Name>,
    #[command(flatten)]
    change: ChangeArgs,
}

const EMPTY: &str = "no tenants yet; attach one: fabric tenant attach NAME --port PORT --untagged";

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Attach(args) => attach(context, *args).await,
        Verb::Detach(args) => detach(context, args).await,
        Verb::List => list(context).await,
        Verb::Show { name } => show(context, name.as_deref()).await,
        Verb::Remove { name, change } => {
            let edit = Edit::RemoveTenant { tenant: name };
            change::run(context, &edit.into(), &change).await
        }
    }
}

async fn attach(context: &mut Context<'_>, args: AttachArgs) -> Result<Exit, Refusal> {
    let edit = Edit::Attach {
        tenant: args.tenant,
        node: args.node,
        port: args.port,
        vlan: args.vlan.vlan(),
        segment: args.segment,
        s_vid: args.s_vid.map(ServiceVid::get),
        c_vid: args.c_vid.map(ServiceVid::get),
        vni: args.vni.map(Vni::get),
        mac_limit: args.mac_limit.map(MacLimit::get),
        stations: args.stations,
    };
    change::run(context, &edit.into(), &args.change).await
}

async fn detach(context: &mut Context<'_>, args: DetachArgs) -> Result<Exit, Refusal> {
    let edit = Edit::Detach {
        tenant: args.tenant,
        node: args.node,
        port: args.port,
        vlan: args.vlan.vlan(),
    };
    change::run(context, &edit.into(), &args.change).await
}

async fn list(context: &mut Context<'_>) -> Result<Exit, Refusal> {
    let mut answer = context.client.get(path::TENANTS).await?;
    let mut rates: HashMap<String, TenantRates> = HashMap::new();
    let before: Vec<Tenant> = answer.list()?;
    if context.is_picture() && !before.is_empty() {
        let at = Instant::now();
        tokio::time::sleep(GLANCE).await;
        answer = context.client.get(path::TENANTS).await?;
        rates = tenant::rates_between(&before, &answer.list()?, at.elapsed());
    }
    let listing = Listing {
        name: |tenant: &Tenant| tenant.name.clone(),
        empty: EMPTY,
        picture: &|tenants, wide| tenant::list(tenants, &rates, wide),
    };
    context.list(&answer, &listing)
}

async fn show(context: &mut Context<'_>, name: Option<&str>) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |tenant: &Tenant| tenant.name.clone(),
        empty: EMPTY,
        picture: &|tenants, _| tenant::show(tenants),
    };
    context
        .list_of(path::TENANTS, &names::TENANT, name, &listing)
        .await
}
