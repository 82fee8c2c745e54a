//! Storage machines on the host twin, with a clock of their own: what takes which way, and when.

use fabric_common::DropReason;
use fabric_common::Tables as _;
use fabric_common::maps::storage::{Charge, Vsm};
use serde_json::{Value, json};

use super::support::{Station, compile_at, host, valid};
use crate::compile::twin::Outcome;

const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVICE: [u8; 6] = [2, 0, 0, 0, 0, 9];
const MILLISECOND: u64 = 1_000_000;
/// Any time of the monotonic clock.
const NOW: u64 = 5_000_000_000;

fn document() -> Value {
    let attachment = |node: &str, port: &str| json!({"node": node, "port": port, "vlan": "untagged"});
    let member = |name: &str, port: &str| json!({"name": name, "node": "edge1", "port": port});
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
        "nodes": [{"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"}],
        "links": [{"name": "t", "kind": "trunk",
                   "ends": [{"node": "edge1", "port": "t0"}, {"node": "edge2", "port": "t0"}]}],
        "tenants": [{"name": "acme", "segments": [{"name": "a", "s_vid": 100, "c_vid": 1100, "attachments": [
            attachment("edge1", "eth1"), attachment("edge1", "eth2"), attachment("edge1", "eth3"),
            attachment("edge2", "eth1")]}]}],
        "storage": [{
            "name": "disk", "mac": "02:00:00:00:00:09", "tcp_port": 3260,
            "segments": [{"segment": "a", "address": "10.0.0.9", "probe_address": "10.0.0.8"}],
            "members": [member("one", "eth2"), member("two", "eth3")]}],
    })
}

/// The node with the members, the first one in charge and the second behind it.
fn edge() -> Station {
    edge_of(&document())
}

fn edge_of(document: &Value) -> Station {
    let valid = valid(document);
    let host = host(&valid, "edge1", 1600);
    let mut edge = Station::of(compile_at(&valid, "edge1", &host).expect("compiles"));
    edge.twin.tables.set_nanoseconds(NOW);
    vsm(&edge).charge.store(Charge::new(1, Some(0), Some(1)).0);
    edge
}

fn vsm(edge: &Station) -> &Vsm {
    edge.twin.tables.vsm(1).expect("the storage machine")
}

fn charge(edge: &Station) -> Charge {
    Charge(vsm(edge).charge.load())
}

/// A TCP segment over IPv4 with so many bytes of data.
fn segment(to: [u8; 6], from: [u8; 6], flags: u8, data: usize) -> Vec<u8> {
    let mut frame = [to, from].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend(u16::try_from(40 + data).expect("short").to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9]);
    frame.extend([0x9c, 0x40, 0x0c, 0xbc]);
    frame.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 4, 0, 0, 0, 0, 0]);
    frame.extend(vec![7; data]);
    frame
}

fn request() -> Vec<u8> {
    segment(SERVICE, CLIENT, 0x18, 48)
}

fn reply() -> Vec<u8> {
    from_service(0x10)
}

fn port_of(edge: &mut Station, port: &str, frame: &[u8]) -> String {
    edge.forward(port, frame).0
}

