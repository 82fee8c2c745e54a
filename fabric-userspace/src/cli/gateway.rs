//! The verbs of `fabric gateway`, and how its places and routes are written.

use std::net::IpAddr;

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names};
use crate::api::{Edit, Gateway, path};
use crate::error::Refusal;
use crate::model::{self, GatewayRoute, GatewaySegment, IpPrefix, Mac, Name};
use crate::render::{Line, gateway};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Put a gateway between segments of a tenant
    Add(Box<AddArgs>),
    /// Remove a gateway; its segments stay
    Remove {
        /// The gateway
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List gateways with their addresses
    List,
    /// Show addresses, routes and neighbours
    Show {
        /// One gateway; all of them if absent
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new gateway
    name: Name,
    /// Whose segments it joins
    #[arg(short, long)]
    tenant: Name,
    /// Its MAC address in each of them
    #[arg(long)]
    mac: Mac,
    /// SEGMENT=ADDRESS/LENGTH[,...]; once for each segment
    #[arg(short, long = "segment", value_name = "PLACE", required = true, value_parser = place)]
    segments: Vec<GatewaySegment>,
    /// PREFIX/LENGTH=ROUTER, as in 0.0.0.0/0=10.10.10.254
    #[arg(short, long = "route", value_name = "ROUTE", value_parser = route)]
    routes: Vec<GatewayRoute>,
    #[command(flatten)]
    change: ChangeArgs,
}

fn place(text: &str) -> Result<GatewaySegment, String> {
    const RULE: &str = "expected SEGMENT=ADDRESS/LENGTH[,ADDRESS/LENGTH], as in lan=10.10.10.1/24";
    let rule = || RULE.to_owned();
    let (segment, addresses) = text.split_once('=').ok_or_else(rule)?;
    let addresses = addresses
        .split(',')
        .map(|text| text.parse::<IpPrefix>().map_err(|_| rule()));
    Ok(GatewaySegment {
        segment: segment.parse().map_err(|_| rule())?,
        addresses: addresses.collect::<Result<_, String>>()?,
    })
}

fn route(text: &str) -> Result<GatewayRoute, String> {
    const RULE: &str = "expected PREFIX/LENGTH=ROUTER, as in 0.0.0.0/0=10.10.10.254";
    let rule = || RULE.to_owned();
    let (prefix, via) = text.split_once('=').ok_or_else(rule)?;
    Ok(GatewayRoute {
        prefix: prefix.parse().map_err(|_| rule())?,
        via: via.parse::<IpAddr>().map_err(|_| rule())?,
    })
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Add(args) => add(context, *args).await,
        Verb::Remove { name, change } => {
            let edit = Edit::RemoveGateway { gateway: name };
            change::run(context, &edit.into(), &change).await
        }
        Verb::List => show(context, None, &gateway::list).await,
        Verb::Show { name } => show(context, name.as_deref(), &|list, _| gateway::show(list)).await,
    }
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let gateway = model::Gateway {
        name: args.name,
        tenant: args.tenant,
        mac: args.mac,
        segments: args.segments,
        routes: args.routes,
    };
    let edit = Edit::AddGateway {
        gateway: Box::new(gateway),
    };
    change::run(context, &edit.into(), &args.change).await
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Gateway], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |gateway: &Gateway| gateway.name.clone(),
        empty: "no gateways yet; add one: fabric gateway add NAME --tenant TENANT --mac MAC --segment SEGMENT=ADDRESS/LENGTH ...",
        picture,
    };
    context
        .list_of(path::GATEWAYS, &names::GATEWAY, name, &listing)
        .await
}
