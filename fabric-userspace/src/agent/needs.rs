//! The largest frames that leave by each port, for `fabric doctor`.

use std::collections::BTreeMap;

use super::core::Core;
use crate::budget::{ETHERNET, TAG, TENANT_MTU, layers, slack};
use crate::model::{IfName, Name, Vlan};
use crate::safety::{FrameNeed, LineLimit, Part};
use crate::validate::{ValidLink, ValidSegment};

impl Core {
    /// The largest frame for each port and each link that frames from `port` leave by, and for `port` itself.
    pub(super) fn needs(&self, port: &IfName) -> Vec<FrameNeed> {
        let slots = self.slots();
        let Some(slot) = slots
            .iter()
            .find(|(_, name)| *name == port)
            .map(|(slot, _)| *slot)
        else {
            return Vec::new();
        };
        let mut largest = Largest::default();
        for segment in self.valid.segments() {
            let Some(part) = self.image.segments.get(&segment.name) else {
                continue;
            };
            let paths = &part.records.paths;
            if !paths.values().any(|path| path.slot == slot) {
                continue;
            }
            let delivered = paths.values().filter(|path| (path.pre, path.post_len) == (0, 0));
            for egress in delivered.filter_map(|path| slots.get(&path.slot)) {
                largest.add(None, delivery(segment, egress));
            }
            for name in part.links() {
                if let Some((link, egress)) = self.link_here(name) {
                    largest.add(Some(name), by_link(segment, link, egress));
                }
            }
        }
        largest.0.into_values().collect()
    }

    fn link_here(&self, name: &Name) -> Option<(&ValidLink, &IfName)> {
        let link = self.valid.links().iter().find(|link| link.name == *name)?;
        Some((link, link.port_at(self.here()?)?))
    }
}

/// By port and by link: links on one port may differ in what they add and take.
#[derive(Default)]
struct Largest(BTreeMap<(String, Option<Name>), FrameNeed>);

impl Largest {
    fn add(&mut self, link: Option<&Name>, need: FrameNeed) {
        let key = (need.egress.clone(), link.cloned());
        let known = self.0.get(&key).map_or(0, FrameNeed::total_bytes);
        if need.total_bytes() > known {
            self.0.insert(key, need);
        }
    }
}

/// The frame as it is, at an access port.
fn delivery(segment: &ValidSegment, egress: &IfName) -> FrameNeed {
    let own_tag = segment.vlan.is_none_or(|vlan| vlan != Vlan::Untagged);
    FrameNeed {
        egress: egress.to_string(),
        whose: format!("{}'s frames", segment.tenant),
        tenant_bytes: TENANT_MTU + ETHERNET + if own_tag { TAG } else { 0 },
        tenant_mtu: TENANT_MTU,
        parts: Vec::new(),
        outer_tag: own_tag,
        line: None,
    }
}

/// With what the link puts on it.
fn by_link(segment: &ValidSegment, link: &ValidLink, egress: &IfName) -> FrameNeed {
    let parts = layers(&link.carries).into_iter().flat_map(|layer| layer.parts);
    FrameNeed {
        parts: parts.map(|(name, bytes)| Part { name, bytes }).collect(),
        outer_tag: slack(&link.carries) > ETHERNET,
        line: link.mtu.map(|mtu| LineLimit {
            link: link.name.to_string(),
            mtu: mtu.get(),
        }),
        ..delivery(segment, egress)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::budget::added;
    use crate::model::{Document, from_json};
    use crate::validate::{Valid, validate};

    fn fabric(kind: &str, six: bool, options: &Value) -> Valid {
        let end = |at: usize| {
            let address = if six { "2001:db8::" } else { "192.0.2." };
            let mut end = json!({"node": format!("n{at}"), "port": "p0"});
            if matches!(kind, "vxlan" | "mpls-udp") {
                end["address"] = format!("{address}{}", at + 1).into();
            }
            end
        };
        let mut link = json!({"name": "l", "kind": kind, "ends": [end(0), end(1)]});
        for (field, value) in options.as_object().unwrap() {
            link[field] = value.clone();
        }
        let attachments =
            json!([{"node": "n0", "port": "eth1", "vlan": 10}, {"node": "n0", "port": "eth2", "vlan": 10}]);
        let document = json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "d", "id": 1, "s_vids": "1-9", "c_vids": "10-99"}],
            "nodes": [{"name": "n0", "datacenter": "d"}, {"name": "n1", "datacenter": "d"}],
            "links": [link],
            "tenants": [{"name": "acme", "segments": [{"name": "acme-v10", "attachments": attachments}]}],
        });
        validate(from_json::<Document>(&document.to_string()).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_of_link_needs_what_the_budget_adds() {
        for (kind, options, bytes, tagged) in [
            ("trunk", json!({}), 8, true),
            ("trunk", json!({"vlan": 5}), 12, true),
            ("pseudowire", json!({}), 30, false),
            ("pseudowire", json!({"transport_label": 30600}), 34, false),
            ("mpls-udp", json!({}), 58, false),
            ("mpls-udp", json!({"transport_label": 30600}), 62, false),
            ("vxlan", json!({}), 50, false),
            ("vxlan", json!({"vlan": 5}), 54, true),
            ("i-tag", json!({"b_vid": 500}), 22, true),
            ("global-vlan", json!({}), 4, true),
        ] {
            for six in [false, true] {
                let over_ip = matches!(kind, "vxlan" | "mpls-udp");
                if six && !over_ip {
                    continue;
                }
                let valid = fabric(kind, six, &options);
                let link = &valid.links()[0];
                let need = by_link(&valid.segments()[0], link, &"p0".parse().unwrap());
                let expected = bytes + if six { 20 } else { 0 };
                assert_eq!(need.tenant_bytes, 1518);
                assert_eq!(need.total_bytes(), 1518 + expected, "{kind} {options}");
                assert_eq!(need.total_bytes(), need.tenant_bytes + added(&link.carries));
                assert_eq!(need.outer_tag, tagged, "{kind} {options}");
                assert_eq!(need.line, None);
            }
        }
    }

    #[test]
    fn the_layers_have_their_names_and_the_line_its_limit() {
        let valid = fabric("mpls-udp", true, &json!({"vlan": 7, "mtu": 1600}));
        let need = by_link(&valid.segments()[0], &valid.links()[0], &"p0".parse().unwrap());
        assert_eq!(
            need.arithmetic(),
            "1518 + S 4 + C 4 + control word 4 + label 4 + UDP 8 + IPv6 40 + outer Ethernet 14 + VLAN 7 4 = 1600 bytes"
        );
        let line = need.line.unwrap();
        assert_eq!((line.link.as_str(), line.mtu), ("l", 1600));
    }

    #[test]
    fn of_two_segments_the_larger_frame_counts_for_each_link() {
        let valid = fabric("trunk", false, &json!({}));
        let (segment, link) = (&valid.segments()[0], &valid.links()[0]);
        let port: IfName = "p0".parse().unwrap();
        let smaller = FrameNeed {
            tenant_bytes: 1514,
            ..by_link(segment, link, &port)
        };
        let mut largest = Largest::default();
        largest.add(Some(&link.name), by_link(segment, link, &port));
        largest.add(Some(&link.name), smaller);
        largest.add(None, delivery(segment, &port));
        let totals: Vec<u32> = largest.0.values().map(FrameNeed::total_bytes).collect();
        assert_eq!(totals, [1518, 1526]);
    }
}
