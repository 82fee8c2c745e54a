//! Stations, and what a node has noted about them.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};
use serde_json::Value;

pub(crate) const ALICE: &str = "56:00:00:00:00:01";
pub(crate) const BOB: &str = "56:00:00:00:00:02";
pub(crate) const CAROL: &str = "56:00:00:00:00:03";
pub(crate) const EVERYBODY: &str = "ff:ff:ff:ff:ff:ff";

/// In VLAN 10, the one of [`three_ports`].
pub(crate) fn own(destination: &str, source: &str, word: &str) -> Frame {
    eth(destination, source).vlan(10).word(word)
}

/// `acme-v10`: VLAN 10 of `eth1`, `eth2` and `eth3` of one node.
pub(crate) fn three_ports() -> Segment {
    Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge1", "eth2", 10, 302)
        .at("edge1", "eth3", 10, 303)
}

/// The document with one tenant's segments at one node.
pub(crate) fn one_node(segments: &[Segment]) -> Value {
    Site::new(&["edge1"]).tenant("acme", segments).document()
}

/// `edge1` with [`three_ports`].
pub(crate) fn three_port_rig() -> Rig {
    Rig::start(&one_node(&[three_ports()]), &["edge1"]).unwrap()
}

/// A number that `fabric segment show` tells, as `moves`.
pub(crate) fn told(rig: &Rig, segment: &str, field: &str) -> u64 {
    told_by(rig, "edge1", segment, field)
}

/// The same of another node than `edge1`.
pub(crate) fn told_by(rig: &Rig, node: &str, segment: &str, field: &str) -> u64 {
    let agent = rig.agent(node).unwrap();
    let answer = agent.json(&["segment", "show", segment]).unwrap();
    answer["items"][0][field].as_u64().unwrap()
}

/// Where a station of `acme-v10` is for `edge1`: `eth2 learned`, or nothing.
pub(crate) fn place(rig: &Rig, mac: &str) -> Option<String> {
    let stations = rig.stations("edge1", "acme-v10").unwrap();
    let mut entries = stations
        .iter()
        .filter_map(|entry| entry.strip_prefix(mac)?.strip_prefix(' '));
    let first = entries.next().map(str::to_owned);
    assert_eq!(entries.next(), None, "{mac} is known twice: {stations:?}");
    first
}

/// One frame of `mac` to everybody: whoever hears it knows where the station is.
pub(crate) fn speaks(rig: &Rig, mac: &str, port: &str) {
    let hello = own(EVERYBODY, mac, "hello");
    let others = ["eth1", "eth2", "eth3"]
        .into_iter()
        .filter(|other| *other != port);
    let mut step = rig
        .send(&format!("edge1.{port}"), &hello)
        .moves("edge1", &format!("{port}.in acme.in acme.out*2"));
    for other in others {
        step = step
            .at(&format!("edge1.{other}"), hello.clone())
            .moves("edge1", &format!("{other}.out"));
    }
    step.check().unwrap();
}

/// A frame to a station that `edge1` knows: one copy, at that port.
pub(crate) fn reaches(rig: &Rig, destination: &str, (from, source): (&str, &str), to: &str) {
    let frame = own(destination, source, "known");
    rig.send(&format!("edge1.{from}"), &frame)
        .at(&format!("edge1.{to}"), &frame)
        .moves("edge1", &format!("{from}.in acme.in {to}.out acme.out"))
        .check()
        .unwrap();
}

/// A frame to a station that `edge1` does not know: one copy at each of the two other ports.
pub(crate) fn floods(rig: &Rig, destination: &str, (from, source): (&str, &str)) {
    let frame = own(destination, source, "unknown");
    let mut step = rig
        .send(&format!("edge1.{from}"), &frame)
        .moves("edge1", &format!("{from}.in acme.in acme.out*2"));
    for other in ["eth1", "eth2", "eth3"]
        .into_iter()
        .filter(|other| *other != from)
    {
        step = step
            .at(&format!("edge1.{other}"), frame.clone())
            .moves("edge1", &format!("{other}.out"));
    }
    step.check().unwrap();
}
