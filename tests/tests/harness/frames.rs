//! Builder, dissector and golden frames, each against the others and against tshark.

use std::time::Duration;

use fabric_tests::frame::{Expected, Frame, diff, eth, layers, mac, stack};
use fabric_tests::golden;
use fabric_tests::wire::{Captured, Tshark};

const A102: &str = "56:89:6f:88:9d:c7";
const A110: &str = "28:08:80:52:17:20";
const C202: &str = "f2:98:19:ab:55:b4";
const C110D: &str = "08:19:20:07:05:0d";

fn happy() -> Frame {
    eth(A110, A102).word("Happy")
}

fn dopey() -> Frame {
    eth(C110D, C202).svlan(120).cvlan(220).word("Dopey")
}

fn captured(bytes: &[u8]) -> Captured {
    Captured {
        at: Duration::from_secs(1),
        ..Captured::from(bytes.to_vec())
    }
}

#[test]
fn the_builder_writes_the_golden_frames() {
    let vtep = eth("02:00:00:01:10:1a", "02:00:00:01:10:10")
        .vlan(100)
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2]);
    let provider = eth("02:00:00:01:03:00", "02:00:00:02:03:02");
    let backbone = eth("02:00:00:01:01:16", "02:00:00:02:02:12").svlan(500);
    let labels = |frame: Frame| {
        frame
            .mpls(30_600, false, 255)
            .mpls(1020, true, 255)
            .control_word()
    };
    let cases = [
        ("uni-600", happy()),
        ("uni-600-own", eth(A110, A102).vlan(10).word("Happy")),
        ("nni-600", eth(A110, A102).svlan(100).cvlan(200).word("Happy")),
        (
            "nni-600-own",
            eth(A110, A102).svlan(101).cvlan(201).vlan(10).word("Happy"),
        ),
        (
            "nni-600-bcast",
            eth("ff:ff:ff:ff:ff:ff", A102)
                .svlan(100)
                .cvlan(1100)
                .word("Happy"),
        ),
        ("nni-800", dopey()),
        (
            "dci-800",
            eth("02:00:00:02:02:22", "02:00:00:02:02:12")
                .mpls(1020, true, 255)
                .control_word()
                .append(&dopey()),
        ),
        ("lh-800", labels(provider.clone()).append(&dopey())),
        (
            "lhudp-800",
            labels(
                provider
                    .ipv4([198, 51, 100, 2], [198, 51, 100, 1])
                    .udp(50_001, 6635),
            )
            .append(&dopey()),
        ),
        ("vx-600", vtep.udp(65_535, 4789).vxlan(10_001).append(&happy())),
        (
            "itag-800",
            backbone.itag(1_000_120).append(&eth(C110D, C202).word("Dopey")),
        ),
    ];
    for (name, built) in cases {
        let golden = golden::frame(name).unwrap();
        assert!(
            golden.matches(&built),
            "{name} {}",
            diff(&golden, &built).unwrap_or_default()
        );
    }
}

#[test]
fn a_golden_frame_with_a_free_port_accepts_the_range_and_no_other_byte() {
    let golden = golden::frame("vx-600").unwrap();
    let with_port = |port: u16| Frame::from_bytes(golden.to_vec()).set(38, &port.to_be_bytes());
    assert!(golden.matches(&with_port(49_152)) && golden.matches(&with_port(65_535)));
    assert!(!golden.matches(&with_port(49_151)) && !golden.matches(&with_port(4789)));
    assert!(
        !golden.matches(&with_port(50_000).set(41, &[0])),
        "destination port is not free"
    );
    assert!(!golden.matches(&golden[..golden.len() - 1]));
    assert_eq!(golden.port_of(&with_port(50_007)), Some(50_007));
    assert!(golden::frame("nni-601").is_err());
}

#[test]
fn there_are_as_many_golden_frames_as_the_document_has() {
    assert_eq!(golden::all().unwrap().len(), 36);
}

#[test]
fn a_difference_names_its_layer() {
    let sent = eth(A110, A102)
        .svlan(101)
        .cvlan(201)
        .vlan(10)
        .pcp(5)
        .word("Happy");
    let case = |got: &Frame| diff(&sent, got).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(
        case(&sent.clone().set(0, &[0])),
        format!("differs at byte 0 in destination {A110}: expected 28, got 00")
    );
    assert_eq!(
        case(&sent.clone().set(14, &[0x20])),
        "differs at byte 14 in S-tag 101: expected 00, got 20"
    );
    assert_eq!(
        case(&sent.clone().set(22, &[0])),
        "differs at byte 22 in own tag 10: expected a0, got 00"
    );
    assert_eq!(
        case(&sent.clone().cut(70)),
        "differs at byte 70 in payload: expected 00, got nothing"
    );
    assert_eq!(diff(&sent, &sent), None);
}

