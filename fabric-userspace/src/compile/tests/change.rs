//! Nodes take a new document in at different times, one entry after the other: no frame goes astray or round meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fabric::{Fabric, Receiver, frame};
use super::support::{compile_at, compile_from};
use crate::compile::Image;
use crate::compile::twin::{Twin, TwinSettings};
use crate::diff::{diff, diff_images};
use crate::ids::{Freed, Sizes};
use crate::model::{Document, Name, generate};
use crate::topology::rings::closed_between;
use crate::validate::{Valid, ValidAttachment, validate};

/// A document without some links and attachments of a whole one, by number, and with some links out of service.
#[derive(Clone, Debug)]
struct Part {
    links: BTreeSet<usize>,
    down: BTreeSet<usize>,
    attachments: BTreeSet<usize>,
}

/// Of a document with so many links and attachments.
fn part(links: usize, attachments: usize) -> impl Strategy<Value = Part> {
    let few = |of: usize| proptest::collection::btree_set(0..of, 0..4);
    (few(links), few(links), few(attachments)).prop_map(|(links, down, attachments)| Part {
        links,
        down,
        attachments,
    })
}

impl Part {
    /// Numbers are those of the whole, so none passes from one segment to another.
    fn of(&self, whole: &Document) -> Option<Valid> {
        let mut text = serde_json::to_value(whole).expect("JSON");
        if let Some(links) = text.get_mut("links").and_then(Value::as_array_mut) {
            let mut number = 0;
            links.retain_mut(|link| {
                link["down"] = self.down.contains(&number).into();
                number += 1;
                !self.links.contains(&(number - 1))
            });
        }
        let mut number = 0;
        for tenant in array(&mut text, "tenants") {
            for segment in array(tenant, "segments") {
                if let Some(ends) = segment.get_mut("attachments").and_then(Value::as_array_mut) {
                    ends.retain(|_| {
                        number += 1;
                        !self.attachments.contains(&(number - 1))
                    });
                }
            }
        }
        validate(serde_json::from_value(text).expect("a document")).ok()
    }
}

fn array<'v>(value: &'v mut Value, key: &str) -> impl Iterator<Item = &'v mut Value> {
    value
        .get_mut(key)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// Each node so many thousandths of its way from `first` to `second`.
fn between<'a>(whole: &'a Valid, first: &Valid, second: &Valid, at: &[usize]) -> Fabric<'a> {
    Fabric::new(whole, |here, facts| {
        let name = whole.node(here).name.as_str();
        let old = compile_at(first, name, facts).expect("it fits");
        let new = compile_from(second, name, facts, &old).expect("it fits");
        let ops = diff_images(&old, &new).ops;
        let done = (ops.len() * at[here.index()]).div_ceil(1000);
        let mut records = old.records();
        ops[..done].iter().for_each(|op| op.apply(&mut records));
        Twin::new(records, TwinSettings::default())
    })
}

/// The attachments of each segment, by its name, in either document.
fn members(documents: [&Valid; 2]) -> BTreeMap<&Name, Vec<&ValidAttachment>> {
    let mut members = BTreeMap::<&Name, Vec<&ValidAttachment>>::new();
    for segment in documents.into_iter().flat_map(Valid::segments) {
        members
            .entry(&segment.name)
            .or_default()
            .extend(&segment.attachments);
    }
    members
}

/// Where frames leave for other datacenters is no matter of the tree: a node that has changed over already may send them there
/// as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copies {
    One,
    Any,
}

