use serde_json::json;

use super::*;
use crate::error::codes;

/// One storage machine with two members at one node, in the segments of two tenants.
const SITE: &str = r#"{
    "schema": "fabric/1",
    "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
    "nodes": [{"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"}],
    "links": [{"name": "t", "kind": "trunk", "ends": [{"node": "edge1", "port": "t0"}, {"node": "edge2", "port": "t0"}]}],
    "tenants": [
        {"name": "acme", "segments": [{"name": "a", "attachments": [
            {"node": "edge1", "port": "eth1", "vlan": 10}, {"node": "edge1", "port": "eth2", "vlan": 10},
            {"node": "edge1", "port": "eth3", "vlan": 10}, {"node": "edge2", "port": "eth9", "vlan": 10}]}]},
        {"name": "globex", "segments": [{"name": "g", "attachments": [
            {"node": "edge1", "port": "eth2", "vlan": 20}, {"node": "edge1", "port": "eth3", "vlan": 20}]}]}
    ],
    "storage": [{
        "name": "disk",
        "mac": "02:00:00:00:00:09",
        "tcp_port": 3260,
        "segments": [
            {"segment": "a", "address": "10.0.0.9", "probe_address": "10.0.0.8"},
            {"segment": "g", "address": "10.0.0.9"}],
        "members": [
            {"name": "one", "node": "edge1", "port": "eth2"},
            {"name": "two", "node": "edge1", "port": "eth3"}]
    }]
}"#;

fn only(pointer: &str, value: serde_json::Value, code: Code, text: &str) {
    only_problem_in(SITE, |json| set(json, pointer, value), code, text);
}

#[test]
fn a_storage_machine_is_seen_in_each_of_its_segments() {
    let valid = valid_in(SITE, |_| {});
    let vsm = &valid.storage()[0];
    assert_eq!((vsm.members.len(), vsm.segments.len()), (2, 2));
    assert_eq!(vsm.node(), valid.find_node("edge1"));
    // The last of four probes has half an interval to be answered.
    assert_eq!(vsm.silence_limit(), 17_500_000);
    assert!(valid.segments().iter().all(|segment| segment.storage == [0]));
}

#[test]
fn it_needs_members_and_segments() {
    only(
        "/storage/0/members",
        json!([]),
        codes::BAD_STORAGE,
        "storage[0].members is empty: there is nothing that could serve",
    );
    only(
        "/storage/0/segments",
        json!([]),
        codes::BAD_STORAGE,
        "storage[0].segments is empty: nobody would see the storage machine",
    );
    only(
        "/storage/0/segments/0/segment",
        json!("nowhere"),
        codes::UNKNOWN_SEGMENT,
        "storage[0].segments[0].segment is nowhere, and no tenant has a segment of this name",
    );
}

#[test]
fn it_has_eight_members_at_most() {
    let with_members = |json: &mut serde_json::Value, count: usize| {
        let push = |json: &mut serde_json::Value, pointer: &str, value| {
            let list = json.pointer_mut(pointer).and_then(|list| list.as_array_mut());
            list.expect("a list").push(value);
        };
        set(
            json,
            "/storage/0/segments",
            json!([{"segment": "a", "address": "10.0.0.9"}]),
        );
        for number in 2..count {
            let port = format!("eth1{number}");
            let end = json!({"node": "edge1", "port": port, "vlan": 10});
            push(json, "/tenants/0/segments/0/attachments", end);
            let member = json!({"name": format!("m{number}"), "node": "edge1", "port": port});
            push(json, "/storage/0/members", member);
        }
    };
    let valid = valid_in(SITE, |json| with_members(json, 8));
    assert_eq!(valid.storage()[0].members.len(), 8);
    only_problem_in(
        SITE,
        |json| with_members(json, 9),
        codes::BAD_STORAGE,
        "storage[0].members has 9 entries, a storage machine has 8 at most",
    );
}

#[test]
fn two_have_not_the_same_identity_in_one_segment() {
    let mut other = serde_json::from_str::<serde_json::Value>(SITE).expect("JSON")["storage"][0].clone();
    other["name"] = json!("other");
    other["segments"] = json!([{"segment": "a", "address": "10.0.0.7"}]);
    only(
        "/storage/-",
        other.clone(),
        codes::BAD_STORAGE,
        "storage[1].segments[0] is a, where 02:00:00:00:00:09 is the address of storage machine disk",
    );
    other["mac"] = json!("02:00:00:00:00:0a");
    other["segments"][0]["address"] = json!("10.0.0.9");
    only(
        "/storage/-",
        other,
        codes::BAD_STORAGE,
        "storage[1].segments[0].address is 10.0.0.9, which is the address of storage machine disk in a",
    );
    only(
        "/tenants/0/segments/0/attachments/0/stations",
        json!([{"mac": "02:00:00:00:00:09"}]),
        codes::BAD_STORAGE,
        "storage[0].segments[0] is a, where 02:00:00:00:00:09 is the address of a station of a",
    );
}

