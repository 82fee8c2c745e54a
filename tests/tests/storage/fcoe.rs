//! FCoE has no IP and no TCP: what must pass are its frames, the largest ones whole.

use std::time::Duration;

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::random::Random;
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::Tshark;
use serde_json::json;

/// What is usual for FCoE; its largest frame wants 2158.
const MTU: u32 = 2500;
const NODES: [&str; 2] = ["edge1", "edge2"];
const INITIATOR: &str = "0e:fc:00:00:00:01";
const TARGET: &str = "0e:fc:00:00:00:02";
/// A duplicate or a stray copy follows its twin within this.
const QUIET: Duration = Duration::from_millis(20);
/// FC-BB-5 clause 7.8: All-FCF-MACs.
const ALL_FCFS: &str = "01:10:18:01:00:02";

/// The largest frame of FC-BB-5: 14 Ethernet, 14 FCoE header, 24 FC header, 2112 of data, 4 CRC, 4 trailer.
fn fcoe(random: &mut Random) -> Frame {
    let mut fc = vec![0x01, 0, 0, 2, 0, 0, 0, 1, 0x08, 0, 0, 0];
    fc.extend([0, 0, 0, 0, 0x12, 0x34, 0xff, 0xff, 0, 0, 0, 0]);
    fc.extend(random.bytes(2112));
    let crc = crc32(&fc).to_le_bytes();
    // Version 0 and SOFi3 in front, EOFt behind.
    let frame = eth(TARGET, INITIATOR).ethertype(0x8906).raw([0; 13]).raw([0x2e]);
    frame.raw(&fc).raw(crc).raw([0x42, 0, 0, 0])
}

/// A discovery solicitation with its three descriptors: MAC address, name identifier, maximum FCoE size.
fn fip() -> Frame {
    let header = [0x10, 0, 0, 1, 0, 1, 0, 6, 0, 0];
    let mac = [2, 2, 0x0e, 0xfc, 0, 0, 0, 1];
    let name = [4, 3, 0, 0, 0x10, 0, 0x0e, 0xfc, 0, 0, 0, 1];
    let size = [6, 1, 0x08, 0x6e];
    let frame = eth(ALL_FCFS, INITIATOR).ethertype(0x8914);
    frame.raw(header).raw(mac).raw(name).raw(size)
}

/// The CRC of Ethernet and Fibre Channel: polynomial 0x04c11db7, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// Two tenants with the same stations, on port eth1 and eth2 of both nodes.
fn rig(site: Site) -> Rig {
    let segment = |name: &str, port: &str, s_vid: u16, vni: u32| {
        Segment::new(name, s_vid, s_vid + 1000)
            .with("vni", vni)
            .at("edge1", port, "untagged", s_vid + 200)
            .at("edge2", port, "untagged", s_vid + 300)
    };
    let site = site
        .tenant("acme", &[segment("a", "eth1", 100, 10_001)])
        .tenant("globex", &[segment("b", "eth2", 101, 10_002)]);
    let setup = Setup::new(&site.document(), &NODES).mtu(MTU).link_mtu(MTU + 100);
    setup.start().unwrap()
}

/// Both tenants at once, there and back; not a byte is changed, and nothing arrives twice or at the other.
fn full_size_frames_pass(rig: &Rig) {
    let mut random = Random::new(2172);
    let [of_a, of_b] = [fcoe(&mut random), fcoe(&mut random)];
    assert_eq!((of_a.len(), fip().len()), (2172, 48));
    let mut seen = Vec::new();
    for (from, to) in [(0, 1), (1, 0)] {
        let ear = |side: usize, port: &str| rig.ear(&format!("{}.{port}", NODES[side])).unwrap();
        let both = [("eth1", &of_a), ("eth2", &of_b)];
        for (port, frame) in both {
            ear(from, port).socket().send_all(&[frame, &fip()]).unwrap();
        }
        for (port, frame) in both {
            ear(to, port).wait_count(2, PATIENCE).unwrap();
            seen.extend(ear(to, port).frames().unwrap());
            ear(to, port).expect_only(&[frame.clone(), fip()], QUIET).unwrap();
        }
    }
    let rows = Tshark::new().fields(&seen, &["fcoe.crc.status", "fip.opcode"]);
    assert_eq!(rows.unwrap(), [["1", ""], ["", "0x0001"]].repeat(4));
}

#[test]
fn fcoe_frames_of_full_size_pass_a_trunk() {
    full_size_frames_pass(&rig(Site::new(&NODES).trunk("trunk0", "edge1", "edge2")));
}

#[test]
fn fcoe_frames_of_full_size_pass_vxlan() {
    let end = |node, address| json!({"node": node, "port": "u0", "address": address});
    let ends = [end("edge1", "192.0.2.1"), end("edge2", "192.0.2.2")];
    let link = json!({"name": "tunnel", "kind": "vxlan", "ends": ends});
    full_size_frames_pass(&rig(Site::new(&NODES).link(link)));
}
