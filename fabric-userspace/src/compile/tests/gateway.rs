//! Gateways: who reaches whom, whatever the tables say.

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::DropReason;
use fabric_common::address::Address;
use fabric_common::maps::NextHop;
use fabric_common::maps::gateway::{Prefix, PrefixKey, PrefixRoute};
use serde_json::{Value, json};

use super::support::{Station, compile_at, compile_from, host, valid};
use crate::compile::twin::{Outcome, Twin, TwinSettings};
use crate::model::Name;
use crate::validate::Valid;

const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Two tenants with the same two networks at the same two nodes, and other next routers.
fn document() -> Value {
    let segment = |name: &str, node: &str, port: &str| {
        let end = json!({"node": node, "port": port, "vlan": "untagged"});
        json!({"name": name, "attachments": [end]})
    };
    let tenant = |name: &str, ports: [&str; 2]| {
        let segments = [
            segment(&format!("{name}-1"), "a", ports[0]),
            segment(&format!("{name}-2"), "b", ports[1]),
        ];
        json!({"name": name, "segments": segments})
    };
    let gateway = |tenant: &str, via: &str| {
        let place = |number: u8| json!({"segment": format!("{tenant}-{number}"), "addresses": [format!("10.0.{number}.1/24")]});
        json!({"name": format!("gw-{tenant}"), "tenant": tenant, "mac": "02:00:00:00:00:fe",
               "segments": [place(1), place(2)], "routes": [{"prefix": "0.0.0.0/0", "via": via}]})
    };
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999", "vnis": "7000-7999"}],
        "nodes": [{"name": "a", "datacenter": "dc1"}, {"name": "b", "datacenter": "dc1"}],
        "links": [{"name": "t", "kind": "trunk", "ends": [{"node": "a", "port": "t0"}, {"node": "b", "port": "t0"}]}],
        "tenants": [tenant("acme", ["eth1", "eth1"]), tenant("globex", ["eth2", "eth2"])],
        "gateways": [gateway("acme", "10.0.2.254"), gateway("globex", "10.0.2.253")],
    })
}

fn station(valid: &Valid, node: &str) -> Station {
    Station::of(compile_at(valid, node, &host(valid, node, 1600)).expect("it fits"))
}

fn packet(length: u16) -> Vec<u8> {
    packet_to([10, 0, 2, 10], length)
}

fn packet_to(destination: [u8; 4], length: u16) -> Vec<u8> {
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 1, 10];
    header.extend(destination);
    header[2..4].copy_from_slice(&length.to_be_bytes());
    let words = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("one fold is enough here");
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.resize(usize::from(length), 0x5a);
    [&GATEWAY[..], &CLIENT, &[8, 0], &header].concat()
}

/// The gateway has an IPv6 address in the first network as well.
fn with_v6() -> Value {
    let mut document = document();
    let addresses = &mut document["gateways"][0]["segments"][0]["addresses"];
    addresses
        .as_array_mut()
        .expect("a list")
        .push(json!("2001:db8:1::1/64"));
    document
}

/// ARP to everybody, of who has `mac` and says that he is `sender`.
fn arp(tags: &[u8], operation: u8, (mac, sender): ([u8; 6], [u8; 4]), target: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    let packet = [&head[..], &mac, &sender, &[0; 6], &target].concat();
    [&[0xff; 6][..], &mac, tags, &[8, 6], &packet].concat()
}

/// What a neighbour says of itself by asking for the gateway, in the second network.
fn asks_for_gateway() -> Vec<u8> {
    arp(&[], 1, (SERVER, [10, 0, 2, 10]), [10, 0, 2, 1])
}

/// What says that the gateway of the first network has the client's MAC address.
fn forges_gateway(tags: &[u8]) -> Vec<u8> {
    arp(tags, 2, (CLIENT, [10, 0, 1, 1]), [10, 0, 1, 10])
}

/// An ICMPv6 message to all hosts behind an extension header of this kind, which is 8 bytes of padding.
fn behind_extension(kind: u8, hop_limit: u8) -> Vec<u8> {
    let header = [0x60, 0, 0, 0, 0, 40, kind, hop_limit];
    let (from, to) = (
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    );
    let extension = [58, 0, 1, 4, 0, 0, 0, 0];
    let message = [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &from, &[2, 1], &CLIENT].concat();
    [
        &[0x33, 0x33, 0, 0, 0, 1][..],
        &CLIENT,
        &[0x86, 0xdd],
        &header,
        &from,
        &to,
        &extension,
        &message,
    ]
    .concat()
}

