//! FIG 10's pathway 1018: VXLAN in VLAN 100, golden frames, several VTEPs behind one port.

use fabric_common::DropReason;
use fabric_common::address::Address;
use fabric_common::maps::{Path, VtepAddress};
use serde_json::{Value, json};

use super::support::{Station, compile_at, golden, hex, host, valid};
use crate::compile::HostFacts;
use crate::compile::twin::{Copied, Outcome};

const MAC_S: [u8; 6] = [2, 0, 0, 1, 0x10, 0x10];
const MAC_SA: [u8; 6] = [2, 0, 0, 1, 0x10, 0x1a];

fn pathway(vlan: &Value) -> Value {
    let end = |node: &str, address: &str| json!({"node": node, "port": "eth2", "address": address});
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
        "nodes": [{"name": "s", "datacenter": "dc1"}, {"name": "sa", "datacenter": "dc1"}],
        "links": [{"name": "pathway", "kind": "vxlan", "vlan": 100,
            "ends": [end("s", "192.0.2.1"), end("sa", "192.0.2.2")]}],
        "tenants": [{"name": "a", "segments": [{"name": "a", "vni": 10001, "attachments": [
            {"node": "s", "port": "eth0", "vlan": vlan,
                "stations": [{"mac": "56:89:6f:88:9d:c7"}]},
            {"node": "sa", "port": "eth0", "vlan": vlan,
                "stations": [{"mac": "28:08:80:52:17:20"}]}]}]}],
    })
}

fn facts(document: &Value, node: &str, mac: [u8; 6], neighbour: Option<[u8; 6]>) -> HostFacts {
    let mut host = host(&valid(document), node, 1600);
    host.ports.get_mut("eth2").expect("the underlay port").mac = mac;
    host.neighbours
        .insert("pathway".parse().expect("a name"), neighbour);
    host
}

fn nodes(vlan: &Value) -> (Station, Station) {
    let document = pathway(vlan);
    let at = |node: &str, mac, neighbour| {
        let facts = facts(&document, node, mac, neighbour);
        Station::of(compile_at(&valid(&document), node, &facts).expect("it fits"))
    };
    (at("s", MAC_S, Some(MAC_SA)), at("sa", MAC_SA, Some(MAC_S)))
}

/// Takes the source port out, which is checked by its range.
fn without_port(mut frame: Vec<u8>) -> Vec<u8> {
    let port = u16::from_be_bytes([frame[38], frame[39]]);
    assert!(port >= 49152, "{port}");
    frame[38..40].fill(0);
    frame
}

#[track_caller]
fn crosses(vlan: &Value, uni: &str, vx: &str, back: bool) {
    let (s, sa) = nodes(vlan);
    let (mut from, mut to) = if back { (sa, s) } else { (s, sa) };
    let (port, wire) = from.forward("eth0", &golden(uni));
    assert_eq!(port, "eth2");
    assert_eq!(to.forward("eth2", &wire), ("eth0".to_owned(), golden(uni)));
    assert_eq!(without_port(wire), golden(vx));
}

#[test]
fn golden_vx_600_crosses() {
    crosses(&json!("untagged"), "uni-600", "vx-600", false);
}

#[test]
fn golden_vx_600_own_crosses_in_a_bundle_of_vlans() {
    crosses(&json!("any"), "uni-600-own", "vx-600-own", false);
    crosses(&json!("any"), "uni-600", "vx-600", false);
}

#[test]
fn golden_vx_600_return_crosses() {
    crosses(&json!("untagged"), "uni-600-return", "vx-600-return", true);
}

#[test]
fn the_template_is_these_bytes() {
    let (s, _) = nodes(&json!("untagged"));
    let records = s.image.records();
    let hop = s.image.segments["a"].ids.next_hops[&"pathway:0".parse().expect("a place")];
    let expected = hex(
        "02000001101a 020000011010 8100 0064 0800 4500 0000 0000 4000 40 11 0000 c0000201 c0000202 \
         0000 12b5 0000 0000 08000000 00271100",
    );
    let path = records.paths[&hop.path.id];
    assert_eq!(path.template.map(u64::to_ne_bytes).concat()[..54], expected);
    // Sum of 4500 4000 4011 c000 0201 c000 0202, folded: the complement of 0xb689 + 0x60.
    let expected = Path {
        slot: 1,
        max_len: 1618,
        pre: 54,
        post_len: 0,
        ip_at: 18,
        flags: 0,
        ip_sum: 0x4916,
        segment: 1,
        template: path.template,
        ..Path::default()
    };
    assert_eq!(path, expected);
}

