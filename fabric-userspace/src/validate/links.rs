//! Links: fields and ends that fit the kind, ports free for the role that it needs, no ambiguity where links share a port.

mod address;
mod ends;
mod lines;
mod options;
mod shared;

use super::ports::Ports;
use super::table::Table;
use super::valid::{Carries, PortRole, ValidLink, ValidNode, VxlanEnds};
use crate::error::{Problem, codes};
use crate::model::{Document, Link, LinkKind, UdpPort};
use ends::{End, Ends};
use shared::Shared;

pub(super) fn check(
    document: &Document,
    nodes: &Table<ValidNode>,
    ports: &mut Ports<'_>,
    problems: &mut Vec<Problem>,
) -> Table<ValidLink> {
    let mut table = Table::of("links", document.links.iter().map(|link| &link.name), problems);
    let mut shared = Shared::new(document.global_vids);
    for (at, link) in document.links.iter().enumerate() {
        let path = format!("links[{at}]");
        options::check(link, &path, problems);
        let carries = Ends { nodes, path: &path }
            .resolve(link, problems)
            .and_then(|ends| carries(link, ends, &path, problems))
            .filter(|carries| claim_ports(carries, ports, &path, problems));
        if let Some(carries) = &carries {
            shared.enter(&link.name, carries, &path, problems);
        }
        table.push(carries.map(|carries| ValidLink {
            name: link.name.clone(),
            down: link.down.unwrap_or(false),
            mtu: link.mtu,
            carries,
        }));
    }
    table
}

fn carries(link: &Link, ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<Carries> {
    let outer_tpid = link.outer_tpid.unwrap_or_default();
    let (vlan, transport_label) = (link.vlan, link.transport_label);
    match link.kind {
        LinkKind::Trunk => Some(Carries::Trunk {
            outer_tpid,
            vlan,
            ends: ends::trunk(ends, path, problems)?,
        }),
        LinkKind::GlobalVlan => Some(Carries::GlobalVlan {
            ends: ends::trunk(ends, path, problems)?,
        }),
        LinkKind::Pseudowire => Some(Carries::Pseudowire {
            outer_tpid,
            vlan,
            transport_label,
            ends: ends::line(ends, path, problems)?,
        }),
        LinkKind::ITag => {
            let ends = ends::line(ends, path, problems)?;
            link.b_vid.map(|b_vid| Carries::ITag { vlan, b_vid, ends })
        }
        LinkKind::MplsUdp => Some(Carries::MplsUdp {
            vlan,
            udp_port: link.udp_port.unwrap_or(UdpPort::MPLS),
            transport_label,
            ends: mpls_udp_ends(ends, path, problems)?,
        }),
        LinkKind::Vxlan => Some(Carries::Vxlan {
            vlan,
            udp_port: link.udp_port.unwrap_or(UdpPort::VXLAN),
            strict: link.strict.unwrap_or(false),
            ends: vxlan_ends(ends, path, problems)?,
        }),
    }
}

fn mpls_udp_ends(
    ends: [End; 2],
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<[super::valid::UnderlayEnd; 2]> {
    address::check_pair(&ends, path, problems)?;
    let [End::Underlay(a), End::Underlay(b)] = ends else {
        return None;
    };
    ends::apart(a.node == b.node, path, problems).then_some([a, b])
}

fn vxlan_ends(ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<VxlanEnds> {
    address::check_pair(&ends, path, problems)?;
    match ends {
        [End::Underlay(a), End::Underlay(b)] => {
            ends::apart(a.node == b.node, path, problems).then_some(VxlanEnds::Fabric([a, b]))
        }
        [End::Underlay(local), End::Foreign(remote)] | [End::Foreign(remote), End::Underlay(local)] => {
            Some(VxlanEnds::Foreign { local, remote })
        }
        [End::Foreign(_), End::Foreign(_)] => {
            problems.push(Problem::new(
                codes::BAD_LINK,
                format!("{path}.ends"),
                "has two foreign ends, so the fabric has no part in it",
                "name the node and port of our end",
            ));
            None
        }
        [End::Trunk(_) | End::Line(_), _] | [_, End::Trunk(_) | End::Line(_)] => None,
    }
}

// Every end is claimed, also after one that is not free: each has its own problem.
fn claim_ports(carries: &Carries, ports: &mut Ports<'_>, path: &str, problems: &mut Vec<Problem>) -> bool {
    let before = problems.len();
    let role = role(carries);
    for (node, port) in carries.places() {
        ports.claim(node, port, role, &path, problems);
    }
    problems.len() == before
}

/// What the link makes of its ports, unless another link makes more of one.
fn role(carries: &Carries) -> PortRole {
    match carries {
        Carries::Trunk { vlan: None, .. } => PortRole::Trunk,
        Carries::Trunk { .. }
        | Carries::Pseudowire { .. }
        | Carries::ITag { .. }
        | Carries::GlobalVlan { .. } => PortRole::Pseudowire,
        Carries::Vxlan { .. } | Carries::MplsUdp { .. } => PortRole::Underlay,
    }
}
