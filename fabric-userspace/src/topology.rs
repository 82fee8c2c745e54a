//! The loop-free ways between nodes: one spanning tree for all segments.
//!
//! Every node computes it from the same document and gets the same tree, so no protocol is needed to agree.

mod islands;
pub mod rings;
mod routes;

use std::collections::{BTreeSet, VecDeque};

use crate::model::natural;
use crate::validate::{LinkIx, NodeIx, Valid, ValidLink, ValidNode};

pub use islands::Islands;
pub use routes::{Landing, Route, Routes};

/// A spanning tree for each part of the fabric that is joined by links which carry frames by segment: breadth first
/// from the lowest node name, links by name. A link that is down keeps its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    at: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    root: usize,
    parent: Option<Branch>,
    children: Vec<Branch>,
    /// The subtree as a half-open span of a depth-first walk: whether a node is below is two comparisons.
    span: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Branch {
    node: usize,
    link: LinkIx,
}

impl Tree {
    /// The tree of a checked document.
    pub fn build(valid: &Valid) -> Self {
        Self::of(valid.nodes(), valid.links())
    }

    pub(crate) fn of(nodes: &[ValidNode], links: &[ValidLink]) -> Self {
        let neighbours = neighbours(nodes, links);
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by(|a, b| natural(nodes[*a].name.as_str(), nodes[*b].name.as_str()));
        let mut tree = Self {
            at: vec![Place::default(); nodes.len()],
        };
        let mut seen = vec![false; nodes.len()];
        let mut walked = 0;
        for root in order {
            if !seen[root] {
                tree.grow(root, &neighbours, &mut seen);
                walked = tree.walk(root, walked);
            }
        }
        tree
    }

    fn grow(&mut self, root: usize, neighbours: &[Vec<Branch>], seen: &mut [bool]) {
        seen[root] = true;
        self.at[root].root = root;
        let mut queue = VecDeque::from([root]);
        while let Some(node) = queue.pop_front() {
            for branch in &neighbours[node] {
                if !std::mem::replace(&mut seen[branch.node], true) {
                    self.at[node].children.push(*branch);
                    self.at[branch.node].parent = Some(Branch {
                        node,
                        link: branch.link,
                    });
                    self.at[branch.node].root = root;
                    queue.push_back(branch.node);
                }
            }
        }
    }

    fn walk(&mut self, root: usize, mut next: usize) -> usize {
        let mut stack = vec![(root, false)];
        while let Some((node, done)) = stack.pop() {
            if done {
                self.at[node].span.1 = next;
                continue;
            }
            self.at[node].span.0 = next;
            next += 1;
            stack.push((node, true));
            stack.extend(self.at[node].children.iter().map(|branch| (branch.node, false)));
        }
        next
    }

    /// Whether some chain of links joins both nodes.
    pub fn joins(&self, a: NodeIx, b: NodeIx) -> bool {
        self.at[a.index()].root == self.at[b.index()].root
    }

    /// A node that stands for all that are joined with `node`: a number to compare.
    pub(crate) fn root(&self, node: NodeIx) -> usize {
        self.at[node.index()].root
    }

    /// The links of `node` that lie on tree paths among `members`, ascending; none if `node` is on no such path.
    /// Members that no path joins with `node` are left out.
    pub fn member_links(&self, node: NodeIx, members: &BTreeSet<NodeIx>) -> Vec<LinkIx> {
        let place = &self.at[node.index()];
        let positions: Vec<usize> = members
            .iter()
            .filter(|member| self.joins(node, **member))
            .map(|member| self.at[member.index()].span.0)
            .collect();
        // A tree link is on a path among members if members are on both of its sides.
        let crossed = |below: usize| {
            let (first, end) = self.at[below].span;
            let inside = positions
                .iter()
                .filter(|position| (first..end).contains(position))
                .count();
            0 < inside && inside < positions.len()
        };
        let down = place
            .children
            .iter()
            .filter(|branch| crossed(branch.node))
            .map(|branch| branch.link);
        let up = place
            .parent
            .iter()
            .filter(|_| crossed(node.index()))
            .map(|branch| branch.link);
        let mut links: Vec<LinkIx> = up.chain(down).collect();
        links.sort();
        links
    }

    /// The link by which `node` reaches `target`; `None` if they are the same or nothing joins them.
    pub fn next_link(&self, node: NodeIx, target: NodeIx) -> Option<LinkIx> {
        if node == target || !self.joins(node, target) {
            return None;
        }
        let place = &self.at[node.index()];
        let below = |branch: &&Branch| {
            let (first, end) = self.at[branch.node].span;
            (first..end).contains(&self.at[target.index()].span.0)
        };
        place
            .children
            .iter()
            .find(below)
            .or(place.parent.as_ref())
            .map(|branch| branch.link)
    }

    /// The links of all trees.
    pub fn links(&self) -> impl Iterator<Item = LinkIx> {
        self.at
            .iter()
            .filter_map(|place| Some(place.parent.as_ref()?.link))
    }

    /// All links on tree paths among `members`, ascending.
    pub fn all_member_links(&self, members: &BTreeSet<NodeIx>) -> BTreeSet<LinkIx> {
        if members.len() < 2 {
            return BTreeSet::new();
        }
        (0..self.at.len())
            .flat_map(|node| self.member_links(NodeIx::new(node), members))
            .collect()
    }
}

fn neighbours(nodes: &[ValidNode], links: &[ValidLink]) -> Vec<Vec<Branch>> {
    let mut order: Vec<usize> = (0..links.len()).collect();
    order.sort_by(|a, b| natural(links[*a].name.as_str(), links[*b].name.as_str()));
    let mut neighbours = vec![Vec::new(); nodes.len()];
    for link in order.into_iter().filter(|link| links[*link].is_tree_link(nodes)) {
        if let Some([a, b]) = links[link].nodes() {
            let link = LinkIx::new(link);
            neighbours[a.index()].push(Branch {
                node: b.index(),
                link,
            });
            neighbours[b.index()].push(Branch {
                node: a.index(),
                link,
            });
        }
    }
    neighbours
}

#[cfg(test)]
mod tests;
