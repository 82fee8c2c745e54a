use std::collections::HashMap;
use std::net::IpAddr;

use super::super::NodeIx;
use super::super::valid::{Carries, VxlanEnd};
use crate::error::{Problem, codes};
use crate::model::{IfName, Name, ServiceVid, UdpPort};

/// What links that share a port must agree in, and what must tell them apart.
#[derive(Default)]
pub(super) struct Shared {
    trunks: HashMap<(NodeIx, IfName), Name>,
    udp_ports: HashMap<(NodeIx, IfName), (UdpPort, Name)>,
    remotes: HashMap<(NodeIx, IfName, Option<ServiceVid>, IpAddr), Name>,
}

impl Shared {
    /// Adds a link; a problem at `path` if it cannot be told from an earlier one or disagrees with it.
    pub(super) fn enter(&mut self, name: &Name, carries: &Carries, path: &str, problems: &mut Vec<Problem>) {
        match carries {
            Carries::Trunk { ends, .. } => {
                for (at, end) in ends.iter().enumerate() {
                    if let Some(first) = self.trunks.insert((end.node, end.port.clone()), name.clone()) {
                        let path = format!("{path}.ends[{at}].port");
                        problems.push(conflict(
                            path,
                            format!("is {}, the port of trunk {first}", end.port),
                        ));
                    }
                }
            }
            Carries::Vxlan {
                vlan, udp_port, ends, ..
            } => {
                for (end, remote) in ends.directions() {
                    self.enter_udp_port(name, end, *udp_port, path, problems);
                    self.enter_remote(name, (end, *vlan, remote), path, problems);
                }
            }
        }
    }

    fn enter_udp_port(
        &mut self,
        name: &Name,
        end: &VxlanEnd,
        udp_port: UdpPort,
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let key = (end.node, end.port.clone());
        let (agreed, first) = self
            .udp_ports
            .entry(key)
            .or_insert_with(|| (udp_port, name.clone()));
        if *agreed != udp_port {
            let sentence = format!(
                "is {udp_port}, but link {first} on port {} has {agreed}",
                end.port
            );
            problems.push(conflict(format!("{path}.udp_port"), sentence));
        }
    }

    fn enter_remote(
        &mut self,
        name: &Name,
        (end, vlan, remote): (&VxlanEnd, Option<ServiceVid>, IpAddr),
        path: &str,
        problems: &mut Vec<Problem>,
    ) {
        let key = (end.node, end.port.clone(), vlan, remote);
        if let Some(first) = self.remotes.insert(key, name.clone()) {
            let vlan = vlan.map_or("untagged".to_owned(), |vlan| format!("vlan {vlan}"));
            let sentence = format!("leads to {remote} by {} {vlan}, as link {first} does", end.port);
            problems.push(conflict(path.to_owned(), sentence));
        }
    }
}

fn conflict(path: String, sentence: String) -> Problem {
    Problem::new(
        codes::LINK_CONFLICT,
        path,
        sentence,
        "remove one of the links, or give it a port of its own",
    )
}
