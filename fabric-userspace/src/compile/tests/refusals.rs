//! What the compiler refuses, in the words that the user sees.

use serde_json::{Value, json};

use super::support::{compile_at, figure1, host, valid};
use crate::compile::{HostFacts, Image, Request, Scope, compile};
use crate::error::Refusal;
use crate::ids::Sizes;

fn refusal(document: &Value, node: &str, mtu: u32) -> Refusal {
    let valid = valid(document);
    compile_at(&valid, node, &host(&valid, node, mtu)).expect_err("a refusal")
}

#[test]
fn a_line_too_small_for_the_tags_is_refused_with_the_cure() {
    let refusal = refusal(&figure1(), "edge1", 1500);
    assert_eq!(
        refusal.to_string(),
        "error: trunk0 cannot carry a's frames: 1518 + S 4 + C 4 = 1526 bytes, trunk0 sends at most 1518 \
         (MTU 1500 + 18); nothing was changed\n  cure: ip link set trunk0 mtu 1508\n  code: mtu-too-small"
    );
}

#[test]
fn untagged_segments_need_four_bytes_less() {
    let mut document = figure1();
    for tenant in [0, 1] {
        document["tenants"][tenant]["segments"]
            .as_array_mut()
            .expect("a list")
            .truncate(1);
    }
    let cure = refusal(&document, "edge1", 1503).cure;
    assert_eq!(cure.as_deref(), Some("ip link set trunk0 mtu 1504"));
    let valid = valid(&document);
    assert!(compile_at(&valid, "edge1", &host(&valid, "edge1", 1504)).is_ok());
}

fn vxlan(far: &str, near: &str) -> Value {
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
        "nodes": [{"name": "gw", "datacenter": "dc1"}],
        "links": [{"name": "x", "kind": "vxlan", "vlan": 100, "ends": [
            {"node": "gw", "port": "eth2", "address": near}, {"address": far}]}],
        "tenants": [{"name": "acme", "segments": [{"name": "acme",
            "attachments": [{"node": "gw", "port": "eth0", "vlan": 10}], "remotes": [{"link": "x"}]}]}],
    })
}

#[test]
fn an_underlay_too_small_is_refused_with_the_cure() {
    let refusal = refusal(&vxlan("192.0.2.2", "192.0.2.1"), "gw", 1500);
    assert_eq!(
        refusal.sentence,
        "eth2 cannot carry acme's frames: 1518 + VXLAN 8 + UDP 8 + IPv4 20 + outer Ethernet 14 + VLAN 100 4 = 1572 \
         bytes, eth2 sends at most 1518 (MTU 1500 + 18); nothing was changed"
    );
    assert_eq!(refusal.cure.as_deref(), Some("ip link set eth2 mtu 1554"));
}

#[test]
fn an_ipv6_underlay_needs_twenty_bytes_more() {
    let refusal = refusal(&vxlan("2001:db8::2", "2001:db8::1"), "gw", 1500);
    assert_eq!(
        refusal.sentence,
        "eth2 cannot carry acme's frames: 1518 + VXLAN 8 + UDP 8 + IPv6 40 + outer Ethernet 14 + VLAN 100 4 = 1592 \
         bytes, eth2 sends at most 1518 (MTU 1500 + 18); nothing was changed"
    );
    assert_eq!(refusal.cure.as_deref(), Some("ip link set eth2 mtu 1574"));
}

#[test]
fn a_port_that_the_host_has_not_is_refused_by_name() {
    let valid = valid(&figure1());
    let mut host = host(&valid, "edge1", 1508);
    host.ports.remove("cb");
    let refusal = compile_at(&valid, "edge1", &host).expect_err("a refusal");
    assert_eq!(refusal.sentence, "node edge1 has no port cb");
    assert_eq!(refusal.code.as_str(), "unknown-port");
    let nowhere = compile_at(&valid, "edge3", &HostFacts::default()).expect_err("a refusal");
    assert_eq!(nowhere.code.as_str(), "unknown-node");
}

#[test]
fn a_segment_that_would_turn_round_at_a_port_is_refused() {
    let end =
        |node: &str, last: u8| json!({"node": node, "port": "eth2", "address": format!("192.0.2.{last}")});
    let at = |node: &str| json!({"node": node, "port": "eth0", "vlan": 10});
    let mut document = json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
        "nodes": [{"name": "a", "datacenter": "dc1"}, {"name": "b", "datacenter": "dc1"},
            {"name": "c", "datacenter": "dc1"}],
        "links": [
            {"name": "ab", "kind": "vxlan", "ends": [end("a", 1), end("b", 2)]},
            {"name": "bc", "kind": "vxlan", "ends": [end("b", 2), end("c", 3)]}],
        "tenants": [{"name": "t", "segments": [{"name": "t", "attachments": [at("a"), at("c")]}]}],
    });
    let refusal = refusal(&document, "b", 1600);
    assert_eq!(refusal.code.as_str(), "link-conflict");
    assert_eq!(
        refusal.sentence,
        "segment t would have to turn round at b: links ab and bc share port eth2"
    );
    document["links"][1]["ends"][0]["port"] = "eth3".into();
    let valid = valid(&document);
    assert!(compile_at(&valid, "b", &host(&valid, "b", 1600)).is_ok());
}

#[test]
fn a_full_table_is_refused_and_nothing_is_lost() {
    let valid = valid(&figure1());
    let host = host(&valid, "edge1", 1508);
    let node = "edge1".parse().expect("a name");
    let request = Request {
        in_force: false,
        valid: &valid,
        node: &node,
        host: &host,
    };
    let sizes = |next_hops| Sizes {
        next_hops,
        ..Sizes::default()
    };
    // Segment b has four next hops, the others three.
    assert!(compile(&request, &Image::empty(&sizes(14)), &Scope::All).is_ok());
    let refusal = compile(&request, &Image::empty(&sizes(13)), &Scope::All).expect_err("one too few");
    assert_eq!(refusal.code.as_str(), "too-many");
    assert!(
        refusal.sentence.contains("more than 12 next hops"),
        "{}",
        refusal.sentence
    );
}
