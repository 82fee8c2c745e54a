//! A datacenter with two borders: what comes in at the one and ends at the other, and by lines that a segment sends nothing by.

use fabric_common::DropReason;
use fabric_common::maps::FLOOD_MAX_LEN;
use serde_json::{Value, json};

use super::datacenters::{at, figure2, for_everybody, line, relayed, triangle};
use super::support::{Station, compile_at, golden, host, valid};
use crate::compile::twin::Outcome;

/// Datacenter 100 has two borders with a trunk between them. Datacenter 200 has a line to n116, 250 one to n124.
fn two_borders() -> Value {
    let mut document = triangle();
    let segments = document["tenants"][0]["segments"].as_array_mut();
    segments.expect("a list").truncate(1);
    let ends = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    let third = json!({"node": "n116", "port": "x0", "vlan": "untagged", "c_vid": 322});
    ends.expect("a list").push(third);
    let links = document["links"].as_array_mut().expect("a list");
    links.retain(|link| !["inner100", "line224", "line228"].contains(&link["name"].as_str().unwrap_or("")));
    let ends = json!([{"node": "n116", "port": "up"}, {"node": "n124", "port": "in"}]);
    links.push(json!({"name": "inner100", "kind": "trunk", "ends": ends}));
    links.push(line("line300", ("n222", "l300"), ("n116", "l300"), false));
    document
}

#[test]
fn what_comes_by_a_line_that_the_segment_sends_nothing_by_is_copied_for_every_member() {
    let valid = valid(&two_borders());
    let of = |node| Station::of(compile_at(&valid, node, &host(&valid, node, 9100)).expect("it fits"));
    let (_, labelled) = of("n222").forward("c0", &for_everybody());
    // Datacenter 250 is no member, and has no business with this label.
    let forged = relayed(&labelled, "n124", "n220", 0xfe);
    let outcome = of("n124").receive("l226", &forged);
    let mut ports: Vec<String> = outcome
        .sent()
        .into_iter()
        .map(|sent| of("n124").name_of(sent))
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, ["in", "r0"]);
    // So one of both is a clone, which the kernel cannot make of a frame in several buffers.
    let large = [&forged[..], &[0; FLOOD_MAX_LEN]].concat();
    let outcome = of("n124").receive("l226", &large);
    assert!(matches!(outcome, Outcome::Dropped(DropReason::FloodTooBig)));
    // What a member sends has one receiver.
    let large = [&for_everybody()[..], &[0; FLOOD_MAX_LEN]].concat();
    assert_eq!(of("n124").receive("r0", &large).sent().len(), 1);
}

/// Datacenter 100 has two borders with a line each, joined by a pseudowire, and members at both. Labels end at n116, and datacenter
/// 200 prefers the line to n124.
fn joined_borders() -> Value {
    let mut document = figure2(false);
    let segments = document["tenants"][0]["segments"].as_array_mut();
    segments.expect("a list").truncate(1);
    let ends = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    let ends = ends.expect("a list");
    let second = json!({"node": "n124", "port": "x0", "vlan": "untagged", "c_vid": 322,
        "stations": [{"mac": "02:00:00:00:00:24"}]});
    ends[1]["node"] = "n222".into();
    ends.push(second);
    let links = document["links"].as_array_mut().expect("a list");
    links.retain(|link| link["name"] == "inner100" || link["name"] == "line224");
    links.push(line("line300", ("n222", "l300"), ("n116", "l300"), false));
    document["nodes"]
        .as_array_mut()
        .expect("a list")
        .retain(|node| node["name"] != "n212" && node["name"] != "n220");
    document
}

/// Ports and frames, in the order of the ports' names.
fn leaving(station: &mut Station, port: &str, frame: &[u8]) -> Vec<(String, Vec<u8>)> {
    let outcome = station.receive(port, frame);
    let sent = outcome.sent().into_iter();
    let mut sent: Vec<_> = sent
        .map(|sent| (station.name_of(sent), sent.bytes.clone()))
        .collect();
    sent.sort();
    sent
}

#[test]
fn what_comes_in_at_another_border_reaches_the_members_there_as_well() {
    let valid = valid(&joined_borders());
    let [mut far, mut border, mut anchor] = ["n222", "n124", "n116"].map(|node| at(&valid, node, &[]));
    let mut to_station = golden("uni-800");
    to_station[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x24]);
    for (frame, at_anchor) in [(for_everybody(), true), (to_station, false)] {
        let (line, labelled) = far.forward("c0", &frame);
        assert_eq!(line, "l224");
        let (inner, labelled) = border.forward("l224", &labelled);
        assert_eq!(inner, "in");
        // Back by the line that it came by, with tags instead of its label.
        let mut sent = leaving(&mut anchor, "up", &labelled);
        if at_anchor {
            assert_eq!(sent.remove(0), ("r0".to_owned(), frame.clone()));
        }
        let [(back, tagged)] = &sent[..] else {
            panic!("{} frames", sent.len())
        };
        assert_eq!(back, "up");
        assert_eq!(border.forward("in", tagged), ("x0".to_owned(), frame));
    }
}

#[test]
fn and_their_frames_go_to_other_datacenters_by_the_line_that_they_came_by() {
    let valid = valid(&joined_borders());
    // The anchor has lost its own line, and the border does not know.
    let (mut border, mut anchor) = (at(&valid, "n124", &[]), at(&valid, "n116", &["l300"]));
    let (inner, tagged) = border.forward("x0", &for_everybody());
    assert_eq!(inner, "in");
    let sent = leaving(&mut anchor, "up", &tagged);
    let [(here, at_anchor), (back, labelled)] = &sent[..] else {
        panic!("{} frames", sent.len())
    };
    assert_eq!(
        (here.as_str(), back.as_str(), at_anchor),
        ("r0", "up", &for_everybody())
    );
    let (line, labelled) = border.forward("in", labelled);
    assert_eq!(line, "l224");
    assert_eq!(
        at(&valid, "n222", &[]).forward("l224", &labelled),
        ("c0".to_owned(), for_everybody())
    );
}
