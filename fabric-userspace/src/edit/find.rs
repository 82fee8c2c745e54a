//! Looking for objects by name, with the refusals for what is not there.

use crate::error::{Code, Refusal, codes};
use crate::model::{Attachment, Document, Gateway, IfName, Name, Segment, Tenant, Vlan};

pub(super) fn refuse(code: Code, sentence: impl Into<String>, cure: impl Into<String>) -> Refusal {
    Refusal::new(code, sentence).with_cure(cure).unchanged()
}

pub(super) fn node_at(document: &Document, name: &Name) -> Result<usize, Refusal> {
    document
        .nodes
        .iter()
        .position(|node| node.name == *name)
        .ok_or_else(|| {
            refuse(
                codes::UNKNOWN_NODE,
                format!("the fabric has no node {name}"),
                "fabric node list shows the nodes",
            )
        })
}

pub(super) fn known_datacenter(document: &Document, name: &Name) -> Result<(), Refusal> {
    if document
        .datacenters
        .iter()
        .any(|datacenter| datacenter.name == *name)
    {
        return Ok(());
    }
    Err(refuse(
        codes::UNKNOWN_DATACENTER,
        format!("the fabric has no datacenter {name}"),
        "fabric datacenter list shows the datacenters",
    ))
}

pub(super) fn tenant_at(document: &Document, name: &Name) -> Result<usize, Refusal> {
    document
        .tenants
        .iter()
        .position(|tenant| tenant.name == *name)
        .ok_or_else(|| {
            refuse(
                codes::UNKNOWN_TENANT,
                format!("there is no tenant {name}"),
                "fabric tenant list shows the tenants",
            )
        })
}

/// Tenant and segment positions of the segment with this name.
pub(super) fn segment_place(document: &Document, name: &Name) -> Option<(usize, usize)> {
    document.tenants.iter().enumerate().find_map(|(at, tenant)| {
        tenant
            .segments
            .iter()
            .position(|segment| segment.name == *name)
            .map(|segment| (at, segment))
    })
}

pub(super) fn segment_at(document: &Document, name: &Name) -> Result<(usize, usize), Refusal> {
    segment_place(document, name).ok_or_else(|| {
        refuse(
            codes::UNKNOWN_SEGMENT,
            format!("there is no segment {name}"),
            "fabric segment list shows the segments",
        )
    })
}

/// Everyone who is attached to a port, with tenant and segment.
pub(super) fn attachments_of<'d>(
    document: &'d Document,
    node: &'d Name,
    port: &'d IfName,
) -> impl Iterator<Item = (&'d Tenant, &'d Segment, &'d Attachment)> {
    let segments = document
        .tenants
        .iter()
        .flat_map(|tenant| tenant.segments.iter().map(move |s| (&**tenant, s)));
    let all = segments
        .flat_map(|(tenant, segment)| segment.attachments.iter().map(move |end| (tenant, segment, end)));
    all.filter(move |(_, _, end)| end.node == *node && end.port == *port)
}

/// The command that detaches, as this fabric needs it: the node is told only where there are several.
pub(super) fn detach_command(
    document: &Document,
    tenant: &Name,
    (node, port, vlan): (&Name, &IfName, Vlan),
) -> String {
    let node = if document.nodes.len() > 1 {
        format!(" --node {node}")
    } else {
        String::new()
    };
    format!(
        "fabric tenant detach {tenant}{node} --port {port} {}",
        vlan.flags()
    )
}

/// Removes the segment if nothing is in it and nothing names it, and then the tenant if it has no segment. Tells which went.
pub(super) fn prune(document: &mut Document, (tenant, segment): (usize, usize)) -> (bool, bool) {
    let name = &document.tenants[tenant].segments[segment].name;
    let is_named = user_of(document, name).is_some();
    let segments = &mut document.tenants[tenant].segments;
    let is_used = !segments[segment].attachments.is_empty() || !segments[segment].remotes.is_empty();
    let empty = !is_used && !is_named;
    if empty {
        segments.remove(segment);
    }
    (empty, empty && prune_tenant(document, tenant))
}

/// A gateway or storage machine that names the segment: what it is, and the command that removes it.
pub(super) fn user_of(document: &Document, segment: &Name) -> Option<(String, String)> {
    let mut gateways = document.gateways.iter();
    let gateway = gateways.find(|one| one.segments.iter().any(|place| place.segment == *segment));
    if let Some(Gateway { name, .. }) = gateway {
        return Some((format!("gateway {name}"), format!("fabric gateway remove {name}")));
    }
    let mut storage = document.storage.iter();
    let vsm = storage.find(|one| one.segments.iter().any(|place| place.segment == *segment))?;
    let name = &vsm.name;
    Some((
        format!("storage machine {name}"),
        format!("fabric storage remove {name}"),
    ))
}

/// Refuses to take away what a gateway or storage machine names.
pub(super) fn check_unnamed<'a>(
    document: &Document,
    mut segments: impl Iterator<Item = &'a Segment>,
) -> Result<(), Refusal> {
    let found = segments.find_map(|segment| Some((&segment.name, user_of(document, &segment.name)?)));
    match found {
        None => Ok(()),
        Some((segment, (user, cure))) => Err(refuse(
            codes::STILL_USED,
            format!("segment {segment} is in use by {user}"),
            cure,
        )),
    }
}

pub(super) fn prune_tenant(document: &mut Document, tenant: usize) -> bool {
    let empty = document.tenants[tenant].segments.is_empty();
    if empty {
        document.tenants.remove(tenant);
    }
    empty
}

/// Position of the tenant, added at the end if it is new.
pub(super) fn tenant_or_new(document: &mut Document, name: &Name) -> (usize, bool) {
    let known = document.tenants.iter().position(|tenant| tenant.name == *name);
    known.map_or_else(|| (new_tenant(document, name), true), |at| (at, false))
}

/// Position of a tenant that is added.
pub(super) fn new_tenant(document: &mut Document, name: &Name) -> usize {
    let tenant = Tenant {
        name: name.clone(),
        mac_limit: None,
        segments: Vec::new(),
    };
    document.tenants.push(tenant.into());
    document.tenants.len() - 1
}

pub(super) fn no_free_number(segment: &Name) -> Refusal {
    refuse(
        codes::NO_FREE_NUMBER,
        format!("no free numbers are left for segment {segment} in the ranges of its datacenter"),
        "widen s_vids or c_vids of the datacenter, or remove segments: fabric segment list",
    )
}
