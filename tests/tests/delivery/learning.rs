//! DLV-7, DLV-8: what a node learns, what it forgets, and what it never learns.

use std::time::{Duration, Instant};

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Expected, Frame, eth};
use fabric_tests::wait;

use super::support::{
    ALICE, BOB, CAROL, EVERYBODY, floods, own, place, reaches, speaks, three_port_rig, told,
};
use super::vtep::{sent, tunnel};

const VNI: u32 = 12_345;
const REMOTE: &str = "192.0.2.2";
/// Short enough to wait for, long enough that no busy machine takes so long for the steps before.
const AGEING: Duration = Duration::from_secs(4);

/// A segment with each kind of end: `eth1` and `eth2` here, a VTEP behind `u0`, another node behind `t0`.
fn each_kind_of_end() -> Setup {
    let segment = Segment::new("acme-v10", 101, 1101)
        .with("vni", VNI)
        .at("edge1", "eth1", "any", 301)
        .at("edge1", "eth2", "any", 302)
        .at("edge2", "eth1", "any", 201)
        .remote("pathway", 401);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .pathway("pathway", "edge1", REMOTE, None)
        .tenant("acme", &[segment]);
    Setup::new(&site.document(), &["edge1"])
}

/// As `frame` must be seen behind `port` when it is for one station (`c_vid` of its end) or for everybody (1101).
fn behind<'f>(port: &str, frame: &'f Frame, c_vid: u16) -> Box<dyn Expected + 'f> {
    match port {
        "u0" => Box::new(sent(REMOTE, VNI, frame)),
        "t0" => {
            let [high, low] = c_vid.to_be_bytes();
            let tags = [0x88, 0xa8, 0, 101, 0x81, 0, high, low];
            Box::new([&frame[..12], &tags, &frame[12..]].concat())
        }
        _ => Box::new(frame),
    }
}

/// Bob, behind `port`, says something to Alice, who is known behind `eth1`.
fn bob_speaks(rig: &Rig, port: &str) {
    let frame = eth(ALICE, BOB).word("hello");
    let sent = match port {
        "u0" => tunnel(REMOTE, VNI, &frame),
        "t0" => eth(ALICE, BOB).svlan(101).cvlan(301).word("hello"),
        _ => frame.clone(),
    };
    let tenant = if port == "eth2" { "acme.in" } else { "" };
    rig.send(&format!("edge1.{port}"), sent)
        .at("edge1.eth1", &frame)
        .moves("edge1", &format!("{port}.in {tenant} eth1.out acme.out"))
        .check()
        .unwrap();
}

const TEN: u8 = 10;

fn to_bob(number: u8) -> Frame {
    eth(BOB, ALICE).payload([&[number][..], &[0; 45]].concat())
}

/// Ten frames to Bob, ten copies at each of the three other ends.
fn ten_ten_ten(rig: &Rig) {
    let frames: Vec<Frame> = (0..TEN).map(to_bob).collect();
    let mut step = rig.send("edge1.eth1", &frames[0]);
    for frame in &frames[1..] {
        step = step.and_send("edge1.eth1", frame);
    }
    for frame in &frames {
        for port in ["eth2", "t0", "u0"] {
            step = step.at(&format!("edge1.{port}"), behind(port, frame, 1101));
        }
    }
    step.moves(
        "edge1",
        "eth1.in*10 acme.in*10 eth2.out*10 t0.out*10 u0.out*10 acme.out*10",
    )
    .check()
    .unwrap();
}

/// Ten frames to Bob, ten copies at his end alone.
fn ten_to_one(rig: &Rig, port: &str) {
    let frames: Vec<Frame> = (0..TEN).map(to_bob).collect();
    let mut step = rig.send("edge1.eth1", &frames[0]);
    for frame in &frames[1..] {
        step = step.and_send("edge1.eth1", frame);
    }
    for frame in &frames {
        step = step.at(&format!("edge1.{port}"), behind(port, frame, 201));
    }
    let tenant = if port == "eth2" { "acme.out*10" } else { "" };
    step.moves("edge1", &format!("eth1.in*10 acme.in*10 {port}.out*10 {tenant}"))
        .check()
        .unwrap();
}

/// Learn, delete, relearn, age out (the kernel's `vxlan_bridge_1d.sh` test_learning) with Bob behind `port`.
fn learned_deleted_relearned_aged(port: &str) {
    let rig = each_kind_of_end().ageing(AGEING).start().unwrap();
    ten_ten_ten(&rig);
    bob_speaks(&rig, port);
    ten_to_one(&rig, port);
    let flush = ["fdb", "flush", "--segment", "acme-v10", "--mac", BOB];
    let agent = rig.agent("edge1").unwrap();
    assert_eq!(agent.json(&flush).unwrap()["item"]["entries"], 1);
    ten_ten_ten(&rig);
    let last_heard = Instant::now();
    bob_speaks(&rig, port);
    ten_to_one(&rig, port);
    // Frames *to* a station do not keep it: Alice goes on sending, and is the only one who stays.
    wait::until_true(AGEING * 3, "Bob to be forgotten", || {
        rig.ear("edge1.eth1")?.socket().send(to_bob(0))?;
        Ok(place(&rig, BOB).is_none())
    })
    .unwrap();
    assert!(last_heard.elapsed() >= AGEING);
    assert_eq!(place(&rig, ALICE).as_deref(), Some("eth1 learned"));
    settled(&rig);
    ten_ten_ten(&rig);
}

/// Until nothing moves any more: frames of the wait before may still be under way.
fn settled(rig: &Rig) {
    let mut before = rig.counters("edge1").unwrap();
    wait::until_true(wait::PATIENCE, "the counters to rest", || {
        std::thread::sleep(Duration::from_millis(20));
        let now = rig.counters("edge1")?;
        let rests = now.since(&before).is_empty();
        before = now;
        Ok(rests)
    })
    .unwrap();
}

