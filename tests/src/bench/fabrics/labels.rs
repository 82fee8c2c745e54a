//! Datacenter labels, on dedicated lines and in UDP.

use serde_json::{Value, json};

use super::{
    C_VID, FAR_MAC, Fabric, HERE, HERE_MAC, HERE_V6, NEAR_MAC, NODE, S_VID, THERE, THERE_MAC, THERE_V6,
    outer_v4, outer_v6, tagged,
};
use crate::bench::device::{Expected, TO, VLAN, Work, tenant};
use crate::frame::{Frame, eth};

/// Of the datacenter that is here.
const HERE_LABEL: u32 = 1020;
/// Of the one that is there.
const THERE_LABEL: u32 = 2020;
/// Of the link in UDP.
const TRANSPORT: u32 = 30_600;
/// UDP port of MPLS in UDP (RFC 7510).
const MPLS_UDP: u16 = 6635;

pub(super) const ROWS: [Fabric; 7] = [
    Fabric {
        name: "fabric pseudowire push",
        work: Work::Other,
        document: || two_sites(&line("line", ("p0", "p0")), &near("in0")),
        ports: ["in0", "p0"],
        input: tenant,
        expected: |length| Expected::Exactly(there(length, 0xff)),
        after: super::nothing,
    },
    Fabric {
        name: "fabric pseudowire pop",
        work: Work::Other,
        document: || two_sites(&line("line", ("p0", "p0")), &far("out0")),
        ports: ["p0", "out0"],
        input: |length| labelled(eth(HERE_MAC, THERE_MAC), HERE_LABEL, 0xff, length),
        expected: |length| Expected::Exactly(tenant(length)),
        after: super::nothing,
    },
    Fabric {
        name: "fabric pseudowire transit",
        work: Work::Other,
        document: between,
        ports: ["p0", "p1"],
        input: |length| labelled(eth(HERE_MAC, THERE_MAC), THERE_LABEL, 0xff, length),
        expected: |length| Expected::Exactly(labelled(eth(FAR_MAC, NEAR_MAC), THERE_LABEL, 0xfe, length)),
        after: super::nothing,
    },
    Fabric {
        name: "fabric MPLS-UDP encap",
        work: Work::Other,
        document: || two_sites(&in_udp("u0", [HERE, THERE]), &near("in0")),
        ports: ["in0", "u0"],
        input: tenant,
        expected: |length| {
            let outer = outer_v4((HERE_MAC, HERE), (THERE_MAC, THERE), MPLS_UDP);
            Expected::Packet(stacked(outer, THERE_LABEL, length), super::PORT_V4)
        },
        after: super::nothing,
    },
    Fabric {
        name: "fabric MPLS-UDP decap",
        work: Work::Other,
        document: || two_sites(&in_udp("u0", [HERE, THERE]), &far("out0")),
        ports: ["u0", "out0"],
        input: |length| {
            stacked(
                outer_v4((THERE_MAC, THERE), (HERE_MAC, HERE), MPLS_UDP),
                HERE_LABEL,
                length,
            )
        },
        expected: |length| Expected::Exactly(tenant(length)),
        after: super::nothing,
    },
    Fabric {
        name: "fabric MPLS-UDP6 encap",
        work: Work::Other,
        document: || two_sites(&in_udp("u6", [HERE_V6, THERE_V6]), &near("in0")),
        ports: ["in0", "u6"],
        input: tenant,
        expected: |length| {
            let outer = outer_v6((HERE_MAC, HERE_V6), (THERE_MAC, THERE_V6), MPLS_UDP);
            Expected::Packet(stacked(outer, THERE_LABEL, length), super::PORT_V6)
        },
        after: super::nothing,
    },
    Fabric {
        name: "fabric MPLS-UDP6 decap",
        work: Work::Other,
        document: || two_sites(&in_udp("u6", [HERE_V6, THERE_V6]), &far("out0")),
        ports: ["u6", "out0"],
        input: |length| {
            stacked(
                outer_v6((THERE_MAC, THERE_V6), (HERE_MAC, HERE_V6), MPLS_UDP),
                HERE_LABEL,
                length,
            )
        },
        expected: |length| Expected::Exactly(tenant(length)),
        after: super::nothing,
    },
];

