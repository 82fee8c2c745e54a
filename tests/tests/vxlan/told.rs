//! Senders of packets that are too big for their way are told so, by a message that has their own VLAN and addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpFragOffset, IpNumber, Ipv4Header,
    icmpv4::DestUnreachableHeader,
};
use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::Tshark;
use serde_json::json;

use super::support::{LOCAL, REMOTE, document, outward, start};

/// Of the tenants' cables and of the underlay: 50 bytes of a packet find no room with VXLAN around it.
const MTU: u32 = 1600;
/// Largest packets that pass, without and with an own tag.
const ROOM: u16 = 1550;
const ROOM_TAGGED: u16 = 1546;
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 50);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
const CLIENT_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x50);
const SERVER_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x10);
/// Protocol of "fragmentation needed" and "packet too big".
const ICMP_6: u8 = 58;

fn narrow() -> Rig {
    start(Setup::new(&document(), &["edge1"]).mtu(MTU).link_mtu(MTU))
}

type Tags = fn(Frame) -> Frame;

/// The header and 48 bytes more of a packet, from the other end (RFC 792, RFC 1812 section 4.3.2).
fn fragmentation_needed(packet: &[u8], tags: Tags, next_hop_mtu: u16) -> Frame {
    let quote = &packet[..68];
    let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu };
    let icmp = Icmpv4Header::with_checksum(Icmpv4Type::DestinationUnreachable(kind), quote);
    let header = Ipv4Header {
        dscp: 48.try_into().unwrap(),
        dont_fragment: false,
        time_to_live: 64,
        protocol: IpNumber::ICMP,
        source: SERVER.octets(),
        destination: CLIENT.octets(),
        ..Ipv4Header::default()
    };
    tags(eth(LOCAL, REMOTE))
        .ipv4_header(header)
        .raw(icmp.to_bytes())
        .raw(quote)
}

/// As much of the packet as leaves the message 1280 bytes long (RFC 4443 sections 2.4 and 3.2).
fn packet_too_big(packet: &[u8], tags: Tags, mtu: u16) -> Frame {
    let quote = &packet[..1280 - 48];
    let kind = Icmpv6Type::PacketTooBig { mtu: mtu.into() };
    let icmp = Icmpv6Header::with_checksum(kind, SERVER_6.octets(), CLIENT_6.octets(), quote).unwrap();
    tags(eth(LOCAL, REMOTE))
        .ipv6(SERVER_6, CLIENT_6)
        .protocol(ICMP_6)
        .raw(icmp.to_bytes())
        .raw(quote)
}

/// A frame whose IP packet has so many bytes.
fn with_packet(frame: Frame, header: usize, length: u16) -> Frame {
    let more = header + usize::from(length) - frame.len();
    frame.raw(vec![0x5a; more])
}

