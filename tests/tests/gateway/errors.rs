//! What a gateway says itself, and what it takes from nobody: judged by bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::icmpv4::{DestUnreachableHeader, TimeExceededCode};
use etherparse::{Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, Ipv4Header, icmpv6};
use fabric_tests::fixtures::Rig;
use fabric_tests::frame::{Frame, Mac, eth};
use fabric_tests::wire::{Captured, Tshark};

use super::site::{GATEWAY_MAC, document};

/// Of a station in the first network, at `eth1`.
const ONE: &str = "02:00:00:00:00:01";
/// Of one in the second network, at `eth2`.
const TWO: &str = "02:00:00:00:00:02";
const ONE_IP: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 10);
const TWO_IP: Ipv4Addr = Ipv4Addr::new(10, 10, 20, 10);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 1);
const GATEWAY_TWO: Ipv4Addr = Ipv4Addr::new(10, 10, 20, 1);
const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ONE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x10);
const TWO_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x20, 0, 0, 0, 0, 0x10);
const GATEWAY_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 1);
const NOWHERE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 1);
const ICMP_6: u8 = 58;

fn rig() -> Rig {
    Rig::start(&document(), &["edge1"]).unwrap()
}

fn header(change: impl FnOnce(&mut Ipv4Header)) -> Ipv4Header {
    let mut header = Ipv4Header {
        time_to_live: 64,
        dont_fragment: true,
        protocol: IpNumber::UDP,
        source: ONE_IP.octets(),
        destination: TWO_IP.octets(),
        ..Ipv4Header::default()
    };
    change(&mut header);
    header
}

/// A packet to the gateway from the first network.
fn packet(change: impl FnOnce(&mut Ipv4Header)) -> Frame {
    eth(GATEWAY_MAC, ONE)
        .ipv4_header(header(change))
        .udp(40_000, 33_434)
        .word("through the gateway")
}

fn packet_6(to: Ipv6Addr, hops: u8) -> Frame {
    eth(GATEWAY_MAC, ONE)
        .ipv6(ONE_6, to)
        .udp_with_checksum(40_000, 33_434)
        .word("through the gateway")
        .set(21, &[hops])
}

/// RFC 792: the header and 64 bits behind it, from the gateway's address in the sender's network.
fn message(packet: &[u8], kind: Icmpv4Type) -> Frame {
    let quote = &packet[14..42];
    let header = Ipv4Header {
        dscp: 48.try_into().unwrap(),
        dont_fragment: false,
        time_to_live: 64,
        protocol: IpNumber::ICMP,
        source: GATEWAY.octets(),
        destination: ONE_IP.octets(),
        ..Ipv4Header::default()
    };
    let icmp = Icmpv4Header::with_checksum(kind, quote);
    eth(ONE, GATEWAY_MAC)
        .ipv4_header(header)
        .raw(icmp.to_bytes())
        .raw(quote)
}

fn message_6(packet: &[u8], kind: Icmpv6Type) -> Frame {
    let quote = &packet[14..62];
    let icmp = Icmpv6Header::with_checksum(kind, GATEWAY_6.octets(), ONE_6.octets(), quote).unwrap();
    eth(ONE, GATEWAY_MAC)
        .ipv6(GATEWAY_6, ONE_6)
        .protocol(ICMP_6)
        .raw(icmp.to_bytes())
        .raw(quote)
}

/// Who sends what the gateway will not route is told so by its address in his own network, as traceroute and every kernel
/// understand it: RFC 792, RFC 1812 section 4.3, RFC 4443 section 3.
#[test]
fn senders_hear_of_expired_packets_missing_routes_and_closed_ports() {
    let rig = rig();
    let unreachable = Icmpv4Type::DestinationUnreachable;
    let expired = Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit);
    let expired_6 = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
    let unreachable_6 = Icmpv6Type::DestinationUnreachable;
    let no_route = |header: &mut Ipv4Header| header.destination = NOWHERE.octets();
    let to_gateway = |header: &mut Ipv4Header| header.destination = GATEWAY_TWO.octets();
    let mut cases = Vec::new();
    for (frame, kind, reason) in [
        (
            packet(|header| header.time_to_live = 1),
            expired.clone(),
            "hops-exceeded",
        ),
        (packet(|header| header.time_to_live = 0), expired, "hops-exceeded"),
        (
            packet(no_route),
            unreachable(DestUnreachableHeader::Network),
            "no-route",
        ),
        (
            packet(to_gateway),
            unreachable(DestUnreachableHeader::Port),
            "for-gateway",
        ),
    ] {
        cases.push((message(&frame, kind), frame, reason));
    }
    for (frame, kind, reason) in [
        (packet_6(TWO_6, 1), expired_6, "hops-exceeded"),
        (
            packet_6(NOWHERE_6, 64),
            unreachable_6(icmpv6::DestUnreachableCode::NoRoute),
            "no-route",
        ),
        (
            packet_6(GATEWAY_6, 64),
            unreachable_6(icmpv6::DestUnreachableCode::Port),
            "for-gateway",
        ),
    ] {
        cases.push((message_6(&frame, kind), frame, reason));
    }
    for (message, frame, reason) in &cases {
        rig.send("edge1.eth1", frame)
            .at("edge1.eth1", message)
            .moves(
                "edge1",
                &format!("eth1.in eth1.dropped.{reason} eth1.told eth1.out acme.out"),
            )
            .check()
            .unwrap();
    }
    let captured: Vec<Captured> = cases
        .iter()
        .map(|(message, ..)| message.to_vec().into())
        .collect();
    let fields = [
        "icmp.type",
        "icmp.code",
        "icmp.checksum.status",
        "icmpv6.type",
        "icmpv6.code",
        "icmpv6.checksum.status",
    ];
    let told = Tshark::new().fields(&captured, &fields).unwrap();
    let row = |at: usize| {
        told[at]
            .iter()
            .map(|text| text.split(',').next().unwrap())
            .collect::<Vec<_>>()
    };
    for (at, kind) in [["11", "0"], ["11", "0"], ["3", "0"], ["3", "3"]]
        .into_iter()
        .enumerate()
    {
        assert_eq!(row(at)[..3], [kind[0], kind[1], "1"]);
    }
    for (at, kind) in [["3", "0"], ["1", "0"], ["1", "4"]].into_iter().enumerate() {
        assert_eq!(row(4 + at)[3..], [kind[0], kind[1], "1"]);
    }
}

