//! Links on which one number names the segment: I-TAG and global VLAN. Bytes are those of
//! `tests/golden/frames.txt`.

use fabric_common::DropReason;
use serde_json::{Value, json};

use super::support::{Station, compile_at, golden, hex, host, valid};
use crate::compile::twin::Outcome;

const MAC_116: &str = "02:00:00:01:01:16";
const MAC_212: &str = "02:00:00:02:02:12";

/// 212 and 116 with one link between; client 202 and resource 110D untagged and in VLAN 30.
fn pair(link: &Value) -> Value {
    let segment = |name: &str, vlan: Value, i_sid: u32, global_vid: u16| {
        let end = |node: &str, name: &str, mac: &str| json!({"node": node, "port": "eth1", "vlan": vlan, "stations": [{"name": name, "mac": mac}]});
        json!({"name": name, "i_sid": i_sid, "global_vid": global_vid, "attachments": [
            end("n116", "110D", "08:19:20:07:05:0d"), end("n212", "202", "f2:98:19:ab:55:b4")]})
    };
    json!({
        "schema": "fabric/1",
        "global_vids": "4000-4094",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999",
            "i_sids": "1000100-1000199"}],
        "nodes": [{"name": "n116", "datacenter": "dc1"}, {"name": "n212", "datacenter": "dc1"}],
        "links": [link],
        "tenants": [{"name": "c", "segments": [
            segment("c", json!("untagged"), 1_000_120, 4020), segment("c-v30", json!(30), 1_000_121, 4021)]}],
    })
}

fn in_backbone(vlan: Option<u16>) -> Value {
    let mut link = json!({"name": "line", "kind": "i-tag", "b_vid": 500, "ends": [
        {"node": "n116", "port": "t0", "mac": MAC_116}, {"node": "n212", "port": "t0", "mac": MAC_212}]});
    if let Some(vlan) = vlan {
        link["vlan"] = json!(vlan);
    }
    pair(&link)
}

fn in_global_vlans() -> Value {
    pair(&json!({"name": "line", "kind": "global-vlan", "ends": [
        {"node": "n116", "port": "t0"}, {"node": "n212", "port": "t0"}]}))
}

fn nodes(document: &Value) -> [Station; 2] {
    let valid = valid(document);
    ["n212", "n116"]
        .map(|node| Station::of(compile_at(&valid, node, &host(&valid, node, 1600)).expect("it fits")))
}

#[track_caller]
fn crosses(document: &Value, uni: &[u8], wire: &[u8]) {
    let [mut from, mut to] = nodes(document);
    assert_eq!(from.forward("eth1", uni), ("t0".to_owned(), wire.to_vec()));
    assert_eq!(to.forward("t0", wire), ("eth1".to_owned(), uni.to_vec()));
}

#[test]
fn golden_itag_800_adds_22_bytes_and_loses_them() {
    for own in ["", "-own"] {
        let (uni, wire) = (
            golden(&format!("uni-800{own}")),
            golden(&format!("itag-800{own}")),
        );
        crosses(&in_backbone(None), &uni, &wire);
        // The link's own VLAN goes outside of the backbone's.
        let outside = [&wire[..12], &[0x81, 0, 0, 40], &wire[12..]].concat();
        crosses(&in_backbone(Some(40)), &uni, &outside);
    }
}

#[test]
fn a_global_vlan_adds_its_one_tag() {
    for (own, tag) in [("", "8100 0fb4"), ("-own", "8100 0fb5")] {
        let uni = golden(&format!("uni-800{own}"));
        let wire = [&uni[..12], &hex(tag), &uni[12..]].concat();
        crosses(&in_global_vlans(), &uni, &wire);
    }
}

#[track_caller]
fn is_dropped(document: &Value, frame: &[u8], reason: DropReason) {
    let [_, mut to] = nodes(document);
    assert_eq!(to.receive("t0", frame), Outcome::Dropped(reason), "{frame:02x?}");
}

/// IEEE 802.1Q clause 9.7.
#[test]
fn an_i_tag_that_is_not_right_ends_with_its_reason() {
    let good = golden("itag-800");
    let with = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        frame
    };
    let document = in_backbone(None);
    for (frame, reason) in [
        (with(21, 0xb7), DropReason::UnknownISid),
        (with(15, 0xf5), DropReason::UnknownISid),
        // UCA, and each bit of Res2.
        (with(18, 0x08), DropReason::BadITag),
        (with(18, 0x01), DropReason::BadITag),
        (with(18, 0x02), DropReason::BadITag),
        (with(5, 0x17), DropReason::NotForUs),
        (good[..20].to_vec(), DropReason::Truncated),
        (good[..33].to_vec(), DropReason::Truncated),
        (good[..36].to_vec(), DropReason::HeaderOnly),
        // The segment of VLAN 30 with a frame that has no tag.
        (with(21, 0xb9), DropReason::OwnVlanMismatch),
    ] {
        is_dropped(&document, &frame, reason);
    }
    // Priority, drop eligibility and Res1 say nothing about whose it is.
    let [_, mut to] = nodes(&document);
    assert_eq!(to.forward("t0", &with(18, 0xf4)).1, golden("uni-800"));
    let [_, mut to] = nodes(&document);
    assert_eq!(to.forward("t0", &with(14, 0xe1)).1, golden("uni-800"));
}

#[test]
fn a_global_vlan_that_is_not_right_ends_with_its_reason() {
    let uni = golden("uni-800");
    let tagged = |tags: &str| [&uni[..12], &hex(tags), &uni[12..]].concat();
    let document = in_global_vlans();
    for (frame, reason) in [
        (tagged("8100 0fb6"), DropReason::UnknownGlobalVlan),
        (tagged("8100 0000"), DropReason::UnknownGlobalVlan),
        (tagged("8100 0fb4 8100 001e"), DropReason::OwnVlanMismatch),
        (tagged("8100 0fb5"), DropReason::OwnVlanMismatch),
        (uni.clone(), DropReason::NotTagged),
        (tagged("8100 0fb4")[..17].to_vec(), DropReason::Truncated),
        (tagged("8100 0fb4")[..18].to_vec(), DropReason::HeaderOnly),
    ] {
        is_dropped(&document, &frame, reason);
    }
}
