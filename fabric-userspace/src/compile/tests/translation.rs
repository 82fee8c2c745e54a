//! Every stack into every other one at a node between, and back: the tenant gets the bytes that he sent.

use std::cell::RefCell;

use fabric_common::rewrite::fold;
use fabric_common::wire::{TPID_C, TPID_S};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::support::{Station, host, valid};
use crate::compile::twin::Outcome;
use crate::compile::{HostFacts, Image, Request, Scope, compile};
use crate::ids::Sizes;
use crate::validate::Valid;

/// Of a station at node `a` and of one at node `b`.
const MACS: [[u8; 6]; 2] = [[0x56, 0, 0, 0, 0, 1], [0x56, 0, 0, 0, 0, 2]];
/// Room for the largest stack around 1500 bytes.
const MTU: u32 = 1700;
/// Too small for 1500 bytes with any stack but one tag around them.
const NARROW: u32 = 1500;

/// A kind of link, what it is made with, the addresses of its ends, and whether it leads to another datacenter.
struct Kind {
    name: &'static str,
    options: Value,
    addresses: Option<[&'static str; 2]>,
    labels: bool,
}

fn kinds() -> Vec<Kind> {
    let kind = |name, options, addresses, labels| Kind {
        name,
        options,
        addresses,
        labels,
    };
    let (v4, v6) = (
        Some(["192.0.2.1", "192.0.2.2"]),
        Some(["2001:db8::1", "2001:db8::2"]),
    );
    vec![
        kind("trunk", json!({}), None, false),
        kind("trunk", json!({"outer_tpid": "0x8100"}), None, false),
        kind("trunk", json!({"vlan": 40}), None, false),
        kind("i-tag", json!({"b_vid": 500}), None, false),
        kind("i-tag", json!({"b_vid": 500, "vlan": 40}), None, false),
        kind("global-vlan", json!({}), None, false),
        kind("vxlan", json!({}), v4, false),
        kind("vxlan", json!({"vlan": 40}), v6, false),
        kind("pseudowire", json!({}), None, false),
        kind("pseudowire", json!({}), None, true),
        kind(
            "pseudowire",
            json!({"transport_label": 30600, "vlan": 40}),
            None,
            true,
        ),
        kind("mpls-udp", json!({}), v4, true),
        kind("mpls-udp", json!({"transport_label": 30600}), v6, true),
    ]
}

/// `a` - `g` - `b`, ports `x` and `y`, a segment with ends at `a` and `b`; `via` says whether `g` has one too.
fn document(first: &Kind, second: &Kind, vlan: &Value, via: bool) -> Value {
    let of_g = 1 + usize::from(first.labels);
    let of_b = of_g + usize::from(second.labels);
    let node = |name: &str, datacenter| json!({"name": name, "datacenter": format!("dc{datacenter}")});
    let datacenter = |number: u32| {
        let range = |base: u32, last: u32| format!("{}-{}", number * base, number * base + last);
        json!({"name": format!("dc{number}"), "id": number, "s_vids": range(100, 99), "c_vids": range(1000, 99),
               "labels": range(1000, 99), "vnis": range(10_000, 99), "i_sids": range(1_000_000, 99)})
    };
    let end = |name: &str, port: &str| json!({"node": name, "port": port, "vlan": vlan});
    let mut ends = vec![end("a", "eth1"), end("b", "eth1")];
    for (end, [.., last]) in ends.iter_mut().zip(MACS) {
        end["stations"] = json!([{"mac": format!("56:00:00:00:00:{last:02x}")}]);
    }
    if via {
        ends.push(end("g", "eth1"));
    }
    json!({
        "schema": "fabric/1",
        "global_vids": "4000-4094",
        "datacenters": [datacenter(1), datacenter(2), datacenter(3)],
        "nodes": [node("a", 1), node("b", of_b), node("g", of_g)],
        "links": [link("first", first, [("a", "x"), ("g", "x")]), link("second", second, [("g", "y"), ("b", "y")])],
        "tenants": [{"name": "t", "segments": [{"name": "t", "attachments": ends}]}],
    })
}

fn link(name: &str, kind: &Kind, ends: [(&str, &str); 2]) -> Value {
    let mut link = kind.options.clone();
    let end = |(at, (node, port)): (usize, (&str, &str))| match kind.addresses {
        Some(addresses) => json!({"node": node, "port": port, "address": addresses[at]}),
        None => json!({"node": node, "port": port}),
    };
    (link["name"], link["kind"]) = (name.into(), kind.name.into());
    link["ends"] = ends.into_iter().enumerate().map(end).collect();
    link
}

/// The nodes of the chain from one end to the other.
struct Chain([Station; 3]);

impl Chain {
    fn of(document: &Value) -> Self {
        let valid = valid(document);
        Self(["a", "g", "b"].map(|name| station(&valid, name, MTU)))
    }