fn datacenter(name: &str, id: u32) -> Value {
    let range = |first: u32, many: u32| format!("{first}-{}", first + many - 1);
    json!({"name": name, "id": id, "s_vids": range(id * 100, 100),
           "c_vids": range(200 + (id - 1) * 1000, 1000), "labels": range(id * 1000, 1000)})
}

fn line(name: &str, (here, there): (&str, &str)) -> Value {
    json!({"name": name, "kind": "pseudowire", "ends": [
        {"node": NODE, "port": here, "mac": HERE_MAC}, {"node": "there", "port": there, "mac": THERE_MAC}]})
}

fn in_udp(port: &str, [here, there]: [&str; 2]) -> Value {
    json!({"name": "link", "kind": "mpls-udp", "transport_label": TRANSPORT, "ends": [
        {"node": NODE, "port": port, "address": here}, {"node": "there", "port": "u0", "address": there}]})
}

/// A segment of both datacenters.
fn segment(attachments: Value) -> Value {
    json!({"name": "v10", "s_vid": S_VID, "c_vid": 1101, "attachments": attachments, "labels": [
        {"to": "dc2", "from": "dc1", "label": THERE_LABEL}, {"to": "dc1", "from": "dc2", "label": HERE_LABEL}]})
}

/// The client here, the station there.
fn near(port: &str) -> Value {
    segment(json!([
        {"node": NODE, "port": port, "vlan": VLAN, "c_vid": 301},
        {"node": "there", "port": "eth1", "vlan": VLAN, "c_vid": C_VID, "stations": [{"mac": TO}]}]))
}

/// The station here, the client there.
fn far(port: &str) -> Value {
    segment(json!([
        {"node": NODE, "port": port, "vlan": VLAN, "c_vid": C_VID, "stations": [{"mac": TO}]},
        {"node": "there", "port": "eth1", "vlan": VLAN, "c_vid": 301}]))
}

fn two_sites(link: &Value, segment: &Value) -> Value {
    json!({
        "schema": "fabric/1",
        "datacenters": [datacenter("dc1", 1), datacenter("dc2", 2)],
        "nodes": [{"name": NODE, "datacenter": "dc1"}, {"name": "there", "datacenter": "dc2"}],
        "links": [link],
        "tenants": [{"name": "acme", "segments": [segment]}],
    })
}

/// The node in a third datacenter, between the two.
fn between() -> Value {
    let mut onward = line("onward", ("p1", "p0"));
    (onward["ends"][0]["mac"], onward["ends"][1]) = (
        json!(NEAR_MAC),
        json!({"node": "far", "port": "p0", "mac": FAR_MAC}),
    );
    let segment = segment(json!([
        {"node": "there", "port": "eth1", "vlan": VLAN, "c_vid": 301},
        {"node": "far", "port": "eth1", "vlan": VLAN, "c_vid": C_VID, "stations": [{"mac": TO}]}]));
    json!({
        "schema": "fabric/1",
        "datacenters": [datacenter("dc1", 1), datacenter("dc2", 2), datacenter("dc3", 3)],
        "nodes": [{"name": "there", "datacenter": "dc1"}, {"name": "far", "datacenter": "dc2"},
                  {"name": NODE, "datacenter": "dc3"}],
        "links": [line("line", ("p0", "p0")), onward],
        "tenants": [{"name": "acme", "segments": [segment]}],
    })
}

fn labelled(header: Frame, label: u32, ttl: u8, length: usize) -> Frame {
    header
        .mpls(label, true, ttl)
        .control_word()
        .append(&tagged(length))
}

fn there(length: usize, ttl: u8) -> Frame {
    labelled(eth(THERE_MAC, HERE_MAC), THERE_LABEL, ttl, length)
}

/// The link's label before the datacenter's.
fn stacked(outer: Frame, label: u32, length: usize) -> Frame {
    labelled(outer.mpls(TRANSPORT, false, 0xff), label, 0xff, length)
}
