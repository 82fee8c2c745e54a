//! What is written when a line is cut: the next hops that lead over it, however many tenants there are beside.

use std::collections::BTreeMap;

use fabric_common::flood::{Metadata, copy};
use fabric_common::maps::{FloodKey, NextHop};
use serde_json::{Value, json};

use super::datacenters::{datacenters, line};
use super::support::{compile_at, golden, host, valid};
use crate::compile::twin::{HostFrame, TwinSettings, TwinTables};
use crate::compile::{Image, Protection};
use crate::ids::Sizes;
use crate::model::Name;

const MTU: u32 = 1600;
/// Tenants with machines in two datacenters.
const ACROSS: usize = 20;
const TENANTS: usize = 2000;

/// Three gateways with a line between each two. The first tenants have machines at two of them, all others at `n222` alone.
fn fabric(tenants: usize) -> Value {
    let end = |node: &str, port: &str, vlan: usize| json!({"node": node, "port": port, "vlan": vlan});
    let tenant = |number: usize| {
        let there = if number < ACROSS { "n124" } else { "n222" };
        let ends = [end("n222", "c0", 1 + number), end(there, "c1", 1 + number)];
        let name = format!("t{number}");
        json!({"name": name, "segments": [{"name": name, "attachments": ends}]})
    };
    let node = |name: &str, datacenter: &str| json!({"name": name, "datacenter": datacenter});
    let mut centers = datacenters();
    centers[1]["s_vids"] = json!("1200-2199");
    centers[1]["c_vids"] = json!("1300-2999");
    centers[2]["c_vids"] = json!("3000-3999");
    json!({
        "schema": "fabric/1",
        "datacenters": centers,
        "nodes": [node("n124", "mtdc100"), node("n222", "mtdc200"), node("n220", "mtdc250")],
        "links": [
            line("line224", ("n222", "l224"), ("n124", "l224"), false),
            line("line226", ("n220", "l226"), ("n124", "l226"), false),
            line("line228", ("n222", "l228"), ("n220", "l228"), false),
        ],
        "tenants": (0..tenants).map(tenant).collect::<Value>(),
    })
}

struct Gateway {
    image: Image,
    protection: Protection,
}

impl Gateway {
    fn of(tenants: usize) -> Self {
        Self::carrying_out(&fabric(tenants))
    }

    fn carrying_out(document: &Value) -> Self {
        let valid = valid(document);
        let image = compile_at(&valid, "n222", &host(&valid, "n222", MTU)).expect("it fits");
        let mut protection = Protection::default();
        protection.follow(&Image::empty(&Sizes::default()), &image);
        Self { image, protection }
    }

    fn slot(&self, port: &str) -> u16 {
        let mut ports = self.image.ports();
        let (_, plan) = ports.find(|(name, _)| name.as_str() == port).expect("a port");
        plan.slot
    }

    /// What is written when the first of these ports loses its carrier and the others have none already.
    fn written(&self, silent: &[&str]) -> BTreeMap<u32, NextHop> {
        let slots: Vec<u16> = silent.iter().map(|port| self.slot(port)).collect();
        let first = *slots.first().expect("a port");
        self.protection
            .over(first, |slot| slots.contains(&slot))
            .collect()
    }

    fn leaves_by(&self, next_hop: &NextHop) -> Option<u16> {
        Some(self.image.records().paths.get(&next_hop.path)?.slot)
    }
}

#[test]
fn a_cut_line_writes_as_much_beside_2000_tenants_as_beside_none() {
    let (few, many) = (Gateway::of(ACROSS), Gateway::of(TENANTS));
    for port in ["l224", "l228"] {
        assert_eq!(few.written(&[port]).len(), many.written(&[port]).len(), "{port}");
    }
    let written = many.written(&["l224"]);
    // Of each tenant one end and everybody beyond the line; the two other datacenters of frames that only pass, whose main or
    // backup way it is, and those that have left their shortest way.
    assert!(
        (2 * ACROSS..=2 * ACROSS + 4).contains(&written.len()),
        "{} next hops",
        written.len()
    );
    assert!(many.image.records().next_hops.len() > TENANTS);
    assert_eq!(many.written(&["c0"]).len(), 0, "nobody can take over");
}