#[test]
fn stacks_read_from_outside_to_inside() {
    for (name, words) in [
        ("uni-600", "88b5"),
        ("uni-600-own", "own 10 | 88b5"),
        ("nni-600-own", "S 101 | C 201 | own 10 | 88b5"),
        ("dci-800", "pw 1020 | Ethernet | S 120 | C 220 | 88b5"),
        ("lh-800", "mpls 30600 | pw 1020 | Ethernet | S 120 | C 220 | 88b5"),
        ("vx-600-own", "vlan 100 | vni 10001 | Ethernet | own 10 | 88b5"),
        ("itag-800", "S 500 | I-SID 1000120 | Ethernet | 88b5"),
    ] {
        assert_eq!(stack(&golden::frame(name).unwrap()), words, "{name}");
    }
}

#[test]
fn every_cut_of_every_golden_frame_can_be_taken_apart() {
    for golden in golden::all().unwrap() {
        for length in 0..=golden.len() {
            let found = layers(&golden[..length]);
            let covered: usize = found.list.iter().map(|layer| layer.range.len()).sum();
            assert_eq!(covered, length, "{} cut at {length}: {found:?}", golden.name());
        }
    }
}

#[test]
fn tshark_reads_tags_lengths_and_checksums_as_they_were_built() {
    let ip = eth(A110, A102)
        .svlan(100)
        .cvlan(200)
        .vlan(10)
        .pcp(5)
        .dei()
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2]);
    let six = eth(A110, A102).ipv6([0xfd00, 0, 0, 0, 0, 0, 0, 1], [0xfd00, 0, 0, 0, 0, 0, 0, 2]);
    let frames = [
        ip.clone().tcp(1000, 2000, 7, 9).payload(b"GET /"),
        ip.udp_with_checksum(1000, 2000).payload(b"odd"),
        six.tcp(1000, 2000, 7, 9).payload(b"x"),
    ];
    let frames: Vec<Captured> = frames.iter().map(|frame| captured(frame)).collect();
    let names = [
        "ieee8021ad.id",
        "vlan.id",
        "vlan.priority",
        "vlan.dei",
        "ip.checksum.status",
        "tcp.checksum.status",
        "udp.checksum.status",
    ];
    let rows = Tshark::new().fields(&frames, &names).unwrap();
    let row = |index: usize| rows[index].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(row(0), ["100", "200,10", "0,5", "0,1", "1", "1", ""]);
    assert_eq!(row(1), ["100", "200,10", "0,5", "0,1", "1", "", "1"]);
    assert_eq!(row(2), ["", "", "", "", "", "1", ""]);
}

#[test]
fn tshark_sees_the_golden_protocols() {
    let wire = |name| captured(&golden::frame(name).unwrap());
    let frames = [
        wire("nni-600-own"),
        wire("vx-600"),
        wire("itag-800"),
        wire("dci-800"),
    ];
    let seen = Tshark::new()
        .decode_as("mpls.label==1020,pwethcw")
        .protocols(&frames)
        .unwrap();
    // Some versions list the EtherType field as a protocol of its own.
    let seen: Vec<String> = seen.iter().map(|chain| chain.replace(":ethertype", "")).collect();
    assert_eq!(seen[0], "eth:ieee8021ad:vlan:vlan:data");
    assert!(seen[1].starts_with("eth:vlan:ip:udp:vxlan:eth"), "{}", seen[1]);
    assert!(seen[2].starts_with("eth:ieee8021ad"), "{}", seen[2]);
    assert!(seen[3].contains("mpls:eth:ieee8021ad:vlan"), "{}", seen[3]);
    let json = Tshark::new().json(&frames[..1]).unwrap();
    assert_eq!(json[0]["_source"]["layers"]["ieee8021ad"]["ieee8021ad.id"], "101");
}

#[test]
fn a_mac_constant_is_checked_by_the_compiler() {
    const HERE: fabric_tests::frame::Mac = mac("02:00:00:00:00:01");
    assert_eq!(HERE.octets(), [2, 0, 0, 0, 0, 1]);
}
