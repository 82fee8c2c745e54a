//! Whether frames could go round while nodes go by different documents.
//!
//! A link carries a segment's frames if both of its ends have it in their tree. Nodes of one document use a tree; but a link that one
//! tree alone has, between nodes that have not changed over, and a link that another one alone has, between nodes that have, can be
//! in use at once, and close a ring with what all have. So can the labels that carry frames for everybody from one part of the tree to
//! another, where nodes do not agree on what the parts are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use super::Landing;
use crate::model::{IfName, Name};
use crate::validate::{LinkIx, NodeIx, Valid, ValidSegment};

/// A ring that a change could close for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Whose frames would go round.
    pub segment: Name,
    /// Carries them until now, and not any more; not out of service.
    pub lost: Name,
    /// Shall carry them.
    pub gained: Name,
}

/// Whether some tree of `new` has a link that none of `old` has, or joins other nodes.
pub fn gains_a_link(old: &Valid, new: &Valid) -> bool {
    let (was, is) = (old.document(), new.document());
    // Most changes leave the trees alone, and then so much is seen at once.
    let is_as_it_was = was.links == is.links && was.nodes == is.nodes;
    !is_as_it_was && (!in_trees(new).is_subset(&in_trees(old)) || islands(new) != islands(old))
}

/// Whether labels can end at other nodes, or take other lines. Where they do, frames can go round for as long as nodes do not agree.
pub fn moves_labels(old: &Valid, new: &Valid) -> bool {
    old.document().links != new.document().links && lines(old) != lines(new)
}

/// Links with labels, and whether they are out of service.
fn lines(valid: &Valid) -> BTreeSet<(&Name, [NodeIx; 2], bool)> {
    let lines = valid.links().iter().filter(|link| link.is_label_link());
    lines
        .filter_map(|link| Some((&link.name, link.nodes()?, link.down)))
        .collect()
}

/// Nodes that trees join.
fn islands(valid: &Valid) -> BTreeSet<BTreeSet<&Name>> {
    let mut islands = BTreeMap::<usize, BTreeSet<&Name>>::new();
    for (at, node) in valid.nodes().iter().enumerate() {
        let island = valid.routes().island(NodeIx::new(at));
        islands.entry(island).or_default().insert(&node.name);
    }
    islands.into_values().collect()
}

fn in_trees(valid: &Valid) -> BTreeSet<Edge<'_>> {
    valid
        .tree()
        .links()
        .filter_map(|link| edge(valid, link))
        .collect()
}

/// The first ring that there is while each node goes by `old` or by `new`.
pub fn closed_between(old: &Valid, new: &Valid) -> Option<Ring> {
    closed_among(&[old, new], |_, _| true)
}

/// The first ring that the last document can close with the others, where a node may go by the document of a number. What was
/// in force before is the last but one.
pub fn closed_among(documents: &[&Valid], may_go_by: impl Fn(&Name, usize) -> bool) -> Option<Ring> {
    let [.., base, new] = documents else { return None };
    if !gains_a_link(base, new) && !moves_labels(base, new) {
        return None;
    }
    let known: Vec<BTreeMap<Tags, &ValidSegment>> = documents.iter().map(|valid| by_tags(valid)).collect();
    // Most segments use the same links as another one.
    let mut seen = HashSet::new();
    known.last()?.iter().find_map(|(tags, segment)| {
        let used = documents.iter().zip(&known).map(|(valid, known)| {
            known
                .get(tags)
                .map_or_else(BTreeSet::new, |segment| used(valid, segment))
        });
        let trees = Trees {
            used: used.collect(),
            may_go_by: &may_go_by,
        };
        if !seen.insert(trees.used.clone()) {
            return None;
        }
        let (lost, gained) = trees.ring()?;
        Some(Ring {
            segment: segment.name.clone(),
            lost: lost.clone(),
            gained: gained.clone(),
        })
    })
}

/// S-VID and base C-VID: on the wire a segment is what its tags say, whatever its name.
type Tags = (u16, u16);

fn by_tags(valid: &Valid) -> BTreeMap<Tags, &ValidSegment> {
    let tags = |segment: &ValidSegment| (segment.s_vid.get(), segment.base_c_vid.get());
    let segments = valid.segments().iter().map(AsRef::as_ref);
    segments.map(|segment| (tags(segment), segment)).collect()
}

/// A link with its ends, as it can be told apart in two documents; or the labels between two nodes, whatever link they take.
#[derive(Clone, Copy)]
struct Edge<'a> {
    link: &'a Name,
    ends: [(&'a Name, Option<&'a IfName>); 2],
}

impl PartialEq for Edge<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Edge<'_> {}

impl PartialOrd for Edge<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Edge<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Edge<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl<'a> Edge<'a> {
    fn key(&self) -> (Option<&'a Name>, [(&'a Name, Option<&'a IfName>); 2]) {
        (Some(self.link).filter(|_| !self.is_labels()), self.ends)
    }

