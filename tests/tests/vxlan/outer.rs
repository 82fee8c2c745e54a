//! Outer headers: what is ours, what is the host's, what is broken.

use std::net::{Ipv6Addr, UdpSocket};
use std::time::Duration;

use fabric_tests::fixtures::Rig;
use fabric_tests::frame::{Frame, checksum, eth};

use super::support::{HERE, THERE, VNI_A, address, inward, ip, mac, rig, tunnel};

const IP_AT: usize = 14;
const UDP_AT: usize = 34;

fn arrives(rig: &Rig, packet: &Frame) {
    rig.send("edge1.u0", packet)
        .at("edge1.eth1", inward().word("Happy"))
        .moves("edge1", "u0.in eth1.out acme.out")
        .check()
        .unwrap();
}

fn is_dropped(rig: &Rig, packet: &Frame, reason: &str) {
    rig.send("edge1.u0", packet)
        .moves("edge1", &format!("u0.in u0.dropped.{reason}"))
        .check()
        .unwrap();
}

fn is_passed(rig: &Rig, packet: &Frame) {
    rig.send("edge1.u0", packet)
        .moves("edge1", "u0.in u0.passed")
        .check()
        .unwrap();
}

fn good() -> Frame {
    tunnel(THERE, VNI_A, &inward().word("Happy"))
}

/// VXL-3: 0 must be accepted; the fabric does not verify, so a right and a wrong one pass too. What this gives up the
/// inner frame's own checksums keep.
#[test]
fn vxl_3_udp_checksums_none_right_and_wrong_are_accepted() {
    let rig = rig();
    let right = ip(THERE, HERE)
        .udp_with_checksum(50_000, 4789)
        .vxlan(VNI_A)
        .append(&inward().word("Happy"));
    assert_ne!(right[UDP_AT + 6..UDP_AT + 8], [0, 0]);
    let wrong = right.clone().set(UDP_AT + 6, &[0x12, 0x34]);
    for packet in [good(), right, wrong] {
        arrives(&rig, &packet);
    }
}

/// VXL-6: not to our port, not to our address, not to our MAC, not UDP, not IPv4: the host's own business, unchanged.
/// TCP to port 4789 is in `linux`, where somebody listens.
#[test]
fn vxl_6_everything_else_goes_to_the_stack_untouched() {
    let rig = rig();
    let inner = inward().word("Happy");
    let listener = {
        let edge = rig.agent("edge1").unwrap().namespace();
        edge.run(|| Ok(UdpSocket::bind((HERE, 4790))?)).unwrap()
    };
    listener.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let other_port = ip(THERE, HERE).udp(50_000, 4790).raw(b"to the stack");
    is_passed(&rig, &other_port);
    let mut got = [0; 64];
    let (length, from) = listener.recv_from(&mut got).unwrap();
    assert_eq!(
        (&got[..length], from.to_string().as_str()),
        (&b"to the stack"[..], "192.0.2.2:50000")
    );

    let passed = [
        ip(THERE, "192.0.2.99")
            .udp(50_000, 4789)
            .vxlan(VNI_A)
            .append(&inner),
        ip(THERE, HERE).protocol(1).raw([8, 0, 0, 0, 0, 0, 0, 0]),
        // Not to our interface: another station of the wire.
        eth("02:00:c0:00:02:09", mac(THERE))
            .ipv4(address(THERE), address(HERE))
            .udp(50_000, 4789)
            .vxlan(VNI_A)
            .append(&inner),
        // In a VLAN of the underlay that no link uses.
        eth(mac(HERE), mac(THERE))
            .vlan(100)
            .ipv4(address(THERE), address(HERE))
            .udp(50_000, 4789)
            .vxlan(VNI_A)
            .append(&inner),
        eth(mac(HERE), mac(THERE))
            .svlan(100)
            .ipv4(address(THERE), address(HERE))
            .udp(50_000, 4789)
            .vxlan(VNI_A)
            .append(&inner),
        eth(mac(HERE), mac(THERE)).word("Happy"),
        // Broken before it can be ours.
        good().cut(33),
        good().set(IP_AT, &[0x65]),
        good().set(IP_AT, &[0x44]),
    ];
    for packet in &passed {
        is_passed(&rig, packet);
    }
}