fn check(
    whole: &Document,
    (first, second): &(Part, Part),
    at: &[usize],
    copies: Copies,
) -> Result<(), TestCaseError> {
    let (Some(first), Some(second)) = (first.of(whole), second.of(whole)) else {
        return Ok(());
    };
    if closed_between(&first, &second).is_some() {
        return Ok(());
    }
    let whole = validate(whole.clone()).expect("generated");
    let mut fabric = between(&whole, &first, &second, at);
    for ends in members([&first, &second]).values() {
        let places: BTreeSet<Receiver> = ends.iter().map(|end| fabric.receiver(end)).collect();
        for (number, end) in ends.iter().enumerate() {
            let source = [2, 0x11, 0, 0, 0, u8::try_from(number).expect("few")];
            for destination in [[0xff; 6], [2, 0x22, 0, 0, 0, 0]] {
                let frame = frame(destination, source, end.vlan);
                let got = fabric.send(end.node, end.port.as_str(), &frame)?;
                let mut got_by = BTreeSet::new();
                for (receiver, bytes) in &got {
                    let from = fabric.receiver(end);
                    let is_member = places.contains(receiver) && *bytes == frame;
                    prop_assert!(is_member, "astray: from {from} to {receiver}");
                    let is_first = got_by.insert(receiver) || copies == Copies::Any;
                    prop_assert!(is_first, "twice: from {from} to {receiver}");
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn while_nodes_turn_a_ring_to_another_tree_nothing_comes_twice_or_goes_round(
        whole in ring(), parts in (part(8, 12), part(8, 12)), at in places(),
    ) {
        check(&whole, &parts, &at, Copies::One)?;
    }

    #[test]
    fn while_nodes_take_a_document_in_nothing_goes_astray_or_round(
        whole in generate::sites(), parts in (part(14, 16), part(14, 16)), at in places(),
    ) {
        check(&whole, &parts, &at, Copies::Any)?;
    }
}

/// How far each node is, in thousandths of its way.
fn places() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![Just(0usize), Just(1000), 0usize..=1000], 6)
}

/// The node opposite of the root turns from one side of the ring to the other, and stops at each entry on its way, while each of the
/// others goes by the old tree or by the new one. Once all keep their members, and once there are two places left at that node, so
/// that a list becomes a pair.
#[test]
fn a_node_shuts_its_old_way_before_it_opens_the_new_one() {
    let whole = around(&[(0, 1), (0, 2), (1, 3), (2, 3)], &[0, 1, 2, 3]);
    let without = |link: usize, attachments: &[usize]| Part {
        links: BTreeSet::from([link]),
        down: BTreeSet::new(),
        attachments: attachments.iter().copied().collect(),
    };
    for attachments in [&[][..], &[6]] {
        let parts = (without(3, &[]), without(2, attachments));
        for others in 0..8 {
            for step in 0..=40 {
                let at = [others & 1, others >> 1 & 1, others >> 2].map(|has| has * 1000);
                let at = [&at[..], &[step * 25]].concat();
                check(&whole, &parts, &at, Copies::One).expect("no ring");
            }
        }
    }
}

/// A ring of trunks with chords, in any order of names.
fn ring() -> impl Strategy<Value = Document> {
    let nodes = Just((0..6).collect::<Vec<usize>>()).prop_shuffle();
    (nodes, 4usize..=6, vec((0usize..6, 0usize..6), 0..3)).prop_map(|(mut nodes, count, chords)| {
        nodes.truncate(count);
        let mut trunks: Vec<_> = (0..count)
            .map(|at| (nodes[at], nodes[(at + 1) % count]))
            .collect();
        trunks.extend(
            chords
                .into_iter()
                .filter(|(a, b)| a != b && nodes.contains(a) && nodes.contains(b)),
        );
        around(&trunks, &nodes)
    })
}

/// With all numbers.
fn filled(document: Value) -> Document {
    let document: Document = serde_json::from_value(document).expect("a document");
    validate(document)
        .expect("a document that keeps all rules")
        .document()
        .clone()
}

/// Trunks, and a tenant with two ports at each node.
fn around(trunks: &[(usize, usize)], nodes: &[usize]) -> Document {
    let link = |(number, (a, b)): (usize, &(usize, usize))| {
        let end = |node| json!({"node": format!("n{node}"), "port": format!("p{number}")});
        json!({"name": format!("l{number}"), "kind": "trunk", "ends": [end(a), end(b)]})
    };
    let node = |node: &usize| json!({"name": format!("n{node}"), "datacenter": "dc0"});
    let member = |at: usize| {
        let (node, port) = (nodes[at / 2], at % 2);
        json!({"node": format!("n{node}"), "port": format!("eth{port}"), "vlan": "untagged"})
    };
    let members: Vec<_> = (0..2 * nodes.len()).map(member).collect();
    let document = json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc0", "id": 1, "s_vids": "100-199", "c_vids": "1000-1499", "vnis": "1-99"}],
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "links": trunks.iter().enumerate().map(link).collect::<Vec<_>>(),
        "tenants": [{"name": "acme", "segments": [{"name": "lan", "attachments": members}]}],
    });
    filled(document)
}

