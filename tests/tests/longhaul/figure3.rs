//! FIG 3: a line and two networks of providers join three datacenters, and every line is tapped.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::golden::{self, Golden};
use fabric_tests::wait::PATIENCE;
use serde_json::{Value, json};

use crate::site::{datacenters, line, mac_of, nodes, relayed, tenants};

/// Link 306, as in the golden frames, and link 308; at 302 first.
const LINK_306: [&str; 2] = ["198.51.100.2", "198.51.100.1"];
const LINK_308: [&str; 2] = ["2001:db8:308::2", "2001:db8:308::1"];

/// Offset of the datacenter label's time to live behind Ethernet, IPv4, UDP and the link's own label.
const TTL_IN_UDP: usize = 49;
/// The same behind Ethernet and the link's own label.
const TTL_ON_A_LINE: usize = 21;
/// Offset of the UDP source port behind Ethernet and IPv6.
const PORT_OVER_IPV6: usize = 54;

const FLOWS: u16 = 16;

fn provider(name: &str, label: u32, ends: [(&str, &str, &str); 2]) -> Value {
    let end = |(node, port, address)| json!({"node": node, "port": port, "address": address});
    json!({"name": name, "kind": "mpls-udp", "transport_label": label, "ends": ends.map(end)})
}

/// Link 306 as a dedicated line, with the same label.
fn dedicated() -> Value {
    let mut link = line("link306", [("n302", "t1"), ("n300", "t2")]);
    link["transport_label"] = json!(30600);
    link
}

fn in_ipv4() -> Value {
    let [near, far] = LINK_306;
    provider("link306", 30600, [("n302", "u0", near), ("n300", "u0", far)])
}

fn figure_3(link_306: Value) -> Value {
    let [near, far] = LINK_308;
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": nodes(&[("n116", "mtdc100"), ("n300", "mtdc100"), ("n212", "mtdc200"),
                         ("n302", "mtdc200"), ("n304", "mtdc250")]),
        "links": [
            line("inner100", [("n116", "t0"), ("n300", "t0")]),
            line("inner200", [("n212", "t0"), ("n302", "t0")]),
            link_306,
            provider("link308", 30800, [("n302", "u1", near), ("n304", "u0", far)]),
            line("line226", [("n300", "t1"), ("n304", "t1")]),
        ],
        "tenants": tenants("n212", "n116"),
    })
}

/// 212 and 302 in one box, 300 and 116 in another one.
fn in_one_box(link_306: Value) -> Value {
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": nodes(&[("n300", "mtdc100"), ("n302", "mtdc200")]),
        "links": [link_306],
        "tenants": tenants("n302", "n300"),
    })
}

fn start(document: &Value, run: &[&str]) -> Rig {
    let setup = Setup::new(document, run);
    let addresses = [(LINK_306, ["n302", "n300"]), (LINK_308, ["n302", "n304"])];
    let ends = addresses
        .into_iter()
        .flat_map(|(link, nodes)| link.into_iter().zip(nodes));
    ends.fold(setup, |setup, (address, node)| setup.mac(address, mac_of(node)))
        .start()
        .unwrap()
}

/// Link 308 is in no golden frame: RFC 8200 and RFC 7510 around the label stack of `lhudp-800`.
fn over_ipv6(label: u32, inner: &[u8]) -> Golden {
    let [near, far] = LINK_308.map(|address| address.parse::<Ipv6Addr>().unwrap());
    let packet = eth(mac_of("n304"), mac_of("n302"))
        .ipv6(near, far)
        .udp(0, 6635)
        .mpls(30800, false, 255)
        .mpls(label, true, 254)
        .control_word()
        .append(&Frame::from_bytes(inner));
    Golden::with_free_port("over IPv6", &packet, PORT_OVER_IPV6)
}

/// FIG 8: one box puts both labels on, on a dedicated line and in UDP.
#[test]
fn golden_800_prime_has_both_labels_of_one_box_on_the_wire() {
    for (link, name, [out, back]) in [
        (dedicated(), "lh-800", ["t1", "t2"]),
        (in_ipv4(), "lhudp-800", ["u0", "u0"]),
    ] {
        let rig = start(&in_one_box(link), &["n302", "n300"]);
        for own in ["", "-own"] {
            let uni = golden::frame(&format!("uni-800{own}")).unwrap();
            rig.send("n302.eth1", &uni)
                .on("n302>n300", golden::frame(&format!("{name}{own}")).unwrap())
                .at("n300.eth1", &uni)
                .moves("n302", &format!("eth1.in c.in {out}.out"))
                .moves("n300", &format!("{back}.in eth1.out c.out"))
                .check()
                .unwrap();
        }
        rig.well_formed().unwrap();
    }
}

