//! What can be wrong with a document.

use serde_json::{Value, json};

/// A document with one mistake: what it is, the change, the code, and a part of the sentence.
pub(crate) type Mistake = (&'static str, fn(&mut Value), &'static str, &'static str);

pub(crate) const VALUES: &[Mistake] = &[
    (
        "VLAN 5000",
        |at| end(at)["vlan"] = json!(5000),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "VLAN 4095",
        |at| end(at)["vlan"] = json!(4095),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "VLAN 0",
        |at| end(at)["vlan"] = json!(0),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "VLAN -1",
        |at| end(at)["vlan"] = json!(-1),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "VLAN 10.5",
        |at| end(at)["vlan"] = json!(10.5),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "VLAN \"ten\"",
        |at| end(at)["vlan"] = json!("ten"),
        "bad-value",
        "attachments[0].vlan",
    ),
    (
        "a stack of three VLANs",
        |at| end(at)["vlan"] = json!([10, 20, 30]),
        "bad-value",
        "attachments[0].vlan is a stack of 3, and only the tenant's outermost VLAN can be chosen by",
    ),
    (
        "a line of 1279 bytes",
        |at| {
            at["links"] = json!([{"name": "l", "kind": "trunk", "mtu": 1279, "ends": [
                {"node": "edge1", "port": "t0"}, {"node": "edge1", "port": "t1"}]}]);
        },
        "bad-value",
        "links[0].mtu is 1279, the MTU of a line is 1280 to 65535",
    ),
    (
        "VNI 2^24",
        |at| segment(at)["vni"] = json!(1 << 24),
        "bad-value",
        "segments[0].vni",
    ),
    (
        "VNI 0",
        |at| segment(at)["vni"] = json!(0),
        "bad-value",
        "segments[0].vni",
    ),
    (
        "S-VID 4095",
        |at| segment(at)["s_vid"] = json!(4095),
        "bad-value",
        "segments[0].s_vid",
    ),
    (
        "S-VID 4094",
        |at| segment(at)["s_vid"] = json!(4094),
        "outside-range",
        "s_vid",
    ),
    (
        "C-VID 4094",
        |at| end(at)["c_vid"] = json!(4094),
        "outside-range",
        "c_vid",
    ),
    (
        "VNI 30000",
        |at| segment(at)["vni"] = json!(30_000),
        "outside-range",
        "vni",
    ),
    (
        "a pair of tags that is taken",
        |at| {
            segment(at)["s_vid"] = json!(111);
            end(at)["c_vid"] = json!(311);
        },
        "number-taken",
        "111",
    ),
    (
        "a group address",
        |at| end(at)["stations"] = json!([{"mac": "01:00:5e:00:00:01"}]),
        "bad-mac",
        "01:00:5e",
    ),
];

pub(crate) const STRUCTURE: &[Mistake] = &[
    (
        "a typo in a field",
        |at| at["tenants"][1]["segmnets"] = json!([]),
        "unknown-field",
        "segmnets",
    ),
    ("a field twice", |_| {}, "duplicate-field", "tenants"),
    (
        "a tenant twice",
        |at| at["tenants"][1]["name"] = json!("acme"),
        "duplicate-name",
        "acme",
    ),
    (
        "a port that is taken",
        |at| end(at)["port"] = json!("eth3"),
        "attachment-taken",
        "eth3",
    ),
    (
        "a port that is not there",
        |at| end(at)["port"] = json!("eth9"),
        "unknown-port",
        "eth9",
    ),
    (
        "a node that is not there",
        |at| end(at)["node"] = json!("edge9"),
        "unknown-node",
        "edge9",
    ),
    (
        "another VLAN in one segment",
        |at| end(at)["vlan"] = json!(11),
        "vlan-mismatch",
        "first attachment has 11",
    ),
    (
        "no such schema",
        |at| at["schema"] = json!("fabric/9"),
        "bad-value",
        "schema",
    ),
    (
        "a list that is none",
        |at| at["tenants"] = json!({}),
        "bad-value",
        "tenants",
    ),
];

fn segment(document: &mut Value) -> &mut Value {
    &mut document["tenants"][0]["segments"][0]
}

fn end(document: &mut Value) -> &mut Value {
    &mut segment(document)["attachments"][0]
}