    /// The same, with a second link that came to be too small for the tenants' packets.
    fn narrow(document: &Value) -> Self {
        let valid = valid(document);
        Self([("a", MTU), ("g", NARROW), ("b", MTU)].map(|(name, mtu)| station(&valid, name, mtu)))
    }

    /// What the sender at `a` hears of a packet that goes on from `g`, or not.
    fn send(&mut self, frame: &[u8], what: &str) -> Option<Vec<u8>> {
        let (_, on_the_first) = self.0[0].forward("eth1", frame);
        match self.0[1].receive("x", &on_the_first) {
            Outcome::Sent(_) => None,
            Outcome::Told(_, sent) => {
                assert_eq!(self.0[1].name_of(&sent), "x");
                Some(self.0[0].forward("x", &sent.bytes).1)
            }
            other @ (Outcome::Passed | Outcome::Dropped(_) | Outcome::Flooded(_) | Outcome::Asked(_)) => {
                panic!("{what}: {other:?}")
            }
        }
    }

    /// What comes out at the other end. A frame for everybody has a copy for each datacenter on its way.
    fn cross(&mut self, back: bool, frame: &[u8]) -> Vec<Vec<u8>> {
        let ports = ["eth1", "x", "y", "eth1"];
        let mut frames = vec![frame.to_vec()];
        for hop in 0..3 {
            let (at, entry, exit) = if back {
                (2 - hop, ports[3 - hop], ports[2 - hop])
            } else {
                (hop, ports[hop], ports[hop + 1])
            };
            let node = &mut self.0[at];
            let mut next = Vec::new();
            for frame in frames {
                let outcome = node.receive(entry, &frame);
                let sent = outcome.sent().into_iter();
                next.extend(
                    sent.filter(|sent| node.name_of(sent) == exit)
                        .map(|sent| sent.bytes.clone()),
                );
            }
            frames = next;
        }
        frames
    }
}

/// A node whose port `y` has this MTU. That is no reason to refuse a document that is in force.
fn station(valid: &Valid, name: &str, mtu: u32) -> Station {
    let mut facts = host(valid, name, MTU);
    let here = valid.find_node(name).expect("a node");
    for (_, link) in valid.links_at(here) {
        neighbour(valid, &mut facts, (name, link.name.as_str()));
    }
    if let Some(port) = facts.ports.get_mut("y") {
        port.mtu = mtu;
    }
    let request = Request {
        valid,
        node: &name.parse().expect("a name"),
        host: &facts,
        in_force: true,
    };
    let image = compile(&request, &Image::empty(&Sizes::default()), &Scope::All);
    Station::of(image.expect("it is in force"))
}

/// The address of the port at the other end of a link.
fn neighbour(valid: &Valid, facts: &mut HostFacts, (name, link): (&str, &str)) {
    let far = match (name, link) {
        ("g", "first") => "a",
        ("g", _) => "b",
        _ => "g",
    };
    let port = if link == "first" { "x" } else { "y" };
    let mac = host(valid, far, MTU).ports[port].mac;
    facts.neighbours.insert(link.parse().expect("a name"), Some(mac));
}

/// Tags behind the first one, EtherType and what follows. The own tags of a segment come in front.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [0x0800_u16, 0x86dd, 0x0806, 0x88b5, 0x8906, 0x9100, 0x0042];
    (prop::sample::select(kinds.to_vec()), vec(any::<u8>(), 1..1480))
        .prop_map(|(kind, payload)| [&kind.to_be_bytes()[..], &payload].concat())
}

/// The own tags that a tenant's frame may have in a segment of this VLAN.
fn own_tags(vlan: &Value) -> BoxedStrategy<Vec<u8>> {
    let priority = || any::<u16>().prop_map(|bits| bits & 0xf000);
    let tag = |tpid: u16, tci: u16| [tpid, tci].map(u16::to_be_bytes).concat();
    match vlan.as_u64() {
        Some(vid) => {
            let vid = u16::try_from(vid).expect("a VLAN");
            priority().prop_map(move |bits| tag(TPID_C, vid | bits)).boxed()
        }
        None if vlan == "any" => {
            let inner = (prop::sample::select(vec![TPID_C, TPID_S]), 1..4095_u16);
            let outer = (priority(), 0..4095_u16);
            prop_oneof![
                Just(Vec::new()),
                outer.clone().prop_map(move |(bits, vid)| tag(TPID_C, vid | bits)),
                (outer, inner).prop_map(move |((bits, vid), (tpid, below))| {
                    [tag(TPID_C, vid | bits), tag(tpid, below)].concat()
                }),
            ]
            .boxed()
        }
        None => prop_oneof![
            Just(Vec::new()),
            priority().prop_map(move |bits| tag(TPID_C, bits))
        ]
        .boxed(),
    }
}

