//! The largest frames that leave by each port, for `fabric doctor`.

use std::collections::BTreeMap;

use fabric_common::maps::Path;

use super::core::Core;
use crate::model::{IfName, Vlan};
use crate::safety::{FrameNeed, Part};
use crate::validate::ValidSegment;

/// Largest IP packet that a tenant may send.
const TENANT_MTU: u32 = 1500;
/// Destination, source and EtherType.
const ETHERNET: u32 = 14;
const VLAN_TAG: u32 = 4;

impl Core {
    /// The largest frame for each port that frames from `port` leave by, and for `port` itself.
    pub(super) fn needs(&self, port: &IfName) -> Vec<FrameNeed> {
        let slots = self.slots();
        let Some(slot) = slots
            .iter()
            .find(|(_, name)| *name == port)
            .map(|(slot, _)| *slot)
        else {
            return Vec::new();
        };
        let mut largest = BTreeMap::<u16, FrameNeed>::new();
        for segment in self.valid.segments() {
            let Some(part) = self.image.segments.get(&segment.name) else {
                continue;
            };
            if !part.records.paths.values().any(|path| path.slot == slot) {
                continue;
            }
            for path in part.records.paths.values() {
                let Some(egress) = slots.get(&path.slot) else {
                    continue;
                };
                let need = self.need(segment, path, egress);
                let known = largest.get(&path.slot).map_or(0, FrameNeed::total_bytes);
                if need.total_bytes() > known {
                    largest.insert(path.slot, need);
                }
            }
        }
        largest.into_values().collect()
    }

    fn need(&self, segment: &ValidSegment, path: &Path, egress: &IfName) -> FrameNeed {
        let own_tag = segment.vlan.is_none_or(|vlan| vlan != Vlan::Untagged);
        let parts = parts(path);
        FrameNeed {
            egress: egress.to_string(),
            whose: format!("{}'s frames", segment.tenant),
            tenant_bytes: TENANT_MTU + ETHERNET + if own_tag { VLAN_TAG } else { 0 },
            tenant_mtu: TENANT_MTU,
            outer_tag: match path.pre {
                0 => path.post_len != 0 || own_tag,
                _ => u32::from(path.ip_at) > ETHERNET,
            },
            parts,
        }
    }
}

/// What a path puts in front of a frame, in words.
fn parts(path: &Path) -> Vec<Part> {
    let part = |name: &str, bytes| Part {
        name: name.to_owned(),
        bytes,
    };
    let mut parts = Vec::new();
    if path.pre != 0 {
        parts.extend([
            part("VXLAN", 8),
            part("UDP", 8),
            part("IPv4", 20),
            part("Ethernet", ETHERNET),
        ]);
    }
    if u32::from(path.ip_at) > ETHERNET {
        parts.push(part("VLAN", VLAN_TAG));
    }
    if path.post_len != 0 {
        parts.extend([part("S", VLAN_TAG), part("C", VLAN_TAG)]);
    }
    parts
}
