//! Ports that are down or have no carrier. Every frame and every copy for them is counted by name, and a port that is
//! back forwards at once.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::wait;

use super::support::{ALICE, BOB, CAROL, EVERYBODY};
use super::vtep;

const REMOTES: [&str; 2] = ["192.0.2.11", "192.0.2.12"];
const FAR: [&str; 2] = ["28:00:00:00:00:01", "28:00:00:00:00:02"];
const VNI: u32 = 12_345;
/// More than the data path remembers without being told again.
const LONG: std::time::Duration = std::time::Duration::from_secs(7);

/// Alice, Bob and Carol at three ports of a node, and two foreign VTEPs behind a fourth, all in one segment.
fn rig() -> Rig {
    let mut segment = Segment::new("acme", 101, 1101)
        .with("vni", VNI)
        .at("edge1", "eth1", "untagged", 301)
        .station(ALICE)
        .at("edge1", "eth2", "untagged", 302)
        .station(BOB)
        .at("edge1", "eth3", "untagged", 303)
        .station(CAROL);
    let mut site = Site::new(&["edge1"]);
    for ((number, remote), station) in (0..).zip(REMOTES).zip(FAR) {
        let name = format!("path{number}");
        site = site.pathway(&name, "edge1", remote, None);
        segment = segment.remote(&name, 401 + number).remote_station(station);
    }
    Rig::start(&site.tenant("acme", &[segment]).document(), &["edge1"]).unwrap()
}

/// Who takes a port's carrier away: its peer, or whoever runs the node.
#[derive(Clone, Copy, Debug)]
enum Side {
    Peer,
    Node,
}

/// Sets one end of a cable up or down, and waits until the agent has told the data path.
fn set(rig: &Rig, side: Side, port: &str, state: &str) {
    let plug = rig.plug(&format!("edge1.{port}")).unwrap();
    let (namespace, interface) = match side {
        Side::Peer => (&plug.namespace, plug.interface.as_str()),
        Side::Node => (rig.agent("edge1").unwrap().namespace(), port),
    };
    let (told, words) = (said(rig), ["ip", "link", "set", interface, state]);
    namespace.output(&words).unwrap();
    let more = || Ok(said(rig) > told);
    wait::until_true(wait::PATIENCE, "the agent's word", more).unwrap();
    // A packet socket tells once that its interface was down.
    if let Ok(ear) = rig.ear(&format!("edge1.{port}")) {
        let _ = ear.drain();
    }
}

fn said(rig: &Rig) -> usize {
    let log = rig.agent("edge1").unwrap().log().unwrap();
    log.lines()
        .filter(|line| line.contains("port can send again") || line.contains("port cannot send"))
        .count()
}

fn frame(to: &str, word: &str) -> Frame {
    eth(to, ALICE).word(word)
}

/// To a port that cannot send: dropped where it came in.
fn is_dropped(rig: &Rig, to: &str) {
    rig.send("edge1.eth1", frame(to, "nowhere"))
        .moves("edge1", "eth1.in eth1.dropped.link-down")
        .check()
        .unwrap();
}

fn arrives(rig: &Rig, to: &str, port: &str) {
    let frame = frame(to, "there");
    rig.send("edge1.eth1", &frame)
        .at(&format!("edge1.{port}"), &frame)
        .moves("edge1", &format!("eth1.in acme.in {port}.out acme.out"))
        .check()
        .unwrap();
}

fn arrives_far(rig: &Rig, number: usize) {
    let frame = frame(FAR[number], "far");
    rig.send("edge1.eth1", &frame)
        .at("edge1.u0", vtep::sent(REMOTES[number], VNI, &frame))
        .moves("edge1", "eth1.in acme.in u0.out")
        .check()
        .unwrap();
}

