//! The verbs of `fabric storage`: changes of the document, and acts on a storage machine, which leave the document alone.

use std::net::IpAddr;

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::ChangeArgs;
use super::{change, names};
use crate::api::{Act, Acted, Edit, StorageAct, Vsm, path};
use crate::error::{Refusal, codes};
use crate::model::{self, Health, IfName, Mac, Name, ReplicationPolicy};
use crate::render::{Line, storage};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Put a storage machine with its members into tenants' segments
    Add(Box<AddArgs>),
    /// Remove a storage machine that no client uses
    Remove {
        /// The storage machine
        name: Name,
        /// Also if clients use it
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List storage machines, and who is in charge
    List,
    /// Show members, copies and the last switch
    Show {
        /// One storage machine; all of them if absent
        name: Option<String>,
    },
    /// Put another member in charge
    Switch {
        /// The storage machine
        name: Name,
        /// The member
        #[arg(long, value_name = "MEMBER")]
        to: Name,
        /// Also if it is down, or its copy lacks writes
        #[arg(long)]
        force: bool,
    },
    /// Take a member out of use; another one takes over
    Drain {
        /// The storage machine
        name: Name,
        /// The member
        #[arg(long, value_name = "MEMBER")]
        member: Name,
    },
    /// Make clients look at their connections; healthy ones go on
    Nudge {
        /// The storage machine
        name: Name,
    },
    /// Take members back into use, and let the preferred one come back
    Restore {
        /// The storage machine
        name: Name,
        /// One member; all of them if absent
        #[arg(long, value_name = "MEMBER")]
        member: Option<Name>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new storage machine
    name: Name,
    /// Its MAC address, which every member has
    #[arg(long)]
    mac: Mac,
    /// SEGMENT=ADDRESS[,PROBE-ADDRESS]; once for each segment
    #[arg(short, long = "segment", value_name = "PLACE", required = true, value_parser = place)]
    segments: Vec<model::VsmSegment>,
    /// NAME=PORT[@NODE], the preferred one first
    #[arg(short, long = "member", value_name = "MEMBER", required = true, value_parser = member)]
    members: Vec<NewMember>,
    /// TCP port of its protocol, as 3260 for iSCSI
    #[arg(long, value_name = "N")]
    tcp_port: Option<u16>,
    /// Milliseconds between probes [default: 5]
    #[arg(long, value_name = "MS", hide_short_help = true)]
    interval_ms: Option<u32>,
    /// Intervals until a silent member is dead [default: 4]
    #[arg(long, value_name = "N", hide_short_help = true)]
    multiplier: Option<u32>,
    /// Seconds that a member which died stays out of use [default: 10]
    #[arg(long, value_name = "S", hide_short_help = true)]
    hold_down_s: Option<u32>,
    /// Seconds that the preferred member must be well to come back [default: 300]
    #[arg(long, value_name = "S", hide_short_help = true)]
    wait_to_restore_s: Option<u32>,
    /// The preferred member comes back only when told to
    #[arg(long, hide_short_help = true)]
    non_revertive: bool,
    /// sync, interval or batch; left out if the members share their data
    #[arg(long, value_name = "POLICY", value_parser = policy, requires = "monitors", hide_short_help = true)]
    replication: Option<ReplicationPolicy>,
    /// MEMBER=SOCKET: QMP socket, on the member's node, of the software that copies from it; once for each member
    #[arg(long = "monitor", value_name = "MONITOR", value_parser = monitor, requires = "replication", hide_short_help = true)]
    monitors: Vec<(Name, String)>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Clone)]
struct NewMember {
    name: Name,
    port: IfName,
    node: Option<Name>,
}

fn place(text: &str) -> Result<model::VsmSegment, String> {
    const RULE: &str = "expected SEGMENT=ADDRESS[,PROBE-ADDRESS], as in acme=10.10.10.100,10.10.10.250";
    let rule = || RULE.to_owned();
    let (segment, addresses) = text.split_once('=').ok_or_else(rule)?;
    let (address, probe) = match addresses.split_once(',') {
        Some((address, probe)) => (address, Some(probe)),
        None => (addresses, None),
    };
    let ip = |text: &str| text.parse::<IpAddr>().map_err(|_| rule());
    Ok(model::VsmSegment {
        segment: segment.parse().map_err(|_| rule())?,
        address: ip(address)?,
        probe_address: probe.map(ip).transpose()?,
    })
}

