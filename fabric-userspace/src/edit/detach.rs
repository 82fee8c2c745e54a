//! Taking an attachment away, and the segment and the tenant too if they are empty then.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::{attachments_of, prune, refuse, tenant_at};
use super::{Edited, Outcome};
use crate::error::{Refusal, codes};
use crate::model::{Document, IfName, Name, Vlan};

/// Takes a port and VLAN away from a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detach {
    /// Whose it is.
    pub tenant: Name,
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
}

/// What [`detach`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detached {
    /// Whose it was.
    pub tenant: Name,
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
    /// Segment that they belonged to.
    pub segment: Name,
    /// Static stations that went with it.
    pub stations: usize,
    /// It was the segment's last end, and the segment went too.
    pub removed_segment: bool,
    /// It was the tenant's last segment, and the tenant went too.
    pub removed_tenant: bool,
}

/// Detaches a port and VLAN; a segment with nothing left in it goes, and a tenant with no segment left.
///
/// # Errors
/// There is no such tenant or attachment.
pub fn detach(document: &Document, request: &Detach) -> Outcome<Detached> {
    let tenant = tenant_at(document, &request.tenant)?;
    let is_it = |end: &crate::model::Attachment| {
        end.node == request.node && end.port == request.port && end.vlan == request.vlan
    };
    let segments = document.tenants[tenant].segments.iter().enumerate();
    let place = segments
        .into_iter()
        .find_map(|(at, segment)| Some((at, segment.attachments.iter().position(is_it)?)));
    let (segment, end) = place.ok_or_else(|| not_attached(document, request))?;

    let mut document = document.clone();
    let from = &mut document.tenants[tenant].segments[segment];
    let (name, end) = (from.name.clone(), from.attachments.remove(end));
    let (removed_segment, removed_tenant) = prune(&mut document, (tenant, segment));
    let answer = Detached {
        tenant: request.tenant.clone(),
        node: request.node.clone(),
        port: request.port.clone(),
        vlan: request.vlan,
        segment: name,
        stations: end.stations.len(),
        removed_segment,
        removed_tenant,
    };
    Ok(Edited::new(document, answer))
}

fn not_attached(document: &Document, request: &Detach) -> Refusal {
    let Detach {
        tenant,
        node,
        port,
        vlan,
    } = request;
    let mut there: Vec<String> = attachments_of(document, node, port)
        .filter(|(owner, _, _)| owner.name == *tenant)
        .map(|(_, _, end)| end.vlan.to_string())
        .collect();
    there.sort_by(|a, b| crate::model::natural(a, b));
    let has = if there.is_empty() {
        "nothing".to_owned()
    } else {
        there.join(", ")
    };
    refuse(
        codes::NOT_ATTACHED,
        format!("{port} {vlan} is not attached to tenant {tenant} (it has {has} on {port} of {node})"),
        format!("fabric tenant show {tenant} lists its attachments"),
    )
}
