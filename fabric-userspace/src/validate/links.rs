mod address;
mod ends;
mod shared;

use super::ports::Ports;
use super::table::Table;
use super::valid::{Carries, PortRole, TrunkEnd, ValidLink, ValidNode, VxlanEnds};
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
    let mut shared = Shared::default();
    for (at, link) in document.links.iter().enumerate() {
        let path = format!("links[{at}]");
        check_options(link, &path, problems);
        let carries = Ends { nodes, path: &path }
            .resolve(link, problems)
            .and_then(|ends| carries(link, ends, &path, problems))
            .filter(|carries| claim_ports(carries, ports, &path, problems));
        if let Some(carries) = &carries {
            shared.enter(&link.name, carries, &path, problems);
        }
        table.push(carries.map(|carries| ValidLink {
            name: link.name.clone(),
            carries,
        }));
    }
    table
}

fn check_options(link: &Link, path: &str, problems: &mut Vec<Problem>) {
    let foreign: &[(&str, bool)] = match link.kind {
        LinkKind::Trunk => &[
            ("vlan", link.vlan.is_some()),
            ("udp_port", link.udp_port.is_some()),
            ("strict", link.strict.is_some()),
        ],
        LinkKind::Vxlan => &[("outer_tpid", link.outer_tpid.is_some())],
    };
    for (field, _) in foreign.iter().filter(|(_, present)| *present) {
        problems.push(Problem::new(
            codes::BAD_LINK,
            format!("{path}.{field}"),
            format!("does not belong to a {} link", link.kind),
            format!("remove {field}"),
        ));
    }
}

fn carries(link: &Link, ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<Carries> {
    match link.kind {
        LinkKind::Trunk => {
            let [End::Trunk(a), End::Trunk(b)] = ends else {
                return None;
            };
            let outer_tpid = link.outer_tpid.unwrap_or_default();
            apart(a.node == b.node, path, problems).then_some(Carries::Trunk {
                outer_tpid,
                ends: [a, b],
            })
        }
        LinkKind::Vxlan => Some(Carries::Vxlan {
            vlan: link.vlan,
            udp_port: link.udp_port.unwrap_or(UdpPort::VXLAN),
            strict: link.strict.unwrap_or(false),
            ends: vxlan_ends(ends, path, problems)?,
        }),
    }
}

fn vxlan_ends(ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<VxlanEnds> {
    address::check_pair(&ends, path, problems)?;
    match ends {
        [End::Vxlan(a), End::Vxlan(b)] => {
            apart(a.node == b.node, path, problems).then_some(VxlanEnds::Fabric([a, b]))
        }
        [End::Vxlan(local), End::Foreign(remote)] | [End::Foreign(remote), End::Vxlan(local)] => {
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
        [End::Trunk(_), _] | [_, End::Trunk(_)] => None,
    }
}

fn apart(same: bool, path: &str, problems: &mut Vec<Problem>) -> bool {
    if same {
        problems.push(Problem::new(
            codes::BAD_LINK,
            format!("{path}.ends"),
            "has both ends at one node, a loop",
            "name two different nodes",
        ));
    }
    !same
}

// Every end is claimed, also after one that is not free: each has its own problem.
fn claim_ports(carries: &Carries, ports: &mut Ports<'_>, path: &str, problems: &mut Vec<Problem>) -> bool {
    let before = problems.len();
    let mut claim = |node, port, role| ports.claim(node, port, role, &path, problems);
    match carries {
        Carries::Trunk { ends, .. } => {
            for TrunkEnd { node, port } in ends {
                claim(*node, port, PortRole::Trunk);
            }
        }
        Carries::Vxlan { ends, .. } => {
            for (end, _) in ends.directions() {
                claim(end.node, &end.port, PortRole::Underlay);
            }
        }
    }
    problems.len() == before
}
