//! DCI-5: a link that cannot carry the tenants' packets with its labels is refused, and one that just can is no black hole.

use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::frame::{Expected, Frame, eth};
use serde_json::{Value, json};

use crate::site::{datacenters, mac_of};

const CLIENT: &str = "f2:98:19:ab:55:b4";
const RESOURCE: &str = "08:19:20:07:05:0d";
/// The largest frame of an untagged tenant: 1500 bytes and an Ethernet header.
const LARGEST: usize = 1514;

/// A gateway in each of two datacenters with one link between.
fn pair(link: &Value) -> Value {
    let end = |node: &str, mac: &str| json!({"node": node, "port": "eth1", "vlan": "untagged", "stations": [{"mac": mac}]});
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": [{"name": "n124", "datacenter": "mtdc100"}, {"name": "n222", "datacenter": "mtdc200"}],
        "links": [link],
        "tenants": [{"name": "c", "segments": [{"name": "c", "s_vid": 120, "c_vid": 1120,
            "attachments": [end("n124", RESOURCE), end("n222", CLIENT)]}]}],
    })
}

fn pseudowire(more: &Value) -> Value {
    let end = |node: &str| json!({"node": node, "port": "t0", "mac": mac_of(node)});
    let mut link = json!({"name": "long", "kind": "pseudowire", "ends": [end("n124"), end("n222")]});
    for (field, value) in more.as_object().into_iter().flatten() {
        link[field] = value.clone();
    }
    link
}

fn in_udp() -> Value {
    let end = |node: &str, address: &str| json!({"node": node, "port": "u0", "address": address});
    json!({"name": "long", "kind": "mpls-udp", "ends": [end("n124", "192.0.2.1"), end("n222", "192.0.2.2")]})
}

fn with_mtu(link: &Value, mtu: u32) -> fabric_tests::Result<Rig> {
    Setup::new(&pair(link), &["n222"]).link_mtu(mtu).start()
}

/// A frame of so many bytes with the tenant's at its end, whatever its tags are.
struct Largest {
    bytes: usize,
    tenants: Frame,
}

impl Expected for Largest {
    fn matches(&self, got: &[u8]) -> bool {
        got.len() == self.bytes && got.ends_with(&self.tenants.bytes()[12..])
    }

    fn sample(&self) -> Vec<u8> {
        self.tenants.bytes().to_vec()
    }
}

/// RFC 4448 section 4.3 and RFC 8077: refused with the arithmetic and the MTU that would do; with that MTU the largest frame
/// passes, and of what is one byte larger nothing does.
#[test]
fn dci_5_a_link_too_small_for_its_labels_is_refused_with_the_mtu_that_would_do() {
    let labels = "1514 + S 4 + C 4 + control word 4 + label 4";
    let cases = [
        (
            pseudowire(&json!({})),
            1530,
            "t0",
            1544,
            format!("{labels} + outer Ethernet 14"),
        ),
        (
            pseudowire(&json!({"transport_label": 30600})),
            1534,
            "t0",
            1548,
            format!("{labels} + transport label 4 + outer Ethernet 14"),
        ),
        (
            pseudowire(&json!({"vlan": 40})),
            1530,
            "t0",
            1548,
            format!("{labels} + outer Ethernet 14 + VLAN 40 4"),
        ),
        (
            in_udp(),
            1558,
            "u0",
            1572,
            format!("{labels} + UDP 8 + IPv4 20 + outer Ethernet 14"),
        ),
    ];
    for (link, enough, port, bytes, arithmetic) in cases {
        let error = format!("{:#}", with_mtu(&link, enough - 1).unwrap_err());
        let cure = format!("ip link set {port} mtu {enough}");
        for part in [
            "mtu-too-small",
            &format!("{port} cannot carry"),
            &arithmetic,
            &format!("= {bytes} bytes"),
            &cure,
        ] {
            assert!(error.contains(part), "{part} is missing: {error}");
        }
        let rig = with_mtu(&link, enough).unwrap();
        let frame = |length: usize| -> Frame { eth(RESOURCE, CLIENT).word("Dopey").pad(length) };
        let largest = Largest {
            bytes,
            tenants: frame(LARGEST),
        };
        rig.send("n222.eth1", frame(LARGEST))
            .at(&format!("n222.{port}"), largest)
            .moves("n222", &format!("eth1.in c.in {port}.out"))
            .check()
            .unwrap();
        // A host sends more than 1514 bytes behind a tag only.
        let one_more = eth(RESOURCE, CLIENT).vlan(0).word("Dopey").pad(LARGEST + 1);
        rig.send("n222.eth1", one_more)
            .moves("n222", "eth1.in eth1.dropped.too-big")
            .check()
            .unwrap();
    }
}