#[test]
fn dlv_7_a_local_station_is_learned_deleted_relearned_and_aged_out() {
    learned_deleted_relearned_aged("eth2");
}

#[test]
fn dlv_7_a_station_behind_a_trunk_is_learned_deleted_relearned_and_aged_out() {
    learned_deleted_relearned_aged("t0");
}

#[test]
fn dlv_7_a_station_behind_a_vtep_is_learned_deleted_relearned_and_aged_out() {
    learned_deleted_relearned_aged("u0");
}

/// `fabric fdb flush` takes away what it names and nothing else.
#[test]
fn dlv_7_a_flush_keeps_other_segments_and_static_stations() {
    let other = Segment::new("acme-v20", 102, 1102)
        .at("edge1", "eth1", 20, 311)
        .at("edge1", "eth2", 20, 312);
    let segment = super::support::three_ports().station(CAROL);
    let rig = Rig::start(&super::support::one_node(&[segment, other]), &["edge1"]).unwrap();
    speaks(&rig, ALICE, "eth1");
    speaks(&rig, BOB, "eth2");
    let elsewhere = eth(EVERYBODY, ALICE).vlan(20).word("hello");
    rig.send("edge1.eth1", &elsewhere)
        .at("edge1.eth2", &elsewhere)
        .moves("edge1", "eth1.in acme.in eth2.out acme.out")
        .check()
        .unwrap();
    let flush = |words: &[&str]| {
        let words = [&["fdb", "flush"], words].concat();
        rig.agent("edge1").unwrap().json(&words).unwrap()["item"]["entries"].clone()
    };
    assert_eq!(flush(&["--segment", "acme-v10"]), 2);
    let fixed = format!("{CAROL} eth3 static");
    let only_fixed = |rig: &Rig| rig.stations("edge1", "acme-v10").unwrap() == [fixed.as_str()];
    assert!(only_fixed(&rig));
    let learned = format!("{ALICE} eth1 learned");
    assert_eq!(rig.stations("edge1", "acme-v20").unwrap(), [learned]);
    assert_eq!(flush(&["--all"]), 1);
    assert!(only_fixed(&rig));
    reaches(&rig, CAROL, ("eth1", ALICE), "eth3");
}

/// Static entries win over learning, whoever was there first, until they are taken away.
#[test]
fn dlv_7_a_static_station_is_not_moved_by_frames() {
    let rig = three_port_rig();
    let fdb = |words: &[&str]| {
        let words = [&["fdb"], words, &["--segment", "acme-v10", "--yes"]].concat();
        rig.agent("edge1").unwrap().ok(&words).unwrap();
    };
    speaks(&rig, BOB, "eth3");
    assert_eq!(place(&rig, BOB).as_deref(), Some("eth3 learned"));
    fdb(&["add", BOB, "--port", "eth2"]);
    assert_eq!(place(&rig, BOB).as_deref(), Some("eth2 static"));
    reaches(&rig, BOB, ("eth1", ALICE), "eth2");
    // An impostor is heard, and takes nothing away.
    speaks(&rig, BOB, "eth3");
    speaks(&rig, BOB, "eth1");
    assert_eq!(place(&rig, BOB).as_deref(), Some("eth2 static"));
    reaches(&rig, BOB, ("eth1", ALICE), "eth2");
    assert_eq!(
        [
            told(&rig, "acme-v10", "moves"),
            told(&rig, "acme-v10", "damped_moves")
        ],
        [0, 0]
    );
    fdb(&["remove", BOB]);
    floods(&rig, BOB, ("eth1", ALICE));
    speaks(&rig, BOB, "eth3");
    reaches(&rig, BOB, ("eth1", ALICE), "eth3");
}

/// A source that is no station's is dropped, and nothing is learned of it; `isolation.rs` has all reasons.
#[test]
fn dlv_8_group_sources_pass_where_the_port_allows_it_and_are_never_learned() {
    const GROUP: &str = "57:00:00:00:00:01";
    let rig = three_port_rig();
    let option = |value: &str| {
        let words = ["port", "set", "eth1", "--drop-group-source", value, "--yes"];
        rig.agent("edge1").unwrap().ok(&words).unwrap();
    };
    let dropped = || {
        rig.send("edge1.eth1", own(BOB, GROUP, "Happy"))
            .moves("edge1", "eth1.in eth1.dropped.group-source")
            .check()
            .unwrap();
    };
    speaks(&rig, BOB, "eth2");
    let known = rig.stations("edge1", "acme-v10").unwrap();
    dropped();
    option("off");
    // To a known station alone, to an unknown one and to everybody as any other frame.
    reaches(&rig, BOB, ("eth1", GROUP), "eth2");
    floods(&rig, CAROL, ("eth1", GROUP));
    speaks(&rig, GROUP, "eth1");
    // The answer is for a group: no entry could lead it, and it goes to everybody.
    floods(&rig, GROUP, ("eth2", BOB));
    assert_eq!(rig.stations("edge1", "acme-v10").unwrap(), known);
    // The option is one for groups, and for one port.
    for (port, source, reason) in [
        ("eth1", "00:00:00:00:00:00", "zero-source"),
        ("eth2", GROUP, "group-source"),
    ] {
        rig.send(&format!("edge1.{port}"), own(CAROL, source, "Happy"))
            .moves("edge1", &format!("{port}.in {port}.dropped.{reason}"))
            .check()
            .unwrap();
    }
    option("on");
    dropped();
    assert_eq!(rig.stations("edge1", "acme-v10").unwrap(), known);
    assert_eq!(told(&rig, "acme-v10", "refused_macs"), 0);
}