/// Receivers take a priority tag off, and Linux looks for neighbour discovery behind extension headers: there as well nobody else
/// says that he is the gateway.
#[test]
fn the_gateway_is_not_forged_behind_what_receivers_take_off() {
    let forged = Outcome::Dropped(DropReason::ForgedGateway);
    let mut untagged = station(&valid(&document()), "a");
    assert_eq!(untagged.receive("eth1", &forges_gateway(&[])), forged);
    assert_eq!(
        untagged.receive("eth1", &forges_gateway(&[0x81, 0, 0, 0])),
        forged
    );
    // A gateway without an IPv6 address is not to be forged by that.
    assert_ne!(untagged.receive("eth1", &behind_extension(60, 255)), forged);
    let mut untagged = station(&valid(&with_v6()), "a");
    for kind in [0, 43, 60] {
        assert_eq!(
            untagged.receive("eth1", &behind_extension(kind, 255)),
            forged,
            "{kind}"
        );
    }
    // Multicast listeners speak so (RFC 3810 section 5), and fragments have the hop limit of mDNS (RFC 6762 section 11).
    for (kind, hop_limit) in [(0, 1), (44, 255)] {
        assert_ne!(
            untagged.receive("eth1", &behind_extension(kind, hop_limit)),
            forged
        );
    }

    let mut document = document();
    document["tenants"][0]["segments"][0]["attachments"][0]["vlan"] = json!(10);
    let mut tagged = station(&valid(&document), "a");
    let own = [0x81, 0, 0, 10];
    assert_eq!(tagged.receive("eth1", &forges_gateway(&own)), forged);
    for inner in [[0x81, 0, 0, 0], [0x81, 0, 0xe0, 0], [0x88, 0xa8, 0, 0]] {
        let tags = [own, inner].concat();
        assert_eq!(
            tagged.receive("eth1", &forges_gateway(&tags)),
            forged,
            "{tags:x?}"
        );
    }
    assert_ne!(
        tagged.receive("eth1", &forges_gateway(&[own, [0x81, 0, 0, 7]].concat())),
        forged
    );
}

