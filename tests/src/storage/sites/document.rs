//! The document of the four sites.

use std::path::Path;

use serde_json::{Value, json};

use super::{NODES, SiteOptions};
use crate::storage::rig::{MEMBERS, PROBE, SECOND_VSM, SERVICE, SERVICE_MAC, VSM};

pub(super) fn member_port(tenant: usize) -> String {
    format!("eth{}", 1 + tenant)
}

pub(super) fn copy_port(tenant: usize) -> String {
    format!("copy{tenant}")
}

pub(super) fn copy_address(number: usize) -> String {
    format!("10.12.0.{}", 10 + number)
}

pub(super) fn pairs() -> impl Iterator<Item = [usize; 2]> {
    (0..NODES.len()).flat_map(|one| (one + 1..NODES.len()).map(move |other| [one, other]))
}

/// The ends of a line: node, port, MAC address.
pub(super) fn line_ends([one, other]: [usize; 2]) -> [(usize, String, String); 2] {
    let end = |at: usize, to: usize| (at, format!("line{to}"), format!("02:00:00:ed:{at:02x}:{to:02x}"));
    [end(one, other), end(other, one)]
}

pub(super) fn document(options: &SiteOptions, folder: &Path) -> Value {
    let datacenter = |at: usize| {
        let from = at * 1000;
        let range = |first: usize, last: usize| format!("{}-{}", from + first, from + last);
        json!({"name": format!("dc{at}"), "id": at + 1, "s_vids": range(100, 199), "c_vids": range(200, 999), "labels": range(1000, 1999)})
    };
    let line = |pair: [usize; 2]| {
        let ends =
            line_ends(pair).map(|(at, port, mac)| json!({"node": NODES[at], "port": port, "mac": mac}));
        json!({"name": format!("line{}{}", pair[0], pair[1]), "kind": "pseudowire", "ends": ends})
    };
    let end = |at: usize, port: &str| json!({"node": NODES[at], "port": port, "vlan": "untagged"});
    let tenant = |(number, name): (usize, &str)| {
        let (port, copy) = (member_port(number), copy_port(number));
        json!({"name": name, "segments": [
            {"name": format!("{name}-storage"), "attachments": [end(2 + number, "eth1"), end(0, &port), end(1, &port)]},
            {"name": format!("{name}-copy"), "attachments": [end(0, &copy), end(1, &copy)]}]})
    };
    let storage = |(number, name): (usize, &str)| {
        let suffix = ["", "b"][number];
        let mut members = [0, 1].map(|at| {
            let mut member = json!({"name": MEMBERS[at], "node": NODES[at], "port": member_port(number)});
            if options.copied {
                let monitor = folder
                    .join(format!("{}{suffix}", MEMBERS[at]))
                    .join("member.watch");
                member["monitor"] = json!(monitor.display().to_string());
            }
            member
        });
        if number == 1 {
            members.reverse();
        }
        let mut place = json!({"segment": format!("{name}-storage"), "address": SERVICE});
        let mut vsm = json!({"name": ([VSM, SECOND_VSM][number]), "mac": SERVICE_MAC, "members": members, "health": options.health});
        if let Some(port) = options.tcp_port {
            place["probe_address"] = json!(PROBE);
            vsm["tcp_port"] = json!(port);
        }
        vsm["segments"] = json!([place]);
        if options.copied {
            vsm["replication"] = json!("sync");
        }
        vsm
    };
    let names = || ["acme", "globex"].into_iter().enumerate();
    let node = |at: usize| json!({"name": NODES[at], "datacenter": format!("dc{at}")});
    json!({
        "schema": "fabric/1",
        "datacenters": (0..NODES.len()).map(datacenter).collect::<Vec<_>>(),
        "nodes": (0..NODES.len()).map(node).collect::<Vec<_>>(),
        "links": pairs().map(line).collect::<Vec<_>>(),
        "tenants": names().map(tenant).collect::<Vec<_>>(),
        "storage": names().map(storage).collect::<Vec<_>>(),
    })
}
