//! VXL-12: congestion marks across the tunnel. The tables are the kernel's (`INET_ECN_encapsulate`, `INET_ECN_decapsulate`) as
//! its selftest `vxlan_bridge_1d` and RFC 6040 state them, and a Linux VTEP is asked for the same.

use std::time::Duration;

use fabric_tests::fixtures::Rig;
use fabric_tests::frame::{Frame, checksum, eth};
use fabric_tests::topology::{End, Net, Vxlan};
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::{Capture, MARK, judge};

use super::support::{HERE, LOCAL, REMOTE, THERE, VNI_A, VNI_B, inward, mac, outward, rig, sent, tunnel};

/// Outside, by what is inside.
const ENCAPSULATED: [u8; 4] = [0, 1, 2, 2];
/// Inside, by what was outside (row) and inside (column); `None`: dropped.
const DECAPSULATED: [[Option<u8>; 4]; 4] = [
    [Some(0), Some(1), Some(2), Some(3)],
    [Some(0), Some(1), Some(1), Some(3)],
    [Some(0), Some(1), Some(2), Some(3)],
    [None, Some(3), Some(3), Some(3)],
];

/// IPv4 with a type of service; the other bits of it are the tenant's.
fn ipv4(header: Frame, ecn: u8) -> Frame {
    let at = header.len() + 2;
    let packet = header.ipv4([10, 0, 0, 1], [10, 0, 0, 2]).udp(1, 2).raw(b"Happy");
    with_tos(packet, at, 0xb8 | ecn)
}

fn ipv6(header: Frame, ecn: u8) -> Frame {
    let at = header.len() + 2;
    let addresses = [[0xfd00, 0, 0, 0, 0, 0, 0, 1], [0xfd00, 0, 0, 0, 0, 0, 0, 2]];
    let packet = header
        .ipv6(addresses[0], addresses[1])
        .udp_with_checksum(1, 2)
        .raw(b"Happy");
    packet.set(at, &[0x6b, 0x80 | ecn << 4, 0x12, 0x34])
}

/// Sets the type of service of the IPv4 header at `at`, and its checksum.
fn with_tos(packet: Frame, at: usize, tos: u8) -> Frame {
    let mut header = packet[at..at + 20].to_vec();
    header[1] = tos;
    header[10..12].fill(0);
    let sum = checksum(&header);
    packet.set(at + 1, &[tos]).set(at + 10, &sum.to_be_bytes())
}

type Make = fn(Frame, u8) -> Frame;
const VERSIONS: [(&str, Make); 2] = [("IPv4", ipv4), ("IPv6", ipv6)];

#[test]
fn vxl_12_the_tenants_ecn_field_goes_outside() {
    let rig = rig();
    for (version, make) in VERSIONS {
        for (inner, outer) in (0..).zip(ENCAPSULATED) {
            let uni = make(outward(), inner);
            rig.send("edge1.eth1", &uni)
                .at("edge1.u0", sent(THERE, VNI_A, &uni).ecn(outer))
                .moves("edge1", "eth1.in acme.in u0.out")
                .check()
                .unwrap_or_else(|error| panic!("{version} {inner}: {error:?}"));
            let tagged = make(outward().vlan(10), inner);
            rig.send("edge1.eth2", &tagged)
                .at("edge1.u0", sent(THERE, VNI_B, &tagged).ecn(outer))
                .moves("edge1", "eth2.in globex.in u0.out")
                .check()
                .unwrap_or_else(|error| panic!("{version} {inner} in VLAN 10: {error:?}"));
        }
    }
}

/// A flooded copy is built by another program.
#[test]
fn vxl_12_a_flooded_copy_carries_the_mark_too() {
    let rig = rig();
    for (inner, outer) in (0..).zip(ENCAPSULATED) {
        let header = eth("33:33:00:00:00:05", LOCAL);
        let uni = ipv4(header, inner);
        rig.send("edge1.eth1", &uni)
            .at("edge1.u0", sent(THERE, VNI_A, &uni).ecn(outer))
            .moves("edge1", "eth1.in acme.in u0.out")
            .check()
            .unwrap();
    }
}

#[test]
fn vxl_12_the_underlays_mark_comes_in_or_the_frame_is_dropped() {
    let rig = rig();
    for (version, make) in VERSIONS {
        for (outer, row) in (0..).zip(DECAPSULATED) {
            for (inner, expected) in (0..).zip(row) {
                let case = format!("{version}: {outer} outside, {inner} inside");
                decapsulated(
                    &rig,
                    VNI_A,
                    outer,
                    &|ecn| make(inward(), ecn),
                    (inner, expected),
                    &case,
                );
                decapsulated(
                    &rig,
                    VNI_B,
                    outer,
                    &|ecn| make(inward().vlan(10), ecn),
                    (inner, expected),
                    &format!("{case}, VLAN 10"),
                );
            }
        }
    }
}