/// To everybody: four copies, of which those for `silent` are counted and not made.
fn is_flooded(rig: &Rig, silent: &[&str]) {
    let frame = frame(EVERYBODY, "everybody");
    let mut step = rig.send("edge1.eth1", &frame).moves("edge1", "eth1.in acme.in");
    for (port, copies) in [("eth2", 1), ("eth3", 1), ("u0", 2)] {
        if silent.contains(&port) {
            step = step.moves("edge1", &format!("{port}.copies.link-down*{copies}"));
            continue;
        }
        step = step.moves("edge1", &format!("{port}.out*{copies}"));
        if port == "u0" {
            for remote in REMOTES {
                step = step.at("edge1.u0", vtep::sent(remote, VNI, &frame));
            }
        } else {
            step = step
                .at(&format!("edge1.{port}"), &frame)
                .moves("edge1", "acme.out");
        }
    }
    step.check().unwrap();
}

/// Frames for one station and for everybody, while an access port, a second one and the underlay's lose their
/// carrier one after the other, and when they have it again.
#[test]
fn what_a_port_without_carrier_does_not_send_is_counted_and_it_forwards_again_at_once() {
    for side in [Side::Peer, Side::Node] {
        println!("{side:?}");
        let rig = rig();
        is_flooded(&rig, &[]);
        set(&rig, side, "eth2", "down");
        is_dropped(&rig, BOB);
        is_flooded(&rig, &["eth2"]);
        arrives(&rig, CAROL, "eth3");
        set(&rig, side, "u0", "down");
        is_flooded(&rig, &["eth2", "u0"]);
        for station in FAR {
            is_dropped(&rig, station);
        }
        set(&rig, side, "eth3", "down");
        is_flooded(&rig, &["eth2", "eth3", "u0"]);
        set(&rig, side, "eth2", "up");
        arrives(&rig, BOB, "eth2");
        is_flooded(&rig, &["eth3", "u0"]);
        set(&rig, side, "eth3", "up");
        set(&rig, side, "u0", "up");
        far_ends_are_back(&rig);
        for number in [0, 1] {
            arrives_far(&rig, number);
        }
        is_flooded(&rig, &[]);
    }
}

/// The kernel forgets neighbours when an interface goes down, and has to be told them anew here.
fn far_ends_are_back(rig: &Rig) {
    let node = rig.agent("edge1").unwrap();
    for remote in REMOTES {
        let mac = fabric_tests::fixtures::vtep_mac(remote);
        let words = [
            "ip",
            "neigh",
            "replace",
            remote,
            "lladdr",
            &mac,
            "nud",
            "permanent",
            "dev",
            "u0",
        ];
        node.namespace().output(&words).unwrap();
    }
    let resolved = || {
        let links = node.json(&["link", "list"])?;
        Ok(!links.to_string().contains("unresolved"))
    };
    wait::until_true(wait::PATIENCE, "the neighbours", resolved).unwrap();
}

/// The agent that would tell that a port is back is gone: the port is taken for one that can send soon, and the next agent
/// goes by what it finds.
#[test]
fn without_an_agent_a_port_that_is_back_forwards_soon_and_the_next_one_knows_the_ports() {
    let mut rig = rig();
    set(&rig, Side::Peer, "eth2", "down");
    is_dropped(&rig, BOB);
    std::thread::sleep(LONG);
    is_dropped(&rig, BOB);
    let plug = rig.plug("edge1.eth2").unwrap().clone();
    rig.agent_mut("edge1").unwrap().kill9().unwrap();
    plug.namespace
        .output(&["ip", "link", "set", &plug.interface, "up"])
        .unwrap();
    let ear = rig.ear("edge1.eth2").unwrap();
    let _ = ear.drain();
    wait::until_true(wait::PATIENCE, "a frame through the port", || {
        rig.ear("edge1.eth1")?.socket().send(frame(BOB, "soon"))?;
        Ok(!ear.drain()?.is_empty())
    })
    .unwrap();
    plug.namespace
        .output(&["ip", "link", "set", "edge1.eth3", "down"])
        .unwrap();
    rig.agent_mut("edge1").unwrap().restart().unwrap();
    let _ = rig.ear("edge1.eth3").unwrap().drain();
    arrives(&rig, BOB, "eth2");
    is_dropped(&rig, CAROL);
    is_flooded(&rig, &["eth3"]);
}
