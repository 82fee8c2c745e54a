//! Documents for property tests, as operators could have written them.

mod sites;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Document, Gateway, IfName, Name, Segment, Vlan, Vsm, from_json};
use crate::edit::{Attach, RemoteAdd, attach, remote_add};
use crate::validate::validate;

pub(crate) use sites::sites;

/// A fabric of up to five nodes in up to two datacenters, joined in a ring of trunks and a VXLAN link, with two
/// foreign VTEPs and no tenants.
pub(crate) fn plant() -> impl Strategy<Value = Document> {
    (1usize..=5, 1usize..=2, any::<bool>()).prop_map(|(nodes, datacenters, overlay)| {
        let datacenter = |at: usize| {
            let (s, v) = (100 + at * 100, 10_000 + at * 1000);
            serde_json::json!({"name": format!("dc{at}"), "id": at, "s_vids": format!("{s}-{}", s + 99),
                "c_vids": format!("{}-{}", 200 + at * 1000, 1199 + at * 1000), "vnis": format!("{v}-{}", v + 99)})
        };
        let node = |at: usize| serde_json::json!({"name": format!("n{at}"), "datacenter": format!("dc{}", at % datacenters)});
        let mut links: Vec<_> = (1..nodes).map(|at| trunk_or_vxlan(at, overlay && at == 1)).collect();
        links.extend([foreign("out0", 1), foreign("out1", 2)]);
        let document = serde_json::json!({
            "schema": "fabric/1",
            "datacenters": (0..datacenters).map(datacenter).collect::<Vec<_>>(),
            "nodes": (0..nodes).map(node).collect::<Vec<_>>(),
            "links": links,
        });
        from_json(&document.to_string()).expect("a document")
    })
}

fn trunk_or_vxlan(at: usize, overlay: bool) -> serde_json::Value {
    let end = |node: usize, host: usize| match overlay {
        true => {
            serde_json::json!({"node": format!("n{node}"), "port": "u1", "address": format!("198.51.100.{host}")})
        }
        false => serde_json::json!({"node": format!("n{node}"), "port": format!("t{at}")}),
    };
    let kind = if overlay { "vxlan" } else { "trunk" };
    serde_json::json!({"name": format!("l{at}"), "kind": kind, "ends": [end(at - 1, 1), end(at, 2)]})
}

fn foreign(name: &str, host: usize) -> serde_json::Value {
    serde_json::json!({"name": name, "kind": "vxlan", "ends": [
        {"node": "n0", "port": "u0", "address": "192.0.2.10"}, {"address": format!("192.0.2.{host}")}]})
}

