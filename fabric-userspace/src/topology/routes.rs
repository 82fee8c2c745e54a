//! Which label link leads to which datacenter, with a backup that cannot make a loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::{Islands, Tree};
use crate::model::natural;
use crate::validate::{DatacenterIx, LinkIx, NodeIx, ValidLink, ValidNode, ValidSegment};

/// The ways of frames with datacenter tags.
///
/// A frame follows shortest ways, hop by hop. A node whose link is down may turn it aside once, to a neighbour whose own
/// shortest way does not lead back (RFC 5286, inequality 1); the frame is marked, and a marked frame follows shortest ways
/// only. So it gets nearer with each hop but one, whatever fails, and cannot go round in circles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    islands: Islands,
    /// By node: its label links, with the node at the other end, by name.
    links: Vec<Vec<(LinkIx, usize)>>,
    /// Nodes with a label link to another island, links out of service included.
    is_border: Vec<bool>,
    /// By node and datacenter.
    routes: BTreeMap<(usize, DatacenterIx), Route>,
    /// Islands with borders between which no label leads.
    divided: BTreeSet<usize>,
    /// A node in each island with a border, by datacenter.
    homes: BTreeMap<DatacenterIx, BTreeMap<usize, NodeIx>>,
}

/// The way from one node to another datacenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// On the shortest way.
    pub link: LinkIx,
    /// Takes over when `link` is down.
    pub backup: Option<LinkIx>,
}

/// What one segment's datacenter tags are to the nodes of one island.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// Where tags end and frames for everybody leave for other islands.
    pub anchor: NodeIx,
    /// The datacenter that stands for the island as a place of origin, and for everybody in it.
    pub face: DatacenterIx,
    /// Datacenters of members in the island.
    pub datacenters: BTreeSet<DatacenterIx>,
}

