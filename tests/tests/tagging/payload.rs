//! The fabric looks at addresses and tags, never at what is inside.

use std::net::Ipv6Addr;

use fabric_tests::frame::{Frame, eth};
use fabric_tests::wire::{MARK, judge};

use super::support::{ALICE, EVERYBODY, SAM, comes_in, goes_out, switch, there};

const NODES_OF_IPV6: &str = "33:33:ff:00:00:10";

/// What it is, its addresses, and what follows the tags: the test puts them where it wants.
type Protocol = (&'static str, Frame, fn(Frame) -> Frame);

fn protocols() -> Vec<Protocol> {
    vec![
        ("IPv4", there(), |frame| {
            frame
                .ipv4([192, 168, 0, 50], [192, 168, 0, 10])
                .udp_with_checksum(4000, 2049)
                .raw(b"Happy")
        }),
        ("IPv6", there(), |frame| {
            let (from, to) = (
                "fd00::50".parse::<Ipv6Addr>().unwrap(),
                "fd00::10".parse::<Ipv6Addr>().unwrap(),
            );
            frame.ipv6(from, to).tcp(4000, 445, 1, 1).raw(b"Happy")
        }),
        ("ARP", eth(EVERYBODY, ALICE), |frame| {
            frame
                .arp_request(ALICE, [192, 168, 0, 50], [192, 168, 0, 10])
                .raw(MARK)
        }),
        ("neighbour discovery", eth(NODES_OF_IPV6, ALICE), |frame| {
            let (from, to) = (
                "fe80::1".parse::<Ipv6Addr>().unwrap(),
                "ff02::1:ff00:10".parse::<Ipv6Addr>().unwrap(),
            );
            let target = "fe80::10".parse::<Ipv6Addr>().unwrap().octets();
            frame
                .ipv6(from, to)
                .protocol(58)
                .raw([135, 0, 0, 0, 0, 0, 0, 0])
                .raw(target)
                .raw(MARK)
        }),
        ("FCoE", there(), |frame| frame.ethertype(0x8906).raw([0x2e; 60])),
        ("FIP", there(), |frame| frame.ethertype(0x8914).raw([0x10; 48])),
        ("LLC", there(), |frame| {
            frame.ethertype(38).raw([0x42, 0x42, 0x03]).raw([0; 35])
        }),
        ("MPLS", there(), |frame| frame.mpls(16, true, 64).raw([0x45; 40])),
        ("an EtherType of nobody", there(), |frame| {
            frame.ethertype(0xfffe).raw([0xa5; 46])
        }),
    ]
}

/// Untagged, in VLAN 10 and, as converged Ethernet wants it, with priority 3.
#[test]
fn tag_16_every_protocol_passes_unchanged() {
    judge::expect_wrong_frames("headers of every protocol with any bytes behind them").unwrap();
    let rig = switch();
    for (what, begin, rest) in protocols() {
        let group = begin[0] & 1 == 1;
        let c_vid = |known: u16, base: u16| if group { base } else { known };
        println!("{what}");
        goes_out(
            &rig,
            "eth1",
            "acme",
            &rest(begin.clone()),
            &rest(begin.clone().svlan(100).cvlan(c_vid(200, 1100))),
        );
        goes_out(
            &rig,
            "eth1",
            "acme",
            &rest(begin.clone().vlan(10).pcp(3)),
            &rest(begin.svlan(101).cvlan(c_vid(201, 1101)).vlan(10).pcp(3)),
        );
    }
}

/// The same from the trunk: to one station, and to everybody.
#[test]
fn tag_16_every_protocol_is_delivered_unchanged() {
    judge::expect_wrong_frames("headers of every protocol with any bytes behind them").unwrap();
    let rig = switch();
    for (what, begin, rest) in protocols() {
        println!("{what}");
        let mut destination = [0; 6];
        destination.copy_from_slice(&begin[..6]);
        if destination[0] & 1 == 0 {
            destination = [0x56, 0, 0, 0, 0, 1];
        }
        let back = || eth(destination, SAM);
        comes_in(
            &rig,
            "eth1",
            "acme",
            &rest(back().svlan(101).cvlan(1101).vlan(10).pcp(3)),
            &rest(back().vlan(10).pcp(3)),
        );
    }
}
