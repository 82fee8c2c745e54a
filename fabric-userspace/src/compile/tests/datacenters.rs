//! FIG 2 and FIG 3: frames 800 hop by hop, backups, and labels that nobody knows. Bytes are those of
//! `tests/golden/frames.txt`.

use fabric_common::DropReason;
use serde_json::{Value, json};

use super::support::{Station, compile_at, golden, host, valid};
use crate::compile::twin::{Copied, Outcome};
use crate::validate::Valid;

const MTU: u32 = 1600;

/// Offsets of the label entry, its traffic class and its time to live in a frame of a line.
const CLASS: usize = 16;
const TTL: usize = 17;

pub(super) fn line(name: &str, a: (&str, &str), b: (&str, &str), down: bool) -> Value {
    let end = |(node, port): (&str, &str)| json!({"node": node, "port": port, "mac": mac_of(node)});
    json!({"name": name, "kind": "pseudowire", "down": down, "ends": [end(a), end(b)]})
}

/// As in the outer headers of the golden frames.
fn mac_of(node: &str) -> &'static str {
    match node {
        "n116" => "02:00:00:01:01:16",
        "n124" => "02:00:00:01:01:24",
        "n212" => "02:00:00:02:02:12",
        "n222" => "02:00:00:02:02:22",
        "n220" => "02:00:00:03:02:20",
        "n300" => "02:00:00:01:03:00",
        "n302" => "02:00:00:02:03:02",
        other => panic!("{other} has no address"),
    }
}

fn segment(
    name: &str,
    (s_vid, vlan): (u16, Value),
    c_vid: u16,
    label: u16,
    ends: [(&str, &str); 2],
) -> Value {
    let [(client, at), (resource, there)] = ends;
    json!({"name": name, "s_vid": s_vid, "c_vid": s_vid + 1000,
        "labels": [{"to": "mtdc100", "from": "mtdc200", "label": label}],
        "attachments": [
            {"node": resource, "port": there, "vlan": vlan, "c_vid": c_vid,
             "stations": [{"name": "110D", "mac": "08:19:20:07:05:0d"}]},
            {"node": client, "port": at, "vlan": vlan, "c_vid": c_vid + 100,
             "stations": [{"name": "202", "mac": "f2:98:19:ab:55:b4"}]}]})
}

pub(super) fn datacenters() -> Value {
    json!([
        {"name": "mtdc100", "id": 100, "s_vids": "100-199", "c_vids": "200-1199", "labels": "1000-1999"},
        {"name": "mtdc200", "id": 200, "s_vids": "1200-1299", "c_vids": "1300-1999", "labels": "2000-2999"},
        {"name": "mtdc250", "id": 250, "s_vids": "2200-2299", "c_vids": "2300-2999", "labels": "3000-3999"},
    ])
}

/// FIG 2. Line 224 joins datacenters 200 and 100, lines 228 and 226 lead through 250.
pub(super) fn figure2(direct_is_down: bool) -> Value {
    let node = |name: &str, datacenter: &str| json!({"name": name, "datacenter": datacenter});
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": [node("n116", "mtdc100"), node("n124", "mtdc100"), node("n212", "mtdc200"),
                  node("n222", "mtdc200"), node("n220", "mtdc250")],
        "links": [
            line("inner100", ("n116", "up"), ("n124", "in"), false),
            line("inner200", ("n212", "up"), ("n222", "in"), false),
            line("line224", ("n222", "l224"), ("n124", "l224"), direct_is_down),
            line("line226", ("n220", "l226"), ("n124", "l226"), false),
            line("line228", ("n222", "l228"), ("n220", "l228"), false),
        ],
        "tenants": [{"name": "c", "segments": [
            segment("c", (120, json!("untagged")), 220, 1020, [("n212", "c0"), ("n116", "r0")]),
            segment("c-v30", (121, json!(30)), 221, 1021, [("n212", "c0"), ("n116", "r0")]),
        ]}],
    })
}

/// The node while these ports have no carrier, with its backups in use.
pub(super) fn at(valid: &Valid, node: &str, silent: &[&str]) -> Station {
    let image = compile_at(valid, node, &host(valid, node, MTU)).expect("it fits");
    Station::without_carrier(image, silent)
}

/// What a transit node makes of a frame: other addresses, a time to live less by one.
pub(super) fn relayed(frame: &[u8], to: &str, from: &str, ttl: u8) -> Vec<u8> {
    let octets = |mac: &str| -> Vec<u8> {
        let parts = mac_of(mac).split(':');
        parts
            .map(|part| u8::from_str_radix(part, 16).expect("hex"))
            .collect()
    };
    let mut expected = frame.to_vec();
    expected[..6].copy_from_slice(&octets(to));
    expected[6..12].copy_from_slice(&octets(from));
    expected[TTL] = ttl;
    expected
}