#[test]
fn members_stand_at_attached_access_ports() {
    only(
        "/storage/0/members/1/port",
        json!("t0"),
        codes::BAD_STORAGE,
        "storage[0].members[1].port is t0, which is a trunk port: a member is a tenant-facing machine",
    );
    only(
        "/storage/0/members/1/port",
        json!("eth1"),
        codes::BAD_STORAGE,
        "storage[0].members[1].port is eth1 of edge1, which is not attached to segment g",
    );
    only(
        "/storage/0/members/1/port",
        json!("eth2"),
        codes::BAD_STORAGE,
        "storage[0].members[1].port is eth2, where an earlier member stands",
    );
    only(
        "/storage/0/members/1/name",
        json!("one"),
        codes::DUPLICATE_NAME,
        "storage[0].members[1].name is one, which is the name of storage[0].members[0] already",
    );
}

/// Of no copy would anybody hear that it is complete: nobody could ever take over. What is in force already goes on.
#[test]
fn copies_need_somebody_who_tells_of_them() {
    let copied = valid_in(SITE, |json| {
        set(json, "/storage/0/replication", json!("interval"))
    });
    let problems = unheard_copies(copied.document(), &Document::default());
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "storage[0].replication is interval, and no member has a monitor: no copy would ever count as complete, so nobody \
          could take over"
        ]
    );
    assert_eq!(unheard_copies(copied.document(), copied.document()), []);
    let told = valid_in(SITE, |json| {
        set(json, "/storage/0/replication", json!("sync"));
        set(json, "/storage/0/members/1/monitor", json!("/run/two.qmp"));
    });
    assert_eq!(unheard_copies(told.document(), &Document::default()), []);
}

/// Without a store that they share, nodes have nobody to ask who is in charge.
#[test]
fn members_at_several_nodes_need_a_shared_store() {
    assert_eq!(valid_in(SITE, |_| {}).needs_shared_store(), []);
    let valid = valid_in(SITE, |json| {
        set(
            json,
            "/storage/0/segments",
            json!([{"segment": "a", "address": "10.0.0.9"}]),
        );
        set(
            json,
            "/storage/0/members/1",
            json!({"name": "two", "node": "edge2", "port": "eth9"}),
        );
    });
    let problems = valid.needs_shared_store();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "storage[0].members stand at nodes edge1 and edge2, which share no store: nodes that decide apart could let two members speak"
        ]
    );
    let vsm = &valid.storage()[0];
    assert!(vsm.is_shared() && vsm.node().is_none());
    // Numbers that are there stay, and all nodes read the same ones.
    let ids: Vec<Option<u8>> = valid.document().storage[0]
        .members
        .iter()
        .map(|member| member.id)
        .collect();
    assert_eq!(ids, [Some(1), Some(2)]);
    assert_eq!(vsm.nodes().into_values().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn numbers_of_members_differ() {
    only(
        "/storage/0/members/0/id",
        json!(9),
        codes::BAD_STORAGE,
        "storage[0].members[0].id is 9, a member has 1 to 8",
    );
    let problems = broken_in(SITE, |json| {
        set(json, "/storage/0/members/0/id", json!(2));
        set(json, "/storage/0/members/1/id", json!(2));
    });
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["storage[0].members[1].id is 2, which one has already"]);
}

#[test]
fn limits_must_make_sense() {
    let health = "/storage/0/health";
    only(
        health,
        json!({"interval_ms": 0}),
        codes::BAD_STORAGE,
        "storage[0].health.interval_ms is 0, an interval has 1 to 60000 ms",
    );
    only(
        health,
        json!({"multiplier": 1}),
        codes::BAD_STORAGE,
        "storage[0].health.multiplier is 1, a member is given 2 to 255 intervals to answer",
    );
    only(
        health,
        json!({"silence_ms": 19}),
        codes::BAD_STORAGE,
        "storage[0].health.silence_ms is 19, less than interval_ms times multiplier; without probes death takes longer to prove",
    );
    only(
        "/storage/0/segments/0/probe_address",
        json!("10.0.0.9"),
        codes::BAD_STORAGE,
        "storage[0].segments[0].probe_address is 10.0.0.9, which is the storage machine's own address",
    );
    only(
        "/storage/0/mac",
        json!("03:00:00:00:00:09"),
        codes::BAD_STORAGE,
        "storage[0].mac is 03:00:00:00:00:09, which is no individual address",
    );
}