/// FIG 3 and 8: frame 800' on every line, the provider's link a dedicated line or IPv4; the transport label is on
/// link 306 alone, and the datacenter label under it is touched by its time to live only.
#[test]
fn golden_800_prime_is_byte_exact_on_every_line_and_at_delivery() {
    for (link, name, ttl_at, [out, back]) in [
        (dedicated(), "lh-800", TTL_ON_A_LINE, ["t1", "t2"]),
        (in_ipv4(), "lhudp-800", TTL_IN_UDP, ["u0", "u0"]),
    ] {
        let rig = start(&figure_3(link), &["n212", "n302", "n300", "n116"]);
        for own in ["", "-own"] {
            let uni = golden::frame(&format!("uni-800{own}")).unwrap();
            let dci = golden::frame(&format!("dci-800{own}")).unwrap();
            let long = golden::frame(&format!("{name}{own}")).unwrap();
            rig.send("n212.eth1", &uni)
                .on("n212>n302", relayed(&dci, ("n212", "n302"), 0xff))
                .on("n302>n300", long.with(ttl_at, 0xfe))
                .on("n300>n116", relayed(&dci, ("n300", "n116"), 0xfd))
                .at("n116.eth1", &uni)
                .moves("n212", "eth1.in c.in t0.out")
                .moves("n302", &format!("t0.in {out}.out"))
                .moves("n300", &format!("{back}.in t0.out"))
                .moves("n116", "t0.in eth1.out c.out")
                .check()
                .unwrap();
        }
        rig.well_formed().unwrap();
    }
}

/// The way round when link 306 is out of service: another provider with IPv6, the third datacenter, and a dedicated line.
#[test]
fn golden_800_prime_goes_round_over_ipv6_and_a_line() {
    let mut link = in_ipv4();
    link["down"] = json!(true);
    let rig = start(&figure_3(link), &["n212", "n302", "n304", "n300", "n116"]);
    for (own, label) in [("", 1020), ("-own", 1021)] {
        let uni = golden::frame(&format!("uni-800{own}")).unwrap();
        let dci = golden::frame(&format!("dci-800{own}")).unwrap();
        let nni = golden::frame(&format!("nni-800{own}")).unwrap();
        rig.send("n212.eth1", &uni)
            .on("n212>n302", relayed(&dci, ("n212", "n302"), 0xff))
            .on("n302>n304", over_ipv6(label, &nni))
            .on("n304>n300", relayed(&dci, ("n304", "n300"), 0xfd))
            .on("n300>n116", relayed(&dci, ("n300", "n116"), 0xfc))
            .at("n116.eth1", &uni)
            .moves("n212", "eth1.in c.in t0.out")
            .moves("n302", "t0.in u1.out")
            .moves("n304", "u0.in t1.out")
            .moves("n300", "t1.in t0.out")
            .moves("n116", "t0.in eth1.out c.out")
            .check()
            .unwrap();
    }
    rig.well_formed().unwrap();
}

/// RFC 7510 section 3: the source port is the flow's own, also where a node between puts the UDP header on.
#[test]
fn a_flow_keeps_its_source_port_on_link_306_and_flows_differ() {
    let rig = start(&figure_3(in_ipv4()), &["n212", "n302", "n300", "n116"]);
    let golden = golden::frame("lhudp-800").unwrap();
    let ear = rig.ear("n302>n300").unwrap();
    let socket = rig.ear("n212.eth1").unwrap().socket();
    let mut ports = BTreeSet::new();
    for flow in 0..FLOWS {
        let frame = eth("08:19:20:07:05:0d", "f2:98:19:ab:55:b4")
            .ipv4([192, 168, 0, 50], [192, 168, 0, 10])
            .udp(5000 + flow, 9)
            .raw(b"Dopey");
        socket.send_all(&[&frame, &frame]).unwrap();
        ear.wait_count(2, PATIENCE).unwrap();
        let seen: Vec<u16> = ear
            .drain()
            .unwrap()
            .iter()
            .map(|frame| golden.port_of(&frame.bytes).unwrap())
            .collect();
        assert!(seen[0] >= 49152 && seen[0] == seen[1], "{seen:?}");
        ports.insert(seen[0]);
    }
    assert!(ports.len() > usize::from(FLOWS) / 2, "{ports:?}");
}