#[test]
fn golden_800_goes_through_the_third_datacenter_and_comes_out_as_it_went_in() {
    let valid = valid(&figure2(true));
    let mut nodes = ["n212", "n222", "n220", "n124", "n116"].map(|name| at(&valid, name, &[]));
    for own in ["", "-own"] {
        let (uni, dci) = (golden(&format!("uni-800{own}")), golden(&format!("dci-800{own}")));
        assert_eq!(nodes[0].forward("c0", &uni), ("up".to_owned(), dci.clone()));
        let hops = [
            ("in", "l228", "n220", "n222", 0xfe),
            ("l228", "l226", "n124", "n220", 0xfd),
            ("l226", "in", "n116", "n124", 0xfc),
        ];
        let mut frame = dci.clone();
        for (node, (entry, exit, to, from, ttl)) in nodes[1..].iter_mut().zip(hops) {
            let expected = relayed(&dci, to, from, ttl);
            assert_eq!(node.forward(entry, &frame), (exit.to_owned(), expected.clone()));
            frame = expected;
        }
        assert_eq!(nodes[4].forward("up", &frame), ("r0".to_owned(), uni));
    }
}

#[test]
fn golden_800_printed_is_for_everybody_and_crosses_once() {
    let mut document = figure2(true);
    for node in 0..5 {
        document["nodes"][node]["ports"] = json!([{"name": "c0", "drop_group_source": false}]);
    }
    let valid = valid(&document);
    let (mut first, mut last) = (at(&valid, "n212", &[]), at(&valid, "n116", &[]));
    assert_eq!(
        first.forward("c0", &golden("uni-800-printed")),
        ("up".to_owned(), golden("dci-800-printed"))
    );
    let arrived = relayed(&golden("dci-800-printed"), "n116", "n124", 0xfc);
    assert_eq!(
        last.forward("up", &arrived),
        ("r0".to_owned(), golden("uni-800-printed"))
    );
}

/// FIG 3, link 306 as a dedicated line, over IPv4 and over IPv6.
fn figure3(kind: &str, addresses: [&str; 2]) -> Value {
    let ends = [("n302", "w302"), ("n300", "w300")];
    let end = |at: usize| {
        let (node, port) = ends[at];
        match kind {
            "pseudowire" => json!({"node": node, "port": port, "mac": mac_of(node)}),
            _ => json!({"node": node, "port": port, "address": addresses[at]}),
        }
    };
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": [{"name": "n300", "datacenter": "mtdc100"}, {"name": "n302", "datacenter": "mtdc200"}],
        "links": [{"name": "link306", "kind": kind, "transport_label": 30600, "ends": [end(0), end(1)]}],
        "tenants": [{"name": "c", "segments": [
            segment("c", (120, json!("untagged")), 220, 1020, [("n302", "c0"), ("n300", "r0")]),
            segment("c-v30", (121, json!(30)), 221, 1021, [("n302", "c0"), ("n300", "r0")]),
        ]}],
    })
}

/// The node with its neighbour on link 306 resolved, and its own address there as the golden frames have it.
fn router(valid: &Valid, node: &str, port: &str, far: &str) -> Station {
    let octets = |mac: &str| mac.parse::<crate::model::Mac>().expect("an address").octets();
    let mut facts = host(valid, node, MTU);
    let port: crate::model::IfName = port.parse().expect("a port");
    facts.ports.get_mut(&port).expect("a port").mac = octets(mac_of(node));
    let neighbour = Some(octets(mac_of(far)));
    facts
        .neighbours
        .insert("link306".parse().expect("a name"), neighbour);
    Station::of(compile_at(valid, node, &facts).expect("it fits"))
}

#[test]
fn golden_800_prime_has_a_transport_label_on_a_line_and_in_udp() {
    for (kind, name, source_port) in [("pseudowire", "lh", None), ("mpls-udp", "lhudp", Some(34))] {
        let valid = valid(&figure3(kind, ["198.51.100.2", "198.51.100.1"]));
        let mut out = router(&valid, "n302", "w302", "n300");
        let mut back = router(&valid, "n300", "w300", "n302");
        for own in ["", "-own"] {
            let (uni, long) = (
                golden(&format!("uni-800{own}")),
                golden(&format!("{name}-800{own}")),
            );
            let (port, sent) = out.forward("c0", &uni);
            let mut expected = long.clone();
            if let Some(at) = source_port {
                assert!(sent[at] >= 0xc0, "{:02x}{:02x}", sent[at], sent[at + 1]);
                expected[at..at + 2].copy_from_slice(&sent[at..at + 2]);
            }
            assert_eq!((port.as_str(), &sent), ("w302", &expected));
            assert_eq!(back.forward("w300", &sent), ("r0".to_owned(), uni));
        }
    }
}

