//! Fabrics of several datacenters, with links of all kinds in any order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{name, with};
use crate::edit::{Attach, attach};
use crate::model::{Document, from_json};

/// Two nodes, what joins them, and whether it is out of service.
type Line = (usize, usize, &'static str, bool);

fn line() -> impl Strategy<Value = Line> {
    // Lines between datacenters need labels, so those kinds come more often.
    let kind = prop_oneof![
        4 => Just("pseudowire"),
        2 => Just("mpls-udp"),
        3 => Just("trunk"),
        1 => Just("vxlan"),
        1 => Just("i-tag"),
        1 => Just("global-vlan"),
    ];
    (0usize..6, 0usize..6, kind, proptest::bool::weighted(0.1))
}

/// An attachment of one of three tenants, each of which has one segment.
fn member() -> impl Strategy<Value = Attach> {
    let vlans = ["untagged", "7", "any"];
    (0usize..3, 0usize..6, 0usize..2, any::<bool>()).prop_map(move |(tenant, node, port, station)| {
        let mut member = Attach::new(
            name(&format!("tenant{tenant}")),
            name(&format!("n{node}")),
            format!("eth{tenant}{port}").parse().expect("legal"),
            vlans[tenant].parse().expect("legal"),
        );
        if station {
            let text = format!(r#"[{{"mac":"02:00:00:{tenant:02x}:{node:02x}:{port:02x}"}}]"#);
            member.stations = from_json(&text).expect("stations");
        }
        member
    })
}

/// Up to six nodes in up to three datacenters, whatever of a random list of links fits, and whatever tenants then fit. Links over IP
/// share a port of each node, of which one is VXLAN: two would turn round there. Each other link has ports of its own.
pub(crate) fn sites() -> impl Strategy<Value = Document> {
    let homes = vec(0usize..3, 2..=6);
    (homes, vec(line(), 3..14), vec(member(), 4..16)).prop_map(|(homes, lines, members)| {
        let mut document = bare(&homes);
        let mut with_vxlan = BTreeSet::new();
        for (number, line) in lines.into_iter().enumerate() {
            let (a, b, kind, _) = line;
            let is_second = kind == "vxlan" && !(with_vxlan.insert(a) & with_vxlan.insert(b));
            if a < homes.len() && b < homes.len() && a != b && !is_second {
                let link = link(number, line);
                document = with(document, |document| {
                    document.links.push(from_json(&link.to_string()).expect("a link"));
                });
            }
        }
        for member in &members {
            document = with(document, |document| {
                if let Ok(edited) = attach(document, member) {
                    *document = edited.document;
                }
            });
        }
        document
    })
}

fn bare(homes: &[usize]) -> Document {
    let datacenter = |at: usize| {
        let range = |first: usize| format!("{first}-{}", first + 99);
        json!({"name": format!("dc{at}"), "id": at + 1, "s_vids": range(100 + at * 100),
            "c_vids": format!("{}-{}", 1000 + at * 500, 1499 + at * 500), "vnis": range(10_000 + at * 1000),
            "labels": range(1000 + at * 100), "i_sids": range(1_000_000 + at * 1000)})
    };
    let node =
        |(at, home): (usize, &usize)| json!({"name": format!("n{at}"), "datacenter": format!("dc{home}")});
    let document = json!({
        "schema": "fabric/1",
        "global_vids": "3000-3099",
        "datacenters": (0..3).map(datacenter).collect::<Vec<_>>(),
        "nodes": homes.iter().enumerate().map(node).collect::<Vec<_>>(),
        "links": [],
    });
    from_json(&document.to_string()).expect("a document")
}

fn link(number: usize, (a, b, kind, down): Line) -> Value {
    let end = |node: usize, side: usize| {
        let mut end = json!({"node": format!("n{node}"), "port": format!("p{number}")});
        match kind {
            "pseudowire" => end["mac"] = format!("02:00:00:00:{number:02x}:{side:02x}").into(),
            "vxlan" | "mpls-udp" => {
                end["port"] = "u0".into();
                end["address"] = format!("198.51.100.{}", node + 1).into();
            }
            _ => {}
        }
        end
    };
    let mut link =
        json!({"name": format!("l{number}"), "kind": kind, "down": down, "ends": [end(a, 1), end(b, 2)]});
    if kind == "i-tag" {
        link["b_vid"] = 500.into();
    }
    link
}
