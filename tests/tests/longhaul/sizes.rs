//! DCI-5: a link that cannot carry the tenants' packets with its labels is refused, and one that just can is no black hole.

use etherparse::{Icmpv4Header, Icmpv4Type, IpNumber, Ipv4Header, icmpv4::DestUnreachableHeader};
use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::frame::{Expected, Frame, eth};
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wait::{PATIENCE, until_true};
use serde_json::{Value, json};

use crate::site::{datacenters, figure_2, mac_of};

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

/// 220 has no part in the segment, and yet knows from the document what passes it.
#[test]
fn dci_5_a_line_that_labels_only_pass_is_refused_when_it_is_too_small() {
    let start = |mtu| Setup::new(&figure_2(), &["n220"]).link_mtu(mtu).start();
    let error = format!("{:#}", start(1533).unwrap_err());
    for part in [
        "mtu-too-small",
        "t0 cannot carry c's frames",
        "= 1548 bytes",
        "ip link set t0 mtu 1534",
    ] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    drop(start(1534).unwrap());
}

/// Of all cables and ports.
const WIDE: u32 = 1700;
/// Of line 228, the third on the way, and what a packet may have there.
const NARROW: u32 = 1620;
const ROOM: u16 = 1590;
const NODES: [&str; 5] = ["n212", "n222", "n220", "n124", "n116"];

/// FIG 2 with a line in its middle that takes less than those before it, as the document says.
fn narrow() -> Value {
    let mut document = figure_2();
    let link = document["links"].as_array_mut().unwrap().iter_mut();
    for link in link.filter(|link| link["name"] == "line228") {
        link["mtu"] = json!(NARROW);
    }
    document
}

/// From 110D to 202: the header and 48 bytes more of his packet, with the MTU of the narrow line (RFC 792, RFC 1191 section 4).
fn fragmentation_needed(packet: &[u8]) -> Frame {
    let quote = &packet[..68];
    let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: ROOM };
    let icmp = Icmpv4Header::with_checksum(Icmpv4Type::DestinationUnreachable(kind), quote);
    let header = Ipv4Header {
        dscp: 48.try_into().unwrap(),
        time_to_live: 64,
        protocol: IpNumber::ICMP,
        source: [192, 168, 0, 10],
        destination: [192, 168, 0, 50],
        dont_fragment: false,
        ..Ipv4Header::default()
    };
    eth(CLIENT, RESOURCE)
        .ipv4_header(header)
        .raw(icmp.to_bytes())
        .raw(quote)
}

/// RFC 1191: what fits the narrowest line crosses all of them, and of one byte more the sender is told by the node where his frame
/// comes in, before it is on any line. 222 and 220, which only pass labels on, could tell nobody.
#[test]
fn dci_5_the_sender_is_told_of_the_narrowest_line_where_his_frame_comes_in() {
    let rig = Setup::new(&narrow(), &NODES)
        .mtu(WIDE)
        .link_mtu(WIDE)
        .start()
        .unwrap();
    let frame = |length: u16| {
        let header = eth(RESOURCE, CLIENT)
            .ipv4([192, 168, 0, 50], [192, 168, 0, 10])
            .tcp(40_000, 80, 1, 1);
        let more = 14 + usize::from(length) - header.len();
        header.raw(vec![0x5a; more])
    };
    let on_the_line = |bytes: usize| Largest {
        bytes,
        tenants: frame(ROOM),
    };
    let line = usize::try_from(NARROW).unwrap() + 14;
    rig.send("n212.eth1", frame(ROOM))
        .on("n212>n222", on_the_line(line))
        .on("n222>n220", on_the_line(line))
        .on("n220>n124", on_the_line(line))
        .on("n124>n116", on_the_line(line))
        .at("n116.eth1", frame(ROOM))
        .moves("n212", "eth1.in c.in t0.out")
        .moves("n222", "t0.in t2.out")
        .moves("n220", "t1.in t0.out")
        .moves("n124", "t2.in t0.out")
        .moves("n116", "t0.in eth1.out c.out")
        .check()
        .unwrap();
    let too_big = frame(ROOM + 1);
    rig.send("n212.eth1", &too_big)
        .at("n212.eth1", fragmentation_needed(&too_big[14..]))
        .moves("n212", "eth1.in eth1.dropped.too-big eth1.told eth1.out c.out")
        .check()
        .unwrap();
    rig.well_formed().unwrap();
}

/// Frames of 9000 bytes cross three datacenters where every line takes them, and a provider's network in UDP.
#[test]
fn dci_5_packets_of_9000_bytes_cross_where_the_lines_take_them() {
    const PACKET: usize = 9000;
    let jumbo = eth(RESOURCE, CLIENT).word("Dopey").pad(14 + PACKET);
    let on_the_line = |added: usize| Largest {
        bytes: 14 + PACKET + added,
        tenants: jumbo.clone(),
    };
    let setup = |document: &Value, run: &[&str]| Setup::new(document, run).mtu(9000).link_mtu(9100);
    let rig = setup(&figure_2(), &NODES).start().unwrap();
    rig.send("n212.eth1", &jumbo)
        .on("n212>n222", on_the_line(30))
        .on("n222>n220", on_the_line(30))
        .on("n220>n124", on_the_line(30))
        .on("n124>n116", on_the_line(30))
        .at("n116.eth1", &jumbo)
        .moves("n212", "eth1.in c.in t0.out")
        .moves("n222", "t0.in t2.out")
        .moves("n220", "t1.in t0.out")
        .moves("n124", "t2.in t0.out")
        .moves("n116", "t0.in eth1.out c.out")
        .check()
        .unwrap();
    rig.well_formed().unwrap();
    drop(rig);
    let rig = setup(&pair(&in_udp()), &["n222", "n124"]).start().unwrap();
    rig.send("n222.eth1", &jumbo)
        .on("n222>n124", on_the_line(58))
        .at("n124.eth1", &jumbo)
        .moves("n222", "eth1.in c.in u0.out")
        .moves("n124", "u0.in eth1.out c.out")
        .check()
        .unwrap();
}

/// Linux believes the message, and its connection carries every byte over the narrow line.
#[test]
fn dci_5_tcp_of_linux_finds_the_narrowest_line() {
    let rig = Setup::new(&narrow(), &NODES)
        .mtu(WIDE)
        .link_mtu(WIDE)
        .apart()
        .address("n212.eth1", "192.168.0.50/24")
        .address("n116.eth1", "192.168.0.10/24")
        .start()
        .unwrap();
    let [client, resource] = ["n212.eth1", "n116.eth1"].map(|name| &rig.plug(name).unwrap().namespace);
    until_true(PATIENCE, "an answer", || {
        Ok(ping(client, "192.168.0.10", 1)?.answered == 1)
    })
    .unwrap();
    let report = tcp(client, resource, "192.168.0.10:5001".parse().unwrap(), 4 << 20).unwrap();
    assert!(report.intact() && report.bytes == 4 << 20);
    let route = client.output(&["ip", "route", "get", "192.168.0.10"]).unwrap();
    assert!(route.contains(&format!("mtu {ROOM}")), "{route}");
    let dropped = |node: &str| {
        let counters = rig.counters(node).unwrap();
        let all = counters
            .values()
            .iter()
            .filter(|(name, _)| name.ends_with("dropped.too-big"));
        all.map(|(_, frames)| frames).sum::<u64>()
    };
    assert!(dropped("n212") > 0);
    assert_eq!(NODES[1..].iter().map(|node| dropped(node)).sum::<u64>(), 0);
}
