//! Three datacenters with the numbers of the golden frames.

use serde_json::{Value, json};

/// Offset of the time to live behind addresses, EtherType and label.
const TTL: usize = 17;

/// As in the outer headers of the golden frames.
pub(crate) fn mac_of(node: &str) -> &'static str {
    match node {
        "n116" => "02:00:00:01:01:16",
        "n124" => "02:00:00:01:01:24",
        "n212" => "02:00:00:02:02:12",
        "n222" => "02:00:00:02:02:22",
        "n220" => "02:00:00:03:02:20",
        "n300" => "02:00:00:01:03:00",
        "n302" => "02:00:00:02:03:02",
        "n304" => "02:00:00:03:03:04",
        other => panic!("{other} has no address"),
    }
}

pub(crate) fn line(name: &str, ends: [(&str, &str); 2]) -> Value {
    let end = |(node, port): (&str, &str)| json!({"node": node, "port": port, "mac": mac_of(node)});
    json!({"name": name, "kind": "pseudowire", "ends": ends.map(end)})
}

pub(crate) fn nodes(names: &[(&str, &str)]) -> Value {
    let node = |(name, datacenter): &(&str, &str)| json!({"name": name, "datacenter": datacenter});
    names.iter().map(node).collect()
}

pub(crate) fn datacenters() -> Value {
    json!([
        {"name": "mtdc100", "id": 100, "s_vids": "100-199", "c_vids": "200-1199", "labels": "1000-1999"},
        {"name": "mtdc200", "id": 200, "s_vids": "1200-1299", "c_vids": "1300-1999", "labels": "2000-2999"},
        {"name": "mtdc250", "id": 250, "s_vids": "2200-2299", "c_vids": "2300-2999", "labels": "3000-3999"},
    ])
}

/// The tenant of frames 800: 202 at `client`, 110D at `resource`, untagged and in VLAN 30.
pub(crate) fn tenants(client: &str, resource: &str) -> Value {
    let segment = |name: &str, s_vid: u16, vlan: Value, c_vid: u16, label: u16| {
        json!({"name": name, "s_vid": s_vid, "c_vid": s_vid + 1000,
            "labels": [{"to": "mtdc100", "from": "mtdc200", "label": label}],
            "attachments": [
                {"node": resource, "port": "eth1", "vlan": vlan, "c_vid": c_vid,
                 "stations": [{"name": "110D", "mac": "08:19:20:07:05:0d"}]},
                {"node": client, "port": "eth1", "vlan": vlan, "c_vid": c_vid + 100,
                 "stations": [{"name": "202", "mac": "f2:98:19:ab:55:b4"}]}]})
    };
    json!([{"name": "c", "segments": [
        segment("c", 120, json!("untagged"), 220, 1020),
        segment("c-v30", 121, json!(30), 221, 1021),
    ]}])
}

/// What a node between makes of a frame on a line: other addresses, a time to live less by one a hop.
pub(crate) fn relayed(frame: &[u8], (from, to): (&str, &str), ttl: u8) -> Vec<u8> {
    let mut expected = [octets(to), octets(from), frame[12..].to_vec()].concat();
    expected[TTL] = ttl;
    expected
}

fn octets(node: &str) -> Vec<u8> {
    let octets = mac_of(node).split(':');
    octets
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect()
}

/// FIG 2 with line 224 out of service: frames 800 go through the third datacenter.
pub(crate) fn figure_2() -> Value {
    let mut direct = line("line224", [("n222", "t1"), ("n124", "t1")]);
    direct["down"] = json!(true);
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": nodes(&[("n116", "mtdc100"), ("n124", "mtdc100"), ("n212", "mtdc200"),
                         ("n222", "mtdc200"), ("n220", "mtdc250")]),
        "links": [
            line("inner100", [("n116", "t0"), ("n124", "t0")]),
            line("inner200", [("n212", "t0"), ("n222", "t0")]),
            direct,
            line("line226", [("n220", "t0"), ("n124", "t2")]),
            line("line228", [("n222", "t2"), ("n220", "t1")]),
        ],
        "tenants": tenants("n212", "n116"),
    })
}

/// A gateway in each datacenter, a line between each two, and two tenants with one VLAN everywhere.
pub(crate) fn triangle() -> Value {
    let segment = |name: &str, port: &str| {
        let end = |node: &str| json!({"node": node, "port": port, "vlan": 10});
        json!({"name": name, "segments": [
            {"name": format!("{name}-v10"), "attachments": [end("n124"), end("n222"), end("n220")]}]})
    };
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": nodes(&[("n124", "mtdc100"), ("n222", "mtdc200"), ("n220", "mtdc250")]),
        "links": [
            line("line224", [("n222", "l224"), ("n124", "l224")]),
            line("line226", [("n220", "l226"), ("n124", "l226")]),
            line("line228", [("n222", "l228"), ("n220", "l228")]),
        ],
        "tenants": [segment("acme", "eth1"), segment("globex", "eth2")],
    })
}
