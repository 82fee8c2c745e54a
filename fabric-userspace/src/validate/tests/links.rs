use serde_json::json;

use super::*;
use crate::error::codes;

fn vxlan(name: &str, port: &str, own: &str, remote: &str) -> Value {
    json!({"name": name, "kind": "vxlan", "vlan": 100,
           "ends": [{"node": "edge1", "port": port, "address": own}, {"address": remote}]})
}

#[test]
fn options_belong_to_their_kind() {
    for (field, value) in [
        ("transport_label", json!(30600)),
        ("b_vid", json!(500)),
        ("udp_port", json!(4789)),
        ("strict", json!(true)),
    ] {
        only_problem(
            &format!("/links/0/{field}"),
            value,
            codes::BAD_LINK,
            &format!("links[0].{field} does not belong to a trunk link"),
        );
    }
    only_problem(
        "/links/1/outer_tpid",
        "0x88a8".into(),
        codes::BAD_LINK,
        "links[1].outer_tpid does not belong to a vxlan link",
    );
    only_problem(
        "/links/0/ends/0/address",
        "192.0.2.9".into(),
        codes::BAD_LINK,
        "links[0].ends[0].address does not belong to a trunk link, which has no addresses",
    );
}

#[test]
fn a_trunk_needs_a_node_and_a_port_at_both_ends() {
    only_problem(
        "/links/0/ends/1",
        json!({"node": "edge2"}),
        codes::MISSING_FIELD,
        "links[0].ends[1] lacks the field \"port\"",
    );
    only_problem(
        "/links/0/ends/1",
        json!({"port": "t0"}),
        codes::MISSING_FIELD,
        "links[0].ends[1] lacks the field \"node\"",
    );
}

#[test]
fn a_vxlan_end_needs_an_address_and_a_port_only_with_a_node() {
    only_problem(
        "/links/1/ends/0",
        json!({"node": "edge1", "port": "u0"}),
        codes::MISSING_FIELD,
        "links[1].ends[0] lacks the field \"address\"",
    );
    only_problem(
        "/links/1/ends/1/port",
        "u1".into(),
        codes::BAD_LINK,
        "links[1].ends[1].port names a port of no node",
    );
}

#[test]
fn a_link_joins_two_different_places_of_which_one_is_ours() {
    only_problem(
        "/links/0/ends/1",
        json!({"node": "edge1", "port": "t1"}),
        codes::BAD_LINK,
        "links[0].ends has both ends at one node, a loop",
    );
    only_problem(
        "/links/-",
        json!({"name": "x", "kind": "vxlan", "ends": [{"address": "192.0.2.8"}, {"address": "192.0.2.9"}]}),
        codes::BAD_LINK,
        "links[2].ends has two foreign ends, so the fabric has no part in it",
    );
}

#[test]
fn a_vtep_has_the_unicast_address_of_one_host() {
    for (address, why) in [
        ("0.0.0.0", "which is no address"),
        ("::", "which is no address"),
        ("239.1.1.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("127.0.0.1", "a loopback address, which never leaves a host"),
        ("0.1.2.3", "which is no host's address"),
        ("::ffff:192.0.2.2", "an IPv4 address in IPv6 clothes"),
    ] {
        let text = format!("links[1].ends[1].address is {address}, {why}");
        only_problem(
            "/links/1/ends/1/address",
            address.into(),
            codes::BAD_ADDRESS,
            &text,
        );
    }
}

#[test]
fn both_vteps_are_of_one_family_and_different() {
    only_problem(
        "/links/1/ends/1/address",
        "2001:db8::2".into(),
        codes::BAD_ADDRESS,
        "links[1].ends joins 192.0.2.1 and 2001:db8::2, an IPv4 and an IPv6 address",
    );
    only_problem(
        "/links/1/ends/1/address",
        "192.0.2.1".into(),
        codes::BAD_ADDRESS,
        "links[1].ends has 192.0.2.1 at both ends",
    );
}

#[test]
fn vxlan_links_of_one_port_agree_in_their_udp_port() {
    let mut other = vxlan("second", "u0", "192.0.2.1", "192.0.2.3");
    other["udp_port"] = 8472.into();
    only_problem(
        "/links/-",
        other,
        codes::LINK_CONFLICT,
        "links[2].udp_port is 8472, but link pathway on port u0 has 4789",
    );
}

#[test]
fn two_vxlan_links_do_not_lead_to_one_vtep_by_one_port_and_vlan() {
    only_problem(
        "/links/-",
        vxlan("second", "u0", "192.0.2.1", "192.0.2.2"),
        codes::LINK_CONFLICT,
        "links[2] leads to 192.0.2.2 by u0 vlan 100, as link pathway does",
    );
    let mut document = figure_1();
    for (name, port, remote) in [("second", "u0", "192.0.2.3"), ("third", "u1", "192.0.2.2")] {
        let link = vxlan(name, port, "192.0.2.1", remote).to_string();
        document
            .links
            .push(crate::model::from_json(&link).expect("a link"));
    }
    assert_eq!(validate(document).err(), None);
}

#[test]
fn a_trunk_has_its_port_to_itself() {
    let problems = broken(|json| {
        set(json, "/nodes/-", json!({"name": "edge3", "datacenter": "dc1"}));
        let ends = json!([{"node": "edge3", "port": "t0"}, {"node": "edge2", "port": "t0"}]);
        set(
            json,
            "/links/-",
            json!({"name": "trunk1", "kind": "trunk", "ends": ends}),
        );
    });
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        "links[2].ends[1].port is t0, the port of trunk trunk0"
    );
    assert_eq!(problems[0].code, codes::LINK_CONFLICT);
}

#[test]
fn a_port_has_one_role() {
    only_problem(
        "/links/1/ends/0/port",
        "t0".into(),
        codes::PORT_ROLE,
        "links[1] uses port t0 as underlay, but links[0] uses it as trunk",
    );
    only_problem(
        "/tenants/0/segments/0/attachments/0/port",
        "t0".into(),
        codes::PORT_ROLE,
        "tenants[0].segments[0].attachments[0] uses port t0 as access, but links[0] uses it as trunk",
    );
}