/// From one station to the other, or to everybody; there and back.
fn crosses(document: &Value, vlan: &Value, what: &str) {
    let strategy = (own_tags(vlan), body(), any::<bool>(), any::<bool>());
    let cases = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let chain = RefCell::new(Chain::of(document));
    TestRunner::new(cases)
        .run(&strategy, |(tags, body, back, everybody)| {
            let [here, there] = if back { [MACS[1], MACS[0]] } else { MACS };
            let to = if everybody { [0xff; 6] } else { there };
            let sent = [&to[..], &here, &tags, &body].concat();
            prop_assert_eq!(chain.borrow_mut().cross(back, &sent), [sent], "{}", what);
            // The way back of what has arrived ends with the same bytes.
            let answer = [&here[..], &there, &tags, &body].concat();
            prop_assert_eq!(chain.borrow_mut().cross(!back, &answer), [answer], "{}", what);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{what}: {failure}"));
}

#[test]
fn every_stack_translated_into_every_other_and_back_gives_the_original_bytes() {
    let kinds = kinds();
    let vlans = [json!("untagged"), json!(10), json!("any")];
    for (at, first) in kinds.iter().enumerate() {
        for (place, second) in kinds.iter().enumerate() {
            // Each pair with one of the VLANs, with and without an end between.
            let vlan = &vlans[(at + place) % vlans.len()];
            for via in [false, true] {
                let what = format!(
                    "{} {} to {} {}, VLAN {vlan}",
                    first.name, first.options, second.name, second.options
                );
                crosses(&document(first, second, vlan, via), vlan, &what);
            }
        }
    }
}

/// An IPv4 packet of so many bytes that must not be cut, from `a` to `b`.
fn packet(length: u16) -> Vec<u8> {
    let mut header = [
        0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 168, 0, 1, 192, 168, 0, 2,
    ];
    header[2..4].copy_from_slice(&length.to_be_bytes());
    let (words, _) = header.as_chunks();
    let sum = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    header[10..12].copy_from_slice(&(!fold(sum)).to_be_bytes());
    let [from, to] = MACS;
    let rest = vec![0x5a; usize::from(length) - header.len()];
    [&to[..], &from, &[0x81, 0, 0xa0, 10], &[8, 0], &header, &rest].concat()
}

/// Behind whatever stacks: the message is the tenant's own traffic on its way back, and the MTU in it is right to the byte.
#[test]
fn a_sender_behind_any_stack_is_told_the_exact_size_that_any_other_stack_takes() {
    let mut told = 0;
    for first in &kinds() {
        // From label to label the node between only passes frames on, and tells nobody; a pseudowire inside of a datacenter
        // carries labels as well.
        let passes = |second: &Kind| {
            let both = [first, second]
                .iter()
                .all(|kind| kind.labels || kind.name == "pseudowire");
            both && (first.labels || second.labels)
        };
        for second in kinds().iter().filter(|second| !passes(second)) {
            let mut chain = Chain::narrow(&document(first, second, &json!(10), false));
            let what = format!(
                "{} {} to {} {}",
                first.name, first.options, second.name, second.options
            );
            let Some(message) = chain.send(&packet(1500), &what) else {
                continue;
            };
            let [from, to] = MACS;
            assert_eq!(
                message[..18],
                [&from[..], &to, &[0x81, 0, 0xa0, 10], &[8, 0]].concat(),
                "{what}"
            );
            assert_eq!(message[30..40], [192, 168, 0, 2, 192, 168, 0, 1, 3, 4], "{what}");
            let mtu = u16::from_be_bytes([message[44], message[45]]);
            assert_eq!(chain.send(&packet(mtu), &what), None, "{what}: {mtu}");
            assert!(chain.send(&packet(mtu + 1), &what).is_some(), "{what}: {mtu}");
            told += 1;
        }
    }
    assert!(told > 100, "{told} of the pairs");
}
