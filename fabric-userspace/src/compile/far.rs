//! What other datacenters are to a segment at this node: labels that come in, and where frames go out to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::input::{End, way_to};
use super::node::{NodeView, Way};
use crate::budget;
use crate::error::Refusal;
use crate::ids::Place;
use crate::model::Name;
use crate::topology::Landing;
use crate::validate::{DatacenterIx, NodeIx, Valid, ValidSegment};

/// Other islands, seen from a node where their labels end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Far {
    /// Links by which labels may come.
    pub(super) lines: Vec<Line>,
    /// Each other island with members.
    pub(super) islands: Vec<Island>,
    /// Frames for everybody go out from here, and from here alone.
    pub(super) floods: bool,
}

/// A link with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) link: Name,
    pub(super) number: u32,
    pub(super) slot: u16,
}

/// Another island with members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Island {
    /// The datacenter that stands for it.
    pub(super) face: Name,
    /// Labels of frames that come from it.
    pub(super) labels_in: Vec<u32>,
    /// Its datacenters with members.
    pub(super) datacenters: Vec<Datacenter>,
}

/// Another datacenter with members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datacenter {
    pub(super) name: Name,
    /// Label of frames that go there.
    pub(super) label: u32,
    pub(super) way: Arc<Way>,
    pub(super) backup: Option<Arc<Way>>,
    /// Largest frame of a tenant in bytes that all lines on the way take, if the document says so of any.
    pub(super) room: Option<u32>,
    pub(super) ends: Vec<End>,
}

/// Labels that another node of this island takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inward {
    pub(super) anchor: Name,
    pub(super) way: Arc<Way>,
    pub(super) lines: Vec<Line>,
    pub(super) labels: Vec<u32>,
}

impl Far {
    /// Every link that floods may leave by, those that stand by included.
    pub(super) fn flooded_ways(&self) -> impl Iterator<Item = &Way> {
        let faces = self
            .islands
            .iter()
            .filter(|_| self.floods)
            .filter_map(Island::facing);
        faces.flat_map(|datacenter| datacenter.ways())
    }

    /// Every link that leads to another datacenter.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Way> {
        let datacenters = self.islands.iter().flat_map(|island| &island.datacenters);
        datacenters.flat_map(|datacenter| datacenter.ways())
    }
}

impl Island {
    /// The datacenter that frames for everybody go to.
    pub(super) fn facing(&self) -> Option<&Datacenter> {
        self.datacenters
            .iter()
            .find(|datacenter| datacenter.name == self.face)
    }

    /// The only end in the island with its datacenter, if there is just one.
    pub(super) fn only_end(&self) -> Option<(&Name, u16)> {
        let mut ends = self
            .datacenters
            .iter()
            .flat_map(|datacenter| datacenter.ends.iter().map(|end| (&datacenter.name, end.c_vid)));
        ends.next().filter(|_| ends.next().is_none())
    }
}

impl Datacenter {
    fn ways(&self) -> impl Iterator<Item = &Way> {
        [Some(&self.way), self.backup.as_ref()]
            .into_iter()
            .flatten()
            .map(AsRef::as_ref)
    }

    /// The port of each of its ways, once.
    pub(super) fn slots(&self) -> BTreeSet<u16> {
        self.ways().map(|way| way.slot).collect()
    }
}

/// A segment and how each of its islands is entered, seen from one node.
pub(super) struct Landings<'a> {
    pub(super) valid: &'a Valid,
    pub(super) here: NodeIx,
    pub(super) segment: &'a ValidSegment,
    islands: BTreeMap<usize, Landing>,
}

impl<'a> Landings<'a> {
    pub(super) fn of(valid: &'a Valid, here: NodeIx, segment: &'a ValidSegment) -> Self {
        let mut islands = BTreeMap::new();
        let mut members = segment.members.iter();
        // Most segments are in one island, and need none of this.
        if let Some(first) = members.next()
            && members.any(|member| !valid.tree().joins(*first, *member))
        {
            islands = valid.routes().landings(valid.nodes(), segment);
        }
        Self {
            valid,
            here,
            segment,
            islands,
        }
    }

    fn own(&self) -> Option<&Landing> {
        self.islands.get(&self.valid.routes().island(self.here))
    }

    fn others(&self) -> impl Iterator<Item = &Landing> {
        let own = self.valid.routes().island(self.here);
        let others = self.islands.iter().filter(move |(island, _)| **island != own);
        others.map(|(_, landing)| landing)
    }

    /// Nodes of this island that the segment's frames must reach, those where labels end among them.
    pub(super) fn members(&self) -> BTreeSet<NodeIx> {
        let routes = self.valid.routes();
        let Some(own) = self.own() else {
            return self.segment.members.clone();
        };
        let island = routes.island(self.here);
        let members = self.segment.members.iter().copied();
        members
            .filter(|node| routes.island(*node) == island)
            .chain(routes.ends_of(island, own))
            .collect()
    }

    /// Whether the segment has any business here.
    pub(super) fn are_here(&self) -> bool {
        let members = self.members();
        members.contains(&self.here)
            || !self.valid.tree().member_links(self.here, &members).is_empty()
            || self
                .own()
                .is_some_and(|own| self.valid.routes().inward(self.here, own.anchor).is_some())
    }

    /// The node of this island through which `node` is reached: itself, or where its labels begin.
    pub(super) fn gate(&self, node: NodeIx) -> Option<NodeIx> {
        if self.valid.tree().joins(self.here, node) {
            return Some(node);
        }
        self.own().map(|own| own.anchor)
    }

