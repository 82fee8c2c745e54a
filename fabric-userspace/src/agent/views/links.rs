//! Links of the fabric; those of this node with their state, their segments and their byte budget.

use crate::agent::core::Core;
use crate::api;
use crate::budget::{self, TENANT_MTU};
use crate::model::{IfName, Name, natural};
use crate::validate::{Carries, DatacenterIx, LinkIx, NodeIx, ValidLink};

/// Largest own header of a tenant: Ethernet and one own tag.
const TENANT_HEADER: u32 = budget::ETHERNET + budget::TAG;

/// The links of the fabric, those of this node with their byte budgets.
pub(crate) fn links(core: &Core) -> Vec<api::Link> {
    let view = |(at, (link, given)): (usize, (&ValidLink, &crate::model::Link))| {
        let here = core.here().and_then(|here| Some((here, link.port_at(here)?)));
        api::Link {
            ends: given.ends.iter().map(end).collect(),
            ..match here {
                Some((here, port)) => own(core, (here, port), (LinkIx::new(at), link)),
                None => bare(link, "elsewhere"),
            }
        }
    };
    // Both are in the order of the document.
    let both = core.valid.links().iter().zip(&core.document().links);
    let mut views: Vec<api::Link> = both.enumerate().map(view).collect();
    views.sort_by(|a, b| natural(&a.name, &b.name));
    views
}

fn end(end: &crate::model::LinkEnd) -> String {
    match (&end.node, &end.port, end.address) {
        (Some(node), Some(port), _) => format!("{node}:{port}"),
        (_, _, address) => address.map_or(String::new(), |address| address.to_string()),
    }
}

fn own(core: &Core, (here, port): (NodeIx, &IfName), (at, link): (LinkIx, &ValidLink)) -> api::Link {
    let addresses = link.addresses_at(here);
    let lines = budget_lines(&link.carries);
    let needs = lines.last().map_or(0, |line| line.total_bytes);
    let plans = core.image.ports();
    let mtu = plans
        .into_iter()
        .find(|(name, _)| *name == port)
        .map(|(_, plan)| {
            link.mtu
                .map_or(plan.facts.mtu, |line| line.get().min(plan.facts.mtu))
        });
    let sends = mtu.map(|mtu| mtu.saturating_add(budget::slack(&link.carries)));
    let spare = sends.map(|sends| i64::from(sends) - i64::from(needs));
    api::Link {
        port: Some(port.to_string()),
        to: link
            .far_node(here)
            .map(|far| core.valid.node(far).name.to_string()),
        local: addresses.map(|(local, _)| local.to_string()),
        remote: addresses.map(|(_, remote)| remote.to_string()),
        segments: segments(core, &link.name),
        budget: lines,
        mtu,
        sends_bytes: sends,
        spare_bytes: spare,
        tenant_mtu: spare.and_then(|spare| u32::try_from(i64::from(TENANT_MTU) + spare).ok()),
        ..bare(link, &state(core, (here, port), (at, link)))
    }
}

/// What the document alone tells of a link.
fn bare(link: &ValidLink, state: &str) -> api::Link {
    let (transport_label, b_vid) = match &link.carries {
        Carries::Pseudowire { transport_label, .. } | Carries::MplsUdp { transport_label, .. } => {
            (*transport_label, None)
        }
        Carries::ITag { b_vid, .. } => (None, Some(*b_vid)),
        Carries::Trunk { .. } | Carries::Vxlan { .. } | Carries::GlobalVlan { .. } => (None, None),
    };
    api::Link {
        name: link.name.to_string(),
        kind: link.carries.kind().to_string(),
        port: None,
        ends: Vec::new(),
        to: None,
        local: None,
        remote: None,
        vlan: link.carries.vlan().map(|vlan| vlan.get()),
        transport_label: transport_label.map(|label| label.get()),
        b_vid: b_vid.map(|vid| vid.get()),
        state: state.to_owned(),
        taken_down: link.down,
        segments: Vec::new(),
        budget: Vec::new(),
        mtu: None,
        sends_bytes: None,
        spare_bytes: None,
        tenant_mtu: None,
    }
}

fn state(core: &Core, (here, port): (NodeIx, &IfName), (at, link): (LinkIx, &ValidLink)) -> String {
    let port_state = super::ports::state(core, port);
    if link.down {
        return "down".to_owned();
    }
    if port_state == "up" && !core.image.node.is_resolved(&link.name) {
        "unresolved".to_owned()
    } else if port_state == "up" && is_backup(core, here, at) {
        "backup".to_owned()
    } else {
        port_state.to_owned()
    }
}

/// Whether the link waits for another one to fail: it is on no shortest way, and what it stands in for is up.
fn is_backup(core: &Core, here: NodeIx, at: LinkIx) -> bool {
    let datacenters = (0..core.valid.datacenters().len()).map(DatacenterIx::new);
    let routes: Vec<_> = datacenters
        .filter_map(|to| core.valid.routes().route_to(here, to))
        .collect();
    let is_up = |link: LinkIx| {
        let port = core.valid.link(link).port_at(here);
        port.is_some_and(|port| super::ports::state(core, port) == "up")
    };
    let mut protected = routes.iter().filter(|route| route.backup == Some(at)).peekable();
    protected.peek().is_some()
        && routes.iter().all(|route| route.link != at)
        && protected.all(|route| is_up(route.link))
}

fn segments(core: &Core, link: &Name) -> Vec<String> {
    let parts = core.image.segments.iter();
    let carried = parts.filter(|(_, part)| part.links().any(|name| name == link));
    carried.map(|(name, _)| name.to_string()).collect()
}

/// The tenant's largest frame and what the link adds to it, from inside to outside.
fn budget_lines(carries: &Carries) -> Vec<api::BudgetLine> {
    let mut total_bytes = 0;
    let mut line = |what: String, bytes: u32, sum: Option<&str>| {
        total_bytes += bytes;
        api::BudgetLine {
            what,
            bytes,
            total_bytes,
            sum: sum.map(str::to_owned),
        }
    };
    let own = format!(
        "+ its Ethernet header {}, one own tag {}",
        budget::ETHERNET,
        budget::TAG
    );
    let mut lines = vec![
        line("tenant's MTU".to_owned(), TENANT_MTU, None),
        line(own, TENANT_HEADER, Some("tenant's largest frame")),
    ];
    let layers = budget::layers(carries);
    lines.extend(
        layers
            .iter()
            .map(|layer| line(format!("+ {}", layer.words(", ")), layer.bytes(), Some(layer.sum))),
    );
    lines
}
