//! Document to [`Valid`], or everything that is wrong with it.
//!
//! Invariant: whoever holds a [`Valid`] has a document that keeps every rule, with names resolved to indices and
//! every number present. A refused document changes nothing anywhere.

mod datacenters;
mod edited;
mod elsewhere;
mod gateways;
mod index;
mod labels;
mod links;
mod nodes;
mod numbers;
mod place;
mod plant;
mod ports;
mod reach;
mod segments;
mod shared;
mod stations;
mod storage;
mod table;
mod taken;
mod tenants;
mod valid;

use std::sync::Arc;

use crate::allocate::fill;
use crate::model::{Document, Shared, Tenant};
use place::Place;
use plant::Plant;
use taken::Taken;

pub use crate::error::Problem;
pub(crate) use elsewhere::unbuildable;
pub use index::{DatacenterIx, LinkIx, NodeIx, SegmentIx};
pub(crate) use storage::unheard_copies;
pub use valid::{
    Carries, LineEnd, PortRole, TrunkEnd, UnderlayEnd, Valid, ValidAttachment, ValidDatacenter, ValidGateway,
    ValidGatewaySegment, ValidLabel, ValidLink, ValidMember, ValidNode, ValidPort, ValidRemote, ValidRoute,
    ValidSegment, ValidStation, ValidTenant, ValidVsm, ValidVsmSegment, VxlanEnds,
};

/// Ports a node can have in use: the tables that an agent makes hold no more.
pub const MAX_PORTS: usize = crate::ids::Sizes::PORTS as usize - 1;
/// Segments a fabric can have. A node can have part in fewer, see [`Sizes`](crate::ids::Sizes).
pub const MAX_SEGMENTS: usize = 0x00ff_ffff;
/// MAC addresses of a tenant that has no limit of its own.
pub const DEFAULT_MAC_LIMIT: u32 = 4096;

/// Checks a document, after [`allocate`](crate::allocate::allocate) has filled in the numbers that it leaves out.
///
/// # Errors
/// Every problem found, in the order of the document; unreachable members are looked for only in a document that
/// is right in itself.
pub fn validate(mut document: Document) -> Result<Valid, Vec<Problem>> {
    let filled = fill(&mut document);
    let mut problems = Vec::new();
    let datacenters = datacenters::check(&document, &mut problems);
    let mut nodes = nodes::check(&document, &datacenters, &mut problems);
    let mut ports = ports::Ports::default();
    let links = links::check(&document, &nodes, &mut ports, &mut problems);
    let of_links = ports.used().cloned().collect();
    let parts = tenants::Parts {
        datacenters: &datacenters,
        nodes: &nodes,
        links: &links,
    };
    let tenants = tenants::check(&document.tenants, &parts, &mut ports, &mut problems);
    ports.check_counts(&document, &nodes, &mut problems);
    numbers::check(&document.tenants, document.global_vids, &parts, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    ports.fill(&document, &mut nodes);
    let own: Vec<(u32, usize)> = tenants.iter().map(|(limit, own)| (*limit, own.len())).collect();
    let segments = tenants.into_iter().flat_map(|(_, own)| own).collect();
    let (storage, segments) = storage::check(&document, nodes.items(), segments, &mut problems);
    let (gateways, segments) = gateways::check(&document, &storage, segments, &mut problems);
    let plant = Plant::of(datacenters, &nodes, links, of_links);
    let places = places(&document.tenants).zip(&segments);
    reach::check(&plant, nodes.items(), places, &mut problems);
    shared::check(&plant, nodes.items(), &storage, &segments, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let segments: Vec<Arc<ValidSegment>> = segments.into_iter().map(Arc::new).collect();
    let mut rest = segments.iter();
    let tenant = |(tenant, (mac_limit, count)): (&Shared<Tenant>, (u32, usize))| {
        Arc::new(ValidTenant {
            name: tenant.name.clone(),
            mac_limit,
            segments: rest.by_ref().take(count).cloned().collect(),
        })
    };
    Ok(Valid {
        tenants: document.tenants.iter().zip(own).map(tenant).collect(),
        taken: Taken::by(&document.tenants, &nodes),
        plant: Arc::new(plant),
        nodes: Arc::new(nodes),
        segments: segments.iter().cloned().collect(),
        storage: Arc::new(storage),
        gateways: Arc::new(gateways),
        is_complete: filled.is_complete,
        document,
    })
}

/// [`validate`] of a document that shares most of its tenants with the one of `before`: the same answer, but only what has
/// changed is looked at if that is enough.
///
/// # Errors
/// As [`validate`].
pub fn revalidate(mut document: Document, before: &Valid) -> Result<Valid, Vec<Problem>> {
    match edited::check(&mut document, before) {
        Some(parts) => Ok(parts.with(document, before)),
        None => validate(document),
    }
}

/// Where each segment stands.
fn places(tenants: &[Shared<Tenant>]) -> impl Iterator<Item = Place> {
    let tenants = tenants.iter().enumerate();
    tenants
        .flat_map(|(tenant, owner)| (0..owner.segments.len()).map(move |segment| Place { tenant, segment }))
}

#[cfg(test)]
mod tests;
