//! What leaves: every byte of the outer headers, the source port, what is too large.

use std::collections::{BTreeMap, BTreeSet};

use fabric_tests::fixtures::Setup;
use fabric_tests::frame::{Frame, Mac, eth};
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::judge;
use serde_json::json;

use super::support::{
    LOCAL, REMOTE, STRICT, THERE, VNI_A, VNI_ANY, VNI_B, document, outward, rig, sent, start,
};

/// VXL-1: flags 08, reserved bits 0, the VNI, port 4789, UDP checksum 0, 50 bytes more, no inner FCS.
#[test]
fn vxl_1_the_outer_headers_are_right_in_every_byte_for_every_length() {
    let rig = rig();
    for length in [15, 58, 60, 61, 100, 1000, 1513, 1514] {
        let uni = outward().word("Happy").pad(length).cut(length);
        rig.send("edge1.eth1", &uni)
            .at("edge1.u0", sent(THERE, VNI_A, &uni))
            .moves("edge1", "eth1.in acme.in u0.out")
            .check()
            .unwrap();
        assert_eq!(sent_length(&uni), uni.len() + 50);
    }
}

fn sent_length(uni: &Frame) -> usize {
    use fabric_tests::frame::Expected;
    sent(THERE, VNI_A, uni).sample().len()
}

/// VXL-1, VXL-5: all 24 bits of the VNI; VXL-10: a binding with an own tag keeps it.
#[test]
fn vxl_1_each_segment_has_its_vni_and_its_own_tag_stays_inside() {
    let rig = rig();
    let tagged = outward().vlan(10).pcp(5).word("Happy");
    rig.send("edge1.eth2", &tagged)
        .at("edge1.u0", sent(THERE, VNI_B, &tagged))
        .moves("edge1", "eth2.in globex.in u0.out")
        .check()
        .unwrap();
    for frame in [outward().word("Happy"), outward().vlan(30).vlan(40).word("Happy")] {
        rig.send("edge1.eth3", &frame)
            .at("edge1.u0", sent(STRICT, VNI_ANY, &frame))
            .moves("edge1", "eth3.in initech.in u0.out")
            .check()
            .unwrap();
    }
}

/// VXL-2: whoever sends the same flow again uses the same port; flows spread, whether they are IP or not.
#[test]
fn vxl_2_a_flow_keeps_its_source_port_and_flows_spread() {
    judge::expect_wrong_frames("IP headers of protocols with any bytes behind them").unwrap();
    let rig = rig();
    let source = |number: u8| Mac::from([0x02, 0, 0, 0, 1, number]);
    type Build = fn(Mac, u8) -> Frame;
    let kinds: [(&str, Build); 6] = [
        ("addresses", |from, _| eth(REMOTE, from).word("Happy")),
        ("IPv4", |_, number| {
            outward()
                .ipv4([10, 0, 0, 1], [10, 0, 0, number])
                .protocol(89)
                .raw([0; 20])
        }),
        ("TCP", |_, number| {
            outward()
                .ipv4([10, 0, 0, 1], [10, 0, 0, 2])
                .tcp(1000 + u16::from(number), 80, 1, 1)
        }),
        ("UDP in IPv6", |_, number| {
            outward()
                .ipv6([0xfd00, 0, 0, 0, 0, 0, 0, 1], [0xfd00, 0, 0, 0, 0, 0, 0, 2])
                .udp_with_checksum(5000, 6000 + u16::from(number))
                .raw(b"Happy")
        }),
        ("IPv6", |_, number| {
            outward()
                .ipv6(
                    [0xfd00, 0, 0, 0, 0, 0, 0, 1],
                    [0xfd00, 0, 0, 0, 0, 0, 0, number.into()],
                )
                .protocol(89)
                .raw([0; 8])
        }),
        ("ARP", |from, number| {
            eth(Mac::BROADCAST, from)
                .arp_request(from, [10, 0, 0, number], [10, 0, 0, 2])
                .raw(fabric_tests::wire::MARK)
        }),
    ];
    for (kind, make) in kinds {
        let mut ports = BTreeMap::new();
        for number in (0..16u8).chain(0..16) {
            let frame = make(source(number), number);
            let wire = sent(THERE, VNI_A, &frame);
            rig.ear("edge1.eth1").unwrap().socket().send(&frame).unwrap();
            let got = rig.ear("edge1.u0").unwrap().wait_for(kind, PATIENCE, |bytes| {
                use fabric_tests::frame::Expected;
                wire.matches(bytes)
            });
            let port = wire.port_of(&got.unwrap().bytes);
            assert_eq!(*ports.entry(number).or_insert(port), port, "{kind} {number}");
        }
        let different: BTreeSet<&u16> = ports.values().collect();
        assert!(different.len() >= 14, "{kind}: 16 flows use {different:?}");
    }
}