#[test]
fn labels_ride_over_ipv6_as_well() {
    let valid = valid(&figure3("mpls-udp", ["2001:db8::2", "2001:db8::1"]));
    let (mut out, mut back) = (
        router(&valid, "n302", "w302", "n300"),
        router(&valid, "n300", "w300", "n302"),
    );
    let uni = golden("uni-800");
    let (_, sent) = out.forward("c0", &uni);
    let mut expected = super::support::hex(
        "020000010300 020000020302 86dd 60000000 0058 11 40 20010db8000000000000000000000002 \
         20010db8000000000000000000000001 0000 19eb 0058 0000 077880ff 003fc1ff 00000000",
    );
    expected[54..56].copy_from_slice(&sent[54..56]);
    assert_eq!(sent[..74], expected);
    assert_eq!(sent[74..], golden("nni-800"));
    assert_eq!(back.forward("w300", &sent), ("r0".to_owned(), uni));
    // Another sender is nobody, whatever label he uses.
    let mut forged = sent.clone();
    forged[37] = 3;
    assert_eq!(
        back.receive("w300", &forged),
        Outcome::Dropped(DropReason::UnknownVtep)
    );
    let mut other = sent;
    other[64] ^= 0x10;
    assert_eq!(
        back.receive("w300", &other),
        Outcome::Dropped(DropReason::UnknownLabel)
    );
}

/// The direct line is used while it is up; without it frames leave their shortest way, are marked, and are not turned aside
/// a second time.
#[test]
fn a_line_without_a_carrier_is_replaced_at_once_and_no_frame_turns_aside_twice() {
    let valid = valid(&figure2(false));
    let dci = golden("dci-800");
    let mut direct = at(&valid, "n222", &[]);
    assert_eq!(
        direct.forward("in", &dci),
        ("l224".to_owned(), relayed(&dci, "n124", "n222", 0xfe))
    );
    let mut cut = at(&valid, "n222", &["l224"]);
    let (port, aside) = cut.forward("in", &dci);
    let mut expected = relayed(&dci, "n220", "n222", 0xfe);
    expected[CLASS] |= 0x02;
    assert_eq!((port.as_str(), &aside), ("l228", &expected));

    let mut next = at(&valid, "n220", &[]);
    let (port, onward) = next.forward("l228", &aside);
    assert_eq!((port.as_str(), onward[CLASS] & 0x0e), ("l226", 0x02));
    let mut last = at(&valid, "n124", &[]);
    let (_, onward) = last.forward("l226", &onward);
    assert_eq!(
        at(&valid, "n116", &[]).forward("up", &onward),
        ("r0".to_owned(), golden("uni-800"))
    );
    let mut next_cut = at(&valid, "n220", &["l226"]);
    assert_eq!(
        next_cut.receive("l228", &aside),
        Outcome::Dropped(DropReason::LinkDown)
    );
    let mut both = at(&valid, "n222", &["l224", "l228"]);
    assert_eq!(both.receive("in", &dci), Outcome::Dropped(DropReason::LinkDown));
    // Unmarked, it would have to go back by the line that it came by.
    let straight = relayed(&dci, "n220", "n222", 0xfe);
    assert_eq!(
        next_cut.receive("l228", &straight),
        Outcome::Dropped(DropReason::SamePort)
    );
}

/// Client and resource at the gateways themselves, so that both lines of a triangle end at one node.
pub(super) fn triangle() -> Value {
    let mut document = figure2(false);
    for segment in [0, 1] {
        let ends = &mut document["tenants"][0]["segments"][segment]["attachments"];
        (ends[0]["node"], ends[1]["node"]) = ("n124".into(), "n222".into());
    }
    document
}

/// A frame of the client for everybody.
pub(super) fn for_everybody() -> Vec<u8> {
    let mut frame = golden("uni-800");
    frame[..6].fill(0xff);
    frame
}

/// Ports without carrier, the line that is in use then at the client's node, the class in its labels, and why no copy leaves by
/// the other one.
const IN_USE: [(&[&str], &str, u8, DropReason); 2] = [
    (&[], "l224", 0, DropReason::StandbyPath),
    (&["l224"], "l228", 2, DropReason::LinkDown),
];

