//! All nodes of a document forwarding at once.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::support::host;
use crate::compile::HostFacts;
use crate::compile::twin::{HostFrame, Twin};
use crate::model::Vlan;
use crate::validate::{NodeIx, PortRole, Valid, ValidAttachment};

/// Somebody who can get a frame: an access port, or a foreign VTEP.
pub(super) type Receiver = String;

/// The nodes of a document, and the wires between them whichever of its links are in service.
pub(super) struct Fabric<'a> {
    pub(super) valid: &'a Valid,
    nodes: Vec<Node>,
}

struct Node {
    facts: HostFacts,
    twin: Twin,
}

impl<'a> Fabric<'a> {
    /// Each node with the tables that `load` gives it.
    pub(super) fn new(valid: &'a Valid, load: impl Fn(NodeIx, &HostFacts) -> Twin) -> Self {
        let all: Vec<_> = (0..valid.nodes().len()).map(|at| ports(valid, at)).collect();
        let node = |at: usize| {
            let mut facts = all[at].clone();
            for (number, link) in valid.links().iter().enumerate() {
                let far = match link.far_node(NodeIx::new(at)) {
                    Some(far) => all[far.index()].ports[link.port_at(far).expect("its end")].mac,
                    None => foreign_mac(number),
                };
                facts.neighbours.insert(link.name.clone(), Some(far));
            }
            let twin = load(NodeIx::new(at), &facts);
            Node { facts, twin }
        };
        let nodes = (0..all.len()).map(node).collect();
        Self { valid, nodes }
    }

    /// Who got which bytes after a frame came in at an access port.
    pub(super) fn send(
        &mut self,
        node: NodeIx,
        port: &str,
        frame: &[u8],
    ) -> Result<Vec<(Receiver, Vec<u8>)>, TestCaseError> {
        let mut queue = VecDeque::from([(node.index(), port.to_owned(), frame.to_vec())]);
        let mut received = Vec::new();
        let mut hops = 0;
        while let Some((at, port, bytes)) = queue.pop_front() {
            hops += 1;
            prop_assert!(hops < 1000, "a loop");
            let role = self.role(at, &port);
            let ifindex = self.nodes[at].facts.ports[port.as_str()].ifindex;
            let outcome = self.nodes[at].twin.receive(ifindex, role, HostFrame::new(&bytes));
            for sent in outcome.sent() {
                let name = self.name_of(at, sent.ifindex);
                let role = self.role(at, &name);
                match (role, self.far_end(at, &name, role, &sent.bytes)) {
                    (PortRole::Access, _) => {
                        let receiver = format!("{} {name}", self.valid.nodes()[at].name);
                        received.push((receiver, sent.bytes.clone()));
                    }
                    (_, Ok((far, port))) => queue.push_back((far, port, sent.bytes.clone())),
                    (_, Err(link)) => received.push((link, sent.bytes[50..].to_vec())),
                }
            }
        }
        received.sort();
        Ok(received)
    }

    fn name_of(&self, at: usize, ifindex: u32) -> String {
        let mut ports = self.nodes[at].facts.ports.iter();
        let port = ports.find(|(_, facts)| facts.ifindex == ifindex);
        port.expect("a port of the node").0.to_string()
    }

    fn role(&self, at: usize, port: &str) -> PortRole {
        self.valid.nodes()[at].ports[port].role.expect("a port in use")
    }

    /// The port at the other end of the wire, or the foreign link.
    fn far_end(
        &self,
        at: usize,
        port: &str,
        role: PortRole,
        bytes: &[u8],
    ) -> Result<(usize, String), Receiver> {
        let here = NodeIx::new(at);
        let mut links = self.valid.links().iter().enumerate();
        let (_, link) = links
            .find(|(number, link)| {
                let far = link.far_node(here);
                let to = far.map_or(foreign_mac(*number), |far| {
                    self.nodes[far.index()].facts.ports[link.port_at(far).expect("its end")].mac
                });
                let here = link.port_at(here).is_some_and(|name| name.as_str() == port);
                here && (role != PortRole::Underlay || bytes[..6] == to)
            })
            .ok_or("nobody")?;
        let far = link.far_node(here).ok_or_else(|| link.name.to_string())?;
        Ok((far.index(), link.port_at(far).expect("its end").to_string()))
    }

    pub(super) fn receiver(&self, end: &ValidAttachment) -> Receiver {
        format!("{} {}", self.valid.node(end.node).name, end.port)
    }
}

/// The ports of a node, each with an address that is unique in the fabric.
fn ports(valid: &Valid, at: usize) -> HostFacts {
    let small = |number: usize| u8::try_from(number).expect("small");
    let mut facts = host(valid, valid.nodes()[at].name.as_str(), 2000);
    for port in facts.ports.values_mut() {
        port.mac = [2, 0, 0, 0xee, small(at), small(port.ifindex as usize)];
    }
    facts
}

fn foreign_mac(link: usize) -> [u8; 6] {
    [2, 0, 0, 0xfe, 0, u8::try_from(link).expect("few links")]
}

/// A frame of a tenant in one of his VLANs.
pub(super) fn frame(destination: [u8; 6], source: [u8; 6], vlan: Vlan) -> Vec<u8> {
    let tag = match vlan {
        Vlan::Tagged(vid) => vec![
            0x81,
            0,
            0xa0 | u8::try_from(vid.get() >> 8).expect("12 bits"),
            (vid.get() & 0xff) as u8,
        ],
        Vlan::Untagged => vec![],
        Vlan::Any => vec![0x81, 0, 0, 7],
    };
    [
        &destination[..],
        &source,
        &tag,
        &[0x88, 0xb5],
        b"one frame for those whom it is for",
    ]
    .concat()
}
