use serde_json::json;

use super::*;
use crate::model::{Document, from_json};
use crate::validate::validate;

/// A link of this kind between two nodes, in IPv4 or IPv6, with more options.
fn link(kind: &str, six: bool, options: serde_json::Value) -> Carries {
    let end = |at: usize| {
        let mut end = json!({"node": format!("n{at}"), "port": "p0"});
        if matches!(kind, "vxlan" | "mpls-udp") {
            end["address"] = if six {
                format!("2001:db8::{}", at + 1)
            } else {
                format!("192.0.2.{}", at + 1)
            }
            .into();
        }
        end
    };
    let mut link = json!({"name": "l", "kind": kind, "ends": [end(0), end(1)]});
    for (field, value) in options.as_object().expect("options") {
        link[field] = value.clone();
    }
    let document = json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "d", "id": 1, "s_vids": "1-9", "c_vids": "1-9"}],
        "nodes": [{"name": "n0", "datacenter": "d"}, {"name": "n1", "datacenter": "d"}],
        "links": [link],
    });
    let valid = validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid");
    valid.links()[0].carries.clone()
}

/// The name, length and bytes of a golden frame have the length in them; a UNI frame of 60 bytes is inside of each.
#[test]
fn every_kind_adds_what_the_golden_frames_have_more() {
    for (name, length, carries) in [
        ("nni-600", 68, link("trunk", false, json!({}))),
        ("dci-800", 90, link("pseudowire", false, json!({}))),
        (
            "lh-800",
            94,
            link("pseudowire", false, json!({"transport_label": 30600})),
        ),
        (
            "lhudp-800",
            122,
            link("mpls-udp", false, json!({"transport_label": 30600})),
        ),
        ("vx-600", 114, link("vxlan", false, json!({"vlan": 100}))),
        ("itag-800", 82, link("i-tag", false, json!({"b_vid": 500}))),
    ] {
        assert_eq!(60 + added(&carries), length, "{name}");
    }
}

#[test]
fn ipv6_has_twenty_bytes_more_and_a_vlan_four() {
    for kind in ["vxlan", "mpls-udp"] {
        let (four, six) = (link(kind, false, json!({})), link(kind, true, json!({})));
        assert_eq!(added(&six), added(&four) + 20);
        assert_eq!(added(&link(kind, true, json!({"vlan": 5}))), added(&six) + 4);
    }
    assert_eq!(added(&link("global-vlan", false, json!({}))), 4);
    assert_eq!(added(&link("pseudowire", false, json!({"vlan": 5}))), 34);
    assert_eq!(added(&link("trunk", false, json!({"vlan": 5}))), 12);
}

#[test]
fn only_a_frame_with_an_outermost_tag_may_have_its_bytes_beyond_the_mtu() {
    for (kind, options, slack) in [
        ("trunk", json!({}), 18),
        ("i-tag", json!({"b_vid": 500}), 18),
        ("global-vlan", json!({}), 18),
        ("pseudowire", json!({}), 14),
        ("pseudowire", json!({"vlan": 5}), 18),
        ("vxlan", json!({}), 14),
        ("vxlan", json!({"vlan": 5}), 18),
        ("mpls-udp", json!({}), 14),
    ] {
        assert_eq!(
            super::slack(&link(kind, false, options.clone())),
            slack,
            "{kind} {options}"
        );
    }
}

#[test]
fn the_parts_are_told_from_inside_to_outside() {
    let words = |carries: &Carries| {
        layers(carries)
            .iter()
            .map(|layer| layer.words(", "))
            .collect::<Vec<_>>()
            .join(" | ")
    };
    assert_eq!(
        words(&link("trunk", false, json!({"vlan": 5}))),
        "S 4, C 4, VLAN 5 4"
    );
    assert_eq!(
        words(&link(
            "pseudowire",
            false,
            json!({"transport_label": 30600, "vlan": 5})
        )),
        "S 4, C 4 | control word 4, label 4, transport label 4 | outer Ethernet 14, VLAN 5 4"
    );
    assert_eq!(
        words(&link("mpls-udp", true, json!({}))),
        "S 4, C 4 | control word 4, label 4 | UDP 8, IPv6 40 | outer Ethernet 14"
    );
    assert_eq!(
        words(&link("vxlan", false, json!({"vlan": 100}))),
        "VXLAN 8, UDP 8, IPv4 20 | outer Ethernet 14, VLAN 100 4"
    );
    assert_eq!(
        words(&link("i-tag", false, json!({"b_vid": 500}))),
        "I-TAG 6, B-TAG 500 4, backbone addresses 12"
    );
    assert_eq!(words(&link("global-vlan", false, json!({}))), "global VLAN 4");
}
