//! A storage machine with members at several nodes on the host twin: three nodes in a row, so that the ways of the members at
//! the second and the third are one way at the first.

use fabric_common::DropReason;
use fabric_common::Tables as _;
use fabric_common::maps::storage::{Charge, Vsm, probe};
use fabric_common::rewrite::{Inner, rewrite};
use fabric_common::wire::{Macs, mac_octets};
use serde_json::{Value, json};

use super::support::{Station, compile_at, host, valid};
use crate::compile::twin::{HostFrame, Outcome};

const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const SERVICE: [u8; 6] = [2, 0, 0, 0, 0, 9];
const NODES: [&str; 3] = ["edge1", "edge2", "edge3"];

fn document() -> Value {
    let end = |node: &str, port: &str| json!({"node": node, "port": port});
    let attachment = |node: &str, port: &str| json!({"node": node, "port": port, "vlan": "untagged"});
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
        "nodes": NODES.map(|name| json!({"name": name, "datacenter": "dc1"})),
        "links": [
            {"name": "a", "kind": "trunk", "ends": [end("edge1", "t0"), end("edge2", "t0")]},
            {"name": "b", "kind": "trunk", "ends": [end("edge2", "t1"), end("edge3", "t0")]}],
        "tenants": [{"name": "acme", "segments": [{"name": "a", "s_vid": 100, "c_vid": 1100, "attachments": [
            attachment("edge1", "eth1"), attachment("edge2", "eth1"), attachment("edge2", "eth2"),
            attachment("edge3", "eth1")]}]}],
        "storage": [{
            "name": "disk", "mac": "02:00:00:00:00:09",
            "segments": [{"segment": "a", "address": "10.0.0.9"}],
            "members": [{"name": "one", "node": "edge2", "port": "eth1"}, {"name": "two", "node": "edge3", "port": "eth1"}]}],
    })
}

/// What became of a frame: the node and the port that it left by, or the node that dropped it.
type Fate = Result<(usize, String), (usize, DropReason)>;

/// The three nodes.
struct Row(Vec<Station>);

impl Row {
    /// All hold this word.
    fn new(charge: Charge) -> Self {
        let valid = valid(&document());
        let node = |node| Station::of(compile_at(&valid, node, &host(&valid, node, 1600)).expect("compiles"));
        let row = Self(NODES.map(node).into());
        (0..NODES.len()).for_each(|at| row.set(at, charge));
        row
    }

    fn vsm(&self, at: usize) -> &Vsm {
        self.0[at].twin.tables.vsm(1).expect("the storage machine")
    }

    fn set(&self, at: usize, charge: Charge) {
        self.vsm(at).charge.store(charge.0);
    }

    /// Follows a frame from node to node.
    fn send(&mut self, at: usize, port: &str, bytes: &[u8]) -> Fate {
        let (mut at, mut port, mut bytes) = (at, port.to_owned(), bytes.to_vec());
        loop {
            let outcome = self.0[at].receive(&port, &bytes);
            let sent = match &outcome {
                Outcome::Dropped(reason) => return Err((at, *reason)),
                Outcome::Sent(sent) => sent,
                Outcome::Passed | Outcome::Flooded(_) | Outcome::Told(..) | Outcome::Asked(_) => {
                    panic!("{outcome:?} at {at}")
                }
            };
            let out = self.0[at].name_of(sent);
            let (next, entry) = match (at, out.as_str()) {
                (0, "t0") => (1, "t0"),
                (1, "t0") => (0, "t0"),
                (1, "t1") => (2, "t0"),
                (2, "t0") => (1, "t1"),
                _ => return Ok((at, out)),
            };
            (at, port, bytes) = (next, entry.to_owned(), sent.bytes.clone());
        }
    }

    /// All nodes learn where the client is.
    fn introduce_all(&mut self) {
        let words = [0, 1, 2].map(|at: usize| self.vsm(at).charge.load());
        (0..3).for_each(|at| self.set(at, TWO));
        assert_eq!(
            self.send(0, "eth1", &frame(SERVICE, CLIENT)),
            Ok((2, "eth1".to_owned()))
        );
        (0..3).for_each(|at| self.vsm(at).charge.store(words[at]));
    }

