//! Islands by node name, before anything is checked: links to unknown nodes join nothing, links that are down count.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Document, Link, LinkKind, Name};

/// Nodes that links which carry frames by segment join, in a document that may still be wrong.
pub(super) struct Islands<'d> {
    of: HashMap<&'d Name, usize>,
}

impl<'d> Islands<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        let datacenter: HashMap<&Name, &Name> = document
            .nodes
            .iter()
            .map(|node| (&node.name, &node.datacenter))
            .collect();
        let mut of: HashMap<&Name, usize> = HashMap::new();
        let mut members: Vec<Vec<&Name>> = Vec::new();
        for (at, node) in document.nodes.iter().enumerate() {
            of.insert(&node.name, at);
            members.push(vec![&node.name]);
        }
        for [a, b] in document.links.iter().filter_map(|link| joined(link, &datacenter)) {
            let (Some(into), Some(from)) = (of.get(a).copied(), of.get(b).copied()) else {
                continue;
            };
            if into != from {
                let moved = std::mem::take(&mut members[from]);
                of.extend(moved.iter().map(|node| (*node, into)));
                members[into].extend(moved);
            }
        }
        Self { of }
    }

    /// The islands of `nodes`.
    pub(super) fn among<'n>(&self, nodes: impl Iterator<Item = &'n Name>) -> BTreeSet<usize> {
        nodes.filter_map(|node| self.of.get(node).copied()).collect()
    }
}

/// Both nodes of a link that carries frames by segment.
fn joined<'d>(link: &'d Link, datacenter: &HashMap<&Name, &Name>) -> Option<[&'d Name; 2]> {
    let [a, b] = link.ends.each_ref().map(|end| end.node.as_ref());
    let (a, b) = (a?, b?);
    let by_segment = match link.kind {
        LinkKind::Trunk | LinkKind::Vxlan | LinkKind::ITag | LinkKind::GlobalVlan => true,
        LinkKind::Pseudowire => datacenter.get(a) == datacenter.get(b),
        LinkKind::MplsUdp => false,
    };
    by_segment.then_some([a, b])
}
