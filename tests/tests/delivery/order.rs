//! DLV-12: frames of one flow arrive in the order in which they were sent.

use std::time::{Duration, Instant};

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::traffic::RunningProbe;
use serde_json::json;

use super::load::{Before, complete, flow};
use super::support::{ALICE, BOB, EVERYBODY, own};

const NODES: [&str; 2] = ["edge1", "edge2"];
const PORTS: [&str; 2] = ["edge1.eth1", "edge2.eth1"];
/// Frames a second of each flow.
const RATE: u32 = 4000;
const WHILE: Duration = Duration::from_secs(1);

fn segment() -> Segment {
    Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 201)
}

fn by_trunk() -> Rig {
    let site = Site::new(&NODES).trunk("trunk0", "edge1", "edge2");
    let site = site.tenant("acme", &[segment()]);
    Rig::start(&site.document(), &NODES).unwrap()
}

fn by_vxlan() -> Rig {
    let end = |node, address| json!({"node": node, "port": "u0", "address": address});
    let ends = [end("edge1", "192.0.2.1"), end("edge2", "192.0.2.2")];
    let link = json!({"name": "tunnel", "kind": "vxlan", "ends": ends});
    let segment = segment().with("vni", 12_345);
    let site = Site::new(&NODES).link(link).tenant("acme", &[segment]);
    Rig::start(&site.document(), &NODES).unwrap()
}

fn says_hello(rig: &Rig, side: usize, source: &str) {
    let hello = own(EVERYBODY, source, "hello");
    rig.ear(PORTS[side]).unwrap().socket().send(&hello).unwrap();
    let heard = rig.ear(PORTS[1 - side]).unwrap();
    heard.expect(&[hello], fabric_tests::wait::PATIENCE).unwrap();
}

fn runs(rig: &Rig, side: usize, header: Frame, size: usize) -> RunningProbe {
    let probe = flow(rig, PORTS[side], PORTS[1 - side], header);
    probe.rate(RATE).size(size).start().unwrap()
}

/// The counters of two nodes of which each side sent so many.
fn counted(rig: &Rig, before: &Before, link: &str, sent: [u64; 2]) {
    let (to, from) = (format!("{link}.out"), format!("{link}.in"));
    for (side, node) in NODES.iter().enumerate() {
        let (out, back) = (sent[side], sent[1 - side]);
        let near = [("eth1.in", out), ("acme.in", out), (to.as_str(), out)];
        let far = [(from.as_str(), back), ("eth1.out", back), ("acme.out", back)];
        before.moved(rig, node, &[near, far].concat());
    }
}

/// Flows of small and large frames, for a known station and for everybody, in both directions at once.
fn order_is_kept(rig: &Rig, link: &str) {
    let stations = [ALICE, BOB];
    says_hello(rig, 0, ALICE);
    says_hello(rig, 1, BOB);
    let before = Before::of(rig, &NODES);
    let begin = Instant::now();
    let flows: Vec<_> = [(0, 64), (1, 64), (0, 1518), (1, 1518)]
        .map(|(side, size)| {
            let known = eth(stations[1 - side], stations[side]).vlan(10);
            (side, runs(rig, side, known, size))
        })
        .into_iter()
        .chain([0, 1].map(|side| {
            (
                side,
                runs(rig, side, eth(EVERYBODY, stations[side]).vlan(10), 128),
            )
        }))
        .collect();
    std::thread::sleep(WHILE.saturating_sub(begin.elapsed()));
    let mut sent = [0, 0];
    for (side, flow) in flows {
        sent[side] += complete(PORTS[side], &flow.stop().unwrap());
    }
    counted(rig, &before, link, sent);
}

/// Frames for Bob go to everybody until he speaks, to him alone then, and to everybody again when he is forgotten: those of
/// the one way do not overtake those of the other.
fn order_is_kept_when_the_destination_is_learned_and_forgotten(rig: &Rig, link: &str) {
    const TURNS: u64 = 10;
    says_hello(rig, 0, ALICE);
    let before = Before::of(rig, &NODES);
    let flow = runs(rig, 0, eth(BOB, ALICE).vlan(10), 64);
    for _ in 0..TURNS {
        says_hello(rig, 1, BOB);
        for node in NODES {
            let flush = ["fdb", "flush", "--segment", "acme-v10", "--mac", BOB];
            let flushed = rig.agent(node).unwrap().json(&flush).unwrap();
            assert_eq!(flushed["item"]["entries"], 1, "{node}");
        }
    }
    let sent = complete("for Bob", &flow.stop().unwrap());
    counted(rig, &before, link, [sent, TURNS]);
}

#[test]
fn dlv_12_order_is_kept_from_port_to_port_by_a_trunk() {
    order_is_kept(&by_trunk(), "t0");
}

#[test]
fn dlv_12_order_is_kept_from_port_to_port_by_vxlan() {
    order_is_kept(&by_vxlan(), "u0");
}

#[test]
fn dlv_12_order_is_kept_by_a_trunk_when_the_destination_is_learned_and_forgotten() {
    order_is_kept_when_the_destination_is_learned_and_forgotten(&by_trunk(), "t0");
}

#[test]
fn dlv_12_order_is_kept_by_vxlan_when_the_destination_is_learned_and_forgotten() {
    order_is_kept_when_the_destination_is_learned_and_forgotten(&by_vxlan(), "u0");
}
