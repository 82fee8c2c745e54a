//! Generated fabrics, all nodes forwarding at once: a frame reaches exactly those whom it is for.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::growth::checked;
use super::support::{Station, compile_at, host};
use crate::model::{Vlan, generate};
use crate::validate::{NodeIx, PortRole, Valid, ValidAttachment, ValidSegment};

/// Somebody who can get a frame: an access port, or a foreign VTEP.
type Receiver = String;

struct Fabric<'a> {
    valid: &'a Valid,
    nodes: Vec<Station>,
}

/// The MAC address of a port: unique in the fabric.
fn mac(node: usize, ifindex: u32) -> [u8; 6] {
    let small = |number: usize| u8::try_from(number).expect("small");
    [2, 0, 0, 0xee, small(node), small(ifindex as usize)]
}

fn foreign_mac(link: usize) -> [u8; 6] {
    [2, 0, 0, 0xfe, 0, u8::try_from(link).expect("few links")]
}

impl<'a> Fabric<'a> {
    fn of(valid: &'a Valid) -> Self {
        let facts = |at: usize| {
            let mut facts = host(valid, valid.nodes()[at].name.as_str(), 1600);
            facts
                .ports
                .values_mut()
                .for_each(|port| port.mac = mac(at, port.ifindex));
            facts
        };
        let all: Vec<_> = (0..valid.nodes().len()).map(facts).collect();
        let station = |at: usize| {
            let mut facts = all[at].clone();
            for (number, link) in valid.links().iter().enumerate() {
                let far = match link.far_node(NodeIx::new(at)) {
                    Some(far) => all[far.index()].ports[link.port_at(far).expect("its end")].mac,
                    None => foreign_mac(number),
                };
                facts.neighbours.insert(link.name.clone(), Some(far));
            }
            Station::of(compile_at(valid, valid.nodes()[at].name.as_str(), &facts).expect("it fits"))
        };
        let nodes = (0..all.len()).map(station).collect();
        Self { valid, nodes }
    }

    /// Who got which bytes after a frame came in at an access port.
    fn send(&mut self, node: usize, port: &str, frame: &[u8]) -> Vec<(Receiver, Vec<u8>)> {
        let mut queue = VecDeque::from([(node, port.to_owned(), frame.to_vec())]);
        let mut received = Vec::new();
        let mut hops = 0;
        while let Some((at, port, bytes)) = queue.pop_front() {
            hops += 1;
            assert!(hops < 1000, "a loop");
            let outcome = self.nodes[at].receive(&port, &bytes);
            for sent in outcome.sent() {
                let name = self.nodes[at].name_of(sent);
                let role = self.role(at, &name);
                match (role, self.far_end(at, &name, role, &sent.bytes)) {
                    (PortRole::Access, _) => {
                        received.push((
                            format!("{} {name}", self.valid.nodes()[at].name),
                            sent.bytes.clone(),
                        ));
                    }
                    (_, Ok((far, port))) => queue.push_back((far, port, sent.bytes.clone())),
                    (_, Err(link)) => received.push((link, sent.bytes[50..].to_vec())),
                }
            }
        }
        received.sort();
        received
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
                    let port = link.port_at(far).expect("its end");
                    let plan = self.nodes[far.index()].image.ports().find(|plan| plan.0 == port);
                    plan.expect("a port in use").1.facts.mac
                });
                let here = link.port_at(here).is_some_and(|name| name.as_str() == port);
                here && (role == PortRole::Trunk || bytes[..6] == to)
            })
            .ok_or("nobody")?;
        let far = link.far_node(here).ok_or_else(|| link.name.to_string())?;
        Ok((far.index(), link.port_at(far).expect("its end").to_string()))
    }

    fn receiver(&self, end: &ValidAttachment) -> Receiver {
        format!("{} {}", self.valid.node(end.node).name, end.port)
    }

    /// What a flooded frame must lead to: one copy for each other member.
    fn others(&self, segment: &ValidSegment, from: &Receiver, frame: &[u8]) -> Vec<(Receiver, Vec<u8>)> {
        let remotes = segment
            .remotes
            .iter()
            .map(|end| self.valid.link(end.link).name.to_string());
        let all = segment
            .attachments
            .iter()
            .map(|end| self.receiver(end))
            .chain(remotes);
        let mut others: Vec<_> = all
            .filter(|member| member != from)
            .map(|member| (member, frame.to_vec()))
            .collect();
        others.sort();
        others
    }

    /// Where each static address of the segment is.
    fn stations(&self, segment: &ValidSegment) -> BTreeMap<[u8; 6], Receiver> {
        let at_ports = segment.attachments.iter().flat_map(|end| {
            let receiver = self.receiver(end);
            end.stations
                .iter()
                .map(move |station| (station.mac.octets(), receiver.clone()))
        });
        at_ports.collect()
    }
}

fn frame(destination: [u8; 6], source: [u8; 6], vlan: Vlan) -> Vec<u8> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_frame_reaches_each_member_once_or_its_station_alone(document in generate::document()) {
        let valid = checked(document);
        let mut fabric = Fabric::of(&valid);
        for segment in valid.segments() {
            let stations = fabric.stations(segment);
            for (number, end) in segment.attachments.iter().enumerate() {
                let from = fabric.receiver(end);
                let (node, port) = (end.node.index(), end.port.as_str());
                // The same address in every segment: tenants overlap.
                let source = [2, 0x11, 0, 0, 0, u8::try_from(number).expect("few")];
                for destination in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0x22, 0, 0, 0, 0]] {
                    let frame = frame(destination, source, end.vlan);
                    let expected = fabric.others(segment, &from, &frame);
                    prop_assert_eq!(fabric.send(node, port, &frame), expected, "flooded from {}", from);
                }
                for (station, at) in &stations {
                    let frame = frame(*station, source, end.vlan);
                    let expected: Vec<_> = [(at.clone(), frame.clone())].into_iter().filter(|_| *at != from).collect();
                    prop_assert_eq!(fabric.send(node, port, &frame), expected, "from {} to {}", from, at);
                }
                // Whoever spoke before is known by now, and answers go to him alone.
                for (before, known) in segment.attachments[..number].iter().enumerate() {
                    let to = [2, 0x11, 0, 0, 0, u8::try_from(before).expect("few")];
                    let frame = frame(to, source, end.vlan);
                    let expected = vec![(fabric.receiver(known), frame.clone())];
                    prop_assert_eq!(fabric.send(node, port, &frame), expected, "answer from {}", from);
                }
            }
        }
    }
}
