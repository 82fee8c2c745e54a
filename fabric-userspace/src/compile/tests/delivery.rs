//! Generated fabrics, all nodes forwarding at once: a frame reaches exactly those whom it is for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::growth::checked;
use super::support::{Station, compile_at, host};
use crate::model::{Vlan, generate};
use crate::topology::Landing;
use crate::validate::{NodeIx, PortRole, Valid, ValidAttachment, ValidLink, ValidSegment};

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
    /// With these links, by number, without a carrier at both ends.
    fn of(valid: &'a Valid, cut: &BTreeSet<usize>) -> Self {
        let facts = |at: usize| {
            let mut facts = host(valid, valid.nodes()[at].name.as_str(), 2000);
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
            let image = compile_at(valid, valid.nodes()[at].name.as_str(), &facts).expect("it fits");
            let cut = cut.iter().filter_map(|number| valid.links().get(*number));
            let silent: Vec<&str> = cut
                .filter_map(|link| Some(link.port_at(NodeIx::new(at))?.as_str()))
                .collect();
            Station::without_carrier(image, &silent)
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
                here && (role != PortRole::Underlay || bytes[..6] == to)
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

/// What must become of frames.
#[derive(Clone, Copy)]
enum Promise {
    /// All whom they are for get them.
    Delivered,
    /// Some of those whom they are for get them: lines are cut.
    NotAstray,
}

impl Promise {
    fn check(
        self,
        got: &[(Receiver, Vec<u8>)],
        wanted: &[(Receiver, Vec<u8>)],
        what: &str,
    ) -> Result<(), TestCaseError> {
        match self {
            Self::Delivered => prop_assert_eq!(got, wanted, "{}", what),
            // Both are sorted, and nobody is wanted twice.
            Self::NotAstray => {
                let once = got.windows(2).all(|two| two[0] != two[1]);
                let right = got.iter().all(|one| wanted.contains(one));
                prop_assert!(once && right, "{} got by {:?} and not {:?}", what, got, wanted);
            }
        }
        Ok(())
    }
}

/// Each frame of each member reaches those whom it is for, and nobody else.
fn check_all(
    fabric: &mut Fabric<'_>,
    promise: impl Fn(&ValidSegment) -> Promise,
) -> Result<(), TestCaseError> {
    for segment in fabric.valid.segments() {
        let promise = promise(segment);
        let stations = fabric.stations(segment);
        for (number, end) in segment.attachments.iter().enumerate() {
            let from = fabric.receiver(end);
            let (node, port) = (end.node.index(), end.port.as_str());
            // The same address in every segment: tenants overlap.
            let source = [2, 0x11, 0, 0, 0, u8::try_from(number).expect("few")];
            for destination in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0x22, 0, 0, 0, 0]] {
                let frame = frame(destination, source, end.vlan);
                let wanted = fabric.others(segment, &from, &frame);
                let got = fabric.send(node, port, &frame);
                promise.check(&got, &wanted, &format!("flooded from {from}"))?;
            }
            for (station, at) in &stations {
                let frame = frame(*station, source, end.vlan);
                let wanted = match promise {
                    _ if *at == from => vec![],
                    Promise::Delivered => vec![(at.clone(), frame.clone())],
                    // A place that nothing leads to is as good as none.
                    Promise::NotAstray => fabric.others(segment, &from, &frame),
                };
                let got = fabric.send(node, port, &frame);
                promise.check(&got, &wanted, &format!("from {from} to {at}"))?;
            }
            // Whoever spoke before is known by now, and answers go to him alone.
            for (before, known) in segment.attachments[..number].iter().enumerate() {
                let to = [2, 0x11, 0, 0, 0, u8::try_from(before).expect("few")];
                let frame = frame(to, source, end.vlan);
                let wanted = match promise {
                    Promise::Delivered => vec![(fabric.receiver(known), frame.clone())],
                    Promise::NotAstray => fabric.others(segment, &from, &frame),
                };
                let got = fabric.send(node, port, &frame);
                promise.check(&got, &wanted, &format!("answer from {from}"))?;
            }
        }
    }
    Ok(())
}

/// Whether lines that are in service lead from each datacenter of the segment to all others.
fn is_joined(valid: &Valid, segment: &ValidSegment) -> bool {
    let is_cut = |link: &ValidLink| link.down && link.is_tree_link(valid.nodes());
    let landings = valid.routes().landings(valid.nodes(), segment);
    let leads = |from: &Landing, to: &Landing| {
        let mut to = to.datacenters.iter();
        to.all(|to| valid.routes().route_to(from.anchor, *to).is_some())
    };
    let mut from = landings.iter();
    !valid.links().iter().any(is_cut)
        && from.all(|(island, from)| {
            let mut others = landings.iter().filter(|(other, _)| *other != island);
            others.all(|(_, to)| leads(from, to))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_frame_reaches_each_member_once_or_its_station_alone(document in generate::document()) {
        check_all(&mut Fabric::of(&checked(document), &BTreeSet::new()), |_| Promise::Delivered)?;
    }

    #[test]
    fn and_so_it_does_across_datacenters_by_links_of_all_kinds(document in generate::sites()) {
        let valid = checked(document);
        let promise = |segment: &ValidSegment| match is_joined(&valid, segment) {
            true => Promise::Delivered,
            false => Promise::NotAstray,
        };
        check_all(&mut Fabric::of(&valid, &BTreeSet::new()), promise)?;
    }

    #[test]
    fn while_lines_are_cut_nothing_comes_twice_or_goes_astray(
        document in generate::sites(), cut in proptest::collection::btree_set(0usize..10, 1..4),
    ) {
        let valid = checked(document);
        check_all(&mut Fabric::of(&valid, &cut), |_| Promise::NotAstray)?;
    }
}
