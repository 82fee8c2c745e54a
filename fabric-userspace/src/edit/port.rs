//! Options of ports: a port is listed at its node as soon as an option is set that is not the usual one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::node_at;
use super::{Edited, Outcome};
use crate::model::{Document, IfName, Name, PortOptions};

/// Sets options of a port; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortSet {
    /// Node of the port.
    pub node: Name,
    /// The port.
    pub port: IfName,
    /// Drop frames whose source is a group address.
    #[serde(default)]
    pub drop_group_source: Option<bool>,
    /// Carry the tenant's LLDP to the other ends.
    #[serde(default)]
    pub tunnel_lldp: Option<bool>,
}

/// What [`port_set`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortChanged {
    /// False if all of it was so before.
    pub changed: bool,
    /// Node of the port.
    pub node: Name,
    /// Options before.
    pub old: PortOptions,
    /// Options after.
    pub new: PortOptions,
}

/// Sets options of a port.
///
/// # Errors
/// There is no such node. Whether the interface exists is not the document's matter.
pub fn port_set(document: &Document, request: &PortSet) -> Outcome<PortChanged> {
    let at = node_at(document, &request.node)?;
    let mut document = document.clone();
    let ports = &mut document.nodes[at].ports;
    let listed = ports.iter().position(|options| options.name == request.port);
    let old = listed.map_or_else(|| PortOptions::of(request.port.clone()), |at| ports[at].clone());
    let new = PortOptions {
        name: request.port.clone(),
        drop_group_source: request.drop_group_source.unwrap_or(old.drop_group_source),
        tunnel_lldp: request.tunnel_lldp.unwrap_or(old.tunnel_lldp),
    };
    match listed {
        Some(at) => ports[at] = new.clone(),
        None if new != old => ports.push(new.clone()),
        None => {}
    }
    let answer = PortChanged {
        changed: old != new,
        node: request.node.clone(),
        old,
        new,
    };
    Ok(Edited::new(document, answer))
}