    /// Whether labels lead from `gate` to another node's datacenter, if it needs them.
    pub(super) fn leads_on(&self, gate: NodeIx, node: NodeIx) -> bool {
        gate == node || {
            let datacenter = self.valid.node(node).datacenter;
            self.valid.routes().route_to(gate, datacenter).is_some()
        }
    }

    /// The place to which frames for everybody at another node leave; `None` if nothing leads there.
    pub(super) fn everybody_at(&self, node: NodeIx, view: &NodeView) -> Result<Option<Place>, Refusal> {
        let base = self.segment.base_c_vid.get();
        let starts_here = |own| self.valid.routes().ends_at(self.here, own);
        if !self.valid.tree().joins(self.here, node) && self.own().is_some_and(starts_here) {
            let island = self.islands.get(&self.valid.routes().island(node));
            let face = island.map(|island| self.valid.datacenter(island.face).name.clone());
            return Ok(face.map(|face| Place::Far(face, base)));
        }
        let Some(link) = self
            .gate(node)
            .and_then(|gate| self.valid.tree().next_link(self.here, gate))
            .filter(|link| !self.valid.link(*link).down)
        else {
            return Ok(None);
        };
        let way = view.way(link)?;
        let c_vid = way.wire.tags().map_or(0, |_| base);
        Ok(Some(Place::Remote(way.name.clone(), c_vid)))
    }

    /// Other datacenters, if labels end at this node.
    pub(super) fn far(&self, view: &NodeView) -> Result<Option<Far>, Refusal> {
        let Some(own) = self.own() else { return Ok(None) };
        if !self.valid.routes().ends_at(self.here, own) {
            return Ok(None);
        }
        let mut islands = Vec::new();
        for other in self.others() {
            islands.push(self.island(own, other, view)?);
        }
        Ok(Some(Far {
            lines: self.lines(view),
            islands,
            floods: self.here == own.anchor,
        }))
    }

    fn island(&self, own: &Landing, other: &Landing, view: &NodeView) -> Result<Island, Refusal> {
        let name = |at: DatacenterIx| self.valid.datacenter(at).name.clone();
        let mut datacenters = Vec::new();
        for at in &other.datacenters {
            let route = self.valid.routes().route_to(self.here, *at);
            if let (Some(route), Some(label)) = (route, self.segment.label(*at, own.face)) {
                datacenters.push(Datacenter {
                    name: name(*at),
                    label: label.get(),
                    way: Arc::clone(view.way(route.link)?),
                    backup: route
                        .backup
                        .map(|link| view.way(link).map(Arc::clone))
                        .transpose()?,
                    room: self.room((*at, other.anchor)),
                    ends: self.ends(*at, other),
                });
            }
        }
        Ok(Island {
            face: name(other.face),
            labels_in: self.labels_in(own, other),
            datacenters,
        })
    }

    fn room(&self, to: (DatacenterIx, NodeIx)) -> Option<u32> {
        let links = self.valid.links();
        // Most documents leave it out, and a fabric may have ten thousand segments.
        if links.iter().all(|link| link.mtu.is_none()) {
            return None;
        }
        let passed = self.valid.routes().passed(links, self.here, to);
        let rooms = passed.into_iter().filter_map(|(_, link)| {
            let link = self.valid.link(link);
            let sends = link.mtu?.get().saturating_add(budget::slack(&link.carries));
            Some(sends.saturating_sub(budget::added(&link.carries)))
        });
        rooms.min()
    }

    fn labels_in(&self, own: &Landing, other: &Landing) -> Vec<u32> {
        let to = own.datacenters.iter();
        to.filter_map(|to| self.segment.label(*to, other.face))
            .map(|label| label.get())
            .collect()
    }

    /// What is in a datacenter of another island, as far as a node there where its labels end can send to it.
    fn ends(&self, datacenter: DatacenterIx, other: &Landing) -> Vec<End> {
        let there =
            |node: NodeIx| self.valid.node(node).datacenter == datacenter && self.is_served(node, other);
        let attachments = self.segment.attachments.iter().filter(|end| there(end.node));
        let remotes = self.segment.remotes.iter().filter(|end| there(end.node));
        let remotes = remotes.filter(|end| !self.valid.link(end.link).down);
        let mut ends: Vec<End> = attachments
            .map(|end| End::new(end.c_vid, &end.stations))
            .chain(remotes.map(|end| End::new(end.c_vid, &end.stations)))
            .collect();
        ends.sort_by_key(|end| end.c_vid);
        ends
    }

    fn is_served(&self, node: NodeIx, other: &Landing) -> bool {
        // Most of the time nothing is out of service.
        if self.valid.links().iter().all(|link| !link.down) {
            return true;
        }
        let routes = self.valid.routes();
        let mut ends = routes.ends_of(routes.island(other.anchor), other);
        ends.any(|end| end == node || way_to(self.valid, end, node).is_some())
    }

    fn lines(&self, view: &NodeView) -> Vec<Line> {
        view.lines()
            .map(|(way, number)| Line {
                link: way.name.clone(),
                number,
                slot: way.slot,
            })
            .collect()
    }

    /// The next node of this island on the way to where labels end, if that is another one and labels lead there.
    pub(super) fn inward(&self, view: &NodeView) -> Result<Option<Inward>, Refusal> {
        let Some(own) = self.own() else { return Ok(None) };
        let Some(link) = self.valid.routes().inward(self.here, own.anchor) else {
            return Ok(None);
        };
        let labels = self.others().flat_map(|other| self.labels_in(own, other));
        Ok(Some(Inward {
            anchor: self.valid.node(own.anchor).name.clone(),
            way: Arc::clone(view.way(link)?),
            lines: self.lines(view),
            labels: labels.collect(),
        }))
    }
}
