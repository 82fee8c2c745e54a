//! Fibre Channel over Ethernet between two machines with kernels of their own: initiator and target of Linux, and the fabric's tags
//! on the wire between them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use fabric_tests::Result;
use fabric_tests::counters::{Counters, counters_moved};
use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::guest::{Guest, Machine};
use fabric_tests::random::Random;
use fabric_tests::wait::{PATIENCE, until};
use fabric_tests::wire::{Captured, Tshark};
use sha2::{Digest, Sha256};

const NODES: [&str; 2] = ["edge1", "edge2"];
/// What is usual for FCoE; its largest frame wants 2158.
const MTU: u32 = 2500;
const INITIATOR: &str = "02:00:00:00:fc:01";
const TARGET: &str = "02:00:00:00:fc:02";
/// FC-BB-6: All-VN2VN-ENode-MACs.
const ALL_VN2VN: [u8; 6] = [0x01, 0x10, 0x18, 0x01, 0x00, 0x04];
const DISK: u64 = 8 << 20;
const DATA: usize = 2 << 20;
/// An emulated machine boots in 5 s on an idle host of this size, and a host may be busy.
const BOOT: Duration = Duration::from_secs(120);

/// Its EtherType.
const FCOE: [u8; 2] = [0x89, 0x06];
/// The fabric's two.
const TAGS: usize = 8;
/// What is around the data of a frame: 14 Ethernet, 14 FCoE header, 24 FC header, 4 CRC, 4 trailer (FC-BB-5).
const AROUND: usize = 60;
/// Data of the largest frame there is, which the target fills (FC-FS-3), and of the initiator's: Linux rounds down to whole sectors
/// there (`fc_fcp_send_data`, Linux 6.1).
const LARGEST: usize = 2112;
const WHOLE_SECTORS: usize = 2048;
/// A stray copy follows its twin within this.
const QUIET: Duration = Duration::from_millis(20);

/// Linux makes it of the card's MAC address: NAA 2 (FC-FS-3), and twelve bits of zeros.
fn port_name(mac: &str) -> String {
    format!("20:00:{mac}")
}

/// Both at taps of `acme`, whose third port makes of every group address a flood of copies. `globex` shares the trunk.
fn rig() -> Rig {
    let acme = Segment::new("a", 100, 1100)
        .at("edge1", "eth1", "untagged", 300)
        .at("edge1", "eth3", "untagged", 301)
        .at("edge2", "eth1", "untagged", 302);
    let globex = Segment::new("b", 101, 1101)
        .at("edge1", "eth2", "untagged", 310)
        .at("edge2", "eth2", "untagged", 311);
    let site = Site::new(&NODES)
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[acme])
        .tenant("globex", &[globex]);
    let setup = Setup::new(&site.document(), &NODES).mtu(MTU).link_mtu(MTU + 100);
    let taps = ["edge1.eth1", "edge2.eth1"];
    taps.into_iter().fold(setup, Setup::machine).start().unwrap()
}

fn machine(name: &str, mac: &str, role: &str) -> Machine {
    let (target, initiator) = (port_name(TARGET), port_name(INITIATOR));
    let settings = format!("MTU={MTU}\nTARGET={target}\nINITIATOR={initiator}\nBYTES={DATA}\n");
    let port = include_str!("fcoe/port.sh");
    Machine::new(name, mac, &[&settings, port, role].concat()).mtu(MTU)
}

fn boot(rig: &Rig, node: &str, machine: &Machine) -> Guest {
    let host = rig.agent(node).unwrap().namespace();
    Guest::boot(host, "eth1", machine).unwrap()
}

/// `globex` says what `acme`'s initiator said first, byte for byte, at the other node: it reaches `globex` and nobody else, and no
/// station of `acme` is thought to have moved.
fn say_it_again_as_another_tenant(rig: &Rig) {
    let wire = rig.ear("edge1>edge2").unwrap();
    let first = until(PATIENCE, "the initiator's first frame", || {
        Ok(wire.frames()?.into_iter().next())
    });
    let first = first.unwrap().bytes;
    let said = [&first[..12], &first[20..]].concat();
    rig.ear("edge2.eth2").unwrap().socket().send(&said).unwrap();
    let heard = rig.ear("edge1.eth2").unwrap();
    heard.take(&[said], PATIENCE).unwrap();
    let knows = |node, segment, place: &str| {
        let stations = rig.stations(node, segment).unwrap();
        stations.contains(&format!("{INITIATOR} {place} learned"))
    };
    assert!(knows("edge2", "b", "eth2") && knows("edge1", "a", "eth1"));
}

/// What the disk's file holds is what was written, and nothing else was.
fn holds(disk: &Path, data: &[u8]) {
    let bytes = std::fs::read(disk).unwrap();
    let (written, rest) = bytes.split_at(data.len());
    assert!(
        written == data,
        "the target's disk holds other data than were written"
    );
    assert!(rest.iter().all(|&byte| byte == 0), "something else was written");
}

/// What tshark sees of one frame on the trunk.
struct Row<'r> {
    tags: [&'r str; 2],
    crc: &'r str,
    els: &'r str,
    command: &'r str,
}