    /// A tenant's frame as the agent of a node sends it to the member at place 1, by a trunk.
    fn as_sent(&self, at: usize, port: &str, bytes: &[u8]) -> Vec<u8> {
        let tables = &self.0[at].twin.tables;
        let place = tables.records().vsm_places.values().next().expect("a place");
        let path = tables.path(tables.next_hop(place.next_hops[1]).expect("a way").path);
        let path = path.expect("a path");
        let mut frame = HostFrame::new(bytes);
        let macs = Macs::from_wire(bytes.first_chunk().expect("long"));
        rewrite(&mut frame, Inner::PLAIN, macs, path).expect("fits");
        let name = self.0[at].image.ports().find(|(_, plan)| plan.slot == path.slot);
        assert_eq!(name.expect("a port").0.as_str(), port);
        frame.bytes().to_vec()
    }

    /// Address by which node `from`, counted from 0, asks a member.
    fn prober(&self, from: usize, member: u8) -> [u8; 6] {
        let like = self.vsm(from).prober.load();
        let node = mac_octets(like)[5] >> 3;
        mac_octets(probe::address(like, node, member))
    }
}

fn frame(to: [u8; 6], from: [u8; 6]) -> Vec<u8> {
    let mut frame = [to, from].concat();
    frame.extend([0x88, 0xb5]);
    frame.resize(60, 7);
    frame
}

const ONE: Charge = Charge::new(1, Some(0), None);
const TWO: Charge = Charge::new(2, Some(1), None);

#[test]
fn every_node_leads_to_the_member_in_charge() {
    let mut row = Row::new(ONE);
    assert_eq!(
        row.send(0, "eth1", &frame(SERVICE, CLIENT)),
        Ok((1, "eth1".to_owned()))
    );
    assert_eq!(
        row.send(1, "eth2", &frame(SERVICE, OTHER)),
        Ok((1, "eth1".to_owned()))
    );
    let mut row = Row::new(TWO);
    assert_eq!(
        row.send(0, "eth1", &frame(SERVICE, CLIENT)),
        Ok((2, "eth1".to_owned()))
    );
    assert_eq!(
        row.send(1, "eth2", &frame(SERVICE, OTHER)),
        Ok((2, "eth1".to_owned()))
    );
    (0..3).for_each(|at| row.set(at, Charge::default()));
    assert_eq!(
        row.send(0, "eth1", &frame(SERVICE, CLIENT)),
        Err((0, DropReason::NoMember))
    );
}

/// While words differ a frame goes to one member or ends, and comes round to nobody: every node decides anew, and none sends a
/// frame back by the line that it came by.
#[test]
fn nodes_with_different_words_make_no_loop() {
    for words in 0..8_usize {
        let mut row = Row::new(ONE);
        for at in (0..3).filter(|at| words >> at & 1 == 1) {
            row.set(at, TWO);
        }
        let fate = row.send(0, "eth1", &frame(SERVICE, CLIENT));
        let (middle, last) = (words >> 1 & 1 == 1, words >> 2 & 1 == 1);
        let expected = match (middle, last) {
            (false, _) => Ok((1, "eth1".to_owned())),
            (true, true) => Ok((2, "eth1".to_owned())),
            (true, false) => Err((2, DropReason::SamePort)),
        };
        assert_eq!(fate, expected, "{words:03b}");
    }
}

/// The member at the second node and the one at the third come to the client by one and the same line. The second node, where
/// their ways meet, lets one of them through, whatever the third one knows.
#[test]
fn where_the_ways_of_members_meet_one_word_decides() {
    for (middle, heard) in [(ONE, 1), (TWO, 2)] {
        for last in [ONE, TWO] {
            let mut row = Row::new(middle);
            row.introduce_all();
            row.set(2, last);
            let speaks = [(1, "eth1"), (2, "eth1")]
                .map(|(at, port)| row.send(at, port, &frame(CLIENT, SERVICE)).is_ok());
            assert_eq!(speaks[0], heard == 1, "{middle:?} {last:?}");
            assert_eq!(speaks[1], heard == 2 && last == TWO, "{middle:?} {last:?}");
        }
    }
}

