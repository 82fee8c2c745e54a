//! The budget that people are shown is that of the bytes which are put on.

use serde_json::{Value, json};

use super::support::{compile_at, host, valid};
use crate::budget;

/// A node with one link of this kind to another datacenter or, if `kind` does not go by labels, to a node of its own.
fn two(kind: &str, six: bool, options: &Value) -> Value {
    let far = if matches!(kind, "pseudowire" | "mpls-udp") {
        "d2"
    } else {
        "d1"
    };
    let end = |at: usize| {
        let mut end = json!({"node": format!("n{at}"), "port": "p0"});
        if matches!(kind, "vxlan" | "mpls-udp") {
            let text = if six {
                format!("2001:db8::{at}")
            } else {
                format!("192.0.2.{at}")
            };
            end["address"] = text.into();
        }
        end
    };
    let mut link = json!({"name": "l", "kind": kind, "ends": [end(1), end(2)]});
    for (field, value) in options.as_object().expect("options") {
        link[field] = value.clone();
    }
    json!({
        "schema": "fabric/1",
        "datacenters": [
            {"name": "d1", "id": 1, "s_vids": "1-9", "c_vids": "10-99", "labels": "100-199", "vnis": "1-9"},
            {"name": "d2", "id": 2, "s_vids": "11-19", "c_vids": "110-199", "labels": "200-299", "vnis": "11-19"}],
        "nodes": [{"name": "n1", "datacenter": "d1"}, {"name": "n2", "datacenter": far}],
        "links": [link],
        "tenants": [{"name": "acme", "segments": [{"name": "acme", "attachments": [
            {"node": "n1", "port": "eth0", "vlan": 10}, {"node": "n2", "port": "eth0", "vlan": 10}]}]}],
    })
}

#[test]
fn the_bytes_that_are_told_are_those_that_are_put_on() {
    let vlan = json!({"vlan": 5});
    let both = json!({"vlan": 5, "transport_label": 30600});
    for (kind, six, options) in [
        ("trunk", false, &json!({})),
        ("trunk", false, &vlan),
        ("pseudowire", false, &json!({})),
        ("pseudowire", false, &both),
        ("mpls-udp", false, &json!({})),
        ("mpls-udp", true, &both),
        ("vxlan", false, &json!({})),
        ("vxlan", true, &vlan),
    ] {
        let valid = valid(&two(kind, six, options));
        let image = compile_at(&valid, "n1", &host(&valid, "n1", 1700)).expect("it compiles");
        let (_, port) = image
            .ports()
            .find(|(name, _)| name.as_str() == "p0")
            .expect("the link's port");
        let records = image.records();
        let paths = records
            .paths
            .values()
            .filter(|path| path.slot == port.slot && path.segment < 1 << 24);
        let put_on = paths
            .map(|path| u32::from(path.pre) + u32::from(path.post_len))
            .max();
        assert_eq!(
            put_on,
            Some(budget::added(&valid.links()[0].carries)),
            "{kind} {six} {options}"
        );
    }
}
