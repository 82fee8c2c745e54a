//! The verbs of `fabric link`.

use clap::{Args, Subcommand};

use super::context::{Context, Exit, Listing};
use super::values::{self, ChangeArgs};
use super::{change, names};
use crate::api::{Edit, Link, path};
use crate::error::{Refusal, codes};
use crate::model::{self, Label, LineMtu, LinkEnd, LinkKind, Name, OuterTpid, ServiceVid, UdpPort};
use crate::render::{Line, link};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Join two nodes, or a node and a foreign VTEP
    Add(Box<AddArgs>),
    /// Remove a link that nothing uses
    Remove {
        /// The link
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Take a link out of service; a backup takes over, if there is one
    Down {
        /// The link
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Put a link that was taken out of service back
    Up {
        /// The link
        name: Name,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List the links of the fabric
    List,
    /// Show links with their byte budget
    Show {
        /// One link; all of them if absent
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the new link
    name: Name,
    /// What is on the wire, as trunk or pseudowire
    ///
    /// One of trunk, pseudowire, mpls-udp, vxlan, i-tag and global-vlan.
    #[arg(long, value_parser = values::link_kind)]
    kind: LinkKind,
    /// NODE:PORT[,ADDRESS], or a foreign address; twice
    #[arg(long = "end", value_name = "END", required = true)]
    ends: Vec<LinkEnd>,
    /// VLAN that the whole link rides in
    #[arg(long, value_name = "N")]
    vlan: Option<ServiceVid>,
    /// EtherType of S-tags, 0x88a8 or 0x8100
    #[arg(long, value_name = "TPID", value_parser = values::outer_tpid, hide_short_help = true)]
    outer_tpid: Option<OuterTpid>,
    /// Destination port of vxlan and mpls-udp
    #[arg(long, value_name = "N")]
    udp_port: Option<UdpPort>,
    /// Refuse VXLAN with reserved bits set
    #[arg(long, hide_short_help = true)]
    strict: bool,
    /// One more label outside of the datacenter's
    #[arg(long, value_name = "N")]
    transport_label: Option<Label>,
    /// VLAN of the backbone of an i-tag link
    #[arg(long, value_name = "N")]
    b_vid: Option<ServiceVid>,
    /// Largest packet of the whole line
    ///
    /// In bytes, as `ip link` counts them. Other nodes know of it then, and senders of larger packets are told where these come
    /// in. Without it, each node knows the MTU of its own ports alone.
    #[arg(long, value_name = "BYTES")]
    mtu: Option<LineMtu>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &mut Context<'_>, verb: Verb) -> Result<Exit, Refusal> {
    let (edit, change) = match verb {
        Verb::Add(args) => return add(context, *args).await,
        Verb::Remove { name, change } => (Edit::RemoveLink { link: name }, change),
        Verb::Down { name, change } => (
            Edit::SetLink {
                link: name,
                down: true,
            },
            change,
        ),
        Verb::Up { name, change } => (
            Edit::SetLink {
                link: name,
                down: false,
            },
            change,
        ),
        Verb::List => return show(context, None, &link::list).await,
        Verb::Show { name } => return show(context, name.as_deref(), &|links, _| link::show(links)).await,
    };
    change::run(context, &edit.into(), &change).await
}

async fn add(context: &mut Context<'_>, args: AddArgs) -> Result<Exit, Refusal> {
    let ends = <[LinkEnd; 2]>::try_from(args.ends).map_err(|ends| {
        let sentence = format!("link {} has {} ends, and a link has 2", args.name, ends.len());
        Refusal::new(codes::USAGE, sentence)
            .with_cure("give --end twice, as in --end edge1:t0 --end edge2:t0")
    })?;
    let link = model::Link {
        name: args.name,
        kind: args.kind,
        outer_tpid: args.outer_tpid,
        vlan: args.vlan,
        udp_port: args.udp_port,
        strict: args.strict.then_some(true),
        transport_label: args.transport_label,
        b_vid: args.b_vid,
        mtu: args.mtu,
        down: None,
        ends,
    };
    let edit = Edit::AddLink { link: Box::new(link) };
    change::run(context, &edit.into(), &args.change).await
}

async fn show(
    context: &mut Context<'_>,
    name: Option<&str>,
    picture: &dyn Fn(&[Link], bool) -> Vec<Line>,
) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |link: &Link| link.name.clone(),
        empty: "no links yet; add one: fabric link add NAME --kind trunk --end NODE:PORT --end NODE:PORT",
        picture,
    };
    context.list_of(path::LINKS, &names::LINK, name, &listing).await
}
