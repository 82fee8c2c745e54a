//! Fills in the numbers that a document leaves out, from the ranges of each segment's datacenter.
//!
//! Deterministic: the same document gives the same numbers on every node. Stable: a number that is there stays.
//! Invariant: no pair of S-VID and C-VID and no VNI is given twice. What cannot be filled in stays absent, and
//! `validate` says why.

mod islands;
mod labels;
mod lowest;
mod members;
mod space;
mod tags;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::{Datacenter, Document, Link, LinkKind, Name, Segment};
use islands::Islands;
use labels::Labels;
use lowest::Lowest;
use space::Space;

/// Fills in datacenters, S-VIDs, C-VIDs, VNIs, I-SIDs, global VIDs, labels, and numbers of members. Returns the segments that got an
/// S-VID or a base C-VID.
pub fn allocate(document: &mut Document) -> BTreeSet<Name> {
    let mut tenants = std::mem::take(&mut document.tenants);
    let places = Places::of(document);
    let segments = || tenants.iter().flat_map(|tenant| &tenant.segments);
    let mut space = Space::used_by(segments());
    let mut vnis = Lowest::unlike(segments().filter_map(|segment| segment.vni));
    let mut i_sids = Lowest::unlike(segments().filter_map(|segment| segment.i_sid));
    let mut global_vids = Lowest::unlike(segments().filter_map(|segment| segment.global_vid));
    let mut labels = Labels::used_by(segments());

    let mut allocated = BTreeSet::new();
    for segment in tenants.iter_mut().flat_map(|tenant| &mut tenant.segments) {
        let Some(datacenter) = places.datacenter_of(segment) else {
            continue;
        };
        segment.datacenter.get_or_insert_with(|| datacenter.name.clone());
        if tags::fill(segment, datacenter, &mut space) {
            allocated.insert(segment.name.clone());
        }
        if segment.vni.is_none() && (!segment.remotes.is_empty() || places.crosses(segment, LinkKind::Vxlan))
        {
            segment.vni = vnis.take(datacenter.vnis);
        }
        if segment.i_sid.is_none() && places.crosses(segment, LinkKind::ITag) {
            segment.i_sid = i_sids.take(datacenter.i_sids);
        }
        if segment.global_vid.is_none() && places.crosses(segment, LinkKind::GlobalVlan) {
            segment.global_vid = global_vids.take(document.global_vids);
        }
        places.label(segment, datacenter, &mut labels);
    }
    document.tenants = tenants;
    document.storage.iter_mut().for_each(members::fill);
    allocated
}

fn gateway(link: &Link) -> Option<&Name> {
    match &link.ends {
        [end, foreign] | [foreign, end] if foreign.node.is_none() => end.node.as_ref(),
        [_, _] => None,
    }
}

struct Places<'d> {
    datacenters: HashMap<&'d Name, &'d Datacenter>,
    in_order: &'d [Datacenter],
    nodes: HashMap<&'d Name, &'d Name>,
    /// Node of our end, for links with a foreign one.
    gateways: HashMap<&'d Name, &'d Name>,
    /// Kinds of links between nodes.
    kinds: HashSet<LinkKind>,
    islands: Islands<'d>,
}

impl<'d> Places<'d> {
    fn of(document: &'d Document) -> Self {
        let Document {
            datacenters,
            nodes,
            links,
            ..
        } = document;
        let between_nodes = links.iter().filter(|link| gateway(link).is_none());
        Self {
            datacenters: datacenters
                .iter()
                .map(|datacenter| (&datacenter.name, datacenter))
                .collect(),
            in_order: datacenters,
            nodes: nodes.iter().map(|node| (&node.name, &node.datacenter)).collect(),
            gateways: links
                .iter()
                .filter_map(|link| Some((&link.name, gateway(link)?)))
                .collect(),
            kinds: between_nodes.map(|link| link.kind).collect(),
            islands: Islands::of(document),
        }
    }

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

    // A little more often than needed: which links a segment crosses may change with every link, its numbers may not.
    fn crosses(&self, segment: &Segment, kind: LinkKind) -> bool {
        let mut members = self.members(segment);
        let first = members.next();
        self.kinds.contains(&kind) && members.any(|other| Some(other) != first)
    }

    /// Gives the segment the labels that it needs: between datacenters with members that only labels join.
    fn label(&self, segment: &mut Segment, home: &Datacenter, labels: &mut Labels) {
        if self.in_order.len() < 2 {
            return;
        }
        let mut islands: BTreeMap<&Name, BTreeSet<usize>> = BTreeMap::new();
        for datacenter in self.in_order {
            let members = self.members(segment);
            let here = members.filter(|node| self.nodes.get(node) == Some(&&datacenter.name));
            islands.insert(&datacenter.name, self.islands.among(here));
        }
        let apart = |to: &Name, from: &Name| {
            let (to, from) = (&islands[to], &islands[from]);
            to.iter().any(|island| from.iter().any(|other| other != island))
        };
        let with_members = self
            .in_order
            .iter()
            .filter(|datacenter| !islands[&datacenter.name].is_empty());
        labels.fill(segment, home, &with_members.collect::<Vec<_>>(), |to, from| {
            to != from && apart(to, from)
        });
    }
}

#[cfg(test)]
mod tests;