/// An attachment that may or may not fit `plant`.
pub(crate) fn request() -> impl Strategy<Value = Attach> {
    let vlan = prop_oneof![3 => (1u16..5).prop_map(|vid| vid.to_string()), 2 => Just("untagged".to_owned()), 1 => Just("any".to_owned())];
    (0u8..6, 0usize..5, 0u8..5, vlan, proptest::option::of(0u32..3)).prop_map(
        |(tenant, node, port, vlan, station)| {
            let mut request = Attach::new(
                name(&format!("tenant{tenant}")),
                name(&format!("n{node}")),
                format!("eth{port}").parse().expect("legal"),
                vlan.parse().expect("legal"),
            );
            let station =
                station.map(|number| format!(r#"[{{"mac":"02:00:00:{port:02x}:{node:02x}:{number:02x}"}}]"#));
            request.stations = station
                .map(|text| from_json(&text).expect("stations"))
                .unwrap_or_default();
            request
        },
    )
}

/// A fabric with tenants, gateways between their segments, and storage machines with members at one node or several.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let gateways = vec((0u8..6, 0u8..3), 0..3);
    let storage = vec((any::<Index>(), vec(any::<Index>(), 1..4), any::<bool>()), 0..3);
    (attached(), gateways, storage).prop_map(|(mut document, gateways, storage)| {
        for (number, (tenant, routes)) in gateways.into_iter().enumerate() {
            document = with(document, |document| {
                document
                    .gateways
                    .extend(gateway(document, number, tenant, routes));
            });
        }
        for (number, (segment, members, is_copied)) in storage.into_iter().enumerate() {
            document = with(document, |document| {
                document
                    .storage
                    .extend(vsm(document, number, (segment, &members), is_copied));
            });
        }
        document
    })
}

/// The document with a change and all its numbers, if it fits.
fn with(document: Document, change: impl FnOnce(&mut Document)) -> Document {
    let mut changed = document.clone();
    change(&mut changed);
    validate(changed).map_or(document, |valid| valid.document().clone())
}

/// Between all segments of a tenant that are of one VLAN, with some routes through a router in the first one.
fn gateway(document: &Document, number: usize, tenant: u8, routes: u8) -> Option<Gateway> {
    let tenant = document
        .tenants
        .iter()
        .find(|known| known.name == name(&format!("tenant{tenant}")))?;
    let is_of_one_vlan = |segment: &&Segment| segment.attachments.iter().all(|end| end.vlan != Vlan::Any);
    let segments = tenant.segments.iter().filter(is_of_one_vlan).enumerate();
    let places = segments.map(|(at, segment)| {
        serde_json::json!({"segment": segment.name,
            "addresses": [format!("10.{number}.{at}.1/24"), format!("2001:db8:{number}:{at}::1/64")]})
    });
    let routes = (0..routes).map(
        |at| serde_json::json!({"prefix": format!("172.16.{at}.0/24"), "via": format!("10.{number}.0.254")}),
    );
    let text = serde_json::json!({
        "name": format!("gw{number}"), "tenant": tenant.name, "mac": "02:00:00:00:00:fe",
        "segments": places.collect::<Vec<_>>(), "routes": routes.collect::<Vec<_>>(),
    });
    Some(from_json(&text.to_string()).expect("a gateway"))
}

/// At some of a segment's ports, wherever they are.
fn vsm(
    document: &Document,
    number: usize,
    (segment, members): (Index, &[Index]),
    is_copied: bool,
) -> Option<Vsm> {
    let all = document.tenants.iter().flat_map(|tenant| &tenant.segments);
    let all: Vec<&Segment> = all.filter(|segment| !segment.attachments.is_empty()).collect();
    let segment = *all.get(segment.index(all.len().max(1)))?;
    let ports: BTreeMap<(&Name, &IfName), usize> = members
        .iter()
        .enumerate()
        .map(|(at, member)| (&segment.attachments[member.index(segment.attachments.len())], at))
        .map(|(end, at)| ((&end.node, &end.port), at))
        .collect();
    let members = ports
        .iter()
        .map(|((node, port), at)| serde_json::json!({"name": format!("m{at}"), "node": node, "port": port}));
    let mut text = serde_json::json!({
        "name": format!("vsm{number}"), "mac": format!("02:00:00:00:01:{number:02x}"), "tcp_port": 3260,
        "segments": [{"segment": segment.name, "address": format!("10.9.{number}.100"), "probe_address": "10.9.9.9"}],
        "members": members.collect::<Vec<_>>(),
    });
    if is_copied {
        text["replication"] = "sync".into();
        text["members"][0]["monitor"] = "/run/copies.qmp".into();
    }
    Some(from_json(&text.to_string()).expect("a storage machine"))
}

/// A fabric with tenants: whatever of a random list of attachments and remotes fits.
pub(crate) fn attached() -> impl Strategy<Value = Document> {
    (plant(), vec(request(), 0..20), vec((0u8..6, 0u8..2), 0..4)).prop_map(
        |(mut document, requests, remotes)| {
            for request in &requests {
                document = attach(&document, request)
                    .map(|edited| edited.document)
                    .unwrap_or(document);
            }
            for (tenant, link) in remotes {
                let (segment, link) = (name(&format!("tenant{tenant}")), name(&format!("out{link}")));
                let request = RemoteAdd {
                    segment,
                    link,
                    c_vid: None,
                    vni: None,
                };
                document = remote_add(&document, &request)
                    .map(|edited| edited.document)
                    .unwrap_or(document);
            }
            document
        },
    )
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("legal")
}

/// `document` without the numbers for which `forget` says so, one answer a number in their order.
pub(crate) fn forget(document: &mut Document, mut forget: impl FnMut() -> bool) {
    for segment in document
        .tenants
        .iter_mut()
        .flat_map(|tenant| &mut tenant.segments)
    {
        if forget() {
            segment.s_vid = None;
        }
        let ends = segment.attachments.iter_mut().map(|end| &mut end.c_vid);
        let ends = ends.chain(segment.remotes.iter_mut().map(|end| &mut end.c_vid));
        for number in ends.chain([&mut segment.c_vid]).filter(|_| forget()) {
            *number = None;
        }
        if forget() {
            segment.vni = None;
        }
    }
}
