//! The document of the lab: `docs/examples/figure-1.json` with everybody's addresses made the same.

use anyhow::{Context, Result};
use serde_json::Value;

const EXAMPLE: &str = include_str!("../../../../docs/examples/figure-1.json");

/// Every client's MAC: 102A's in the patent's figure 6.
pub const CLIENT: &str = "56:89:6f:88:9d:c7";
/// Every resource's MAC: 110A's in figure 6.
pub const RESOURCE: &str = "28:08:80:52:17:20";
/// The MAC of 110C, which shares 110B's port and so cannot share its address: as in figure 7.
pub const SECOND_RESOURCE: &str = "8a:02:28:11:2a:01";

/// The document for both edges.
///
/// # Errors
/// When the example is not what this expects.
pub fn document() -> Result<Value> {
    let mut document: Value = serde_json::from_str(EXAMPLE).context("figure-1.json")?;
    for link in list(&mut document, "links")? {
        // No VLAN under the VXLAN here, so that its kernel end needs no VLAN device.
        if let Some(link) = link.as_object_mut() {
            link.remove("vlan");
        }
    }
    for tenant in list(&mut document, "tenants")? {
        for segment in list(tenant, "segments")? {
            overlap(segment)?;
        }
    }
    Ok(document)
}

fn overlap(segment: &mut Value) -> Result<()> {
    for place in ["attachments", "remotes"] {
        if segment.get(place).is_none() {
            continue;
        }
        for end in list(segment, place)? {
            for station in list(end, "stations")? {
                let mac = match station["name"].as_str() {
                    Some("110C") => SECOND_RESOURCE,
                    Some(name) if name.starts_with("110") => RESOURCE,
                    _ => CLIENT,
                };
                station["mac"] = mac.into();
            }
        }
    }
    Ok(())
}

fn list<'v>(value: &'v mut Value, key: &str) -> Result<&'v mut Vec<Value>> {
    value[key]
        .as_array_mut()
        .with_context(|| format!("figure-1.json: no list {key}"))
}
