//! Fills in the numbers that a document leaves out, from the ranges of each segment's datacenter.
//!
//! Deterministic: the same document gives the same numbers on every node. Stable: a number that is there stays.
//! Invariant: no pair of S-VID and C-VID and no VNI is given twice. What cannot be filled in stays absent, and
//! `validate` says why.

mod counted;
mod islands;
mod labels;
mod ledger;
mod lowest;
mod members;
mod space;
mod tags;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::{
    Datacenter, Document, Gateway, ISid, Link, LinkKind, Name, Range, Segment, ServiceVid, Shared, Tenant,
    Vni,
};
use islands::Islands;
use labels::{Labels, Wanted};
pub(crate) use ledger::Ledger;
use lowest::Lowest;
use space::Space;
pub(crate) use space::explicit_c_vids;

/// Fills in datacenters, S-VIDs, C-VIDs, VNIs, I-SIDs, global VIDs, labels, and numbers of members. Returns the segments that got an
/// S-VID or a base C-VID.
pub fn allocate(document: &mut Document) -> BTreeSet<Name> {
    fill(document).segments
}

/// What [`fill`] did.
pub(crate) struct Filled {
    /// Segments that got an S-VID or a base C-VID.
    pub(crate) segments: BTreeSet<Name>,
    /// False if a number is still absent: one that becomes free may be given to a segment that nobody changes.
    pub(crate) is_complete: bool,
}

impl Filled {
    fn nothing() -> Self {
        Self {
            segments: BTreeSet::new(),
            is_complete: true,
        }
    }

    /// Gives a tenant what he lacks. One who lacks nothing stays shared with the documents that he came from.
    fn give(&mut self, tenant: &mut Shared<Tenant>, free: &mut Free, places: &Places<'_>) {
        for at in 0..tenant.segments.len() {
            let segment = &tenant.segments[at];
            let Some(datacenter) = places.datacenter_of(segment) else {
                self.is_complete = false;
                continue;
            };
            if !places.lacks(segment, datacenter) {
                continue;
            }
            let segment = &mut tenant.segments[at];
            if free.give(segment, datacenter, places) {
                self.segments.insert(segment.name.clone());
            }
            self.is_complete &= !places.lacks(segment, datacenter);
        }
    }
}

/// [`allocate`]. Tenants that lack nothing stay shared with the documents that they came from.
pub(crate) fn fill(document: &mut Document) -> Filled {
    let mut tenants = std::mem::take(&mut document.tenants);
    let mut places = Places::of(document);
    places.stretch(&document.gateways, &tenants);
    let mut free = Free::default();
    // Once: the segments of 10,000 tenants are more than a cache holds.
    let segments = tenants.iter().flat_map(|tenant| &tenant.segments);
    segments.for_each(|segment| free.enter(segment));
    let mut filled = Filled::nothing();
    tenants
        .iter_mut()
        .for_each(|tenant| filled.give(tenant, &mut free, &places));
    document.tenants = tenants;
    document.storage.iter_mut().for_each(members::fill);
    filled
}

/// Whether these tenants of the document have every number that [`fill`] would give them.
pub(crate) fn are_filled(document: &Document, tenants: &[&Shared<Tenant>]) -> bool {
    let places = Places::of(document);
    let segments = tenants.iter().flat_map(|tenant| &tenant.segments);
    segments.into_iter().all(|segment| {
        let datacenter = places.datacenter_of(segment);
        datacenter.is_some_and(|datacenter| !places.lacks(segment, datacenter))
    })
}

/// Numbers that nobody has.
#[derive(Debug, Default)]
struct Free {
    space: Space,
    vnis: Lowest<Vni>,
    i_sids: Lowest<ISid>,
    global_vids: Lowest<ServiceVid>,
    labels: Labels,
}

impl Free {
    /// The segment has its numbers.
    fn enter(&mut self, segment: &Segment) {
        if let Some(s_vid) = segment.s_vid {
            self.space.enter(s_vid, segment);
        }
        segment.vni.iter().for_each(|vni| self.vnis.enter(*vni));
        segment.i_sid.iter().for_each(|i_sid| self.i_sids.enter(*i_sid));
        segment
            .global_vid
            .iter()
            .for_each(|vid| self.global_vids.enter(*vid));
        self.labels.enter(segment);
    }

    /// The segment has them no more.
    fn leave(&mut self, segment: &Segment) {
        if let Some(s_vid) = segment.s_vid {
            self.space.leave(s_vid, segment);
        }
        segment.vni.iter().for_each(|vni| self.vnis.leave(*vni));
        segment.i_sid.iter().for_each(|i_sid| self.i_sids.leave(*i_sid));
        segment
            .global_vid
            .iter()
            .for_each(|vid| self.global_vids.leave(*vid));
        self.labels.leave(segment);
    }

    /// True if the same numbers are taken.
    #[cfg(test)]
    fn has_same(&self, other: &Self) -> bool {
        self.space.has_same(&other.space)
            && self.vnis.has_same(&other.vnis)
            && self.i_sids.has_same(&other.i_sids)
            && self.global_vids.has_same(&other.global_vids)
            && self.labels.has_same(&other.labels)
    }