fn decapsulated(
    rig: &Rig,
    vni: u32,
    outer: u8,
    make: &dyn Fn(u8) -> Frame,
    (inner, expected): (u8, Option<u8>),
    case: &str,
) {
    let packet = with_tos(tunnel(THERE, vni, &make(inner)), 14, outer);
    let step = rig.send("edge1.u0", packet);
    let (plug, out) = if vni == VNI_A {
        ("edge1.eth1", "eth1.out acme.out")
    } else {
        ("edge1.eth2", "eth2.out globex.out")
    };
    let step = match expected {
        Some(ecn) => step.at(plug, make(ecn)).moves("edge1", &format!("u0.in {out}")),
        None => step.moves("edge1", "u0.in u0.dropped.ecn-not-capable"),
    };
    step.check().unwrap_or_else(|error| panic!("{case}: {error:?}"));
}

/// Nothing is invented where there is no place for a mark, and nothing is changed in what is no header.
#[test]
fn vxl_12_what_is_not_ip_passes_a_marked_underlay_unchanged() {
    judge::expect_wrong_frames("EtherTypes of IP with no IP behind them").unwrap();
    let rig = rig();
    let cases = [
        inward().word("Happy"),
        inward()
            .arp_request(REMOTE, [10, 0, 0, 1], [10, 0, 0, 2])
            .raw(MARK),
        // Too short for its header, and of another version than the EtherType says.
        inward().ethertype(0x0800).raw([0x45, 0x02, 0, 9]),
        inward().ethertype(0x86dd).raw([0x60]),
        inward().ethertype(0x0800).raw([0x65; 40]),
        inward().ethertype(0x86dd).raw([0x45; 40]),
    ];
    for inner in &cases {
        let packet = with_tos(tunnel(THERE, VNI_A, inner), 14, 3);
        rig.send("edge1.u0", packet)
            .at("edge1.eth1", inner)
            .moves("edge1", "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}

/// A checksum that the tenant got wrong stays wrong: the fabric does not vouch for what it did not check.
#[test]
fn vxl_12_a_wrong_inner_checksum_is_not_repaired() {
    judge::expect_wrong_frames("the checksum is wrong when it is sent").unwrap();
    let rig = rig();
    let wrong = |ecn| {
        let right = ipv4(inward(), ecn);
        let sum = u16::from_be_bytes([right[24], right[25]]);
        right.set(24, &(sum ^ 0x0101).to_be_bytes())
    };
    let packet = with_tos(tunnel(THERE, VNI_A, &wrong(2)), 14, 3);
    rig.ear("edge1.u0").unwrap().socket().send(&packet).unwrap();
    let ear = rig.ear("edge1.eth1").unwrap();
    let got = ear.wait_for("the frame", PATIENCE, |_| true).unwrap();
    assert_eq!(got.bytes[15] & 3, 3);
    assert_ne!(checksum(&got.bytes[14..34]), 0);
}

/// The oracle: what this machine's kernel does with the same packets at its own VXLAN device.
struct LinuxVtep {
    _net: Net,
    /// The wire in front of it.
    wire: Capture,
    /// Its inner side.
    device: Capture,
}

impl LinuxVtep {
    fn new() -> Self {
        let net = Net::new().unwrap();
        let (peer, host) = (net.host("peer").unwrap(), net.host("host").unwrap());
        net.veth(
            End::client(&peer, "eth0").mac(mac(THERE)).no_arp(),
            End::client(&host, "eth0")
                .mac(mac(HERE))
                .address(&format!("{HERE}/24"))
                .neighbour(THERE, mac(THERE))
                .no_arp(),
        )
        .unwrap();
        let vxlan = Vxlan {
            name: "vx0",
            vni: VNI_A,
            local: HERE,
            remote: Some(THERE),
            port: 4789,
            mac: None,
            address: None,
        };
        net.vxlan(&host, &vxlan).unwrap();
        Self {
            wire: Capture::start(&peer, "eth0").unwrap(),
            device: Capture::start(&host, "vx0").unwrap(),
            _net: net,
        }
    }
}

#[test]
fn vxl_12_linux_puts_the_same_ecn_field_outside() {
    let linux = LinuxVtep::new();
    for (_, make) in VERSIONS {
        for (inner, outer) in (0..).zip(ENCAPSULATED) {
            let frame = make(outward(), inner);
            linux.device.socket().send(&frame).unwrap();
            let got = linux.wire.wait_for("packet", PATIENCE, |_| true).unwrap();
            assert_eq!((got.bytes[15] & 3, &got.bytes[50..]), (outer, &frame[..]));
        }
    }
}

#[test]
fn vxl_12_linux_takes_the_same_marks_in() {
    let linux = LinuxVtep::new();
    for (_, make) in VERSIONS {
        let mut expected = Vec::new();
        for (outer, row) in (0..).zip(DECAPSULATED) {
            for (inner, outcome) in (0..).zip(row) {
                let packet = with_tos(tunnel(THERE, VNI_A, &make(inward(), inner)), 14, outer);
                linux.wire.socket().send(&packet).unwrap();
                expected.extend(outcome.map(|ecn| make(inward(), ecn)));
            }
        }
        linux
            .device
            .expect_only(&expected, Duration::from_millis(50))
            .unwrap();
    }
}