#[test]
fn of_the_copies_for_another_datacenter_only_that_of_the_line_in_use_leaves() {
    let mut document = triangle();
    // With a third member frames are copied.
    let ends = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    let third = json!({"node": "n222", "port": "c9", "vlan": "untagged", "c_vid": 322});
    ends.expect("a list").push(third);
    let valid = valid(&document);
    for (silent, line, class, reason) in IN_USE {
        let mut node = at(&valid, "n222", silent);
        let outcome = node.receive("c0", &for_everybody());
        let mut sent = outcome.sent();
        sent.retain(|sent| node.name_of(sent) != "c9");
        let [sent] = sent[..] else { panic!("{outcome:?}") };
        assert_eq!(
            (node.name_of(sent).as_str(), sent.bytes[CLASS] & 0x0e),
            (line, class)
        );
        // S 120 and the base C-VID 1120 behind label, control word and addresses.
        assert_eq!(sent.bytes[34..42], [0x88, 0xa8, 0, 120, 0x81, 0, 0x04, 0x60]);
        let Outcome::Flooded(copies) = &outcome else {
            panic!("{outcome:?}")
        };
        let dropped = |copy: &Copied| matches!(copy, Copied::Dropped(_, why) if *why == reason);
        assert_eq!(
            (copies.len(), copies.iter().filter(|copy| dropped(copy)).count()),
            (3, 1)
        );
    }
}

#[test]
fn between_one_port_and_another_datacenter_nothing_is_copied() {
    let valid = valid(&triangle());
    let frame = for_everybody();
    for (silent, line, class, _) in IN_USE {
        let mut node = at(&valid, "n222", silent);
        assert!(node.image.records().flood.is_empty());
        let (by, labelled) = node.forward("c0", &frame);
        assert_eq!((by.as_str(), labelled[CLASS] & 0x0e), (line, class));
        // What the other end sends comes by the line that the other end uses.
        let mut other = at(&valid, "n124", silent);
        let (mut by, mut back) = other.forward("r0", &frame);
        if by == "l226" {
            (by, back) = at(&valid, "n220", &[]).forward("l226", &back);
        }
        assert_eq!(by, line);
        assert_eq!(node.forward(&by, &back), ("c0".to_owned(), frame.clone()));
    }
}

#[test]
fn a_frame_for_everybody_does_not_go_from_datacenter_to_datacenter_to_datacenter() {
    let mut document = triangle();
    let ends = document["tenants"][0]["segments"][0]["attachments"]
        .as_array_mut()
        .expect("a list");
    ends.push(json!({"node": "n220", "port": "x0", "vlan": "untagged", "c_vid": 222}));
    let valid = valid(&document);
    let frame = for_everybody();
    let mut first = at(&valid, "n222", &[]);
    let outcome = first.receive("c0", &frame);
    let copies: Vec<(String, Vec<u8>)> = outcome
        .sent()
        .into_iter()
        .map(|sent| (first.name_of(sent), sent.bytes.clone()))
        .collect();
    assert_eq!(copies.len(), 2, "one for each other datacenter: {outcome:?}");
    for (node, port, exit) in [("n124", "l224", "r0"), ("n220", "l228", "x0")] {
        let (_, copy) = copies.iter().find(|(line, _)| line == port).expect("a copy");
        assert_eq!(
            at(&valid, node, &[]).forward(port, copy),
            (exit.to_owned(), frame.clone())
        );
    }
}

#[test]
fn what_is_not_rightly_labelled_is_dropped_with_its_own_reason() {
    let valid = valid(&figure2(true));
    let good = golden("dci-800");
    let with = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let cases = [
        ("n116", with(0, &[2, 0, 0, 1, 1, 0x24]), DropReason::NotForUs),
        (
            "n116",
            with(14, &[0x00, 0x00, 0xf1, 0xff]),
            DropReason::ReservedLabel,
        ),
        (
            "n116",
            with(14, &[0x00, 0x3f, 0xc0, 0xff]),
            DropReason::BadLabelStack,
        ),
        (
            "n116",
            with(14, &[0x00, 0x3f, 0xc1, 0x01]),
            DropReason::TtlExpired,
        ),
        (
            "n116",
            with(14, &[0x00, 0x3f, 0xc1, 0x00]),
            DropReason::TtlExpired,
        ),
        (
            "n116",
            with(14, &[0x00, 0x4f, 0xc1, 0xff]),
            DropReason::UnknownLabel,
        ),
        (
            "n116",
            with(14, &[0x7f, 0xff, 0xf1, 0xff]),
            DropReason::UnknownLabel,
        ),
        ("n116", with(18, &[0x10]), DropReason::BadControlWord),
        ("n116", with(36, &[0x00, 0x79]), DropReason::UnknownTags),
        ("n116", with(40, &[0x00, 0x79]), DropReason::UnknownTags),
        ("n116", with(34, &[0x81]), DropReason::NotTagged),
        ("n116", with(12, &[0x81, 0x00, 0x00, 0x07]), DropReason::NotTagged),
        ("n116", good[..40].to_vec(), DropReason::Truncated),
    ];
    for (node, mut frame, reason) in cases {
        if reason != DropReason::NotForUs {
            frame[..6].copy_from_slice(&[2, 0, 0, 1, 1, 0x16]);
        }
        assert_eq!(
            at(&valid, node, &[]).receive("up", &frame),
            Outcome::Dropped(reason),
            "{frame:02x?}"
        );
    }
}