/// Inside, addresses of IPv4 have a first half of ones. A packet of IPv6 from the multicast address that looks like the VTEP's is the host's
/// business like any other from nobody: who can send such packets needs no address of the VTEP.
#[test]
fn vxl_6_no_ipv6_packet_comes_from_an_ipv4_vtep() {
    let rig = rig();
    let lookalike = |address: [u8; 4]| {
        let mut octets = [0xff; 16];
        octets[8..12].copy_from_slice(&address);
        octets[12..].fill(0);
        Ipv6Addr::from(octets)
    };
    let [there, here] = [THERE, HERE].map(|ip| lookalike(address(ip)));
    let packet = eth(mac(HERE), mac(THERE))
        .ipv6(there, here)
        .udp(50_000, 4789)
        .vxlan(VNI_A)
        .append(&inward().word("Happy"));
    is_passed(&rig, &packet);
    arrives(&rig, &good());
}

/// VXL-8: options of every length are stepped over, and their bytes belong to the header checksum.
#[test]
fn vxl_8_ip_options_are_parsed_and_a_bad_checksum_is_dropped() {
    let rig = rig();
    for words in 1..=10 {
        let options: Vec<u8> = (0..words * 4)
            .map(|at| if at + 1 < words * 4 { 1 } else { 0 })
            .collect();
        let packet = with_options(&options);
        arrives(&rig, &packet);
        let last = IP_AT + 20 + options.len() - 1;
        is_dropped(&rig, &packet.set(last, &[9]), "bad-ip-checksum");
    }
    // Each field of a header without options.
    for at in [1, 4, 8, 10, 11] {
        let byte = good()[IP_AT + at] ^ 0x40;
        is_dropped(&rig, &good().set(IP_AT + at, &[byte]), "bad-ip-checksum");
    }
}

/// A packet with these options, a multiple of four bytes, written out by hand.
fn with_options(options: &[u8]) -> Frame {
    let plain = good();
    let total = u16::try_from(plain.len() - IP_AT + options.len()).unwrap();
    let mut header = plain[IP_AT..UDP_AT].to_vec();
    header[0] = 0x45 + u8::try_from(options.len() / 4).unwrap();
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[10..12].fill(0);
    header.extend_from_slice(options);
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    Frame::from_bytes([&plain[..IP_AT], &header, &plain[UDP_AT..]].concat())
}

/// Lengths that contradict each other, or the frame.
#[test]
fn lengths_that_do_not_agree_are_dropped() {
    let rig = rig();
    let longer = good();
    let padded = longer.clone().pad(longer.len() + 4);
    is_dropped(&rig, &padded, "bad-length");
    is_dropped(&rig, &good().cut(good().len() - 1), "bad-length");
    let udp_length = u16::from_be_bytes([good()[UDP_AT + 4], good()[UDP_AT + 5]]);
    for wrong in [0, udp_length - 1, udp_length + 1] {
        is_dropped(&rig, &good().set(UDP_AT + 4, &wrong.to_be_bytes()), "bad-length");
    }
}

/// A first fragment is no packet; later ones have no UDP header and go to the stack, which gives up on them. TTL and
/// "don't fragment" do not matter at the end of the way.
#[test]
fn fragments_are_not_decapsulated() {
    let rig = rig();
    let with_flags = |bytes: [u8; 2]| refresh(good().set(IP_AT + 6, &bytes));
    is_dropped(&rig, &with_flags([0x20, 0]), "fragment");
    is_dropped(&rig, &with_flags([0x60, 0]), "fragment");
    is_passed(&rig, &with_flags([0x00, 0x01]));
    is_passed(&rig, &with_flags([0x20, 0x01]));
    arrives(&rig, &with_flags([0x00, 0x00]));
    for ttl in [0, 1, 255] {
        arrives(&rig, &refresh(good().set(IP_AT + 8, &[ttl])));
    }
    // A fragment of somebody else's traffic is his.
    let foreign = ip(THERE, "192.0.2.99")
        .udp(50_000, 4789)
        .vxlan(VNI_A)
        .append(&inward().word("Happy"));
    is_passed(&rig, &refresh(foreign.set(IP_AT + 6, &[0x20, 0])));
}

/// Puts the header checksum right.
fn refresh(packet: Frame) -> Frame {
    let mut header = packet[IP_AT..UDP_AT].to_vec();
    header[10..12].fill(0);
    let sum = checksum(&header);
    packet.set(IP_AT + 10, &sum.to_be_bytes())
}
