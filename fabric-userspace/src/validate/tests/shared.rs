use serde_json::{Value, json};

use super::*;
use crate::error::codes;
use crate::model::{Mac, Name};

/// Members at both nodes of a datacenter, each of which has a line of its own to another one.
const SITE: &str = r#"{
    "schema": "fabric/1",
    "datacenters": [
        {"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999", "labels": "100-199"},
        {"name": "dc2", "id": 2, "s_vids": "200-299", "c_vids": "2000-2999", "labels": "200-299"}],
    "nodes": [
        {"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"},
        {"name": "far1", "datacenter": "dc2"}],
    "links": [
        {"name": "t", "kind": "trunk", "ends": [{"node": "edge1", "port": "t0"}, {"node": "edge2", "port": "t0"}]},
        {"name": "p1", "kind": "pseudowire", "ends": [{"node": "edge1", "port": "p0"}, {"node": "far1", "port": "p1"}]},
        {"name": "p2", "kind": "pseudowire", "ends": [{"node": "edge2", "port": "p0"}, {"node": "far1", "port": "p2"}]}],
    "tenants": [{"name": "acme", "segments": [{"name": "a", "datacenter": "dc1", "attachments": [
        {"node": "edge1", "port": "eth1", "vlan": "untagged"}, {"node": "edge2", "port": "eth1", "vlan": "untagged"},
        {"node": "far1", "port": "eth1", "vlan": "untagged"}]}]}],
    "storage": [{
        "name": "disk", "mac": "02:00:00:00:00:09",
        "segments": [{"segment": "a", "address": "10.0.0.9"}],
        "members": [
            {"name": "one", "node": "edge1", "port": "eth1"},
            {"name": "two", "node": "edge2", "port": "eth1"}]
    }]
}"#;

fn shown(edit: impl FnOnce(&mut Value)) -> Vec<String> {
    let (of_storage, others): (Vec<_>, Vec<_>) = broken_in(SITE, edit)
        .into_iter()
        .partition(|problem| problem.code == codes::BAD_STORAGE);
    assert!(others.iter().all(|problem| problem.code == codes::SPLIT_BORDER));
    of_storage.iter().map(ToString::to_string).collect()
}

fn without_second_line(json: &mut Value) {
    json["links"].as_array_mut().expect("a list").pop();
}

/// From the other datacenter what comes by one line looks like what comes by the other.
#[test]
fn members_that_look_alike_from_far_away_are_refused() {
    assert_eq!(
        shown(|_| {}),
        [
            "storage[0].segments[0].segment is a, whose lines to datacenter dc1 end at edge1 and at edge2: which member speaks could not be told there, and they are at several nodes"
        ]
    );
    assert!(valid_in(SITE, without_second_line).storage()[0].is_shared());
    let at_one_node = valid_in(SITE, |json| {
        without_second_line(json);
        json["tenants"][0]["segments"][0]["attachments"]
            .as_array_mut()
            .expect("a list")
            .push(json!({"node": "edge1", "port": "eth2", "vlan": "untagged"}));
        set(
            json,
            "/storage/0/members/1",
            json!({"name": "two", "node": "edge1", "port": "eth2"}),
        );
    });
    assert!(!at_one_node.storage()[0].is_shared());
}

/// A gateway speaks with its own address for whoever is behind it.
#[test]
fn a_gateway_would_hide_which_member_speaks() {
    let shown = shown(|json| {
        without_second_line(json);
        json["gateways"] = json!([{"name": "gw", "tenant": "acme", "mac": "02:00:00:00:00:fe", "segments": [{"segment": "a", "addresses": ["10.0.0.1/24"]}]}]);
    });
    assert_eq!(
        shown,
        [
            "storage[0].segments[0].segment is a, which has a gateway: behind it all members look alike, and they are at several nodes"
        ]
    );
}

#[test]
fn no_station_has_an_address_of_the_probes() {
    let probe = Mac::new(fabric_common::wire::mac_octets(super::super::valid::prober(
        &Name::new("disk").expect("a name"),
        1,
        2,
    )));
    let shown = shown(|json| {
        without_second_line(json);
        json["tenants"][0]["segments"][0]["attachments"][2]["stations"] = json!([{"mac": probe.to_string()}]);
    });
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(
        shown[0].starts_with("storage[0].segments[0] is a, where a station has an address of its probes"),
        "{shown:?}"
    );
}
