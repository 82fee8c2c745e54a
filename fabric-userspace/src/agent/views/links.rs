use fabric_common::maps::Path;

use crate::agent::core::Core;
use crate::api;
use crate::model::{IfName, natural};
use crate::validate::{Carries, NodeIx, ValidLink};

/// Largest own header of a tenant: Ethernet and one own tag.
const TENANT_HEADER: u32 = 14 + 4;
/// The tenant's IP MTU that the budget is made for.
const TENANT_MTU: u32 = 1500;

/// The links of this node with their byte budgets.
pub(crate) fn links(core: &Core) -> Vec<api::Link> {
    let Some(here) = core.here() else {
        return Vec::new();
    };
    let mut views: Vec<api::Link> = core
        .valid
        .links_at(here)
        .filter_map(|(_, link)| view(core, here, link))
        .collect();
    views.sort_by(|a, b| natural(&a.name, &b.name));
    views
}

fn view(core: &Core, here: NodeIx, link: &ValidLink) -> Option<api::Link> {
    let port = link.port_at(here)?;
    let (local, remote, vlan) = addresses(link, here);
    let (budget, spare_bytes) = budget(core, port, link, vlan.is_some());
    Some(api::Link {
        name: link.name.to_string(),
        kind: link.carries.kind().to_string(),
        port: port.to_string(),
        to: link
            .far_node(here)
            .map(|far| core.valid.node(far).name.to_string()),
        local,
        remote,
        vlan,
        state: state(core, port, link),
        segments: segments(core, port),
        budget,
        spare_bytes,
    })
}

fn addresses(link: &ValidLink, here: NodeIx) -> (Option<String>, Option<String>, Option<u16>) {
    let vlan = link.carries.vlan().map(|vlan| vlan.get());
    match link.addresses_at(here) {
        Some((local, remote)) => (Some(local.to_string()), Some(remote.to_string()), vlan),
        None => (None, None, vlan),
    }
}

fn slot(core: &Core, port: &IfName) -> Option<u16> {
    core.image
        .ports()
        .find(|(name, _)| *name == port)
        .map(|(_, plan)| plan.slot)
}

fn paths<'a>(core: &'a Core, slot: Option<u16>) -> impl Iterator<Item = (&'a str, &'a Path)> + 'a {
    core.image.segments.iter().flat_map(move |(name, part)| {
        part.records
            .paths
            .values()
            .filter(move |path| Some(path.slot) == slot)
            .map(move |path| (name.as_str(), path))
    })
}

fn state(core: &Core, port: &IfName, link: &ValidLink) -> String {
    let port_state = super::ports::state(core, port);
    let unresolved =
        link.is_vxlan() && paths(core, slot(core, port)).any(|(_, path)| path.flags & Path::UNRESOLVED != 0);
    if port_state == "up" && unresolved {
        "unresolved".to_owned()
    } else {
        port_state.to_owned()
    }
}

fn segments(core: &Core, port: &IfName) -> Vec<String> {
    let mut names: Vec<String> = paths(core, slot(core, port))
        .map(|(name, _)| name.to_owned())
        .collect();
    names.dedup();
    names
}

fn budget(core: &Core, port: &IfName, link: &ValidLink, outer_vlan: bool) -> (Vec<api::BudgetLine>, i64) {
    let mut lines = vec![
        ("tenant's MTU", TENANT_MTU),
        ("+ its Ethernet header 14, one own tag 4", TENANT_HEADER),
    ];
    match (&link.carries, outer_vlan) {
        (Carries::Trunk { .. }, _) => lines.push(("+ S 4, C 4", 8)),
        (
            Carries::Pseudowire { .. }
            | Carries::MplsUdp { .. }
            | Carries::ITag { .. }
            | Carries::GlobalVlan { .. },
            _,
        ) => {}
        (Carries::Vxlan { .. }, false) => {
            lines.push(("+ VXLAN 8, UDP 8, IPv4 20", 36));
            lines.push(("+ outer Ethernet 14", 14));
        }
        (Carries::Vxlan { .. }, true) => {
            lines.push(("+ VXLAN 8, UDP 8, IPv4 20", 36));
            lines.push(("+ outer Ethernet 14, VLAN 4", 18));
        }
    }
    let mut total_bytes = 0;
    let lines: Vec<api::BudgetLine> = lines
        .into_iter()
        .map(|(what, bytes)| {
            total_bytes += bytes;
            api::BudgetLine {
                what: what.to_owned(),
                bytes,
                total_bytes,
            }
        })
        .collect();
    let mtu = core
        .image
        .ports()
        .find(|(name, _)| *name == port)
        .map_or(0, |(_, plan)| plan.facts.mtu);
    let spare = i64::from(mtu) + 18 - i64::from(total_bytes);
    (lines, spare)
}