    fn is_labels(&self) -> bool {
        self.ends[0].1.is_none()
    }

    fn nodes(&self) -> [&'a Name; 2] {
        self.ends.map(|(node, _)| node)
    }

    fn other_end(&self, node: &Name) -> Option<&'a Name> {
        let [a, b] = self.nodes();
        match (a == node, b == node) {
            (true, _) => Some(b),
            (_, true) => Some(a),
            _ => None,
        }
    }
}

/// The links that carry a segment's frames from node to node.
fn used<'a>(valid: &'a Valid, segment: &ValidSegment) -> BTreeSet<Edge<'a>> {
    let reached = valid.routes().reached(valid.nodes(), segment);
    let links = valid.tree().all_member_links(&reached);
    let mut used: BTreeSet<Edge<'a>> = links.into_iter().filter_map(|link| edge(valid, link)).collect();
    let landings = valid.routes().landings(valid.nodes(), segment);
    let landings: Vec<&Landing> = landings.values().collect();
    for (number, one) in landings.iter().enumerate() {
        used.extend(
            landings[..number]
                .iter()
                .filter_map(|other| labels(valid, one, other)),
        );
    }
    used
}

/// The labels between the nodes where two islands are entered, if a line in service leads there.
fn labels<'a>(valid: &'a Valid, one: &Landing, other: &Landing) -> Option<Edge<'a>> {
    let route = valid.routes().route_to(one.anchor, other.face)?;
    let mut ends = [one, other].map(|landing| (&valid.node(landing.anchor).name, None));
    ends.sort();
    let link = &valid.link(route.link).name;
    Some(Edge { link, ends })
}

fn edge(valid: &Valid, link: LinkIx) -> Option<Edge<'_>> {
    let link = valid.link(link);
    let end = |node| Some((&valid.node(node).name, Some(link.port_at(node)?)));
    let [a, b] = link.nodes().filter(|_| !link.down)?;
    Some(Edge {
        link: &link.name,
        ends: [end(a)?, end(b)?],
    })
}

/// The links that a segment uses in each document.
struct Trees<'a, 'f, F> {
    used: Vec<BTreeSet<Edge<'a>>>,
    may_go_by: &'f F,
}

/// A frame on its way: the link that it comes by, and which document the node goes by where it is.
type Step<'a> = (Edge<'a>, &'a Name, usize);

impl<'a, F: Fn(&Name, usize) -> bool> Trees<'a, '_, F> {
    /// A link that leaves the segment's tree and one that comes in, in one ring.
    fn ring(&self) -> Option<(&'a Name, &'a Name)> {
        let [.., base, new] = &self.used[..] else {
            return None;
        };
        new.difference(base).find_map(|gained| {
            let way = self.way_round(gained)?;
            let lost = way.iter().find(|edge| !new.contains(edge))?;
            Some((lost.link, gained.link))
        })
    }

    /// Where a frame that has crossed the link goes on to cross it again.
    fn way_round(&self, gained: &Edge<'a>) -> Option<Vec<Edge<'a>>> {
        let [start, first] = gained.nodes();
        let mut came_from = BTreeMap::<Step<'a>, Option<Step<'a>>>::new();
        let mut queue = VecDeque::new();
        for step in self.arrivals(gained, first) {
            came_from.insert(step, None);
            queue.push_back(step);
        }
        while let Some(step) = queue.pop_front() {
            let (by, node, document) = step;
            if node == start {
                let goes_round = !(by.is_labels() && gained.is_labels());
                if goes_round && self.used[document].contains(gained) {
                    return Some(way(&came_from, step));
                }
                continue;
            }
            // What came by labels goes on by none.
            let goes_on = |edge: &&Edge<'a>| **edge != by && !(by.is_labels() && edge.is_labels());
            for edge in self.used[document].iter().filter(goes_on) {
                let Some(next) = edge.other_end(node) else {
                    continue;
                };
                for arrival in self.arrivals(edge, next) {
                    came_from.entry(arrival).or_insert_with(|| {
                        queue.push_back(arrival);
                        Some(step)
                    });
                }
            }
        }
        None
    }

    /// At a node that takes in what comes by a link.
    fn arrivals(&self, by: &Edge<'a>, node: &'a Name) -> impl Iterator<Item = Step<'a>> {
        let by = *by;
        (0..self.used.len())
            .filter(move |document| self.used[*document].contains(&by) && (self.may_go_by)(node, *document))
            .map(move |document| (by, node, document))
    }
}

fn way<'a>(came_from: &BTreeMap<Step<'a>, Option<Step<'a>>>, last: Step<'a>) -> Vec<Edge<'a>> {
    let before = |step: &Step<'a>| came_from.get(step).copied().flatten();
    std::iter::successors(Some(last), before)
        .map(|(edge, ..)| edge)
        .collect()
}