#[test]
fn next_hops_take_the_backup_and_nothing_without_one_and_come_back() {
    let gateway = Gateway::of(ACROSS);
    let compiled = gateway.image.records().next_hops;
    let (main, backup) = (gateway.slot("l224"), gateway.slot("l228"));
    let over_main = |hop: &NextHop| gateway.leaves_by(hop) == Some(main);
    let moved: Vec<u32> = compiled
        .iter()
        .filter(|(_, hop)| over_main(hop))
        .map(|(id, _)| *id)
        .collect();
    assert!(moved.len() >= 2 * ACROSS);
    let cut = gateway.written(&["l224"]);
    let both = gateway.written(&["l224", "l228"]);
    for id in &moved {
        let next_hop = &cut[id];
        let to = gateway.leaves_by(next_hop);
        // A frame that has turned aside does not turn aside twice.
        assert!(to == Some(backup) || next_hop.path == 0, "{next_hop:?}");
        assert_eq!(both[id].path, 0);
        let only_path = |hop: &NextHop| NextHop { path: 0, ..*hop };
        assert_eq!(only_path(next_hop), only_path(&compiled[id]));
    }
    let moved_over = moved.iter().filter(|id| cut[id].path != 0).count();
    assert!(moved_over >= 2 * ACROSS, "{moved_over}");
    let back = gateway.protection.over(main, |_| false);
    assert!(back.into_iter().all(|(id, hop)| hop == compiled[&id]));
}

/// From one document to the next: what a tenant had is forgotten with him.
#[test]
fn a_tenant_that_goes_is_no_longer_written() {
    let mut gateway = Gateway::of(ACROSS);
    let all = gateway.written(&["l224"]).len();
    let valid = valid(&fabric(ACROSS / 2));
    let facts = host(&valid, "n222", MTU);
    let next = super::support::compile_from(&valid, "n222", &facts, &gateway.image).expect("it fits");
    gateway.protection.follow(&gateway.image, &next);
    gateway.image = next;
    assert_eq!(all - gateway.written(&["l224"]).len(), 2 * (ACROSS / 2));
}

/// The copies of a frame come to the two lines in any order, and a switch may come between them at any of its steps: one line
/// sends it, and it is the one that was in use when the frame came in.
#[test]
fn one_line_sends_a_frame_whenever_a_switch_comes_between_its_copies() {
    let mut document = fabric(ACROSS);
    // With a third member frames are copied.
    let ends = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    let third = json!({"node": "n222", "port": "c2", "vlan": 1});
    ends.expect("a list").push(third);
    let gateway = Gateway::carrying_out(&document);
    let records = gateway.image.records();
    let [main, backup] = ["l224", "l228"].map(|port| gateway.slot(port));
    let name = "t0".parse::<Name>().expect("a name");
    let segment = gateway.image.segments[&name].ids.segment;
    let place = |slot| FloodKey {
        segment,
        slot,
        copy: 0,
    };
    let id = records.flood_next_hops[&place(main)].next_hop();
    assert_eq!(records.flood_next_hops[&place(backup)].next_hop(), id);
    let compiled = records.next_hops[&id];
    let spare = gateway.written(&["l224"])[&id];

    for (from, to, [old, new]) in [
        (compiled, spare, [main, backup]),
        (spare, compiled, [backup, main]),
    ] {
        let (before, since) = (from.path, 1);
        let steps = [
            from,
            NextHop {
                before,
                since,
                ..from
            },
            NextHop { before, since, ..to },
            to,
        ];
        let tables = steps.map(|next_hop| {
            let mut records = records.clone();
            records.next_hops.insert(id, next_hop);
            TwinTables::new(records, TwinSettings::default())
        });
        let leaves = |slot, tables: &TwinTables, switches| {
            let bytes = golden("uni-600-bcast");
            let metadata = Metadata::new((segment, 0), 0, (1, switches), [0xff; 8]);
            copy(&mut HostFrame::new(&bytes), &metadata, slot, 0, tables).is_ok()
        };
        // The switch is counted behind its third step, and the last waits until all earlier frames have left.
        for (switches, met, sender) in [(0, &tables[..3], old), (1, &tables[2..], new)] {
            for (step, one) in met.iter().enumerate() {
                for other in &met[step..] {
                    for (first, second) in [(main, backup), (backup, main)] {
                        let sent = [(first, one), (second, other)].map(|(slot, tables)| {
                            let is_sent = leaves(slot, tables, switches);
                            (slot, is_sent)
                        });
                        assert!(
                            sent.iter().all(|(slot, is_sent)| *is_sent == (*slot == sender)),
                            "{sent:?}"
                        );
                    }
                }
            }
        }
    }
}
