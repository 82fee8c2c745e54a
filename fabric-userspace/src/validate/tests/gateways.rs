use serde_json::json;

use super::*;
use crate::error::codes;

/// A gateway between two segments of a tenant that are at two nodes, and a segment of somebody else.
const SITE: &str = r#"{
    "schema": "fabric/1",
    "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
    "nodes": [{"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"}],
    "links": [{"name": "t", "kind": "trunk", "ends": [{"node": "edge1", "port": "t0"}, {"node": "edge2", "port": "t0"}]}],
    "tenants": [
        {"name": "acme", "segments": [
            {"name": "a", "attachments": [{"node": "edge1", "port": "eth1", "vlan": 10, "stations": [{"mac": "02:00:00:00:00:01"}]}]},
            {"name": "b", "attachments": [{"node": "edge2", "port": "eth1", "vlan": 20}]}]},
        {"name": "globex", "segments": [
            {"name": "g", "attachments": [{"node": "edge1", "port": "eth2", "vlan": 20}]},
            {"name": "any", "attachments": [{"node": "edge1", "port": "eth3", "vlan": "any"}]}]}
    ],
    "storage": [{
        "name": "disk", "mac": "02:00:00:00:00:09",
        "segments": [{"segment": "a", "address": "10.0.0.9"}],
        "members": [{"name": "one", "node": "edge1", "port": "eth1"}]
    }],
    "gateways": [{
        "name": "gw", "tenant": "acme", "mac": "02:00:00:00:00:fe",
        "segments": [
            {"segment": "a", "addresses": ["10.0.0.1/24", "2001:db8:a::1/64"]},
            {"segment": "b", "addresses": ["10.0.1.1/24"]}],
        "routes": [{"prefix": "0.0.0.0/0", "via": "10.0.1.254"}]
    }]
}"#;

fn only(pointer: &str, value: serde_json::Value, code: Code, text: &str) {
    only_problem_in(SITE, |json| set(json, pointer, value), code, text);
}

#[test]
fn a_gateways_segments_are_where_any_of_them_is() {
    let valid = valid_in(SITE, |_| {});
    let segments: Vec<_> = valid.segments().iter().collect();
    let [a, b, g, _] = segments[..] else {
        panic!("four segments")
    };
    assert_eq!((a.members.len(), b.members.len(), g.members.len()), (2, 2, 1));
    assert_eq!(
        (a.gateway, b.gateway, g.gateway),
        (Some((0, 0)), Some((0, 1)), None)
    );
    assert_eq!(valid.gateways()[0].routes[0].at, 1);
}

#[test]
fn it_joins_segments_of_its_tenant_alone() {
    let bad = |pointer: &str, value, text: &str| only(pointer, value, codes::BAD_GATEWAY, text);
    bad(
        "/gateways/0/segments/1/segment",
        json!("g"),
        "gateways[0].segments[1].segment is g, which belongs to tenant globex: a gateway joins segments of acme alone",
    );
    bad(
        "/gateways/0/segments/1/segment",
        json!("a"),
        "gateways[0].segments[1].segment is a, which gateway gw has already",
    );
    bad(
        "/gateways/0/segments",
        json!([]),
        "gateways[0].segments is empty: there is nothing to route",
    );
    only(
        "/gateways/0/segments/1/segment",
        json!("nowhere"),
        codes::UNKNOWN_SEGMENT,
        "gateways[0].segments[1].segment is nowhere, and no tenant has a segment of this name",
    );
    let other = json!({"name": "two", "tenant": "globex", "mac": "02:00:00:00:00:fe",
                       "segments": [{"segment": "any", "addresses": ["10.0.0.1/24"]}]});
    bad(
        "/gateways/-",
        other,
        "gateways[1].segments[0].segment is any, whose ports carry any VLAN: its frames are of no one network",
    );
}

#[test]
fn its_addresses_are_hosts_of_prefixes_that_have_nothing_in_common() {
    let bad = |pointer: &str, value, text: &str| only(pointer, value, codes::BAD_GATEWAY, text);
    let first = "/gateways/0/segments/0/addresses/0";
    for (address, rest) in [
        ("10.0.0.0/24", "which is no host of its own prefix"),
        ("10.0.0.255/24", "which is no host of its own prefix"),
        ("127.0.0.1/8", "which is no host's address beyond its link"),
        ("224.0.0.1/24", "which is no host's address beyond its link"),
        ("10.0.0.9/24", "the address of storage machine disk"),
        ("10.0.0.1/16", "whose prefix overlaps"),
    ] {
        let path = if address.ends_with("/16") {
            "segments[1].addresses[0] is 10.0.1.1/24, whose prefix overlaps 10.0.0.1/16 of segment a"
                .to_owned()
        } else {
            format!("segments[0].addresses[0] is {address}, {rest}")
        };
        bad(first, json!(address), &format!("gateways[0].{path}"));
    }
    bad(
        "/gateways/0/segments/0/addresses/1",
        json!("10.9.0.1/24"),
        "gateways[0].segments[0].addresses[1] is 10.9.0.1/24, and the segment has an address of this family already",
    );
    bad(
        "/gateways/0/segments/0/addresses",
        json!([]),
        "gateways[0].segments[0].addresses is empty: nobody could send to the gateway",
    );
}

#[test]
fn its_mac_address_is_nobody_elses() {
    let bad = |value, text: &str| only("/gateways/0/mac", json!(value), codes::BAD_GATEWAY, text);
    bad(
        "03:00:00:00:00:fe",
        "gateways[0].mac is 03:00:00:00:00:fe, which is no individual address",
    );
    bad(
        "02:00:00:00:00:01",
        "gateways[0].segments[0].segment is a, where 02:00:00:00:00:01 is the address of a station",
    );
    bad(
        "02:00:00:00:00:09",
        "gateways[0].segments[0].segment is a, where 02:00:00:00:00:09 is the address of storage machine disk",
    );
}

#[test]
fn its_routes_lead_to_routers_in_its_segments() {
    let bad = |pointer: &str, value, text: &str| only(pointer, value, codes::BAD_GATEWAY, text);
    let via = "/gateways/0/routes/0/via";
    bad(
        via,
        json!("10.9.9.9"),
        "gateways[0].routes[0].via is 10.9.9.9, which is in no prefix of the gateway's segments",
    );
    bad(
        via,
        json!("10.0.1.1"),
        "gateways[0].routes[0].via is 10.0.1.1, which is the gateway's own address",
    );
    bad(
        via,
        json!("2001:db8:a::9"),
        "gateways[0].routes[0].via is 2001:db8:a::9, of another family than 0.0.0.0/0",
    );
    let prefix = "/gateways/0/routes/0/prefix";
    bad(
        prefix,
        json!("10.5.0.1/16"),
        "gateways[0].routes[0].prefix is 10.5.0.1/16, which has bits behind its length",
    );
    bad(
        prefix,
        json!("10.0.0.0/24"),
        "gateways[0].routes[0].prefix is 10.0.0.0/24, the prefix of the gateway's own address 10.0.0.1/24",
    );
    bad(
        prefix,
        json!("10.0.0.1/32"),
        "gateways[0].routes[0].prefix is 10.0.0.1/32, the gateway's own address",
    );
    bad(
        "/gateways/0/routes/-",
        json!({"prefix": "0.0.0.0/0", "via": "10.0.0.7"}),
        "gateways[0].routes[1].prefix is 0.0.0.0/0, which an earlier route has",
    );
}