/// VXL-7, RFC 1191 section 4, RFC 4443 section 3.2: what fits passes, and of one byte more its sender is told the next hop's
/// MTU by the receiver's address, with his own tags as he wrote them. The drop is counted as before.
#[test]
fn vxl_7_the_sender_of_what_does_not_fit_is_told_the_mtu_in_his_own_vlan() {
    let rig = narrow();
    let cases: [(&str, &str, Tags, usize, u16); 3] = [
        ("eth1", "acme", |frame| frame, 14, ROOM),
        ("eth1", "acme", |frame| frame.vlan(0).pcp(3), 18, ROOM_TAGGED),
        (
            "eth2",
            "globex",
            |frame| frame.vlan(10).pcp(5).dei(),
            18,
            ROOM_TAGGED,
        ),
    ];
    let mut messages = Vec::new();
    for (port, tenant, tags, header, room) in cases {
        let v4 = |length| {
            with_packet(
                tags(outward()).ipv4(CLIENT, SERVER).tcp(40_000, 80, 1, 1),
                header,
                length,
            )
        };
        let v6 = |length| {
            with_packet(
                tags(outward()).ipv6(CLIENT_6, SERVER_6).tcp(40_000, 80, 1, 1),
                header,
                length,
            )
        };
        for (fits, too_big, kind) in [(v4(room), v4(room + 1), 4), (v6(room), v6(room + 1), 6)] {
            rig.ear(&format!("edge1.{port}"))
                .unwrap()
                .socket()
                .send(&fits)
                .unwrap();
            rig.ear("edge1.u0").unwrap().wait_count(1, PATIENCE).unwrap();
            drop(rig.ear("edge1.u0").unwrap().drain().unwrap());
            let packet = &too_big[header..];
            let message = match kind {
                4 => fragmentation_needed(packet, tags, room),
                _ => packet_too_big(packet, tags, room),
            };
            rig.send(&format!("edge1.{port}"), &too_big)
                .at(&format!("edge1.{port}"), &message)
                .moves(
                    "edge1",
                    &format!("{port}.in {port}.dropped.too-big {port}.told {port}.out {tenant}.out"),
                )
                .check()
                .unwrap();
            messages.push(message.to_vec());
        }
    }
    let captured: Vec<_> = messages
        .into_iter()
        .map(fabric_tests::wire::Captured::from)
        .collect();
    let told = Tshark::new()
        .fields(
            &captured,
            &[
                "icmp.type",
                "icmp.code",
                "icmp.mtu",
                "icmp.checksum.status",
                "icmpv6.type",
                "icmpv6.mtu",
                "icmpv6.checksum.status",
            ],
        )
        .unwrap();
    for (pair, room) in told.chunks(2).zip([1550, 1546, 1546]) {
        let (v4, v6) = (&pair[0], &pair[1]);
        assert_eq!(v4[..4], ["3", "4", &room.to_string(), "1"], "{v4:?}");
        assert_eq!(v6[4..7], ["2", &room.to_string(), "1"], "{v6:?}");
    }
}

fn header_4(change: impl FnOnce(&mut Ipv4Header)) -> Ipv4Header {
    let mut header = Ipv4Header {
        time_to_live: 64,
        dont_fragment: true,
        protocol: IpNumber::UDP,
        source: CLIENT.octets(),
        destination: SERVER.octets(),
        ..Ipv4Header::default()
    };
    change(&mut header);
    header
}

/// The same frame with a header that tells of another length.
fn claims(frame: &Frame, length: u16) -> Frame {
    let (mut header, rest) = Ipv4Header::from_slice(&frame.bytes()[14..]).unwrap();
    header.total_len = length;
    header.header_checksum = header.calc_header_checksum();
    Frame::from_bytes([&frame.bytes()[..14], &header.to_bytes(), rest].concat())
}

/// RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7, RFC 4443 section 2.4: no message about errors, fragments but the first,
/// groups, senders that are no single host, and packets that are not as their headers say. All are dropped as too big.
#[test]
fn vxl_7_nobody_is_told_of_errors_fragments_groups_and_forged_packets() {
    let rig = narrow();
    let v4 = |change: fn(&mut Ipv4Header)| with_packet(outward().ipv4_header(header_4(change)), 14, ROOM + 1);
    let v6 = |from: &str, to: &str, next: u8| {
        let (from, to): (Ipv6Addr, Ipv6Addr) = (from.parse().unwrap(), to.parse().unwrap());
        with_packet(outward().ipv6(from, to).protocol(next), 14, ROOM + 1)
    };
    let whole = v4(|_| {});
    let (client, server) = (CLIENT_6.to_string(), SERVER_6.to_string());
    let fragment = |offset: u8| v6(&client, &server, 44).set(54, &[17, 0, 0, offset]);
    let icmp = |kind: u8| v4(|header| header.protocol = IpNumber::ICMP).set(34, &[kind, 0]);
    let silent = [
        v4(|header| header.dont_fragment = false),
        v4(|header| header.fragment_offset = IpFragOffset::try_new(100).unwrap()),
        v4(|header| header.source = [0; 4]),
        v4(|header| header.source = [127, 0, 0, 1]),
        v4(|header| header.source = [224, 0, 0, 1]),
        v4(|header| header.source = [255; 4]),
        v4(|header| header.source = header.destination),
        v4(|header| header.destination = [239, 1, 2, 3]),
        icmp(3),
        icmp(11),
        // Checksum, version, header length, and a packet that is shorter than its frame or longer.
        whole.clone().set(24, &[0, 0]),
        whole.clone().set(14, &[0x55]),
        whole.clone().set(14, &[0x44]),
        claims(&whole, ROOM),
        claims(&whole, ROOM + 2),
        v6(&client, "ff02::1", 17),
        v6("ff02::1", &server, 17),
        v6("::", &server, 17),
        v6("::1", &server, 17),
        v6(&server, &server, 17),
        v6(&client, &server, 58).set(54, &[1, 0]),
        v6(&client, &server, 0),
        fragment(8),
        v6(&client, &server, 17).set(14, &[0x40]),
        outward().ethertype(0x88b5).pad(1568),
    ];
    let count = silent.len();
    let mut silent = silent.into_iter().map(|frame| {
        let length = frame.len().max(15 + usize::from(ROOM));
        frame.pad(length)
    });
    let first = rig.send("edge1.eth1", silent.next().unwrap());
    silent
        .fold(first, |step, frame| step.and_send("edge1.eth1", frame))
        .moves("edge1", &format!("eth1.in*{count} eth1.dropped.too-big*{count}"))
        .check()
        .unwrap();
    // Requests, first fragments and packets with options are no exceptions.
    let echo = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 }), &[]);
    let told = [
        whole,
        icmp(8).set(34, &echo.to_bytes()),
        v4(|header| header.options = [1, 1, 1, 0].into()),
        v6(&client, &server, 58).set(54, &[128, 0]),
        fragment(1),
    ];
    for frame in &told {
        let message = match frame[12] {
            8 => fragmentation_needed(&frame[14..], |frame| frame, ROOM),
            _ => packet_too_big(&frame[14..], |frame| frame, ROOM),
        };
        rig.send("edge1.eth1", frame)
            .at("edge1.eth1", &message)
            .moves(
                "edge1",
                "eth1.in eth1.dropped.too-big eth1.told eth1.out acme.out",
            )
            .check()
            .unwrap_or_else(|error| panic!("{}: {error:#}", fabric_tests::frame::stack(frame)));
    }
}

/// RFC 1812 section 4.3.2.8: a flood of packets that are too big brings few messages, and every drop is counted.
#[test]
fn vxl_7_messages_are_limited_and_drops_are_counted_all_the_same() {
    const FRAMES: u64 = 2000;
    let rig = narrow();
    let frame = with_packet(outward().ipv4(CLIENT, SERVER).tcp(40_000, 80, 1, 1), 14, ROOM + 1);
    let ear = rig.ear("edge1.eth1").unwrap();
    let began = std::time::Instant::now();
    for _ in 0..FRAMES {
        ear.socket().send(&frame).unwrap();
    }
    let counted = |name: &str| rig.counters("edge1").unwrap().get(name);
    until_true(PATIENCE, "every frame to be counted", || {
        Ok(counted("eth1.dropped.too-big") == FRAMES)
    })
    .unwrap();
    let told = counted("eth1.told");
    // 64 a tick of a quarter of a second at least, on each CPU.
    let cpus = std::thread::available_parallelism().unwrap().get() as u64;
    let ticks = u64::try_from(began.elapsed().as_millis() / 250).unwrap() + 2;
    assert!(
        (64..=64 * ticks * cpus).contains(&told),
        "{told} messages in {ticks} ticks"
    );
    assert!(told < FRAMES, "{told} messages");
    let told = usize::try_from(told).unwrap();
    ear.wait_count(told, PATIENCE).unwrap();
    assert_eq!(ear.frames().unwrap().len(), told);
}