#[test]
fn a_configured_vtep_is_known_even_without_a_segment() {
    let (s, _) = nodes(&json!("untagged"));
    let node = &s.image.node.records;
    // Slot 1, VNI 0, 192.0.2.2 in memory order.
    let marker = node.tunnels[&node.tunnel_keys[&0x0100_0000_0202_00c0]];
    assert_eq!(
        (marker.binding.segment(), marker.local, marker.vlan, marker.slot),
        (0, Address::v4([192, 0, 2, 1]), 100, 1)
    );
    let address = VtepAddress {
        local: Address::v4([192, 0, 2, 1]),
        vlan: 100,
        slot: 1,
        udp_port: 4789,
        reserved: 0,
    };
    assert_eq!(node.vteps, [address].into());
    assert_eq!(
        s.image.segments["a"]
            .records
            .tunnel_keys
            .keys()
            .collect::<Vec<_>>(),
        [&0x0100_2711_0202_00c0]
    );
}

#[test]
fn frames_from_outside_of_the_document_are_refused_by_reason_or_left_to_the_host() {
    let (_, mut sa) = nodes(&json!("untagged"));
    let change = |at: usize, byte: u8| {
        let mut frame = golden("vx-600");
        frame[at] = byte;
        frame
    };
    let mut verdict = |frame: Vec<u8>| sa.receive("eth2", &frame);
    assert_eq!(
        verdict(change(52, 0x12)),
        Outcome::Dropped(DropReason::UnknownVni)
    );
    assert_eq!(verdict(change(33, 9)), Outcome::Dropped(DropReason::UnknownVtep));
    assert_eq!(
        verdict(change(26, 0x41)),
        Outcome::Dropped(DropReason::BadIpChecksum)
    );
    assert_eq!(verdict(change(37, 9)), Outcome::Passed);
    assert_eq!(verdict(change(41, 0xb6)), Outcome::Passed);
    assert_eq!(verdict(change(46, 0)), Outcome::Dropped(DropReason::NoVniFlag));
}

#[test]
fn an_unresolved_neighbour_drops_with_a_reason_until_it_is_known() {
    let document = pathway(&json!("untagged"));
    let valid = valid(&document);
    let unresolved = compile_at(&valid, "s", &facts(&document, "s", MAC_S, None)).expect("it fits");
    let mut node = Station::of(unresolved.clone());
    assert_eq!(
        node.receive("eth0", &golden("uni-600")),
        Outcome::Dropped(DropReason::NeighbourUnresolved)
    );
    let known = facts(&document, "s", MAC_S, Some(MAC_SA));
    let resolved = super::support::compile_from(&valid, "s", &known, &unresolved).expect("it fits");
    let changes = crate::diff::diff_images(&unresolved, &resolved);
    // One path more, one switch, one path less.
    assert_eq!(
        (
            changes.summary.make,
            changes.summary.change,
            changes.summary.break_
        ),
        (1, 1, 1)
    );
    assert_eq!(resolved.freed.paths.len(), 1);
    assert!(changes.vanished_next_hops.is_empty());
}

/// A gateway with three foreign VTEPs behind one port.
fn gateway() -> Station {
    gateway_without("none")
}

/// The same with a link out of service.
fn gateway_without(down: &str) -> Station {
    let link = |name: &str, last: u8, strict: bool| {
        json!({"name": name, "kind": "vxlan", "strict": strict, "udp_port": 4790, "down": name == down, "ends": [
            {"node": "gw", "port": "eth2", "address": "192.0.2.1"}, {"address": format!("192.0.2.{last}")}]})
    };
    let document = json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
        "nodes": [{"name": "gw", "datacenter": "dc1"}],
        "links": [link("x", 2, false), link("y", 3, false), link("z", 4, true)],
        "tenants": [{"name": "a", "segments": [{"name": "a", "vni": 10001,
            "attachments": [{"node": "gw", "port": "eth0", "vlan": 10}, {"node": "gw", "port": "eth1", "vlan": 10}],
            "remotes": [{"link": "x"}, {"link": "y"}, {"link": "z", "stations": [{"mac": "02:00:00:00:00:04"}]}]}]}],
    });
    let valid = valid(&document);
    let mut host = host(&valid, "gw", 1600);
    for (link, last) in [("x", 2), ("y", 3), ("z", 4)] {
        host.neighbours
            .insert(link.parse().expect("a name"), Some([2, 0, 0, 0, 0, last]));
    }
    Station::of(compile_at(&valid, "gw", &host).expect("it fits"))
}

#[test]
fn a_broadcast_reaches_every_other_member_exactly_once() {
    let expected = [("eth1", 0), ("eth2", 2), ("eth2", 3), ("eth2", 4)];
    assert_eq!(reached(&mut gateway()), expected.map(own));
}

