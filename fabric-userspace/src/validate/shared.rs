//! Where the members of a storage machine may be at several nodes: everywhere the way of a frame tells which of them speaks.

use super::NodeIx;
use super::plant::Plant;
use super::valid::{ValidNode, ValidSegment, ValidVsm};
use crate::error::{Problem, codes};

/// Each storage machine with members at several nodes. `storage` is in the order of the document.
pub(super) fn check(
    plant: &Plant,
    nodes: &[ValidNode],
    storage: &[ValidVsm],
    segments: &[ValidSegment],
    problems: &mut Vec<Problem>,
) {
    for (at, vsm) in storage.iter().enumerate().filter(|(_, vsm)| vsm.is_shared()) {
        for (number, place) in vsm.segments.iter().enumerate() {
            let segment = &segments[place.segment.index()];
            let path = format!("storage[{at}].segments[{number}].segment");
            let name = &segment.name;
            if segment.gateway.is_some() {
                let sentence = format!(
                    "is {name}, which has a gateway: behind it all members look alike, and they are at several nodes"
                );
                let cure = "attach all members to ports of one node, or give the storage machine a segment without a gateway";
                problems.push(Problem::new(codes::BAD_STORAGE, path.clone(), sentence, cure));
            }
            if let Some([one, other]) = two_ends(plant, nodes, segment) {
                let datacenter = &plant.datacenters.items()[nodes[one.index()].datacenter.index()].name;
                let [one, other] = [one, other].map(|node| &nodes[node.index()].name);
                let sentence = format!(
                    "is {name}, whose lines to datacenter {datacenter} end at {one} and at {other}: which member speaks could not be told there, and they are at several nodes"
                );
                let cure = format!(
                    "lead the lines of {datacenter} to one node, or attach all members to ports of one node"
                );
                problems.push(Problem::new(codes::BAD_STORAGE, path, sentence, cure));
            }
        }
    }
}

/// Two nodes of one island where labels of the segment end: members behind them have one and the same label, and what comes from
/// far away comes in by either.
fn two_ends(plant: &Plant, nodes: &[ValidNode], segment: &ValidSegment) -> Option<[NodeIx; 2]> {
    let landings = plant.routes.landings(nodes, segment);
    if landings.len() < 2 {
        return None;
    }
    landings.iter().find_map(|(island, landing)| {
        let mut ends = plant.routes.ends_of(*island, landing);
        Some([ends.next()?, ends.next()?])
    })
}