impl Routes {
    /// The routes of a fabric. Links that the operator took out of service are not used: every node knows that from the
    /// document, unlike the state of another node's line.
    pub(crate) fn of(tree: &Tree, nodes: &[ValidNode], links: &[ValidLink]) -> Self {
        let islands = Islands::of(tree, nodes, links);
        let labelled: Vec<(LinkIx, &ValidLink, [NodeIx; 2])> = links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.is_label_link())
            .filter_map(|(at, link)| Some((LinkIx::new(at), link, link.nodes()?)))
            .collect();
        let mut routes = Self {
            islands,
            links: vec![Vec::new(); nodes.len()],
            is_border: vec![false; nodes.len()],
            routes: BTreeMap::new(),
            divided: BTreeSet::new(),
            homes: BTreeMap::new(),
        };
        for (_, _, [a, b]) in &labelled {
            if routes.islands.island(*a) != routes.islands.island(*b) {
                routes.is_border[a.index()] = true;
                routes.is_border[b.index()] = true;
            }
        }
        let mut in_service: Vec<_> = labelled.into_iter().filter(|(_, link, _)| !link.down).collect();
        in_service.sort_by(|a, b| natural(a.1.name.as_str(), b.1.name.as_str()));
        for (at, _, [a, b]) in in_service {
            routes.links[a.index()].push((at, b.index()));
            routes.links[b.index()].push((at, a.index()));
        }
        routes.find(nodes);
        routes.divided = routes.divided_islands();
        routes.homes = routes.homes(nodes);
        routes
    }

    fn homes(&self, nodes: &[ValidNode]) -> BTreeMap<DatacenterIx, BTreeMap<usize, NodeIx>> {
        let borders = (0..nodes.len()).filter(|at| self.is_border[*at]);
        let reached: BTreeSet<usize> = borders.map(|at| self.island(NodeIx::new(at))).collect();
        let mut homes: BTreeMap<DatacenterIx, BTreeMap<usize, NodeIx>> = BTreeMap::new();
        for at in (0..nodes.len()).map(NodeIx::new) {
            let island = self.island(at);
            if reached.contains(&island) {
                let homes = homes.entry(nodes[at.index()].datacenter).or_default();
                homes.entry(island).or_insert(at);
            }
        }
        homes
    }

    fn divided_islands(&self) -> BTreeSet<usize> {
        let mut first: BTreeMap<usize, NodeIx> = BTreeMap::new();
        let borders = (0..self.links.len()).map(NodeIx::new);
        let apart = borders.filter(|at| self.is_border[at.index()]).filter(|at| {
            let first = *first.entry(self.island(*at)).or_insert(*at);
            *at != first && self.inward(*at, first).is_none()
        });
        apart.map(|at| self.islands.island(at)).collect()
    }

    fn find(&mut self, nodes: &[ValidNode]) {
        let datacenters: BTreeSet<DatacenterIx> = nodes.iter().map(|node| node.datacenter).collect();
        for datacenter in datacenters {
            let home: BTreeSet<usize> = (0..nodes.len())
                .filter(|at| nodes[*at].datacenter == datacenter)
                .map(|at| self.islands.island(NodeIx::new(at)))
                .collect();
            let is_home = |at: usize| home.contains(&self.islands.island(NodeIx::new(at)));
            let targets: Vec<usize> = (0..nodes.len())
                .filter(|at| is_home(*at) && self.is_border[*at])
                .collect();
            let distance = self.distances(&targets);
            let found: Vec<_> = (0..nodes.len())
                .filter(|at| !is_home(*at))
                .filter_map(|at| Some(((at, datacenter), self.route(at, &distance)?)))
                .collect();
            self.routes.extend(found);
        }
    }

    /// Hops from each node to the nearest of `targets`.
    fn distances(&self, targets: &[usize]) -> Vec<Option<u32>> {
        let mut distance = vec![None; self.links.len()];
        let mut queue: BinaryHeap<_> = targets.iter().map(|at| Reverse((0, *at))).collect();
        while let Some(Reverse((hops, at))) = queue.pop() {
            if distance[at].is_none() {
                distance[at] = Some(hops);
                let next = self.links[at].iter().map(|(_, far)| Reverse((hops + 1, *far)));
                queue.extend(next);
            }
        }
        distance
    }

    fn route(&self, at: usize, distance: &[Option<u32>]) -> Option<Route> {
        let mut ways: Vec<(u32, LinkIx)> = self.links[at]
            .iter()
            .filter_map(|(link, far)| Some((distance[*far]?, *link)))
            .collect();
        // Stable: among equals the first by name.
        ways.sort_by_key(|(hops, _)| *hops);
        let (hops, link) = *ways.first()?;
        // The neighbour's own way is shorter than through here, where it would be `hops + 2`.
        let backup = ways.get(1).filter(|(through, _)| *through <= hops + 1);
        Some(Route {
            link,
            backup: backup.map(|(_, link)| *link),
        })
    }

    /// The way to another datacenter; `None` in its own island, and where none leads there.
    pub fn route_to(&self, node: NodeIx, datacenter: DatacenterIx) -> Option<Route> {
        self.routes.get(&(node.index(), datacenter)).copied()
    }

    /// Every node and link that a frame with a datacenter's tag may leave by on its way from a node to `anchor`, where the tag
    /// ends, backups of all nodes on the way included.
    pub fn passed(
        &self,
        links: &[ValidLink],
        from: NodeIx,
        (to, anchor): (DatacenterIx, NodeIx),
    ) -> BTreeSet<(NodeIx, LinkIx)> {
        let (mut passed, mut ahead) = (BTreeSet::new(), vec![from]);
        while let Some(node) = ahead.pop() {
            let next = if self.island(node) == self.island(anchor) {
                [self.inward(node, anchor), None]
            } else {
                let route = self.route_to(node, to);
                [
                    route.map(|route| route.link),
                    route.and_then(|route| route.backup),
                ]
            };
            for link in next.into_iter().flatten() {
                if passed.insert((node, link)) {
                    ahead.extend(links.get(link.index()).and_then(|link| link.far_node(node)));
                }
            }
        }
        passed
    }

    /// The next label link inside of the island on the way to `anchor`; `None` there, and where no label leads to it.
    pub fn inward(&self, node: NodeIx, anchor: NodeIx) -> Option<LinkIx> {
        if node == anchor {
            return None;
        }
        let island = self.islands.island(node);
        let inside = |at: usize| self.islands.island(NodeIx::new(at)) == island;
        let mut queue = std::collections::VecDeque::from([anchor.index()]);
        let mut seen = BTreeSet::from([anchor.index()]);
        while let Some(at) = queue.pop_front() {
            for (link, far) in self.links[at].iter().filter(|(_, far)| inside(*far)) {
                if *far == node.index() {
                    return Some(*link);
                }
                if seen.insert(*far) {
                    queue.push_back(*far);
                }
            }
        }
        None
    }

    /// How each island with members of the segment is entered, by island; one entry if the segment crosses none.
    pub fn landings(&self, nodes: &[ValidNode], segment: &ValidSegment) -> BTreeMap<usize, Landing> {
        let mut members: BTreeMap<usize, Vec<NodeIx>> = BTreeMap::new();
        for member in &segment.members {
            members
                .entry(self.islands.island(*member))
                .or_default()
                .push(*member);
        }
        let landing = |(island, members): (usize, Vec<NodeIx>)| {
            let datacenters: BTreeSet<_> = members.iter().map(|at| nodes[at.index()].datacenter).collect();
            let landing = Landing {
                anchor: self.anchor(island, &members, nodes)?,
                face: *datacenters.first()?,
                datacenters,
            };
            Some((island, landing))
        };
        members.into_iter().filter_map(landing).collect()
    }

    /// The members of a segment, and the nodes where the tags of its frames end, which may be none.
    pub fn reached(&self, nodes: &[ValidNode], segment: &ValidSegment) -> BTreeSet<NodeIx> {
        let mut reached = segment.members.clone();
        let landings = self.landings(nodes, segment);
        if landings.len() > 1 {
            reached.extend(
                landings
                    .iter()
                    .flat_map(|(island, landing)| self.ends_of(*island, landing)),
            );
        }
        reached
    }

    /// The nodes of an island where the tags of a landing end.
    pub fn ends_of(&self, island: usize, landing: &Landing) -> impl Iterator<Item = NodeIx> {
        let nodes = (0..self.links.len()).map(NodeIx::new);
        nodes.filter(move |node| self.island(*node) == island && self.ends_at(*node, landing))
    }

    /// The only member, if labels lead to it from every border; otherwise a border, a member if there is one.
    fn anchor(&self, island: usize, members: &[NodeIx], nodes: &[ValidNode]) -> Option<NodeIx> {
        let mut borders: Vec<NodeIx> = (0..nodes.len())
            .map(NodeIx::new)
            .filter(|at| self.islands.island(*at) == island && self.is_border[at.index()])
            .collect();
        borders.sort_by(|a, b| natural(nodes[a.index()].name.as_str(), nodes[b.index()].name.as_str()));
        let leads = |from: &NodeIx, to: NodeIx| *from == to || self.inward(*from, to).is_some();
        if let [only] = members
            && borders.iter().all(|border| leads(border, *only))
        {
            return Some(*only);
        }
        let member = borders.iter().find(|border| members.contains(border));
        member.or(borders.first()).copied()
    }

    /// Whether the tags of a landing end at this node of its island: at the anchor, and at borders from which no label
    /// leads to it.
    pub fn ends_at(&self, node: NodeIx, landing: &Landing) -> bool {
        node == landing.anchor
            || (self.is_border[node.index()] && self.inward(node, landing.anchor).is_none())
    }

    /// A node of the same datacenter as `node` in another island to which its tag may lead as well.
    pub fn other_home(&self, nodes: &[ValidNode], node: NodeIx) -> Option<NodeIx> {
        let mut homes = self.homes.get(&nodes[node.index()].datacenter)?.iter();
        let (_, other) = homes.find(|(island, _)| **island != self.island(node))?;
        Some(*other)
    }

    /// A node where tags of a segment end beside the anchor of its island, if frames may come there from another island, and the
    /// anchor. What is for everybody would go on to the anchor like a frame of the island, and leave it again.
    pub fn second_end(
        &self,
        nodes: &[ValidNode],
        links: &[ValidLink],
        segment: &ValidSegment,
    ) -> Option<(NodeIx, NodeIx)> {
        // Most fabrics have none, and segments are many.
        let divided = |node: &NodeIx| self.divided.contains(&self.island(*node));
        if !segment.members.iter().any(divided) {
            return None;
        }
        let landings = self.landings(nodes, segment);
        landings.iter().find_map(|(island, own)| {
            let others = landings.iter().filter(|(other, _)| *other != island);
            let starts = others.flat_map(|(other, landing)| self.ends_of(*other, landing));
            let journeys = starts.flat_map(|from| own.datacenters.iter().map(move |to| (from, *to)));
            let passed = journeys.flat_map(|(from, to)| self.passed(links, from, (to, own.anchor)));
            let arrivals = passed
                .filter(|(node, _)| self.island(*node) != *island)
                .filter_map(|(node, link)| links.get(link.index())?.far_node(node));
            arrivals
                .filter(|node| self.island(*node) == *island && *node != own.anchor)
                .find(|node| self.ends_at(*node, own))
                .map(|node| (node, own.anchor))
        })
    }

    /// The island of a node: a number to compare.
    pub fn island(&self, node: NodeIx) -> usize {
        self.islands.island(node)
    }
}
