//! Which nodes are joined by segment, and which islands by datacenter tag; links that are down count as well.

use std::collections::BTreeSet;

use super::Tree;
use crate::validate::{NodeIx, ValidLink, ValidNode};

/// Islands: the parts of the fabric that links which carry frames by segment join; and whether datacenter tags lead
/// from one to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Islands {
    of: Vec<usize>,
    /// By island: the parts joined by label links that begin in it.
    parts: Vec<BTreeSet<usize>>,
}

impl Islands {
    /// The islands of a tree over the same nodes and links. Links that are down count: who they join is the
    /// operator's intent, whatever works at the moment.
    pub fn of(tree: &Tree, nodes: &[ValidNode], links: &[ValidLink]) -> Self {
        let of: Vec<usize> = (0..nodes.len())
            .map(|node| tree.root(NodeIx::new(node)))
            .collect();
        let mut part: Vec<usize> = (0..nodes.len()).collect();
        for [a, b] in links
            .iter()
            .filter(|link| link.is_label_link())
            .filter_map(ValidLink::nodes)
        {
            let (into, from) = (part[a.index()], part[b.index()]);
            part.iter_mut()
                .filter(|at| **at == from)
                .for_each(|at| *at = into);
        }
        let mut parts = vec![BTreeSet::new(); nodes.len()];
        for (node, part) in part.iter().enumerate() {
            parts[of[node]].insert(*part);
        }
        Self { of, parts }
    }

    /// The island of a node: a number to compare.
    pub fn island(&self, node: NodeIx) -> usize {
        self.of[node.index()]
    }

    /// Whether one and the same chain of label links begins in the island of `a` and ends in that of `b`. On the way
    /// a frame keeps its datacenter tag, so links that carry it by segment do not count.
    pub fn labelled(&self, a: NodeIx, b: NodeIx) -> bool {
        let [a, b] = [a, b].map(|node| &self.parts[self.island(node)]);
        !a.is_disjoint(b)
    }
}