/// Datacenters `a`, `b`, `c`, each with the nodes whose names begin with it, joined by trunks and dedicated lines, and a tenant with two
/// ports at each node.
fn sites(nodes: &[&str], links: &[(&str, [&str; 2])]) -> Document {
    let link = |(number, (kind, ends)): (usize, &(&str, [&str; 2]))| {
        let end = |(side, node): (usize, &&str)| {
            let mut end = json!({"node": node, "port": format!("p{number}")});
            if *kind == "pseudowire" {
                end["mac"] = format!("02:00:00:00:{number:02x}:{side:02x}").into();
            }
            end
        };
        let ends: Vec<_> = ends.iter().enumerate().map(end).collect();
        json!({"name": format!("l{number}"), "kind": kind, "ends": ends})
    };
    let node = |node: &&str| json!({"name": node, "datacenter": &node[..1]});
    let datacenter = |(at, name): (usize, &&str)| {
        let range = |first: usize| format!("{first}-{}", first + 99);
        json!({"name": name, "id": at + 1, "s_vids": range(100 * (at + 1)), "c_vids": range(1000 * (at + 1)), "labels": range(10_000 * (at + 1))})
    };
    let member =
        |at: usize| json!({"node": nodes[at / 2], "port": format!("eth{}", at % 2), "vlan": "untagged"});
    let datacenters: Vec<_> = ["a", "b", "c"].iter().enumerate().map(datacenter).collect();
    let members: Vec<_> = (0..2 * nodes.len()).map(member).collect();
    let document = json!({
        "schema": "fabric/1",
        "datacenters": datacenters,
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "links": links.iter().enumerate().map(link).collect::<Vec<_>>(),
        "tenants": [{"name": "acme", "segments": [{"name": "lan", "attachments": members}]}],
    });
    filled(document)
}

/// A trunk comes in place of the labels between two datacenters, and other labels stay on the same line.
#[test]
fn a_label_is_shut_before_what_comes_in_its_place_is_opened_also_where_its_line_stays() {
    let links = [
        ("trunk", ["b1", "b2"]),
        ("pseudowire", ["a1", "b1"]),
        ("pseudowire", ["a1", "c1"]),
        ("trunk", ["a1", "b2"]),
    ];
    let whole = sites(&["a1", "b1", "b2", "c1"], &links);
    let without = |links: &[usize]| Part {
        links: links.iter().copied().collect(),
        down: BTreeSet::new(),
        attachments: BTreeSet::new(),
    };
    for parts in [(without(&[3]), without(&[])), (without(&[]), without(&[3]))] {
        for others in 0..8 {
            for step in 0..=40 {
                let others = [others & 1, others >> 1 & 1, others >> 2].map(|has| has * 1000);
                let at = [&[step * 25], &others[..]].concat();
                check(&whole, &parts, &at, Copies::Any).expect("no ring");
            }
        }
    }
}

/// A segment whose own VLAN changes, with a member that moves: at the ports that it comes from and goes to, that VLAN and the one before
/// are another tenant's. Frames come in by its own ports, and packets by a gateway from another network.
#[test]
fn a_segment_that_changes_its_vlan_enters_nobody_elses() {
    const STATION: [u8; 6] = [2, 0x33, 0, 0, 0, 1];
    const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
    let document = |vlan: u16, moving: &str| {
        let end = |port: &str, vlan: u16| json!({"node": "e1", "port": port, "vlan": vlan});
        let mut with_station = end(moving, vlan);
        with_station["stations"] = json!([{"mac": "02:33:00:00:00:01"}]);
        let segment = |name: &str, ends: Vec<Value>| json!({"name": name, "attachments": ends});
        let place = |segment: &str, address: &str| json!({"segment": segment, "addresses": [address]});
        json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
            "nodes": [{"name": "e1", "datacenter": "dc1"}],
            "tenants": [
                {"name": "acme", "segments": [
                    segment("s", vec![end("eth1", vlan), end("eth4", vlan), with_station]),
                    segment("other", vec![end("eth5", 30)])]},
                {"name": "globex", "segments": [segment("g", vec![end("eth2", 20)]), segment("h", vec![end("eth3", 10)])]},
            ],
            "gateways": [{"name": "gw", "tenant": "acme", "mac": "02:00:00:00:00:fe",
                "segments": [place("s", "10.0.1.1/24"), place("other", "10.0.2.1/24")]}],
        })
    };
    let header = [
        0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0x63, 0xae, 10, 0, 2, 9, 10, 0, 1, 9,
    ];
    let routed = [
        &GATEWAY[..],
        &[2, 0x11, 0, 0, 0, 9],
        &[0x81, 0, 0, 30, 8, 0],
        &header,
        &[0; 26],
    ]
    .concat();
    let mut frames = vec![("eth5", routed)];
    for (vlan, destination) in [10, 20]
        .into_iter()
        .flat_map(|vlan| [(vlan, [0xff; 6]), (vlan, STATION)])
    {
        let tag = [0x81, 0, 0, vlan, 0x88, 0xb5];
        frames.push((
            "eth1",
            [&destination[..], &[2, 0x11, 0, 0, 0, 1], &tag, &[0; 46]].concat(),
        ));
    }
    let (first, second) = (document(10, "eth2"), document(20, "eth3"));
    let mut is_routed = false;
    for (first, second) in [(&first, &second), (&second, &first)] {
        let (old, new) = (super::support::valid(first), super::support::valid(second));
        // The same interfaces before and after.
        let mut facts = super::support::host(&new, "e1", 1600);
        facts.ports.extend(super::support::host(&old, "e1", 1600).ports);
        let old = compile_at(&old, "e1", &facts).expect("it fits");
        let new = compile_from(&new, "e1", &facts, &old).expect("it fits");
        let ops = diff_images(&old, &new).ops;
        let mut records = old.records();
        for step in 0..=ops.len() {
            for (port, bytes) in &frames {
                let mut station = super::support::Station {
                    twin: Twin::new(records.clone(), TwinSettings::default()),
                    image: new.clone(),
                };
                let outcome = station.receive(port, bytes);
                for sent in outcome.sent() {
                    let to = station.name_of(sent);
                    let vlan = sent.bytes[15];
                    let is_globex = [("eth2", 20), ("eth3", 10)].contains(&(to.as_str(), vlan));
                    assert!(
                        !is_globex,
                        "step {step} of {}: from {port} in VLAN {vlan} at {to}",
                        ops.len()
                    );
                    is_routed |= *port == "eth5";
                }
            }
            if let Some(op) = ops.get(step) {
                op.apply(&mut records);
            }
        }
    }
    assert!(is_routed, "the gateway asks");
}