/// A router that hears somebody look for routers notes where he is (RFC 4861 section 6.2.6). A gateway does not look.
#[test]
fn nobody_looks_for_routers_in_the_gateways_name() {
    let solicitation = |from: [u8; 16], hop_limit: u8| {
        let header = [0x60, 0, 0, 0, 0, 16, 58, hop_limit];
        let routers = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let message = [&[133, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &CLIENT].concat();
        let packet = [&header[..], &from, &routers, &message].concat();
        [&[0x33, 0x33, 0, 0, 0, 2][..], &CLIENT, &[0x86, 0xdd], &packet].concat()
    };
    let gateway = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut host = gateway;
    host[15] = 2;
    let mut station = station(&valid(&with_v6()), "a");
    let forged = Outcome::Dropped(DropReason::ForgedGateway);
    assert_eq!(station.receive("eth1", &solicitation(gateway, 255)), forged);
    for (from, hop_limit) in [(host, 255), ([0; 16], 255), (gateway, 64)] {
        assert_ne!(station.receive("eth1", &solicitation(from, hop_limit)), forged);
    }
}

/// The gateway's answer never goes to a group: it would come back to everybody, or to what no port sends.
#[test]
fn who_asks_in_the_name_of_a_group_is_not_answered() {
    let mut station = station(&valid(&document()), "b");
    for (sender, reason) in [
        ([1, 0x80, 0xc2, 0, 0, 1], DropReason::GroupSource),
        ([0xff; 6], DropReason::GroupSource),
        ([0; 6], DropReason::ZeroSource),
    ] {
        let mut frame = asks_for_gateway();
        frame[22..28].copy_from_slice(&sender);
        let outcome = station.receive("eth1", &frame);
        assert_eq!(outcome, Outcome::Dropped(reason), "{sender:x?}");
    }
}

/// RFC 3927 section 2.7, with a default route that would take them.
#[test]
fn link_local_packets_are_not_routed() {
    let mut station = station(&valid(&document()), "a");
    let outcome = station.receive("eth1", &packet_to([169, 254, 169, 254], 60));
    assert_eq!(outcome, Outcome::Dropped(DropReason::Martian));
    assert!(matches!(
        station.receive("eth1", &packet_to([198, 51, 100, 9], 60)),
        Outcome::Asked(_)
    ));
}

/// While one tenant's gateway makes room for another one's of the same name, the entries of both are in the tables.
#[test]
fn a_gateway_whose_name_passes_to_another_tenant_has_another_routing_table() {
    let with = |tenant: &str| {
        let mut document = document();
        let gateways = document["gateways"].as_array_mut().expect("a list");
        gateways.retain(|gateway| gateway["tenant"] == tenant);
        gateways[0]["name"] = json!("gw");
        valid(&document)
    };
    let tables = |image: &crate::compile::Image| {
        let records = image.records();
        let irbs: BTreeSet<u32> = records.irbs.values().map(|irb| irb.vrf).collect();
        let prefixes: BTreeSet<u32> = records.prefixes.keys().map(|prefix| prefix.key.vrf()).collect();
        assert_eq!(irbs, prefixes);
        assert_eq!(irbs.len(), 1);
        irbs
    };
    let (acme, globex) = (with("acme"), with("globex"));
    let before = compile_at(&acme, "a", &host(&acme, "a", 1600)).expect("it fits");
    let same = compile_from(&acme, "a", &host(&acme, "a", 1600), &before).expect("it fits");
    assert_eq!(tables(&same), tables(&before));
    let after = compile_from(&globex, "a", &host(&globex, "a", 1600), &before).expect("it fits");
    assert!(tables(&after).is_disjoint(&tables(&before)));
    // The next agent knows whose it was.
    let restored =
        crate::compile::Image::restore(&crate::ids::Sizes::default(), before.ids()).expect("it fits");
    let after = compile_from(&globex, "a", &host(&globex, "a", 1600), &restored).expect("it fits");
    assert!(tables(&after).is_disjoint(&tables(&before)));
}

/// Hosts behind a VTEP alone: nobody says in which VLAN they are, so the gateway's frames have no tag.
#[test]
fn a_gateway_of_remotes_alone_sends_no_tag() {
    let mut document = document();
    document["links"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"name": "far", "kind": "vxlan", "ends": [
        {"node": "a", "port": "u0", "address": "192.0.2.1"}, {"address": "192.0.2.2"}]}));
    let segment = &mut document["tenants"][0]["segments"][1];
    segment["attachments"] = json!([]);
    segment["vni"] = json!(7001);
    segment["remotes"] = json!([{"link": "far"}]);
    let valid = valid(&document);
    let mut facts = host(&valid, "a", 1600);
    facts
        .neighbours
        .insert("far".parse().expect("a name"), Some([2, 0, 0, 0, 9, 9]));
    let mut station = Station::of(compile_at(&valid, "a", &facts).expect("it fits"));
    let outcome = station.receive("eth1", &packet(60));
    let (true, [question]) = (matches!(outcome, Outcome::Asked(_)), &outcome.sent()[..]) else {
        panic!("{outcome:?}")
    };
    // Ethernet, IPv4, UDP and VXLAN, then the question itself.
    assert_eq!(question.bytes[50 + 12..50 + 14], [8, 6], "{:x?}", question.bytes);
}

/// From one segment to another one only by two interfaces of one gateway, and those belong to one tenant: at every node, for
/// every route in the tables.
#[test]
fn nothing_but_a_gateway_of_the_tenant_leads_from_segment_to_segment() {
    let valid = valid(&document());
    for node in ["a", "b"] {
        let station = station(&valid, node);
        let owners: BTreeMap<u32, Name> = valid
            .segments()
            .iter()
            .map(|one| (station.image.segments[&one.name].ids.segment, one.tenant.clone()))
            .collect();
        let records = station.image.records();
        assert_eq!((records.irbs.len(), records.prefixes.len()), (4, 10), "{node}");
        let mut tenants: BTreeMap<u32, BTreeSet<&Name>> = BTreeMap::new();
        for irb in records.irbs.values() {
            tenants
                .entry(irb.vrf)
                .or_default()
                .insert(&owners[&irb.segment()]);
        }
        assert!(tenants.values().all(|owners| owners.len() == 1), "{tenants:?}");
        for (prefix, route) in &records.prefixes {
            assert_eq!(prefix.key.vrf(), records.irbs[&route.irb].vrf);
        }
        for hop in records.next_hops.values().filter(|hop| hop.is_gateway()) {
            assert_eq!(records.irbs[&hop.path].segment(), hop.segment);
        }
        let inside = records
            .next_hops
            .values()
            .filter(|hop| hop.flags & NextHop::INSIDE != 0);
        assert!(inside.count() > 0, "the way to the other node");
    }
}

