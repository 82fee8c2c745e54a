//! Fills in the numbers that a document leaves out, from the ranges of each segment's datacenter.
//!
//! Deterministic: the same document gives the same numbers on every node. Stable: a number that is there stays.
//! Invariant: no pair of S-VID and C-VID and no VNI is given twice. What cannot be filled in stays absent, and
//! `validate` says why.

mod space;
mod tags;
mod vnis;

use std::collections::{BTreeSet, HashMap};

use crate::model::{Datacenter, Document, LinkKind, Name, Segment};
use space::Space;

/// Fills in datacenters, S-VIDs, C-VIDs and VNIs. Returns the segments that got an S-VID or a base C-VID.
pub fn allocate(document: &mut Document) -> BTreeSet<Name> {
    let Document {
        datacenters,
        nodes,
        links,
        tenants,
        ..
    } = document;
    let places = Places {
        datacenters: datacenters
            .iter()
            .map(|datacenter| (&datacenter.name, datacenter))
            .collect(),
        nodes: nodes.iter().map(|node| (&node.name, &node.datacenter)).collect(),
        gateways: links
            .iter()
            .filter_map(|link| Some((&link.name, gateway(link)?)))
            .collect(),
    };
    let vxlan_between_nodes = links
        .iter()
        .any(|link| link.kind == LinkKind::Vxlan && gateway(link).is_none());
    let segments = || tenants.iter().flat_map(|tenant| &tenant.segments);
    let mut space = Space::used_by(segments());
    let mut vnis = vnis::Vnis::used_by(segments());

    let mut allocated = BTreeSet::new();
    for segment in tenants.iter_mut().flat_map(|tenant| &mut tenant.segments) {
        let Some(datacenter) = places.datacenter_of(segment) else {
            continue;
        };
        segment.datacenter.get_or_insert_with(|| datacenter.name.clone());
        if tags::fill(segment, datacenter, &mut space) {
            allocated.insert(segment.name.clone());
        }
        if segment.vni.is_none() && places.needs_vni(segment, vxlan_between_nodes) {
            segment.vni = vnis.take(datacenter);
        }
    }
    allocated
}

fn gateway(link: &crate::model::Link) -> Option<&Name> {
    match &link.ends {
        [end, foreign] | [foreign, end] if foreign.node.is_none() => end.node.as_ref(),
        [_, _] => None,
    }
}

struct Places<'d> {
    datacenters: HashMap<&'d Name, &'d Datacenter>,
    nodes: HashMap<&'d Name, &'d Name>,
    /// Node of our end, for links with a foreign one.
    gateways: HashMap<&'d Name, &'d Name>,
}

impl<'d> Places<'d> {
    fn datacenter_of(&self, segment: &Segment) -> Option<&'d Datacenter> {
        if let Some(name) = &segment.datacenter {
            return self.datacenters.get(name).copied();
        }
        if self.datacenters.len() == 1 {
            return self.datacenters.values().next().copied();
        }
        let first = self.members(segment).next()?;
        self.datacenters.get(self.nodes.get(first)?).copied()
    }

    fn members<'s>(&'s self, segment: &'s Segment) -> impl Iterator<Item = &'s Name> {
        let attached = segment.attachments.iter().map(|end| &end.node);
        attached.chain(
            segment
                .remotes
                .iter()
                .filter_map(|end| self.gateways.get(&end.link).copied()),
        )
    }

    // A little more often than needed: which links a segment crosses may change with every link, its VNI may not.
    fn needs_vni(&self, segment: &Segment, vxlan_between_nodes: bool) -> bool {
        let mut members = self.members(segment);
        let first = members.next();
        !segment.remotes.is_empty() || (vxlan_between_nodes && members.any(|other| Some(other) != first))
    }
}

#[cfg(test)]
mod tests;
