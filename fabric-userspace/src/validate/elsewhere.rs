//! What some node could not build, or would build wrongly, though each part of the document is right. Whoever makes a change looks for
//! it, because that node may be another one: it refuses this document and all later ones.
//!
//! Only what is new is told there: a document that has it already is taken, or no agent that has it could start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fabric_common::address::Address;

use super::valid::{Valid, ValidLink, ValidSegment};
use super::{LinkIx, NodeIx};
use crate::error::{Problem, codes};
use crate::model::IfName;

/// What is wrong with `changed`, segments of `new`, or with its links, and is not in `old`.
pub(crate) fn unbuildable<'v>(
    old: &Valid,
    new: &'v Valid,
    changed: impl Iterator<Item = &'v ValidSegment>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if old.document().links != new.document().links {
        let known = twins(old);
        problems.extend(twins(new).into_iter().filter(|twin| !known.contains(twin)));
    }
    for segment in changed {
        let Some(problem) = fault(new, segment) else {
            continue;
        };
        let mut before = old.segments().iter();
        let was = before.find(|one| one.name == segment.name);
        if was.and_then(|was| fault(old, was)).as_ref() != Some(&problem) {
            problems.push(problem);
        }
    }
    problems
}

impl Valid {
    /// Two tunnels from one port of a node whose far ends its tables cannot tell apart: these have the port, 32 bits of the address and
    /// the kind, not the underlay's VLAN.
    pub(crate) fn twin(&self, node: NodeIx) -> Option<Problem> {
        twins_of(self).find(|(at, _)| *at == node).map(|(_, twin)| twin)
    }

    /// Two links of one port of a node that serve a segment. A frame never leaves by its port of entry but with or without a label that
    /// it came without or with, so nothing may have to pass between them, as between foreign VTEPs.
    pub(crate) fn turn(&self, segment: &ValidSegment, node: NodeIx) -> Option<Problem> {
        if !self.plant.shared.contains(&node) {
            return None;
        }
        turn(self, segment, node)
    }
}

fn twins(valid: &Valid) -> Vec<Problem> {
    twins_of(valid).map(|(_, twin)| twin).collect()
}

fn twins_of(valid: &Valid) -> impl Iterator<Item = (NodeIx, Problem)> {
    let mut seen = HashMap::new();
    let ends = valid.links().iter().flat_map(|link| {
        let directions = link.carries.directions().into_iter();
        directions.map(move |(end, far)| (link, end, far))
    });
    ends.filter_map(move |(link, end, far)| {
        let place = (end.node, &end.port, link.carries.kind(), Address::from(far).fold());
        let (first, other) = seen.insert(place, (&link.name, far))?;
        let node = &valid.node(end.node).name;
        let twin = Problem::new(
            codes::LINK_CONFLICT,
            format!("link {}", link.name),
            format!(
                "leads from {node} by {} to {far} and link {first} to {other}, which the tables cannot tell apart",
                end.port
            ),
            "give one of the links another port, or its far end another address",
        );
        Some((end.node, twin))
    })
}

fn fault(valid: &Valid, segment: &ValidSegment) -> Option<Problem> {
    let mut shared = valid.plant.shared.iter();
    let turn = shared.find_map(|node| turn(valid, segment, *node));
    turn.or_else(|| doubled(valid, segment))
}

fn turn(valid: &Valid, segment: &ValidSegment, node: NodeIx) -> Option<Problem> {
    let mut seen: HashMap<&IfName, &ValidLink> = HashMap::new();
    for link in links_at(valid, segment, node) {
        let port = link.port_at(node)?;
        let other = seen.insert(port, link);
        if let Some(first) = other.filter(|first| first.nodes().is_some() || link.nodes().is_some()) {
            let name = &valid.node(node).name;
            let (a, b) = (&first.name, &link.name);
            return Some(Problem::new(
                codes::LINK_CONFLICT,
                format!("segment {}", segment.name),
                format!("would have to turn round at {name}: links {a} and {b} share port {port}"),
                format!("give one of the links {a} and {b} a port of its own at {name}"),
            ));
        }
    }
    None
}

/// Links in service by which the segment's frames leave a node without a label.
fn links_at<'v>(
    valid: &'v Valid,
    segment: &ValidSegment,
    node: NodeIx,
) -> impl Iterator<Item = &'v ValidLink> {
    let routes = valid.routes();
    let landings = routes.landings(valid.nodes(), segment);
    let island = routes.island(node);
    let members: BTreeSet<NodeIx> = match landings.get(&island).filter(|_| landings.len() > 1) {
        None => segment.members.clone(),
        Some(own) => {
            let members = segment.members.iter().copied();
            members
                .filter(|member| routes.island(*member) == island)
                .chain(routes.ends_of(island, own))
                .collect()
        }
    };
    let remotes = segment.remotes.iter().filter(|end| end.node == node);
    let links: Vec<LinkIx> = valid
        .tree()
        .member_links(node, &members)
        .into_iter()
        .chain(remotes.map(|end| end.link))
        .collect();
    links
        .into_iter()
        .map(|link| valid.link(link))
        .filter(|link| !link.down)
}

/// Whoever is behind two links would get what is for everybody twice.
fn doubled(valid: &Valid, segment: &ValidSegment) -> Option<Problem> {
    let mut seen = BTreeMap::new();
    segment.remotes.iter().find_map(|end| {
        let link = valid.link(end.link);
        let (_, far) = link.addresses_at(end.node)?;
        let first = seen.insert(far, &link.name)?;
        Some(Problem::new(
            codes::BAD_REMOTE,
            format!("segment {}", segment.name),
            format!("leads to {far} twice, by links {first} and {}", link.name),
            "keep one of them",
        ))
    })
}