fn dropped(edge: &mut Station, port: &str, frame: &[u8]) -> DropReason {
    match edge.receive(port, frame) {
        Outcome::Dropped(reason) => reason,
        other @ (Outcome::Passed
        | Outcome::Sent(_)
        | Outcome::Flooded(_)
        | Outcome::Told(..)
        | Outcome::Asked(_)) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn an_unanswered_request_takes_the_standby_when_the_limit_has_passed() {
    let mut edge = edge();
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth2");
    edge.twin.tables.set_nanoseconds(NOW + 600 * MILLISECOND);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth2", "at the limit");
    edge.twin.tables.set_nanoseconds(NOW + 600 * MILLISECOND + 1);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth3", "past it");
    assert_eq!(
        charge(&edge),
        Charge::new(2, Some(1), None),
        "one switch, and nobody behind"
    );
    // It stays there however long nobody answers: there is nobody else that is known to be well.
    edge.twin.tables.set_nanoseconds(NOW + 9000 * MILLISECOND);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth3");
}

/// The copy may have broken at any time since somebody asked last: an old one must not be served.
#[test]
fn where_data_are_copied_no_frame_switches_unless_somebody_asks() {
    let mut document = document();
    let disk = &mut document["storage"][0];
    disk["replication"] = json!("sync");
    for member in 0..2 {
        disk["members"][member]["monitor"] = json!("/run/copies.qmp");
    }
    let mut edge = edge_of(&document);
    for later in [0, 601, 3_600_000] {
        let now = NOW + later * MILLISECOND;
        edge.twin.tables.set_nanoseconds(now);
        assert_eq!(port_of(&mut edge, "eth1", &request()), "eth2", "{later} ms");
    }
    vsm(&edge).probed_at.store(NOW + 3_600_000 * MILLISECOND);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth3");
}

#[test]
fn probes_that_run_prove_a_short_silence() {
    let mut edge = edge();
    vsm(&edge).unanswered[0].store(NOW);
    vsm(&edge).probed_at.store(NOW + 15 * MILLISECOND);
    edge.twin.tables.set_nanoseconds(NOW + 17 * MILLISECOND);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth2");
    edge.twin.tables.set_nanoseconds(NOW + 18 * MILLISECOND);
    assert_eq!(port_of(&mut edge, "eth1", &request()), "eth3");
}

#[test]
fn an_answer_ends_the_wait_and_what_needs_none_begins_none() {
    let mut edge = edge();
    port_of(&mut edge, "eth1", &request());
    assert_eq!(vsm(&edge).unanswered[0].load(), NOW);
    let beside = segment(CLIENT, SERVICE, 0x10, 0);
    assert_eq!(port_of(&mut edge, "eth2", &beside), "eth1");
    assert_eq!(vsm(&edge).unanswered[0].load(), NOW, "another port's server");
    assert_eq!(port_of(&mut edge, "eth2", &reply()), "eth1");
    assert_eq!(vsm(&edge).unanswered[0].load(), 0);
    // An acknowledgement, and a reset.
    for flags in [0x10, 0x14] {
        port_of(&mut edge, "eth1", &segment(SERVICE, CLIENT, flags, 0));
        assert_eq!(vsm(&edge).unanswered[0].load(), 0, "{flags:#x}");
    }
    port_of(&mut edge, "eth1", &segment(SERVICE, CLIENT, 0x02, 0));
    assert_eq!(vsm(&edge).unanswered[0].load(), NOW, "SYN");
}

/// Whoever asks for another port learns nothing of the service, and must not make it look dead.
#[test]
fn what_is_for_another_port_waits_for_no_answer() {
    let mut edge = edge();
    let mut other = request();
    other[36..38].copy_from_slice(&22_u16.to_be_bytes());
    assert_eq!(port_of(&mut edge, "eth1", &other), "eth2");
    let arp = [&SERVICE[..], &CLIENT, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    assert_eq!(port_of(&mut edge, "eth1", &arp), "eth2");
    assert_eq!(vsm(&edge).unanswered[0].load(), 0);
}

#[test]
fn the_kernel_of_a_dead_server_gives_no_sign_of_life() {
    let mut edge = edge();
    port_of(&mut edge, "eth1", &request());
    for flags in [0x14, 0x11] {
        assert_eq!(
            port_of(&mut edge, "eth2", &segment(CLIENT, SERVICE, flags, 0)),
            "eth1"
        );
        assert_eq!(vsm(&edge).unanswered[0].load(), NOW, "{flags:#x}");
    }
}

/// Without a port that is tried whatever a member sends is a sign of life, but for what a node says in its name.
#[test]
fn that_a_packet_was_too_big_for_a_member_is_no_sign_of_its_life() {
    let ipv4 = |kind: u8| {
        let header = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1];
        let message = [kind, 4, 0, 0, 0, 0, 0, 0];
        [&CLIENT[..], &SERVICE, &[8, 0], &header, &message].concat()
    };
    let ipv6 = |kind: u8| {
        let header = [&[0x60, 0, 0, 0, 0, 8, 58, 64][..], &[0xfd; 16], &[0xfe; 16]].concat();
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        [&CLIENT[..], &SERVICE, &[0x86, 0xdd], &header, &message].concat()
    };
    for (frame, waits) in [
        (ipv4(3), NOW),
        (ipv6(2), NOW),
        (ipv4(0), 0),
        (ipv6(129), 0),
        (ipv6(136), 0),
    ] {
        let mut edge = edge();
        vsm(&edge).tcp_port.store(0);
        port_of(&mut edge, "eth1", &request());
        assert_eq!(vsm(&edge).unanswered[0].load(), NOW);
        assert_eq!(port_of(&mut edge, "eth2", &frame), "eth1");
        assert_eq!(vsm(&edge).unanswered[0].load(), waits, "{frame:x?}");
    }
}

/// A segment from the service's own port.
fn from_service(flags: u8) -> Vec<u8> {
    let mut frame = segment(CLIENT, SERVICE, flags, 0);
    frame[34..36].copy_from_slice(&3260_u16.to_be_bytes());
    frame
}

#[test]
fn what_ends_a_connection_is_withheld_while_the_agent_asks() {
    for flags in [0x14, 0x11] {
        let mut edge = edge();
        let end = from_service(flags);
        port_of(&mut edge, "eth1", &request());
        assert_eq!(port_of(&mut edge, "eth2", &end), "eth1", "nobody asks");
        vsm(&edge).probed_at.store(NOW);
        assert_eq!(port_of(&mut edge, "eth2", &reply()), "eth1", "it ends nothing");
        let other = segment(CLIENT, SERVICE, flags, 0);
        assert_eq!(port_of(&mut edge, "eth2", &other), "eth1", "another port");
        assert_eq!(vsm(&edge).withheld_at.load(), 0);
        assert_eq!(dropped(&mut edge, "eth2", &end), DropReason::Withheld);
        assert_eq!(vsm(&edge).withheld_at.load(), NOW);
        assert_eq!(
            vsm(&edge).unanswered[0].load(),
            NOW,
            "the clock of its death runs"
        );
        vsm(&edge).trusted_until.store(NOW + 1);
        assert_eq!(port_of(&mut edge, "eth2", &end), "eth1", "trusted");
        edge.twin.tables.set_nanoseconds(NOW + 1);
        assert_eq!(dropped(&mut edge, "eth2", &end), DropReason::Withheld);
        vsm(&edge).charge.store(Charge::new(1, Some(0), None).0);
        assert_eq!(port_of(&mut edge, "eth2", &end), "eth1", "nobody could take over");
    }
}

#[test]
fn only_the_member_in_charge_speaks_and_every_other_sender_is_told_apart() {
    let mut edge = edge();
    port_of(&mut edge, "eth1", &request());
    vsm(&edge).unanswered[1].store(NOW);
    assert_eq!(dropped(&mut edge, "eth3", &reply()), DropReason::Fenced);
    assert_eq!(vsm(&edge).unanswered[1].load(), 0, "fenced, and known to live");
    assert_eq!(
        dropped(&mut edge, "eth1", &segment([2, 0, 0, 0, 0, 5], SERVICE, 0x10, 0)),
        DropReason::ForgedVsm
    );
    let mac = [
        2,
        0,
        0,
        0,
        0xff,
        edge.image
            .ports()
            .find(|(name, _)| name.as_str() == "eth2")
            .expect("a port")
            .1
            .facts
            .mac[5],
    ];
    assert_eq!(
        dropped(&mut edge, "eth2", &segment(mac, SERVICE, 0x12, 0)),
        DropReason::ProbeAnswer
    );
    vsm(&edge).charge.store(0);
    assert_eq!(dropped(&mut edge, "eth1", &request()), DropReason::NoMember);
}

#[test]
fn a_flow_is_noted_with_all_that_a_nudge_needs() {
    let mut edge = edge();
    port_of(&mut edge, "eth1", &request());
    let place = *edge
        .twin
        .tables
        .records()
        .vsm_places
        .keys()
        .next()
        .expect("a place");
    let flows: Vec<_> = (0..fabric_common::maps::storage::FLOWS)
        .filter_map(|flow| {
            edge.twin
                .tables
                .flow(fabric_common::maps::storage::flow_index(place, flow))?
                .read()
        })
        .collect();
    assert_eq!(flows.len(), 1);
    let flow = flows[0];
    assert_eq!(
        (flow.client_port, flow.server_port, flow.is_tagged),
        (40_000, 3260, false)
    );
    assert_eq!(flow.client.to_ip().to_string(), "10.0.0.1");
    assert_eq!(flow.server.to_ip().to_string(), "10.0.0.9");
}

/// Another node sees a station with a fixed place behind its trunk, and nothing of members.
#[test]
fn other_nodes_send_to_the_node_that_decides() {
    let valid = valid(&document());
    let host = host(&valid, "edge2", 1600);
    let mut edge2 = Station::of(compile_at(&valid, "edge2", &host).expect("compiles"));
    let (port, tagged) = edge2.forward("eth1", &request());
    assert_eq!(port, "t0");
    assert_eq!(
        tagged[12..20],
        [0x88, 0xa8, 0, 100, 0x81, 0, 0x04, 0x4c],
        "base C-VID: decided anew"
    );
    let mut edge1 = edge();
    assert_eq!(port_of(&mut edge1, "t0", &tagged), "eth2");
    vsm(&edge1).charge.store(Charge::new(2, Some(1), None).0);
    assert_eq!(port_of(&mut edge1, "t0", &tagged), "eth3");
}

/// The order of preference is the document's; the place of a member in the tables stays.
#[test]
fn members_keep_their_places_when_the_order_changes() {
    let valid_before = valid(&document());
    let host = host(&valid_before, "edge1", 1600);
    let before = compile_at(&valid_before, "edge1", &host).expect("compiles");
    let mut document = document();
    let members = document["storage"][0]["members"].as_array_mut().expect("members");
    members.reverse();
    members.pop();
    members.push(json!({"name": "three", "node": "edge1", "port": "eth2"}));
    let valid_after = valid(&document);
    let after = super::support::compile_from(&valid_after, "edge1", &host, &before).expect("compiles");
    let name = "disk".parse().expect("a name");
    let places = &after.steered(&name).expect("steered").members;
    assert_eq!(places["two"], 1);
    assert_eq!(places["three"], 2, "not the place of the one that has just gone");
}

/// The word that says who is in charge must not mean a machine that has only its name in common with another one.
#[test]
fn a_member_at_another_port_gets_another_place() {
    let valid_before = valid(&document());
    let host = host(&valid_before, "edge1", 1600);
    let before = compile_at(&valid_before, "edge1", &host).expect("compiles");
    let name = "disk".parse().expect("a name");
    let places = |image: &crate::compile::Image| image.steered(&name).expect("steered").members.clone();
    let mut document = document();
    let members = document["storage"][0]["members"].as_array_mut().expect("members");
    let ports = [0, 1].map(|at| members[at]["port"].clone());
    let [one, two] = ports;
    (members[0]["port"], members[1]["port"]) = (two, one);
    let valid_after = valid(&document);
    let after = super::support::compile_from(&valid_after, "edge1", &host, &before).expect("compiles");
    let (old, new) = (places(&before), places(&after));
    for (member, place) in &new {
        assert!(
            !old.values().any(|known| known == place),
            "{member} at {place} as before"
        );
    }
    let again = super::support::compile_from(&valid_after, "edge1", &host, &after).expect("compiles");
    assert_eq!(places(&again), new);
}