/// Every frame on the trunk is FCoE or FIP in two tags, and no Fibre Channel CRC is wrong.
fn is_fibre_channel_in_tags(wire: &[Captured]) {
    let fields = [
        "ieee8021ad.id",
        "vlan.id",
        "fcoe.crc.status",
        "fcels.opcode",
        "scsi_sbc.opcode",
    ];
    let rows = Tshark::new().filter("fcoe or fip").fields(wire, &fields).unwrap();
    assert_eq!(rows.len(), wire.len());
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|row| {
            let [outer, inner, crc, els, command] = &row[..] else {
                panic!("tshark prints {row:?}")
            };
            Row {
                tags: [outer, inner],
                crc,
                els,
                command,
            }
        })
        .collect();
    let count = |wanted: fn(&Row<'_>) -> bool| rows.iter().filter(|row| wanted(row)).count();
    assert_eq!(count(|row| row.tags == ["101", "1101"]), 1, "of globex");
    // Edge2 has one port of the segment and edge1 two, which share the base C-VID for what is learned behind the trunk.
    let of_acme = |row: &Row<'_>| row.tags[0] == "100" && ["302", "1100"].contains(&row.tags[1]);
    assert_eq!(count(of_acme), rows.len() - 1);
    // FIP has none.
    assert_eq!(count(|row| !matches!(row.crc, "" | "1")), 0, "broken frames");
    // FC-LS-3: PLOGI, PRLI; SBC-3: READ (10), WRITE (10).
    assert!(count(|row| row.els == "0x03") > 0 && count(|row| row.els == "0x20") > 0);
    assert!(count(|row| row.command == "0x28") > 0 && count(|row| row.command == "0x2a") > 0);
}

/// All of [`DATA`], in FCoE frames with up to `most` of them.
fn carried_the_data(way: &[Captured], most: usize) {
    // FIP fills some of its frames up to the largest size, to try the way.
    let fcoe = way.iter().filter(|frame| frame.bytes[20..].starts_with(&FCOE));
    let contents: Vec<usize> = fcoe
        .map(|frame| frame.bytes.len().saturating_sub(AROUND + TAGS))
        .collect();
    assert_eq!(contents.iter().max(), Some(&most));
    let data: usize = contents.iter().sum();
    assert!(data >= DATA, "{data} bytes of data on the trunk");
}

/// What a node counted is what was on its wires: nothing was dropped, nothing told to a sender, and `globex` got its one frame.
fn every_frame_is_accounted_for(rig: &Rig) -> Result<()> {
    let tag = |s_vid: u16| [&[0x88, 0xa8], &s_vid.to_be_bytes()[..]].concat();
    let heard = |place: &str, tag: &[u8]| -> Result<u64> {
        let count = rig.ear(place)?.count(|frame| frame[12..].starts_with(tag))?;
        Ok(u64::try_from(count)?)
    };
    let (there, back) = (heard("edge1>edge2", &tag(100))?, heard("edge2>edge1", &tag(100))?);
    let flooded = heard("edge1.eth3", &[])?;
    let first = [
        ("eth1.in", there),
        ("acme.in", there),
        ("t0.out", there),
        ("t0.in", back + 1),
        ("eth1.out", back),
        ("eth3.out", flooded),
        ("acme.out", back + flooded),
        ("eth2.out", 1),
        ("globex.out", 1),
    ];
    let second = [
        ("eth1.in", back),
        ("acme.in", back),
        ("eth2.in", 1),
        ("globex.in", 1),
        ("t0.out", back + 1),
        ("t0.in", there),
        ("eth1.out", there),
        ("acme.out", there),
    ];
    let none = Counters::default();
    counters_moved(&none, &rig.counters("edge1")?, &first).context("edge1")?;
    counters_moved(&none, &rig.counters("edge2")?, &second).context("edge2")
}

#[test]
fn an_fcoe_initiator_reads_back_what_it_wrote_to_a_target_at_another_node() {
    let rig = rig();
    rig.ear("edge1>edge2").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let disk = fabric_tests::storage::volume(&folder.path().join("disk"), DISK).unwrap();
    let data = Random::new(0xfc).bytes(DATA);
    let target = machine("target", TARGET, include_str!("fcoe/target.sh")).disk(&disk);
    let initiator = machine("initiator", INITIATOR, include_str!("fcoe/initiator.sh")).file("data", &data);
    let (mut target, mut initiator) = (boot(&rig, "edge2", &target), boot(&rig, "edge1", &initiator));

    initiator.wait_told("searching", BOOT).unwrap();
    say_it_again_as_another_tenant(&rig);
    target.wait_told("serving", BOOT).unwrap();
    let remote = initiator.wait_told("remote", BOOT).unwrap();
    assert_eq!(remote, format!("0x{}", port_name(TARGET).replace(':', "")));
    let sectors = initiator.wait_told("sectors", BOOT).unwrap();
    assert_eq!(sectors, (DISK / 512).to_string());
    let read = initiator.wait_told("read", BOOT).unwrap();
    assert_eq!(read, format!("{:x}  -", Sha256::digest(&data)));
    holds(&disk, &data);

    // The machines go on talking now and then.
    let accounted = until(PATIENCE, "the counters", || {
        Ok(every_frame_is_accounted_for(&rig).ok())
    });
    accounted.or_else(|_| every_frame_is_accounted_for(&rig)).unwrap();
    for guest in [&mut initiator, &mut target] {
        guest.cut_power().unwrap();
    }
    let heard = |place| rig.ear(place).unwrap().drain().unwrap();
    let (there, back) = (heard("edge1>edge2"), heard("edge2>edge1"));
    carried_the_data(&there, WHOLE_SECTORS);
    carried_the_data(&back, LARGEST);
    is_fibre_channel_in_tags(&[there, back].concat());
    // What two stations say to each other, once they know each other, is not the third one's.
    let flooded = heard("edge1.eth3");
    assert!(flooded.iter().any(|frame| frame.bytes.starts_with(&ALL_VN2VN)));
    assert!(flooded.iter().all(|frame| frame.bytes.len() < 1000));
    for port in ["edge1.eth2", "edge2.eth2"] {
        rig.ear(port).unwrap().expect_nothing(QUIET).unwrap();
    }
}