fn member(text: &str) -> Result<NewMember, String> {
    const RULE: &str = "expected NAME=PORT[@NODE], as in array-1=eth5";
    let rule = || RULE.to_owned();
    let (name, place) = text.split_once('=').ok_or_else(rule)?;
    let (port, node) = match place.split_once('@') {
        Some((port, node)) => (port, Some(node)),
        None => (place, None),
    };
    Ok(NewMember {
        name: name.parse().map_err(|_| rule())?,
        port: port.parse().map_err(|_| rule())?,
        node: node
            .map(|node| node.parse::<Name>().map_err(|_| rule()))
            .transpose()?,
    })
}

fn monitor(text: &str) -> Result<(Name, String), String> {
    const RULE: &str = "expected MEMBER=SOCKET, as in array-1=/run/array-1.qmp";
    let rule = || RULE.to_owned();
    let (member, socket) = text.split_once('=').ok_or_else(rule)?;
    Ok((member.parse().map_err(|_| rule())?, socket.to_owned()))
}

fn policy(text: &str) -> Result<ReplicationPolicy, String> {
    let all = [
        ReplicationPolicy::Sync,
        ReplicationPolicy::Interval,
        ReplicationPolicy::Batch,
    ];
    let found = all.into_iter().find(|policy| policy.to_string() == text);
    found.ok_or_else(|| "expected sync, interval or batch".to_owned())
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    match verb {
        Verb::Add(args) => add(context, *args).await,
        Verb::Remove { name, force, change } => {
            let edit = Edit::RemoveStorage { storage: name, force };
            change::run(context, &edit.into(), &change).await
        }
        Verb::List => show(context, None, &storage::list).await,
        Verb::Show { name } => show(context, name.as_deref(), &|list, _| storage::show(list)).await,
        Verb::Switch { name, to, force } => act(context, name, Act::Switch { to, force }).await,
        Verb::Drain { name, member } => act(context, name, Act::Drain { member }).await,
        Verb::Nudge { name } => act(context, name, Act::Nudge).await,
        Verb::Restore { name, member } => act(context, name, Act::Restore { member }).await,
    }
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let unknown = |name: &&Name| args.members.iter().all(|member| member.name != **name);
    if let Some(name) = args.monitors.iter().map(|(name, _)| name).find(unknown) {
        let sentence = format!("--monitor names {name}, which is no --member");
        return Err(Refusal::new(codes::USAGE, sentence).with_cure("name one of the members"));
    }
    let own = own_node(context).await?;
    let member = |member: NewMember| model::Member {
        id: None,
        monitor: args
            .monitors
            .iter()
            .find(|(name, _)| *name == member.name)
            .map(|(_, socket)| socket.clone()),
        name: member.name,
        node: member.node.unwrap_or_else(|| own.clone()),
        port: member.port,
    };
    let usual = Health::default();
    let vsm = model::Vsm {
        name: args.name,
        mac: args.mac,
        segments: args.segments,
        tcp_port: args.tcp_port,
        members: args.members.into_iter().map(member).collect(),
        health: Health {
            interval_ms: args.interval_ms.unwrap_or(usual.interval_ms),
            multiplier: args.multiplier.unwrap_or(usual.multiplier),
            hold_down_s: args.hold_down_s.unwrap_or(usual.hold_down_s),
            wait_to_restore_s: args.wait_to_restore_s.unwrap_or(usual.wait_to_restore_s),
            revertive: !args.non_revertive,
            ..usual
        },
        replication: args.replication,
    };
    let edit = Edit::AddStorage {
        storage: Box::new(vsm),
    };
    change::run(context, &edit.into(), &args.change).await
}

/// The node of the agent that is asked.
async fn own_node(context: &Context<'_>) -> Result<Name, Refusal> {
    let answer = context.client.get(path::STATUS).await?;
    let status: crate::api::Status = answer.item()?.body.item;
    status
        .node
        .parse()
        .map_err(|_| Refusal::new(codes::BUG, "the agent's node has no legal name"))
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Vsm], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let answer = context.client.get(path::STORAGE).await?;
    let answer = names::only(answer, &names::STORAGE, name)?;
    let listing = Listing {
        name: |vsm: &Vsm| vsm.name.clone(),
        empty: "no storage machines yet; add one: fabric storage add NAME --mac MAC --segment SEGMENT=ADDRESS --member NAME=PORT ...",
        picture,
    };
    context.list(&answer, &listing)
}

async fn act(context: &mut Context<'_>, name: Name, act: Act) -> Result<Exit, Refusal> {
    context.without_names()?;
    let request = StorageAct { storage: name, act };
    let answer = context.client.post(path::STORAGE, &request).await?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
        return Ok(Exit::Done);
    }
    let acted: Acted = answer.item()?.body.item;
    context.output.answer(&[Line::from(&acted.note)])?;
    Ok(Exit::Done)
}
