//! What arrives for a tenant: the VXLAN header and the frame inside.

use fabric_tests::frame::{Mac, eth, mac};

use super::support::{
    HERE, LOCAL, REMOTE, STRANGER, STRICT, THERE, VNI_A, VNI_ANY, VNI_B, inward, mac as vtep, rig, tunnel,
    udp,
};

/// Where the VXLAN header starts.
const VXLAN_AT: usize = 42;

/// The other half of VXL-1: 50 bytes less, whatever the length.
#[test]
fn vxl_1_outer_headers_come_off_for_every_length() {
    let rig = rig();
    for length in [15, 58, 60, 61, 1513, 1514] {
        let inner = inward().word("Happy").pad(length).cut(length);
        rig.send("edge1.u0", tunnel(THERE, VNI_A, &inner))
            .at("edge1.eth1", inner)
            .moves("edge1", "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}

/// VXL-4: without the I flag the VNI means nothing.
#[test]
fn vxl_4_no_i_flag_is_dropped() {
    let rig = rig();
    let packet = tunnel(THERE, VNI_A, &inward().word("Happy"));
    for flags in [0x00, 0xf7] {
        rig.send("edge1.u0", packet.clone().set(VXLAN_AT, &[flags]))
            .moves("edge1", "u0.in u0.dropped.no-vni-flag")
            .check()
            .unwrap();
    }
}

/// VXL-4: each of the 39 reserved bits is ignored (RFC 7348 §5), or ends the frame where the link is strict.
#[test]
fn vxl_4_reserved_bits_are_ignored_unless_the_link_is_strict() {
    let rig = rig();
    let inner = inward().word("Happy");
    let header = u64::from_be_bytes([8, 0, 0, 0, 0, 0, 0, 0]);
    let vni_field = 0xff_ffff_u64 << 8;
    let reserved: Vec<u64> = (0..64)
        .map(|bit| 1 << bit)
        .filter(|bit| (header | vni_field) & bit == 0)
        .collect();
    assert_eq!(reserved.len(), 39);
    let with = |remote, vni: u32, bits: u64| {
        let bytes = (header | u64::from(vni) << 8 | bits).to_be_bytes();
        tunnel(remote, vni, &inner).set(VXLAN_AT, &bytes)
    };
    let mut lenient = rig
        .send("edge1.u0", with(THERE, VNI_A, 0))
        .at("edge1.eth1", &inner);
    let mut strict = rig
        .send("edge1.u0", with(STRICT, VNI_ANY, 0))
        .at("edge1.eth3", &inner);
    for bit in &reserved {
        lenient = lenient
            .and_send("edge1.u0", with(THERE, VNI_A, *bit))
            .at("edge1.eth1", &inner);
        strict = strict.and_send("edge1.u0", with(STRICT, VNI_ANY, *bit));
    }
    lenient
        .moves("edge1", "u0.in*40 eth1.out*40 acme.out*40")
        .check()
        .unwrap();
    strict
        .moves(
            "edge1",
            "u0.in*40 u0.dropped.reserved-vxlan-bits*39 eth3.out initech.out",
        )
        .check()
        .unwrap();
}

/// VXL-5: a VNI of no segment, 0, the highest one, and one that this VTEP may not use.
#[test]
fn vxl_5_unknown_vnis_are_dropped_and_the_highest_one_works() {
    let rig = rig();
    let inner = inward().word("Happy");
    for (remote, vni) in [
        (THERE, 7),
        (THERE, 0),
        (THERE, VNI_ANY),
        (THERE, VNI_A + 0x10_0000),
        (STRICT, VNI_A),
        (STRICT, 0),
    ] {
        rig.send("edge1.u0", tunnel(remote, vni, &inner))
            .moves("edge1", "u0.in u0.dropped.unknown-vni")
            .check()
            .unwrap();
    }
    rig.send("edge1.u0", tunnel(STRICT, VNI_ANY, &inner))
        .at("edge1.eth3", inner)
        .moves("edge1", "u0.in eth3.out initech.out")
        .check()
        .unwrap();
}

/// RFC 7348 §7: only configured VTEPs are heard, whatever they say.
#[test]
fn unknown_remotes_are_dropped() {
    let rig = rig();
    for vni in [VNI_A, VNI_B, 0, 7] {
        rig.send("edge1.u0", tunnel(STRANGER, vni, &inward().word("Happy")))
            .moves("edge1", "u0.in u0.dropped.unknown-vtep")
            .check()
            .unwrap();
    }
}

/// VXL-9: no room for an Ethernet header, or only for that.
#[test]
fn vxl_9_inner_frames_without_a_header_or_without_a_payload_are_dropped() {
    let rig = rig();
    let inner = inward().word("Happy");
    for length in [0, 1, 11, 12, 13] {
        rig.send("edge1.u0", tunnel(THERE, VNI_A, &inner.clone().cut(length)))
            .moves("edge1", "u0.in u0.dropped.truncated")
            .check()
            .unwrap();
    }
    rig.send("edge1.u0", tunnel(THERE, VNI_A, &inner.clone().cut(14)))
        .moves("edge1", "u0.in u0.dropped.header-only")
        .check()
        .unwrap();
    for length in [0, 7] {
        let cut = udp(THERE).raw(&[8, 0, 0, 0, 0, 0x27, 0x11, 0][..length]);
        rig.send("edge1.u0", cut)
            .moves("edge1", "u0.in u0.dropped.truncated")
            .check()
            .unwrap();
    }
}

/// VXL-10: the inner tag must be the segment's own VLAN, or none where the segment is untagged.
#[test]
fn vxl_10_an_inner_tag_passes_only_where_the_binding_has_it() {
    let rig = rig();
    let refused = [
        (VNI_A, inward().vlan(10).word("Happy")),
        (VNI_A, inward().vlan(4095).word("Happy")),
        (VNI_A, inward().svlan(100).cvlan(300).word("Happy")),
        (VNI_B, inward().word("Happy")),
        (VNI_B, inward().vlan(0).word("Happy")),
        (VNI_B, inward().vlan(11).word("Happy")),
        (VNI_B, inward().svlan(10).word("Happy")),
        (VNI_B, inward().itag(10).append(&inward().word("Happy"))),
    ];
    for (vni, inner) in &refused {
        rig.send("edge1.u0", tunnel(THERE, *vni, inner))
            .moves("edge1", "u0.in u0.dropped.own-vlan-mismatch")
            .check()
            .unwrap();
    }
    // A priority tag counts as untagged and stays (TAG-5); further tags behind the own one are payload (TAG-7).
    let kept = [
        (
            VNI_A,
            "edge1.eth1",
            "eth1.out acme.out",
            inward().vlan(0).pcp(3).word("Happy"),
        ),
        (
            VNI_B,
            "edge1.eth2",
            "eth2.out globex.out",
            inward().vlan(10).pcp(7).word("Happy"),
        ),
        (
            VNI_B,
            "edge1.eth2",
            "eth2.out globex.out",
            inward().vlan(10).vlan(20).word("Happy"),
        ),
    ];
    for (vni, plug, moves, inner) in &kept {
        rig.send("edge1.u0", tunnel(THERE, *vni, inner))
            .at(plug, inner)
            .moves("edge1", &format!("u0.in {moves}"))
            .check()
            .unwrap();
    }
    for inner in [inward().word("Happy"), inward().vlan(30).word("Happy")] {
        rig.send("edge1.u0", tunnel(STRICT, VNI_ANY, &inner))
            .at("edge1.eth3", inner)
            .moves("edge1", "u0.in eth3.out initech.out")
            .check()
            .unwrap();
    }
}

/// VXL-11, DLV-8: sources that no station has, and destinations that stay on their wire (section 3).
#[test]
fn vxl_11_inner_addresses_are_checked_as_at_a_tenants_port() {
    let rig = rig();
    let cases = [
        (eth(LOCAL, "01:00:5e:00:00:01"), "group-source"),
        (eth(LOCAL, Mac::BROADCAST), "group-source"),
        (eth(LOCAL, "00:00:00:00:00:00"), "zero-source"),
        (eth(LOCAL, vtep(HERE)), "own-source"),
        (eth("01:80:c2:00:00:01", REMOTE), "reserved-mac"),
        (eth("01:80:c2:00:00:02", REMOTE), "reserved-mac"),
        (eth("01:80:c2:00:00:0e", REMOTE), "reserved-mac"),
    ];
    for (header, reason) in cases {
        rig.send("edge1.u0", tunnel(THERE, VNI_A, &header.word("Happy")))
            .moves("edge1", &format!("u0.in u0.dropped.{reason}"))
            .check()
            .unwrap();
    }
    for last in [0x00, 0x0b, 0x0f] {
        let stp = eth([0x01, 0x80, 0xc2, 0, 0, last], REMOTE).word("Happy");
        rig.send("edge1.u0", tunnel(THERE, VNI_A, &stp))
            .at("edge1.eth1", stp)
            .moves("edge1", "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}

/// VXL-15, RFC 7348 §5: the same inner addresses in two VNIs; each frame reaches its own tenant and nobody else.
#[test]
fn vxl_15_equal_inner_addresses_in_two_vnis_are_isolated() {
    let rig = rig();
    let inner = |word| {
        inward()
            .ipv4([192, 168, 0, 1], [192, 168, 0, 2])
            .udp(1, 2)
            .raw(word)
    };
    let tagged = inward()
        .vlan(10)
        .ipv4([192, 168, 0, 1], [192, 168, 0, 2])
        .udp(1, 2)
        .raw(b"globex");
    rig.send("edge1.u0", tunnel(THERE, VNI_A, &inner(b"acme")))
        .and_send("edge1.u0", tunnel(THERE, VNI_B, &tagged))
        .at("edge1.eth1", inner(b"acme"))
        .at("edge1.eth2", &tagged)
        .moves("edge1", "u0.in*2 eth1.out acme.out eth2.out globex.out")
        .check()
        .unwrap();
    for destination in [Mac::BROADCAST, mac("33:33:00:00:00:05"), mac("02:00:00:00:0f:ff")] {
        let flooded = eth(destination, REMOTE).word("Happy");
        rig.send("edge1.u0", tunnel(THERE, VNI_A, &flooded))
            .at("edge1.eth1", flooded)
            .moves("edge1", "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}
