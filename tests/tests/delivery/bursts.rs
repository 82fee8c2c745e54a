//! DLV-1, DLV-5, DLV-6: many frames at once, for everybody and for one station by turns.
//!
//! The kernel sends what it has taken in at one go from one queue a port, and treats all of a queue alike; so a frame must
//! not depend on those before it.

use fabric_tests::fixtures::{Rig, Segment, Site, Step};
use fabric_tests::frame::{Expected, Frame, eth};

use super::support::{ALICE, BOB, CAROL, EVERYBODY};
use super::vtep::{sent, tunnel};

const VNI: u32 = 12_345;
const REMOTE: &str = "192.0.2.2";
const DAVE: &str = "56:00:00:00:00:04";
const PORTS: [&str; 4] = ["eth1", "eth2", "t0", "u0"];
/// Whose station is known behind each of [`PORTS`], and the C-VID that leads there.
const STATIONS: [(&str, u16); 4] = [(ALICE, 301), (BOB, 302), (CAROL, 201), (DAVE, 401)];
const EVERYBODYS: u16 = 1101;
/// A device's queue holds 16 frames, and the kernel takes in up to 64 at one go.
const BURST: usize = 48;
const BURSTS: usize = 8;

/// One segment with all kinds of ends, whose ports take frames in bursts.
fn rig() -> Rig {
    let segment = Segment::new("acme-any", 101, EVERYBODYS)
        .with("vni", VNI)
        .at("edge1", "eth1", "any", 301)
        .station(ALICE)
        .at("edge1", "eth2", "any", 302)
        .station(BOB)
        .at("edge2", "eth1", "any", 201)
        .station(CAROL)
        .remote("pathway", 401)
        .remote_station(DAVE);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .pathway("pathway", "edge1", REMOTE, None)
        .tenant("acme", &[segment]);
    let rig = Rig::start(&site.document(), &["edge1"]).unwrap();
    for port in PORTS {
        takes_bursts(&rig, port);
    }
    rig
}

/// A thread takes frames in when it gets a CPU, and then all that are there; otherwise each one is taken in as it is sent.
fn takes_bursts(rig: &Rig, port: &str) {
    let hosts = rig.net().hosts();
    let node = hosts.iter().find(|host| host.label() == "edge1").unwrap();
    let setting = format!("echo 1 > /sys/class/net/{port}/threaded");
    node.output(&["ip", "netns", "exec", node.name(), "sh", "-c", &setting])
        .unwrap();
}

fn by_trunk(frame: &Frame, c_vid: u16) -> Vec<u8> {
    let [high, low] = c_vid.to_be_bytes();
    let tags = [0x88, 0xa8, 0, 101, 0x81, 0, high, low];
    [&frame[..12], &tags, &frame[12..]].concat()
}

/// As `frame` is behind `port`, for the station there or for everybody.
fn behind<'f>(port: &str, frame: &'f Frame, c_vid: u16) -> Box<dyn Expected + 'f> {
    match port {
        "t0" => Box::new(by_trunk(frame, c_vid)),
        "u0" => Box::new(sent(REMOTE, VNI, frame)),
        _ => Box::new(frame),
    }
}

fn enters(port: &str, frame: &Frame, c_vid: u16) -> Vec<u8> {
    match port {
        "t0" => by_trunk(frame, c_vid),
        "u0" => tunnel(REMOTE, VNI, frame).to_vec(),
        _ => frame.to_vec(),
    }
}

fn tenant(port: &str, way: &str) -> String {
    if port.starts_with("eth") {
        format!("acme.{way}")
    } else {
        String::new()
    }
}

/// By turns: for everybody, for the station behind each other port.
fn burst(from: usize, number: usize) -> Vec<(Frame, Option<usize>)> {
    let targets = [None]
        .into_iter()
        .chain((0..PORTS.len()).filter(|to| *to != from).map(Some));
    let frame = |(at, to): (usize, Option<usize>)| {
        let word = format!("burst {number}, frame {at}");
        let destination = to.map_or(EVERYBODY, |to| STATIONS[to].0);
        (eth(destination, STATIONS[from].0).word(&word), to)
    };
    targets
        .cycle()
        .skip(number)
        .take(BURST)
        .enumerate()
        .map(frame)
        .collect()
}

fn expect<'r>(step: Step<'r>, from: usize, frame: &'r Frame, to: Option<usize>) -> Step<'r> {
    let mut moves = format!("{}.in {}", PORTS[from], tenant(PORTS[from], "in"));
    let mut step = step;
    for (at, port) in PORTS.iter().enumerate() {
        if at != from && to.is_none_or(|to| to == at) {
            let c_vid = to.map_or(EVERYBODYS, |to| STATIONS[to].1);
            step = step.at(&format!("edge1.{port}"), behind(port, frame, c_vid));
            moves += &format!(" {port}.out {}", tenant(port, "out"));
        }
    }
    step.moves("edge1", &moves)
}

/// DLV-1, DLV-5, DLV-6: each frame gets where it belongs, with what belongs on it there, whatever came just before.
#[test]
fn dlv_5_and_6_frames_for_everybody_and_for_one_station_may_come_in_one_burst() {
    let rig = rig();
    for (from, port) in PORTS.iter().enumerate() {
        for number in 0..BURSTS {
            let frames = burst(from, number);
            let plug = format!("edge1.{port}");
            let wire = |(frame, to): &(Frame, Option<usize>)| {
                enters(port, frame, to.map_or(EVERYBODYS, |to| STATIONS[to].1))
            };
            let mut step = rig.send(&plug, wire(&frames[0]));
            for frame in &frames[1..] {
                step = step.and_send(&plug, wire(frame));
            }
            for (frame, to) in &frames {
                step = expect(step, from, frame, *to);
            }
            step.check().unwrap();
        }
    }
}