/// Whatever a route says: an interface of another gateway is not followed.
#[test]
fn a_route_into_another_gateway_is_not_followed() {
    let valid = valid(&document());
    let station = station(&valid, "a");
    let mut records = station.image.records();
    let segment = station.image.segments["acme-1"].ids.segment;
    let own = records.irbs.values().find(|irb| irb.segment() == segment);
    let vrf = own.expect("its gateway").vrf;
    let foreign = records.irbs.iter().find(|(_, irb)| irb.vrf != vrf);
    let stolen = PrefixRoute {
        irb: *foreign.expect("another gateway").0,
        kind: PrefixRoute::CONNECTED,
        via: Address::default(),
    };
    let key = Prefix {
        length: PrefixKey::TABLE_BITS + 32,
        key: PrefixKey::v4(vrf, [10, 0, 2, 10]),
    };
    records.prefixes.insert(key, stolen);
    let mut station = Station {
        twin: Twin::new(records, TwinSettings::default()),
        image: station.image,
    };
    let outcome = station.receive("eth1", &packet(60));
    assert_eq!(outcome, Outcome::Dropped(DropReason::StaleNextHop));
}

/// Routed where it enters: the packet crosses the trunk in the other segment's tags, and the second node only delivers it. What
/// is too big for that way is told with the MTU of it.
#[test]
fn a_packet_is_routed_where_it_enters_and_too_big_ones_are_told() {
    let valid = valid(&document());
    let (mut a, mut b) = (station(&valid, "a"), station(&valid, "b"));
    assert!(matches!(a.receive("eth1", &packet(60)), Outcome::Asked(_)));
    // The neighbour's answer to the gateway at its own node goes on to the one that has asked.
    let answer = {
        let mut frame = asks_for_gateway();
        frame[..6].copy_from_slice(&GATEWAY);
        frame[21] = 2;
        frame
    };
    let outcome = b.receive("eth1", &answer);
    let [crossing] = outcome.sent()[..] else {
        panic!("on to the other node: {outcome:?}")
    };
    let outcome = a.receive("t0", &crossing.bytes);
    assert!(outcome.sent().is_empty(), "it ends there: {outcome:?}");
    let (port, sent) = a.forward("eth1", &packet(60));
    assert_eq!(port, "t0");
    let (port, sent) = b.forward("t0", &sent);
    assert_eq!(port, "eth1");
    assert_eq!(
        (&sent[..6], &sent[6..12], sent[22]),
        (&SERVER[..], &GATEWAY[..], 63)
    );
    let outcome = a.receive("eth1", &packet(1599));
    let Outcome::Told(DropReason::TooBig, told) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(told.bytes[34..36], [3, 4]);
    let mtu = u16::from_be_bytes([told.bytes[40], told.bytes[41]]);
    let fits = a.receive("eth1", &packet(mtu));
    assert!(mtu < 1599 && matches!(fits, Outcome::Sent(_)), "{mtu}: {fits:?}");
}

/// Where a segment has two members the other one gets what is for an unknown station: no message speaks in that one's name, or the
/// switches on the way would look for it here. Once the station is known its sender is told.
#[test]
fn who_sends_too_much_to_an_unknown_station_is_not_told_in_its_name() {
    let mut document = document();
    document["gateways"] = json!([]);
    let segments = document["tenants"][0]["segments"].as_array_mut().expect("a list");
    segments.truncate(1);
    let far = json!({"node": "b", "port": "eth1", "vlan": "untagged"});
    segments[0]["attachments"]
        .as_array_mut()
        .expect("a list")
        .push(far);
    let valid = valid(&document);
    let mut facts = host(&valid, "a", 1600);
    let trunk = facts.ports.get_mut("t0").expect("its trunk");
    trunk.mtu = 1520;
    let mut a = Station::of(compile_at(&valid, "a", &facts).expect("it fits"));
    let mut b = station(&valid, "b");
    let mut packet = packet(1560);
    packet[..6].copy_from_slice(&SERVER);
    assert_eq!(a.receive("eth1", &packet), Outcome::Dropped(DropReason::TooBig));

    let hello = [&[0xff; 6][..], &SERVER, &[0x88, 0xb5], &[0; 46]].concat();
    let (_, crossing) = b.forward("eth1", &hello);
    assert_eq!(a.forward("t0", &crossing).0, "eth1");
    let Outcome::Told(DropReason::TooBig, told) = a.receive("eth1", &packet) else {
        panic!("it is known now")
    };
    assert_eq!((&told.bytes[..6], &told.bytes[6..12]), (&CLIENT[..], &SERVER[..]));
}
