//! Generated fabrics, all nodes forwarding at once: a frame reaches exactly those whom it is for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fabric::{Fabric, Receiver, frame};
use super::growth::checked;
use super::support::{Station, compile_at};
use crate::model::generate;
use crate::topology::Landing;
use crate::validate::{Valid, ValidLink, ValidSegment};

/// The nodes of a document; these links, by number, have no carrier at both ends.
fn fabric<'a>(valid: &'a Valid, cut: &BTreeSet<usize>) -> Fabric<'a> {
    Fabric::new(valid, |here, facts| {
        let image = compile_at(valid, valid.node(here).name.as_str(), facts).expect("it fits");
        let cut = cut.iter().filter_map(|number| valid.links().get(*number));
        let silent: Vec<&str> = cut
            .filter_map(|link| Some(link.port_at(here)?.as_str()))
            .collect();
        Station::without_carrier(image, &silent).twin
    })
}

impl Fabric<'_> {
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
            let (node, port) = (end.node, end.port.as_str());
            // The same address in every segment: tenants overlap.
            let source = [2, 0x11, 0, 0, 0, u8::try_from(number).expect("few")];
            for destination in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0x22, 0, 0, 0, 0]] {
                let frame = frame(destination, source, end.vlan);
                let wanted = fabric.others(segment, &from, &frame);
                let got = fabric.send(node, port, &frame)?;
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
                let got = fabric.send(node, port, &frame)?;
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
                let got = fabric.send(node, port, &frame)?;
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
        check_all(&mut fabric(&checked(document), &BTreeSet::new()), |_| Promise::Delivered)?;
    }

    #[test]
    fn and_so_it_does_across_datacenters_by_links_of_all_kinds(document in generate::sites()) {
        let valid = checked(document);
        let promise = |segment: &ValidSegment| match is_joined(&valid, segment) {
            true => Promise::Delivered,
            false => Promise::NotAstray,
        };
        check_all(&mut fabric(&valid, &BTreeSet::new()), promise)?;
    }

    #[test]
    fn while_lines_are_cut_nothing_comes_twice_or_goes_astray(
        document in generate::sites(), cut in proptest::collection::btree_set(0usize..10, 1..4),
    ) {
        let valid = checked(document);
        check_all(&mut fabric(&valid, &cut), |_| Promise::NotAstray)?;
    }
}