    /// Gives the segment what it lacks, as far as there is any. True if it got an S-VID or a base C-VID.
    fn give(&mut self, segment: &mut Segment, datacenter: &Datacenter, places: &Places<'_>) -> bool {
        segment.datacenter.get_or_insert_with(|| datacenter.name.clone());
        let tagged = tags::fill(segment, datacenter, &mut self.space);
        if places.lacks_vni(segment) {
            segment.vni = self.vnis.take(datacenter.vnis);
        }
        if places.lacks_i_sid(segment) {
            segment.i_sid = self.i_sids.take(datacenter.i_sids);
        }
        if places.lacks_global_vid(segment) {
            segment.global_vid = self.global_vids.take(places.global_vids);
        }
        for wanted in places.missing_labels(segment, datacenter) {
            self.labels.fill(segment, &wanted);
        }
        tagged
    }
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
    /// The range of global VIDs.
    global_vids: Option<Range<ServiceVid>>,
    islands: Islands<'d>,
    /// Nodes that segments are at because others of their gateway are.
    stretched: HashMap<Name, BTreeSet<Name>>,
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
            global_vids: document.global_vids,
            islands: Islands::of(document),
            stretched: HashMap::new(),
        }
    }

    fn datacenter_of(&self, segment: &Segment) -> Option<&'d Datacenter> {
        if let Some(name) = &segment.datacenter {
            // Most fabrics have few: to compare is less than to hash.
            return match self.in_order {
                [only] => (only.name == *name).then_some(only),
                _ => self.datacenters.get(name).copied(),
            };
        }
        if self.datacenters.len() == 1 {
            return self.datacenters.values().next().copied();
        }
        let first = self.members(segment).next()?;
        self.datacenters.get(self.nodes.get(first)?).copied()
    }

    fn members<'s>(&'s self, segment: &'s Segment) -> impl Iterator<Item = &'s Name> {
        let attached = segment.attachments.iter().map(|end| &end.node);
        let remote = segment
            .remotes
            .iter()
            .filter_map(|end| self.gateways.get(&end.link).copied());
        let stretched = self.stretched.get(&segment.name);
        attached.chain(remote).chain(stretched.into_iter().flatten())
    }

    /// Segments of one gateway are all where any of them is.
    fn stretch(&mut self, gateways: &[Gateway], tenants: &[Shared<Tenant>]) {
        if gateways.is_empty() {
            return;
        }
        let segments = tenants.iter().flat_map(|tenant| &tenant.segments);
        let segments: HashMap<&Name, &Segment> = segments.map(|one| (&one.name, one)).collect();
        for gateway in gateways {
            let own = gateway.segments.iter().map(|place| &place.segment);
            let found = own.clone().filter_map(|name| segments.get(name));
            let nodes: BTreeSet<Name> = found.flat_map(|one| self.members(one)).cloned().collect();
            for name in own {
                self.stretched.insert(name.clone(), nodes.clone());
            }
        }
    }

    // A little more often than needed: which links a segment crosses may change with every link, its numbers may not.
    fn crosses(&self, segment: &Segment, kind: LinkKind) -> bool {
        let mut members = self.members(segment);
        let first = members.next();
        self.kinds.contains(&kind) && members.any(|other| Some(other) != first)
    }

    /// Whether a number is absent that the segment should have.
    fn lacks(&self, segment: &Segment, home: &Datacenter) -> bool {
        segment.datacenter.is_none()
            || tags::lacks(segment)
            || self.lacks_vni(segment)
            || self.lacks_i_sid(segment)
            || self.lacks_global_vid(segment)
            || !self.missing_labels(segment, home).is_empty()
    }

    fn lacks_vni(&self, segment: &Segment) -> bool {
        segment.vni.is_none() && (!segment.remotes.is_empty() || self.crosses(segment, LinkKind::Vxlan))
    }

    fn lacks_i_sid(&self, segment: &Segment) -> bool {
        segment.i_sid.is_none() && self.crosses(segment, LinkKind::ITag)
    }

    fn lacks_global_vid(&self, segment: &Segment) -> bool {
        segment.global_vid.is_none() && self.crosses(segment, LinkKind::GlobalVlan)
    }

    /// The labels that the segment needs and has not: between datacenters with members that only labels join.
    fn missing_labels(&self, segment: &Segment, home: &Datacenter) -> Vec<Wanted<'d>> {
        let mut members = self.members(segment);
        let first = members.next();
        if self.in_order.len() < 2 || members.all(|other| Some(other) == first) {
            return Vec::new();
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
        let with_members: Vec<&Datacenter> = self
            .in_order
            .iter()
            .filter(|datacenter| !islands[&datacenter.name].is_empty())
            .collect();
        labels::missing(segment, home, &with_members, |to, from| {
            to != from && apart(to, from)
        })
    }
}

#[cfg(test)]
mod tests;
