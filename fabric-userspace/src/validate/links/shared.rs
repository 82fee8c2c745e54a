//! Links of one port: each UDP kind has its own UDP port, and one link at most to an address in a VLAN; for others, `lines`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::super::NodeIx;
use super::super::valid::{Carries, UnderlayEnd};
use super::lines::Lines;
use crate::error::{Problem, codes};
use crate::model::{IfName, LinkKind, Name, Range, ServiceVid, UdpPort};

/// What links that share a port must agree in, and what must tell them apart.
pub(super) struct Shared {
    lines: Lines,
    udp_ports: HashMap<(NodeIx, IfName, LinkKind), (UdpPort, Name)>,
    remotes: HashMap<(NodeIx, IfName, Option<ServiceVid>, IpAddr, LinkKind), Name>,
}

impl Shared {
    pub(super) fn new(global_vids: Option<Range<ServiceVid>>) -> Self {
        Self {
            lines: Lines::new(global_vids),
            udp_ports: HashMap::new(),
            remotes: HashMap::new(),
        }
    }

    /// Adds a link; a problem at `path` if it cannot be told from an earlier one or disagrees with it.
    pub(super) fn enter(&mut self, name: &Name, carries: &Carries, path: &str, problems: &mut Vec<Problem>) {
        let kind = carries.kind();
        match carries {
            Carries::Trunk { .. }
            | Carries::Pseudowire { .. }
            | Carries::ITag { .. }
            | Carries::GlobalVlan { .. } => self.lines.enter(name, carries, path, problems),
            Carries::Vxlan { vlan, udp_port, .. } | Carries::MplsUdp { vlan, udp_port, .. } => {
                for (end, remote) in carries.directions() {
                    self.enter_udp_port(name, (end, kind), *udp_port, path, problems);
                    self.enter_remote(name, (end, *vlan, remote, kind), path, problems);
                }
            }
        }
    }

    fn enter_udp_port(
        &mut self,
        name: &Name,
        (end, kind): (&UnderlayEnd, LinkKind),
        udp_port: UdpPort,
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        for other in [LinkKind::Vxlan, LinkKind::MplsUdp] {
            let known = self.udp_ports.entry((end.node, end.port.clone(), other));
            let (agreed, first) = match known {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) if other == kind => free.insert((udp_port, name.clone())),
                Entry::Vacant(_) => continue,
            };
            // Of one kind they are the same, of two kinds they are not: only the port tells what is inside.
            if (*agreed == udp_port) != (other == kind) {
                let sentence = match other == kind {
                    true => format!(
                        "is {udp_port}, but link {first} on port {} has {agreed}",
                        end.port
                    ),
                    false => format!(
                        "is {udp_port}, as that of {other} link {first} on port {}",
                        end.port
                    ),
                };
                problems.push(conflict(format!("{path}.udp_port"), sentence));
            }
        }
    }

    fn enter_remote(
        &mut self,
        name: &Name,
        (end, vlan, remote, kind): (&UnderlayEnd, Option<ServiceVid>, IpAddr, LinkKind),
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let key = (end.node, end.port.clone(), vlan, remote, kind);
        if let Some(first) = self.remotes.insert(key, name.clone()) {
            let vlan = vlan.map_or("untagged".to_owned(), |vlan| format!("vlan {vlan}"));
            let sentence = format!("leads to {remote} by {} {vlan}, as link {first} does", end.port);
            problems.push(conflict(path.to_owned(), sentence));
        }
    }
}

pub(super) fn conflict(path: String, sentence: String) -> Problem {
    Problem::new(
        codes::LINK_CONFLICT,
        path,
        sentence,
        "remove one of the links, or give it a port of its own",
    )
}