/// The message needs no agent: it comes while he is dead, and from the next one's program as well.
#[test]
fn vxl_7_senders_are_told_while_the_agent_is_dead_and_after_the_next_one_has_come() {
    let mut rig = narrow();
    let frame = with_packet(outward().ipv4(CLIENT, SERVER).tcp(40_000, 80, 1, 1), 14, ROOM + 1);
    let message = fragmentation_needed(&frame[14..], |frame| frame, ROOM);
    let told = |rig: &Rig| {
        let ear = rig.ear("edge1.eth1").unwrap();
        ear.socket().send(&frame).unwrap();
        ear.expect(&[&message], PATIENCE).unwrap();
    };
    rig.agent_mut("edge1").unwrap().kill9().unwrap();
    told(&rig);
    rig.agent_mut("edge1").unwrap().restart().unwrap();
    told(&rig);
    let counters = rig.counters("edge1").unwrap();
    assert_eq!(
        (counters.get("eth1.told"), counters.get("eth1.dropped.too-big")),
        (2, 2)
    );
}

/// VXL-7: a client of Linux with the usual MTU behind an underlay with the usual MTU: his connection finds its size by the
/// messages and carries every byte, over IPv4 and IPv6. The message is what tells him: the routing table has it.
#[test]
fn vxl_7_tcp_of_linux_finds_the_paths_mtu_and_goes_through() {
    const BYTES: u64 = 4 << 20;
    let segment = Segment::new("acme", 100, 1100)
        .with("vni", 10_001)
        .at("edge1", "eth1", "untagged", 300)
        .at("edge2", "eth1", "untagged", 200);
    let link = json!({"name": "pathway", "kind": "vxlan", "ends": [
        {"node": "edge1", "port": "u0", "address": "192.0.2.1"},
        {"node": "edge2", "port": "u0", "address": "192.0.2.2"}]});
    let site = Site::new(&["edge1", "edge2"])
        .link(link)
        .tenant("acme", &[segment]);
    let rig = Setup::new(&site.document(), &["edge1", "edge2"])
        .apart()
        .address("edge1.eth1", &format!("{CLIENT}/24"))
        .address("edge2.eth1", &format!("{SERVER}/24"))
        .address("edge1.eth1", &format!("{CLIENT_6}/64"))
        .address("edge2.eth1", &format!("{SERVER_6}/64"))
        .start()
        .unwrap();
    let [client, server] = ["edge1.eth1", "edge2.eth1"].map(|name| &rig.plug(name).unwrap().namespace);
    // A document with such an underlay would be refused; an operator can still make it so later.
    for node in ["edge1", "edge2"] {
        let namespace = rig.agent(node).unwrap().namespace();
        namespace
            .output(&["ip", "link", "set", "u0", "mtu", "1500"])
            .unwrap();
    }
    until_true(PATIENCE, "the smaller MTU in force", || {
        let probe = ["ping", "-c1", "-W1", "-Mdo", "-s1472", &SERVER.to_string()].map(str::to_owned);
        let words: Vec<&str> = probe.iter().map(String::as_str).collect();
        drop(client.output(&words));
        Ok(rig.counters("edge1")?.get("eth1.told") > 0)
    })
    .unwrap();
    client.output(&["ip", "route", "flush", "cache"]).unwrap();
    for (address, shown) in [
        (format!("{SERVER}:5001"), SERVER.to_string()),
        (format!("[{SERVER_6}]:5001"), SERVER_6.to_string()),
    ] {
        let before = rig.counters("edge1").unwrap();
        until_true(PATIENCE, "an answer", || {
            Ok(ping(client, &shown, 1)?.answered == 1)
        })
        .unwrap();
        let report = tcp(client, server, address.parse().unwrap(), BYTES).unwrap();
        assert!(report.intact() && report.bytes == BYTES);
        let route = client.output(&["ip", "route", "get", &shown]).unwrap();
        assert!(route.contains("mtu 1450"), "{route}");
        let after = rig.counters("edge1").unwrap();
        let more = |name: &str| after.get(name) - before.get(name);
        assert!(more("eth1.told") > 0 && more("eth1.dropped.too-big") >= more("eth1.told"));
    }
}