/// VXL-2: only the first fragment of a packet has ports; the others must take the same way.
#[test]
fn vxl_2_fragments_of_one_packet_have_one_source_port() {
    use fabric_tests::frame::Expected;
    judge::expect_wrong_frames("fragments that do not make a packet").unwrap();
    let rig = rig();
    let whole = outward()
        .vlan(10)
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2])
        .udp(1, 2)
        .raw([7; 64]);
    let mut ports = BTreeSet::new();
    // More fragments to come, offset 0; then offset 8, with other bytes where the ports were.
    for flags_and_offset in [[0x20, 0x00], [0x20, 0x08], [0x00, 0x10]] {
        let fragment = whole.clone().set(18 + 6, &flags_and_offset);
        let fragment = fragment.set(18 + 20, &flags_and_offset);
        let wire = sent(THERE, VNI_B, &fragment);
        rig.ear("edge1.eth2").unwrap().socket().send(&fragment).unwrap();
        let got = rig
            .ear("edge1.u0")
            .unwrap()
            .wait_for("fragment", PATIENCE, |bytes| wire.matches(bytes));
        ports.insert(wire.port_of(&got.unwrap().bytes));
    }
    assert_eq!(ports.len(), 1, "{ports:?}");
}

/// VXL-7: never fragmented; the largest that fits arrives, one byte more is counted and gone, flooded or not. What is copied
/// is too big for one way, and takes the others; between two members nothing is copied.
#[test]
fn vxl_7_what_does_not_fit_is_dropped_and_counted() {
    const LINK_MTU: u32 = 1600;
    // The underlay carries packets of its MTU, not of a tag more; 50 bytes go in front.
    const LARGEST: usize = LINK_MTU as usize + 14 - 50;
    let mut document = document();
    let attachments = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    attachments
        .unwrap()
        .push(json!({"node": "edge1", "port": "eth4", "vlan": "untagged"}));
    let rig = start(Setup::new(&document, &["edge1"]).mtu(LINK_MTU).link_mtu(LINK_MTU));
    let fits = outward().word("Happy").pad(LARGEST);
    rig.send("edge1.eth1", &fits)
        .at("edge1.u0", sent(THERE, VNI_A, &fits))
        .moves("edge1", "eth1.in acme.in u0.out")
        .check()
        .unwrap();
    let too_big = outward().word("Happy").pad(LARGEST + 1);
    rig.send("edge1.eth1", &too_big)
        .moves("edge1", "eth1.in eth1.dropped.too-big")
        .check()
        .unwrap();
    let flooded = eth(Mac::BROADCAST, LOCAL).word("Happy").pad(LARGEST + 1);
    rig.send("edge1.eth1", &flooded)
        .at("edge1.eth4", &flooded)
        .moves("edge1", "eth1.in acme.in u0.copies.too-big eth4.out acme.out")
        .check()
        .unwrap();
    let third = ["--port", "eth4", "--vlan", "untagged"];
    rig.agent("edge1")
        .unwrap()
        .ok(&[&["tenant", "detach", "acme"], &third[..]].concat())
        .unwrap();
    rig.send("edge1.eth1", &flooded)
        .moves("edge1", "eth1.in eth1.dropped.too-big")
        .check()
        .unwrap();
}

/// VXL-13: a tenant may run a tunnel of his own, even to our VTEP's address and port.
#[test]
fn vxl_13_a_tunnel_inside_the_tenants_frame_is_payload() {
    let rig = rig();
    let own = outward()
        .ipv4([192, 0, 2, 2], [192, 0, 2, 1])
        .udp_with_checksum(50_000, 4789)
        .vxlan(VNI_B)
        .append(&super::support::inward().vlan(10).word("Happy"));
    rig.send("edge1.eth1", &own)
        .at("edge1.u0", sent(THERE, VNI_A, &own))
        .moves("edge1", "eth1.in acme.in u0.out")
        .check()
        .unwrap();
    let inward = super::support::inward()
        .ipv4([192, 0, 2, 2], [192, 0, 2, 1])
        .udp(50_000, 4789)
        .vxlan(VNI_B)
        .append(&own);
    rig.send("edge1.u0", super::support::tunnel(THERE, VNI_A, &inward))
        .at("edge1.eth1", inward)
        .moves("edge1", "u0.in eth1.out acme.out")
        .check()
        .unwrap();
}
