//! What no tenant changes: documents that differ in tenants alone can share one plant with its tree, routes and islands.

use std::collections::HashSet;

use super::NodeIx;
use super::table::Table;
use super::valid::{ValidDatacenter, ValidLink, ValidNode};
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
            kinds: links.items().iter().map(|link| link.carries.kind()).collect(),
            tree,
            datacenters,
            links,
            ports,
        }
    }
}