/// RFC 826: who has the gateway's address?
fn arp(source: &str, sender: Ipv4Addr, target: Ipv4Addr) -> Frame {
    eth(Mac::BROADCAST, source).arp_request(source, sender, target)
}

/// Only the time to live, the addresses of the frame and its tag change on the way; and only behind a neighbour that has answered.
#[test]
fn a_packet_enters_the_other_network_one_hop_older_in_that_networks_vlan() {
    let rig = rig();
    let through = eth(TWO, GATEWAY_MAC)
        .vlan(20)
        .ipv4_header(header(|header| header.time_to_live = 63))
        .udp(40_000, 33_434)
        .word("through the gateway");
    let frame = packet(|_| {});
    rig.send("edge1.eth1", &frame)
        .moves(
            "edge1",
            "eth1.in eth1.dropped.neighbour-unknown eth2.out eth3.out acme.out*2",
        )
        .check()
        .unwrap();
    // The station asks for the gateway: now it is known.
    let asks = eth(Mac::BROADCAST, TWO)
        .vlan(20)
        .arp_request(TWO, TWO_IP, GATEWAY_TWO);
    rig.send("edge1.eth2", &asks)
        .moves("edge1", "eth2.in eth2.out acme.in acme.out")
        .check()
        .unwrap();
    rig.send("edge1.eth1", &frame)
        .at("edge1.eth2", &through)
        .moves("edge1", "eth1.in eth2.out acme.in acme.out")
        .check()
        .unwrap();
}

/// An attacker who is a tenant: nothing that is forged, broken or strange passes, and each has its own reason.
#[test]
fn forged_and_broken_packets_end_at_the_gateway() {
    let rig = rig();
    let whole = packet(|_| {});
    let options = packet(|header| header.options = [1, 1, 1, 0].into());
    let from = |source: [u8; 4]| packet(move |header| header.source = source);
    let to = |destination: [u8; 4]| packet(move |header| header.destination = destination);
    let cases = [
        (eth(ONE, GATEWAY_MAC).word("I am the gateway"), "forged-gateway"),
        (arp(ONE, GATEWAY, ONE_IP), "forged-gateway"),
        // Of hardware type 6 (IEEE 802), which receivers take as well.
        (arp(ONE, GATEWAY, ONE_IP).set(15, &[6]), "forged-gateway"),
        (
            eth(Mac::BROADCAST, GATEWAY_MAC).arp_request(GATEWAY_MAC, GATEWAY, ONE_IP),
            "forged-gateway",
        ),
        (whole.clone().set(24, &[0, 0]), "bad-ip-header"),
        (whole.clone().set(14, &[0x44]), "bad-ip-header"),
        (whole.clone().set(14, &[0x65]), "bad-ip-header"),
        (whole.clone().cut(40), "bad-ip-header"),
        (whole.clone().cut(30), "truncated"),
        (options, "not-routed"),
        (eth(GATEWAY_MAC, ONE).word("no packet"), "not-routed"),
        (
            eth(GATEWAY_MAC, ONE)
                .vlan(0)
                .raw([0x81, 0, 0, 5, 8, 0])
                .raw(&whole.bytes()[14..]),
            "own-vlan-mismatch",
        ),
        (from([10, 10, 20, 10]), "martian"),
        (from([192, 0, 2, 7]), "martian"),
        (from(GATEWAY.octets()), "martian"),
        (from([127, 0, 0, 1]), "martian"),
        (from([224, 0, 0, 1]), "martian"),
        (from([255; 4]), "martian"),
        (to([127, 0, 0, 1]), "martian"),
        (to([239, 1, 2, 3]), "martian"),
        (to([255; 4]), "martian"),
        (packet_6("fe80::1".parse().unwrap(), 64), "martian"),
        (packet_6("ff05::1".parse().unwrap(), 64), "martian"),
        (packet_6(TWO_6, 64).set(14, &[0x40]), "bad-ip-header"),
    ];
    for (frame, reason) in &cases {
        rig.send("edge1.eth1", frame)
            .moves("edge1", &format!("eth1.in eth1.dropped.{reason}"))
            .check()
            .unwrap_or_else(|error| panic!("{reason}: {error:#}"));
    }
}