/// A client at the node of the new member hears nothing of the old one, which comes by a line.
#[test]
fn what_comes_by_the_line_of_another_member_is_fenced() {
    let mut row = Row::new(ONE);
    row.introduce_all();
    row.set(1, TWO);
    // The third node has not heard of it and lets its own member wait; here it has charge of itself alone.
    row.set(2, ONE);
    assert_eq!(
        row.send(2, "eth1", &frame(CLIENT, SERVICE)),
        Err((2, DropReason::Fenced))
    );
    row.set(2, TWO);
    row.set(1, ONE);
    assert_eq!(
        row.send(2, "eth1", &frame(CLIENT, SERVICE)),
        Err((1, DropReason::Fenced))
    );
    // No way of any member.
    assert_eq!(
        row.send(0, "eth1", &frame(OTHER, SERVICE)),
        Err((0, DropReason::ForgedVsm))
    );
}

/// A probe goes to the member that it asks and not to the one in charge, and its answer to the node that asked, through all
/// fences. There it counts as that member's sign of life, though both members are behind one line.
#[test]
fn probes_cross_the_fabric_and_their_answers_come_back() {
    let mut row = Row::new(ONE);
    // The second node asks the member at the third.
    let asks = frame(SERVICE, row.prober(1, 1));
    let at_third = row.as_sent(1, "t1", &asks);
    assert_eq!(row.send(2, "t0", &at_third), Ok((2, "eth1".to_owned())));
    row.vsm(1).unanswered[1].store(5);
    row.vsm(1).unanswered[0].store(5);
    let answer = frame(row.prober(1, 1), SERVICE);
    assert_eq!(row.send(2, "eth1", &answer), Err((1, DropReason::ProbeAnswer)));
    let waits = [0, 1].map(|member: usize| row.vsm(1).unanswered[member].load());
    assert_eq!(waits, [5, 0]);
    // Nobody answers for another one.
    let forged = frame(row.prober(1, 0), SERVICE);
    assert_eq!(row.send(2, "eth1", &forged), Err((2, DropReason::ForgedVsm)));
}

/// A tenant who sends from a probe's address reaches the member in charge as everybody does, and draws no answers.
#[test]
fn nobody_asks_in_the_name_of_a_node() {
    let mut row = Row::new(ONE);
    for from in [1, 2] {
        let forged = frame(SERVICE, row.prober(from, 1));
        assert_eq!(
            row.send(0, "eth1", &forged),
            Err((0, DropReason::NoMember)),
            "{from}"
        );
        assert_eq!(
            row.send(1, "eth2", &forged),
            Err((1, DropReason::NoMember)),
            "{from}"
        );
    }
    let answer = frame(row.prober(1, 1), SERVICE);
    assert_eq!(row.send(2, "eth1", &answer), Err((1, DropReason::ProbeAnswer)));
}

/// An address that looks like a probe's and is no asking node's is a tenant's: it reaches the member in charge, and no other one
/// answers it.
#[test]
fn what_looks_like_a_probe_and_has_no_node_is_steered_and_fenced() {
    for number in [0, 5, probe::NOBODY] {
        let mut row = Row::new(ONE);
        let like = row.vsm(0).prober.load();
        let forged = mac_octets(probe::address(like, number, 1));
        if number != 0 {
            assert_eq!(
                row.send(0, "eth1", &frame(SERVICE, forged)),
                Ok((1, "eth1".to_owned())),
                "{number}"
            );
        }
        // The node with the number 0 has the member in charge; here it is the one that asks.
        let expected = match number {
            0 => Err((1, DropReason::ProbeAnswer)),
            _ => Err((2, DropReason::Fenced)),
        };
        assert_eq!(row.send(2, "eth1", &frame(forged, SERVICE)), expected, "{number}");
    }
}

/// A word that has run out is nobody's, at the member's node as at a client's.
#[test]
fn a_word_ends_with_its_time() {
    let mut row = Row::new(ONE);
    row.introduce_all();
    let now = row.0[0].twin.tables.nanoseconds();
    for at in [0, 1] {
        row.vsm(at).served_until.store(now.max(1));
    }
    let ask = |row: &mut Row| row.send(0, "eth1", &frame(SERVICE, CLIENT));
    assert_eq!(ask(&mut row), Ok((1, "eth1".to_owned())));
    row.0[0].twin.tables.set_nanoseconds(now + 2);
    assert_eq!(ask(&mut row), Err((0, DropReason::NoMember)));
    row.0[1].twin.tables.set_nanoseconds(now + 2);
    assert_eq!(
        row.send(1, "eth1", &frame(CLIENT, SERVICE)),
        Err((1, DropReason::Fenced))
    );
}
