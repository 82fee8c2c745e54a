//! What no tenant changes: documents that differ in tenants alone can share one plant with its tree, routes and islands.

use std::collections::{BTreeSet, HashSet};

use super::table::Table;
use super::valid::{ValidDatacenter, ValidLink, ValidNode};
use super::{LinkIx, NodeIx};
use crate::model::{IfName, LinkKind};
use crate::topology::{Islands, Routes, Tree};

/// Datacenters, links, and what follows from them and from the nodes, whoever is attached.
#[derive(Debug)]
pub(super) struct Plant {
    pub(super) datacenters: Table<ValidDatacenter>,
    pub(super) links: Table<ValidLink>,
    pub(super) tree: Tree,
    pub(super) routes: Routes,
    pub(super) islands: Islands,
    /// Kinds of links that there are.
    pub(super) kinds: HashSet<LinkKind>,
    /// Ports that links use: no tenant can be attached to them.
    pub(super) ports: HashSet<(NodeIx, IfName)>,
    /// Nodes with several links inside of a datacenter, or to foreign VTEPs, at one port.
    pub(super) shared: BTreeSet<NodeIx>,
}

impl Plant {
    /// What is right in itself.
    pub(super) fn of(
        datacenters: Table<ValidDatacenter>,
        nodes: &Table<ValidNode>,
        links: Table<ValidLink>,
        ports: HashSet<(NodeIx, IfName)>,
    ) -> Self {
        let tree = Tree::of(nodes.items(), links.items());
        Self {
            routes: Routes::of(&tree, nodes.items(), links.items()),
            islands: Islands::of(&tree, nodes.items(), links.items()),
            shared: shared(&tree, links.items()),
            kinds: links.items().iter().map(|link| link.carries.kind()).collect(),
            tree,
            datacenters,
            links,
            ports,
        }
    }
}

fn shared(tree: &Tree, links: &[ValidLink]) -> BTreeSet<NodeIx> {
    let branches: BTreeSet<LinkIx> = tree.links().collect();
    let carries = |(at, link): &(usize, &ValidLink)| {
        !link.down && (branches.contains(&LinkIx::new(*at)) || link.nodes().is_none())
    };
    let mut seen = HashSet::new();
    links
        .iter()
        .enumerate()
        .filter(carries)
        .flat_map(|(_, link)| link.carries.places())
        .filter(|place| !seen.insert(*place))
        .map(|(node, _)| node)
        .collect()
}
