//! FIG 13 as it is drawn: the members of a storage machine at two sites, its clients at two others, one decision for all.

use std::time::Duration;

use fabric_tests::counters::counters_moved;
use fabric_tests::frame::{Frame, eth};
use fabric_tests::storage::{
    CLIENT_MAC, Load, MEMBERS, NODES, SERVICE_MAC, SiteOptions, Sites, Target, VOLUME,
};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};
use serde_json::{Value, json};

use super::support::{LONG, PORT, SOME};

const QUIET: Duration = Duration::from_millis(200);

fn serving() -> SiteOptions {
    SiteOptions {
        tcp_port: Some(PORT),
        copied: true,
        ..SiteOptions::default()
    }
}

fn writer(sites: &Sites, tenant: usize, run: u64) -> Load {
    let target = Target::tcp(sites.service(PORT).unwrap());
    let load = Load::write(&sites.tenants[tenant].client, &target, run).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    load
}

/// P58, P59, claims 40, 41, 57: A's working member is B's protecting one and stands at another site. `kill -9` of A's costs his
/// client no write, and B's, who works with the other machine, notices nothing.
#[test]
fn figure_13_a_killed_member_at_another_site_costs_no_write() {
    let sites = Sites::start(&serving()).unwrap();
    let mut of_a = sites.serve(0, VOLUME).unwrap();
    let of_b = sites.serve(1, VOLUME).unwrap();
    sites.wait_all_up().unwrap();
    let _mirrors = [sites.copy(0, &of_a).unwrap(), sites.copy(1, &of_b).unwrap()];
    let loads = [writer(&sites, 0, 1), writer(&sites, 1, 2)];
    of_a[0].kill_hard().unwrap();
    sites.wait_working(0, MEMBERS[1]).unwrap();
    for load in &loads {
        load.wait_answers(SOME, LONG).unwrap();
    }
    let [a, b] = loads.map(|load| load.stop().unwrap());
    let switch = sites.shown(0).unwrap().unwrap()["last_switch"].clone();
    println!("A: stall {:?}, switch {switch}", a.longest_stall().length());
    assert_eq!((&a.io_errors[..], &b.io_errors[..]), (&[][..], &[][..]));
    for (record, member) in [(&a, &of_a[1]), (&b, &of_b[1])] {
        let verdict = record.verify(member.volume()).unwrap();
        assert!(
            verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
            "{verdict:?}"
        );
    }
    assert_eq!(b.breaks.len(), 0);
    sites.tear_down().unwrap();
}

fn from_service(word: &str) -> Frame {
    eth(CLIENT_MAC, SERVICE_MAC)
        .ethertype(0x88b5)
        .payload(word)
        .pad(60)
}

fn epoch_at(sites: &Sites, node: usize) -> u64 {
    sites.shown_at(NODES[node], 0).unwrap()["epoch"].as_u64().unwrap()
}

/// A site with the working member is cut off from the fabric and from the store, and its member lives on. The client goes on
/// with the other one. The node that was cut off steers nobody anywhere and leaves its traffic where it was, and when its lines are back and it
/// still has not heard of the switch, not one frame of the old member reaches the client: the client's node drops them. Once
/// it hears of it, it drops them at the member's port.
#[test]
fn an_old_member_that_comes_back_at_another_site_is_not_heard() {
    let options = SiteOptions {
        copied: false,
        ..serving()
    };
    let sites = Sites::start(&options).unwrap();
    let members = sites.serve(0, VOLUME).unwrap();
    sites.wait_all_members_up(0).unwrap();
    wait::until_true(2 * LONG, "the node without the working member to decide", || {
        Ok(sites.steward(0)? == NODES[1])
    })
    .unwrap();
    let load = writer(&sites, 0, 1);
    let before = epoch_at(&sites, 1);

    sites.cut_store(0, true).unwrap();
    sites.cut_lines(0, true).unwrap();
    sites
        .wait_working_at(0, MEMBERS[1], &[NODES[1], NODES[2]])
        .unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let switch = sites.shown(0).unwrap().unwrap()["last_switch"].clone();
    println!(
        "cut off: stall {:?}, switch {switch}",
        load.record().longest_stall().length()
    );
    assert_eq!(epoch_at(&sites, 1), before + 1);
    assert_eq!(epoch_at(&sites, 0), before, "a node that hears nothing decided");

    sites.cut_lines(0, false).unwrap();
    let client = Capture::start(&sites.tenants[0].client, "eth0").unwrap();
    let old = RawSocket::open(&sites.tenants[0].members[0], "eth0").unwrap();
    let new = RawSocket::open(&sites.tenants[0].members[1], "eth0").unwrap();
    let fenced = || sites.agents[2].counters().unwrap().get("line0.dropped.fenced");
    let dropped = fenced();
    for _ in 0..20 {
        old.send(from_service("old").bytes()).unwrap();
    }
    wait::until_true(LONG, "the client's node to drop them", || {
        Ok(fenced() >= dropped + 20)
    })
    .unwrap();
    new.send(from_service("new").bytes()).unwrap();
    client.expect(&[from_service("new")], LONG).unwrap();
    client.expect_nothing(QUIET).unwrap();
    assert_eq!(
        sites.agents[0].counters().unwrap().get("eth1.dropped.fenced"),
        0,
        "it has not heard"
    );

    sites.cut_store(0, false).unwrap();
    sites.wait_working(0, MEMBERS[1]).unwrap();
    let counters = [&sites.agents[0], &sites.agents[2]].map(|agent| agent.counters().unwrap());
    old.send(from_service("late").bytes()).unwrap();
    wait::until_true(LONG, "the member's node to drop it", || {
        Ok(sites.agents[0].counters()?.get("eth1.dropped.fenced") > counters[0].get("eth1.dropped.fenced"))
    })
    .unwrap();
    client.expect_nothing(QUIET).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    assert_eq!(record.io_errors, []);
    drop(members);
}