/// An agent was killed when the numbers of a document without two tenants were written, and neither its maps nor the document itself.
/// What goes by the maps' numbers keeps them for itself while the document before is carried out once more.
#[test]
fn numbers_that_the_maps_still_use_are_nobody_elses_after_a_kill() {
    let tenant = |name: &str, ports: [&str; 2]| {
        let end = |port: &str| json!({"node": "e1", "port": port, "vlan": "untagged"});
        json!({"name": name, "segments": [{"name": name, "attachments": ports.map(end)}]})
    };
    let document = |tenants: Vec<Value>| {
        super::support::valid(&json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
            "nodes": [{"name": "e1", "datacenter": "dc1"}],
            "tenants": tenants,
        }))
    };
    let (acme, globex) = (
        tenant("acme", ["eth1", "eth2"]),
        tenant("globex", ["eth3", "eth4"]),
    );
    let third = tenant("initech", ["eth5", "eth6"]);
    let before = document(vec![globex.clone(), third.clone()]);
    let all = document(vec![acme, globex, third.clone()]);
    let facts = super::support::host(&all, "e1", 1600);
    let first = compile_at(&before, "e1", &facts).expect("it fits");
    let whole = compile_from(&all, "e1", &facts, &first).expect("it fits");
    let killed = compile_from(&document(vec![third]), "e1", &facts, &whole).expect("it fits");

    let observed = whole.records();
    let mut restored = Image::restore(&Sizes::default(), killed.ids()).expect("no clash");
    let strange = Freed::named_by(&observed).without(&restored.numbers());
    restored.hold(&strange);
    let again = compile_from(&all, "e1", &facts, &restored).expect("it fits");
    let used = Freed::named_by(&again.records());
    assert_eq!(used.without(&strange), used);
    let ops = diff(&observed, &again.records()).ops;
    let mut records = observed;
    for op in ops {
        op.apply(&mut records);
        let mut fabric = Fabric::new(&all, |_, _| Twin::new(records.clone(), TwinSettings::default()));
        for segment in all.segments() {
            for end in &segment.attachments {
                let frame = frame([0xff; 6], [2, 0x11, 0, 0, 0, 1], end.vlan);
                let got = fabric.send(end.node, end.port.as_str(), &frame).expect("no loop");
                let own: Vec<Receiver> = segment
                    .attachments
                    .iter()
                    .map(|end| fabric.receiver(end))
                    .collect();
                assert!(
                    got.iter().all(|(receiver, _)| own.contains(receiver)),
                    "{op:?}: {got:?}"
                );
            }
        }
    }
}
