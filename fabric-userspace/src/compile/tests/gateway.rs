//! Gateways: who reaches whom, whatever the tables say.

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::DropReason;
use fabric_common::address::Address;
use fabric_common::maps::NextHop;
use fabric_common::maps::gateway::{Prefix, PrefixKey, PrefixRoute};
use serde_json::{Value, json};

use super::support::{Station, compile_at, host, valid};
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
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"}],
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
    let mut header = vec![
        0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 1, 10, 10, 0, 2, 10,
    ];
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

/// What a neighbour says of itself by asking for the gateway, in the second network.
fn asks_for_gateway() -> Vec<u8> {
    let packet = [
        &[0, 1, 8, 0, 6, 4, 0, 1][..],
        &SERVER,
        &[10, 0, 2, 10],
        &[0; 6],
        &[10, 0, 2, 1],
    ]
    .concat();
    [&[0xff; 6][..], &SERVER, &[8, 6], &packet].concat()
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
