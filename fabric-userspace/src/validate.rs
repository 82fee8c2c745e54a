//! Document to [`Valid`], or everything that is wrong with it.
//!
//! Invariant: whoever holds a [`Valid`] has a document that keeps every rule, with names resolved to indices and
//! every number present. A refused document changes nothing anywhere.

mod datacenters;
mod gateways;
mod index;
mod labels;
mod links;
mod nodes;
mod numbers;
mod place;
mod ports;
mod reach;
mod segments;
mod stations;
mod storage;
mod table;
mod tenants;
mod valid;

use crate::allocate::allocate;
use crate::model::Document;
use crate::topology::{Routes, Tree};

pub use crate::error::Problem;
pub use index::{DatacenterIx, LinkIx, NodeIx, SegmentIx, TenantIx};
pub use valid::{
    Carries, LineEnd, PortRole, TrunkEnd, UnderlayEnd, Valid, ValidAttachment, ValidDatacenter, ValidGateway,
    ValidGatewaySegment, ValidLabel, ValidLink, ValidMember, ValidNode, ValidPort, ValidRemote, ValidRoute,
    ValidSegment, ValidStation, ValidTenant, ValidVsm, ValidVsmSegment, VxlanEnds,
};

/// Ports a node can have in use: the tables of the data path hold no more.
pub const MAX_PORTS: usize = 512;
/// Segments a fabric can have: a segment is a 24-bit number in the data path.
pub const MAX_SEGMENTS: usize = 0x00ff_ffff;
/// MAC addresses of a tenant that has no limit of its own.
pub const DEFAULT_MAC_LIMIT: u32 = 4096;

/// Checks a document, after [`allocate`] has filled in the numbers that it leaves out.
///
/// # Errors
/// Every problem found, in the order of the document; unreachable members are looked for only in a document that
/// is right in itself.
pub fn validate(mut document: Document) -> Result<Valid, Vec<Problem>> {
    allocate(&mut document);
    let mut problems = Vec::new();
    let datacenters = datacenters::check(&document, &mut problems);
    let nodes = nodes::check(&document, &datacenters, &mut problems);
    let mut ports = ports::Ports::new(&document, &nodes);
    let links = links::check(&document, &nodes, &mut ports, &mut problems);
    let parts = tenants::Parts {
        datacenters: &datacenters,
        nodes: &nodes,
        links: &links,
    };
    let (tenants, segments) = tenants::check(&document, &parts, &mut ports, &mut problems);
    ports.check_counts(&mut problems);
    numbers::check(&document, &parts, &mut problems);
    let (datacenters, nodes, links) = (datacenters.all(), ports.fill(nodes.all()), links.all());
    if !problems.is_empty() {
        return Err(problems);
    }
    let (storage, segments) = storage::check(&document, &nodes, segments, &mut problems);
    let parts = gateways::Parts {
        tenants: &tenants,
        storage: &storage,
    };
    let (gateways, segments) = gateways::check(&document, &parts, segments, &mut problems);
    let tree = Tree::of(&nodes, &links);
    let routes = Routes::of(&tree, &nodes, &links);
    let fabric = reach::Fabric {
        tree: &tree,
        routes: &routes,
        datacenters: &datacenters,
        nodes: &nodes,
        links: &links,
    };
    reach::check(&document, &fabric, &segments, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Valid {
        document,
        datacenters,
        nodes,
        links,
        tenants,
        segments,
        storage,
        gateways,
        tree,
        routes,
    })
}

#[cfg(test)]
mod tests;
