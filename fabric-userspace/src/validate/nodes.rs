//! Nodes: unique names, each port listed once, a known datacenter; also finds nodes and datacenters for other checks.

use std::collections::{BTreeMap, HashMap};

use super::DatacenterIx;
use super::table::{Table, duplicate};
use super::valid::{ValidDatacenter, ValidNode};
use crate::error::{Problem, codes};
use crate::model::{Document, Name};

/// Nodes without their ports, which are known when links and attachments are.
pub(super) fn check(
    document: &Document,
    datacenters: &Table<ValidDatacenter>,
    problems: &mut Vec<Problem>,
) -> Table<ValidNode> {
    let names = document.nodes.iter().map(|node| &node.name);
    let mut table = Table::of("nodes", names, problems);
    for (at, node) in document.nodes.iter().enumerate() {
        let mut ports = HashMap::new();
        for (port, options) in node.ports.iter().enumerate() {
            if let Some(first) = ports.insert(&options.name, port) {
                let path = format!("nodes[{at}].ports[{port}].name");
                problems.push(duplicate(
                    &path,
                    &options.name,
                    &format!("nodes[{at}].ports[{first}]"),
                ));
            }
        }
        let path = || format!("nodes[{at}].datacenter");
        let datacenter = find_datacenter(datacenters, &node.datacenter, path, problems);
        table.push(datacenter.map(|datacenter| ValidNode {
            name: node.name.clone(),
            datacenter,
            ports: BTreeMap::new(),
        }));
    }
    table
}

pub(super) fn find_datacenter(
    datacenters: &Table<ValidDatacenter>,
    name: &Name,
    path: impl Fn() -> String,
    problems: &mut Vec<Problem>,
) -> Option<DatacenterIx> {
    let found = datacenters.find(name).map(DatacenterIx::new);
    if found.is_none() {
        problems.push(Problem::new(
            codes::UNKNOWN_DATACENTER,
            path(),
            format!("is {name}, and the document defines no datacenter of this name"),
            format!("add it to datacenters, or use one of: {}", datacenters.names()),
        ));
    }
    found
}

/// Position of a node by name; a problem at `path` if there is none.
pub(super) fn find_node(
    nodes: &Table<ValidNode>,
    name: &Name,
    path: impl Fn() -> String,
    problems: &mut Vec<Problem>,
) -> Option<super::NodeIx> {
    let found = nodes.find(name).map(super::NodeIx::new);
    if found.is_none() {
        problems.push(Problem::new(
            codes::UNKNOWN_NODE,
            path(),
            format!("is {name}, and the document defines no node of this name"),
            format!("add it to nodes, or use one of: {}", nodes.names()),
        ));
    }
    found
}
