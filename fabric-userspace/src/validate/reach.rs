use super::place::Place;
use super::valid::{ValidLink, ValidNode, ValidSegment};
use crate::error::{Problem, codes};
use crate::model::Document;
use crate::topology::Tree;

/// Every member of a segment must reach every other, and where the way is VXLAN the segment needs a VNI.
pub(super) fn check(
    document: &Document,
    tree: &Tree,
    (nodes, links, segments): (&[ValidNode], &[ValidLink], &[ValidSegment]),
    problems: &mut Vec<Problem>,
) {
    let places =
        document.tenants.iter().enumerate().flat_map(|(tenant, owner)| {
            (0..owner.segments.len()).map(move |segment| Place { tenant, segment })
        });
    for (place, segment) in places.zip(segments) {
        check_joined(segment, place, tree, nodes, problems);
        if segment.vni.is_none() {
            check_vni(segment, place, tree, links, problems);
        }
    }
}

fn check_joined(
    segment: &ValidSegment,
    place: Place,
    tree: &Tree,
    nodes: &[ValidNode],
    problems: &mut Vec<Problem>,
) {
    let mut members = segment.members.iter();
    let Some(first) = members.next() else { return };
    if let Some(lost) = members.find(|member| !tree.joins(*first, **member)) {
        let [first, lost] = [first, lost].map(|member| &nodes[member.index()].name);
        problems.push(Problem::new(
            codes::UNREACHABLE,
            place.to_string(),
            format!("spans {first} and {lost}, and no chain of links joins them"),
            format!("add a link that leads from {first} to {lost}"),
        ));
    }
}

fn check_vni(
    segment: &ValidSegment,
    place: Place,
    tree: &Tree,
    links: &[ValidLink],
    problems: &mut Vec<Problem>,
) {
    let on_the_way = tree.all_member_links(&segment.members);
    let remote = segment.remotes.iter().map(|end| end.link);
    let crossed = remote
        .chain(on_the_way)
        .find(|link| links[link.index()].is_vxlan());
    if let Some(link) = crossed {
        problems.push(Problem::new(
            codes::NO_FREE_NUMBER,
            format!("{place}.vni"),
            format!(
                "is not given and none is free, but link {} needs one",
                links[link.index()].name
            ),
            "add or widen \"vnis\" of the segment's datacenter",
        ));
    }
}