/// A broadcast goes out by these ports, to VTEPs with this last octet.
fn reached(gateway: &mut Station) -> Vec<(String, u8)> {
    let mut frame = golden("uni-600-bcast");
    frame.splice(12..12, [0x81, 0, 0, 10]);
    let outcome = gateway.receive("eth0", &frame);
    let mut reached: Vec<_> = outcome
        .sent()
        .iter()
        .map(|sent| match sent.bytes.len() {
            64 => (gateway.name_of(sent), sent.bytes[14]),
            _ => (gateway.name_of(sent), sent.bytes[33]),
        })
        .collect();
    reached.sort();
    reached
}

fn own((port, last): (&str, u8)) -> (String, u8) {
    (port.to_owned(), last)
}

#[test]
fn a_foreign_vtep_whose_link_is_out_of_service_hears_nothing_and_is_not_heard() {
    let mut gateway = gateway_without("x");
    assert_eq!(
        reached(&mut gateway),
        [("eth1", 0), ("eth2", 3), ("eth2", 4)].map(own)
    );
    let from_x = from_x(&mut gateway_without("none"));
    assert_eq!(
        gateway.receive("eth2", &from_x),
        Outcome::Dropped(DropReason::UnknownVni)
    );
}

/// A broadcast of VTEP x: what goes to it, turned round, with a checksum of its own.
fn from_x(gateway: &mut Station) -> Vec<u8> {
    let mut frame = golden("uni-600-bcast");
    frame.splice(12..12, [0x81, 0, 0, 10]);
    let outcome = gateway.receive("eth0", &frame);
    let to_x = outcome
        .sent()
        .into_iter()
        .find(|sent| sent.bytes.len() > 64 && sent.bytes[33] == 2);
    let mut from_x = to_x.expect("a copy to x").bytes.clone();
    let mac = u8::try_from(
        gateway
            .image
            .ports()
            .find(|port| port.0.as_str() == "eth2")
            .expect("a port")
            .1
            .facts
            .ifindex,
    );
    from_x[..6].copy_from_slice(&[2, 0, 0, 0, 0xff, mac.expect("small")]);
    let (a, b) = (from_x[26..30].to_vec(), from_x[30..34].to_vec());
    from_x[26..30].copy_from_slice(&b);
    from_x[30..34].copy_from_slice(&a);
    from_x[56] = 0x54;
    from_x
}

#[test]
fn foreign_vteps_hear_the_tenants_ports_and_not_each_other() {
    let mut gateway = gateway();
    let mut from_x = from_x(&mut gateway);
    let outcome = gateway.receive("eth2", &from_x);

    let mut ports: Vec<_> = outcome.sent().iter().map(|sent| gateway.name_of(sent)).collect();
    ports.sort();
    assert_eq!(ports, ["eth0", "eth1"]);
    assert!(matches!(&outcome, Outcome::Flooded(copies)
        if copies.iter().all(|copy| matches!(copy, Copied::Sent(_)))));
    // Its static neighbour z is in the same mesh: x sends there itself.
    from_x[50..56].copy_from_slice(&[2, 0, 0, 0, 0, 4]);
    assert_eq!(
        gateway.receive("eth2", &from_x),
        Outcome::Dropped(DropReason::SplitHorizon)
    );
}

/// One VTEP that is away says nothing of the others behind the same port.
#[test]
fn each_link_of_a_port_has_a_state_and_segments_of_its_own() {
    let link = |name: &str, last: u8| {
        json!({"name": name, "kind": "vxlan", "ends": [
            {"node": "gw", "port": "eth2", "address": "192.0.2.1"}, {"address": format!("192.0.2.{last}")}]})
    };
    let segment = |name: &str, vlan: u16, links: &[&str]| {
        let remotes: Vec<Value> = links.iter().map(|link| json!({"link": link})).collect();
        json!({"name": name, "vni": 10_000 + u32::from(vlan),
               "attachments": [{"node": "gw", "port": "eth0", "vlan": vlan}], "remotes": remotes})
    };
    let valid = valid(&json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
        "nodes": [{"name": "gw", "datacenter": "dc1"}],
        "links": [link("x", 2), link("y", 3)],
        "tenants": [{"name": "t", "segments": [segment("a", 10, &["x", "y"]), segment("b", 20, &["y"])]}],
    }));
    let mut host = host(&valid, "gw", 1600);
    host.neighbours
        .insert("x".parse().expect("a name"), Some([2, 0, 0, 0, 0, 2]));
    host.neighbours.insert("y".parse().expect("a name"), None);
    let image = compile_at(&valid, "gw", &host).expect("it fits");
    let is_resolved = |link: &str| image.node.is_resolved(&link.parse().expect("a name"));
    assert_eq!(["x", "y"].map(is_resolved), [true, false]);
    let links = |segment: &str| {
        let links = image.segments[segment].links();
        links.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        (links("a"), links("b")),
        (vec!["x".into(), "y".into()], vec!["y".into()])
    );
}
