//! FIG 13 as it is drawn: the members of a storage machine at two sites, its clients at two others, one decision for all.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use fabric_tests::frame::{Frame, eth};
use fabric_tests::storage::{
    CLIENT_MAC, Load, MEMBERS, Member, NODES, SECOND_VSM, SERVICE_MAC, SiteOptions, Sites, Target, VOLUME,
    VSM,
};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};
use serde_json::json;

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

/// FIG 13, claims 40, 41, 57: A's working member is B's protecting one and stands at another site. `kill -9` of A's costs his
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

/// Members that serve, and the node without the one in charge decides about them.
pub(crate) fn decided_by_the_other() -> (Sites, Vec<Member>) {
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
    (sites, members)
}

fn from_service(word: &str) -> Frame {
    eth(CLIENT_MAC, SERVICE_MAC)
        .ethertype(0x88b5)
        .payload(word)
        .pad(60)
}

pub(crate) fn epoch_at(sites: &Sites, node: usize) -> u64 {
    sites.shown_at(NODES[node], 0).unwrap()["epoch"].as_u64().unwrap()
}

/// A site with the working member is cut off from the fabric and from the store, and its member lives on. The client goes on
/// with the other one. The node that was cut off steers to nobody else, and when its lines are back and it still has not heard of
/// the switch, not one frame of the old member reaches the client: the client's node drops them. Once it hears of it, it drops
/// them at the member's port.
#[test]
fn an_old_member_that_comes_back_at_another_site_is_not_heard() {
    let (sites, members) = decided_by_the_other();
    let load = writer(&sites, 0, 1);
    let before = epoch_at(&sites, 1);

    sites.cut_store(0, true).unwrap();
    sites.cut_lines(0, true).unwrap();
    sites
        .wait_working_at(0, MEMBERS[1], &[NODES[1], NODES[2]])
        .unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let switch = sites.shown_at(NODES[1], 0).unwrap()["last_switch"].clone();
    println!(
        "cut off: stall {:?}, switch {switch}",
        load.record().longest_stall().length()
    );
    assert_eq!(epoch_at(&sites, 1), before + 1);
    assert_eq!(epoch_at(&sites, 0), before, "a node that hears nothing decided");

    sites.cut_lines(0, false).unwrap();
    let is_raw = |bytes: &[u8]| bytes.get(12..14) == Some(&[0x88, 0xb5]);
    let client = Capture::watch(&sites.tenants[0].client, "eth0", 2048, is_raw).unwrap();
    let old = RawSocket::open(&sites.tenants[0].members[0], "eth0").unwrap();
    let new = RawSocket::open(&sites.tenants[0].members[1], "eth0").unwrap();
    let fenced = || sites.agents[2].counters().unwrap().get("line0.dropped.fenced");
    let dropped = fenced();
    // Until its node has the line in use again they get no further than there.
    wait::until_true(LONG, "the client's node to drop twenty of them", || {
        old.send(from_service("old").bytes())?;
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
    let at_port = || sites.agents[0].counters().unwrap().get("eth1.dropped.fenced");
    let before = at_port();
    old.send(from_service("late").bytes()).unwrap();
    wait::until_true(LONG, "the member's node to drop it", || Ok(at_port() > before)).unwrap();
    client.expect_nothing(QUIET).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    assert_eq!(record.io_errors, []);
    drop(members);
}

/// Commands go to the node that decides, and every other one says which that is. When the office is taken away two nodes want it:
/// one gets it, the other one decides nothing, and no epoch is given twice.
#[test]
fn one_node_decides_and_the_others_say_which() {
    let options = SiteOptions {
        health: json!({"isolated": "stop"}),
        ..SiteOptions::default()
    };
    let mut sites = Sites::start(&options).unwrap();
    sites.wait_all_members_up(0).unwrap();
    let decides = sites.steward(0).unwrap();
    let other = NODES[..2].iter().find(|node| **node != decides).unwrap();
    let switch = |to: &'static str| ["storage", "switch", VSM, "--to", to];
    for node in [other, NODES[2]] {
        let agent = sites.agent(node).unwrap();
        let refused = agent.refused(&switch(MEMBERS[1]), "storage-elsewhere").unwrap();
        assert!(
            refused
                .stderr
                .contains(&format!("ask the agent of node {decides}")),
            "{refused:?}"
        );
    }
    let steward = sites.agent(&decides).unwrap();
    steward.ok(&switch(MEMBERS[1])).unwrap();
    sites.wait_working(0, MEMBERS[1]).unwrap();
    let epoch = epoch_at(&sites, 2);

    sites
        .etcd
        .ctl(&["del", &format!("/lab/storage/stewards/{VSM}")])
        .unwrap();
    // Whoever is told to, before or after he knows that the office is gone: nothing is decided without it.
    let late = steward.refused(&switch(MEMBERS[0]), "stale-epoch");
    println!("a steward without office: {late:?}");
    let nodes = || {
        let here = |node: &&&str| Ok::<_, anyhow::Error>(sites.shown_at(node, 0)?["here"] == true);
        NODES[..2]
            .iter()
            .map(|node| here(&node))
            .collect::<Result<Vec<bool>, _>>()
    };
    wait::until_true(LONG, "one node to decide", || {
        Ok(nodes()?.iter().filter(|here| **here).count() == 1)
    })
    .unwrap();
    sites.wait_all_answer(0).unwrap();
    let decides = sites.steward(0).unwrap();
    let before = epoch_at(&sites, 2);
    assert!(before == epoch || late.is_err(), "{before} after {epoch}");
    let to = sites.other_member(0).unwrap();
    sites
        .agent(&decides)
        .unwrap()
        .ok(&["storage", "switch", VSM, "--to", to])
        .unwrap();
    sites.wait_working(0, to).unwrap();
    assert_eq!(epoch_at(&sites, 2), before + 1);

    a_node_without_the_store_stops(&sites, to);
    a_node_without_agent_stops(&mut sites, to);
}

/// The owner's key as it was, as from a backup, and then no key at all: no node goes back, not even one whose agent was started
/// again meanwhile, and the store is told again what it has lost.
#[test]
fn a_store_that_was_restored_from_a_backup_switches_nothing() {
    let mut sites = Sites::start(&SiteOptions::default()).unwrap();
    sites.wait_all_members_up(0).unwrap();
    let key = format!("/lab/storage/owners/{VSM}");
    let backup = sites.etcd.ctl(&["get", "--print-value-only", &key]).unwrap();
    let steward = sites.steward(0).unwrap();
    let switch = ["storage", "switch", VSM, "--to", MEMBERS[1]];
    sites.agent(&steward).unwrap().ok(&switch).unwrap();
    sites.wait_working(0, MEMBERS[1]).unwrap();
    let epoch = epoch_at(&sites, 2);
    let client = RawSocket::open(&sites.tenants[0].client, "eth0").unwrap();
    let is_raw = |bytes: &[u8]| bytes.get(12..14) == Some(&[0x88, 0xb5]);
    let old = Capture::watch(&sites.tenants[0].members[0], "eth0", 2048, is_raw).unwrap();
    for lost in [Some(backup.trim()), None] {
        sites.agents[2].kill9().unwrap();
        match lost {
            Some(value) => sites.etcd.ctl(&["put", &key, value]),
            None => sites.etcd.ctl(&["del", &key]),
        }
        .unwrap();
        sites.agents[2].restart().unwrap();
        wait::until_true(LONG, "the store to have the newest owner again", || {
            client.send(request().bytes())?;
            let owner = sites.etcd.ctl(&["get", "--print-value-only", &key])?;
            let owner: serde_json::Value = serde_json::from_str(owner.trim()).unwrap_or_default();
            Ok(owner["epoch"] == epoch && owner["member"] == MEMBERS[1])
        })
        .unwrap();
        for node in 0..3 {
            assert_eq!(epoch_at(&sites, node), epoch, "{lost:?}");
        }
        sites.wait_working(0, MEMBERS[1]).unwrap();
    }
    old.expect_nothing(QUIET).unwrap();
    let back = ["storage", "switch", VSM, "--to", MEMBERS[0]];
    let steward = sites.steward(0).unwrap();
    sites.agent(&steward).unwrap().ok(&back).unwrap();
    sites.wait_working(0, MEMBERS[0]).unwrap();
    assert_eq!(epoch_at(&sites, 2), epoch + 1);
    one_node_for_a_while(&sites);
    a_damaged_owner_concerns_its_own_machine(&sites);
    a_name_takes_nothing_to_another_machine(&sites);
    a_node_that_decided_alone_is_waited_for(&mut sites);
}

/// Members come to be at several nodes while the agent of the only one that had any is dead: its data path serves on, and may have
/// switched by itself. Nobody else is put in charge until it has told, unless somebody insists.
fn a_node_that_decided_alone_is_waited_for(sites: &mut Sites) {
    sites.wait_all_answer(1).unwrap();
    let document = sites.agents[1].json(&["export"]).unwrap()["item"].take();
    assert_eq!(document["storage"][1]["members"][0]["name"], MEMBERS[1]);
    let mut alone = document.clone();
    let members = alone["storage"][1]["members"].as_array_mut().unwrap();
    members.retain(|member| member["name"] == MEMBERS[0]);
    let apply = |agent: &fabric_tests::fabric::Agent, name: &str, document: &serde_json::Value| {
        let file = agent.file(name, document).unwrap();
        agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    };
    apply(&sites.agents[0], "lone.json", &alone);
    let key = format!("/lab/alone/{SECOND_VSM}");
    let noted = |sites: &Sites| sites.etcd.ctl(&["get", "--print-value-only", &key]);
    wait::until_true(LONG, "the store to know that it decides alone", || {
        Ok(noted(sites)?.trim() == NODES[0])
    })
    .unwrap();
    wait::until_true(LONG, "it to have decided", || {
        Ok(sites.shown_at(NODES[0], 1)?["members"][0]["role"] == "working")
    })
    .unwrap();
    sites.agents[0].kill9().unwrap();
    apply(&sites.agents[1], "together.json", &document);
    wait::until_true(LONG, "the other node to be in office", || {
        Ok(sites.shown_at(NODES[1], 1)?["here"] == true)
    })
    .unwrap();
    let switch = ["storage", "switch", SECOND_VSM, "--to", MEMBERS[1]];
    // It could serve, but the other one may have what it lacks.
    let refused = wait::until(LONG, "the other member to answer", || {
        let refused = sites.agents[1].refused(&switch, "storage-elsewhere").ok();
        Ok(refused.filter(|said| said.stderr.contains("decided alone")))
    })
    .unwrap();
    assert!(
        refused.stderr.contains(NODES[0]) && refused.stderr.contains("--force"),
        "{refused:?}"
    );
    let shown = sites.shown_at(NODES[1], 1).unwrap();
    assert!(
        shown["members"]
            .as_array()
            .unwrap()
            .iter()
            .all(|member| member["role"] != "working"),
        "{shown}"
    );
    sites.agents[0].restart().unwrap();
    sites.wait_working(1, MEMBERS[0]).unwrap();
    wait::until_true(LONG, "nothing to be waited for any more", || {
        Ok(noted(sites)?.trim().is_empty())
    })
    .unwrap();
}

/// Nobody decides about a storage machine whose owner cannot be read, and traffic stays; everybody decides about all others. When
/// the key is gone, its nodes put the newest owner back.
fn a_damaged_owner_concerns_its_own_machine(sites: &Sites) {
    let key = format!("/lab/storage/owners/{VSM}");
    let epoch = epoch_at(sites, 2);
    sites.etcd.ctl(&["put", &key, "{"]).unwrap();
    let steward = sites.steward(0).unwrap();
    let agent = sites.agent(&steward).unwrap();
    let to = MEMBERS[1];
    wait::until_true(LONG, "the steward to say so", || {
        let shown = sites.shown_at(&steward, 0)?;
        Ok(shown["unreadable"].as_str().is_some_and(|why| why.contains(&key)))
    })
    .unwrap();
    let switch = ["storage", "switch", VSM, "--to", to];
    let refused = agent.refused(&switch, "state-damaged").unwrap();
    assert!(refused.stderr.contains(&key), "{refused:?}");
    let shown = agent.ok(&["storage", "show", VSM]).unwrap().stdout;
    assert!(shown.contains("nobody decides"), "{shown}");
    let metrics = agent.text("/metrics").unwrap();
    for (vsm, value) in [(VSM, 1), (SECOND_VSM, 0)] {
        let line = format!("fabric_storage_owner_unreadable{{vsm=\"{vsm}\"}} {value}");
        assert!(metrics.lines().any(|known| known == line), "{line}");
    }

    let other = sites.other_member(1).unwrap();
    let steward = sites.steward(1).unwrap();
    let switch = ["storage", "switch", SECOND_VSM, "--to", other];
    sites.agent(&steward).unwrap().ok(&switch).unwrap();
    sites.wait_working(1, other).unwrap();
    sites.wait_working(0, MEMBERS[0]).unwrap();
    assert_eq!(epoch_at(sites, 2), epoch);

    sites.etcd.ctl(&["del", &key]).unwrap();
    wait::until_true(LONG, "the newest owner to be back", || {
        let owner = sites.etcd.ctl(&["get", "--print-value-only", &key])?;
        let owner: serde_json::Value = serde_json::from_str(owner.trim()).unwrap_or_default();
        Ok(owner["epoch"] == epoch && owner["member"] == MEMBERS[0])
    })
    .unwrap();
}

/// The document gives name and number of the member in charge to another machine: that one is not in charge of anything, and has no
/// copy. While the document is carried out it does not hear one frame of the service's.
fn a_name_takes_nothing_to_another_machine(sites: &Sites) {
    sites.wait_all_answer(0).unwrap();
    let epoch = epoch_at(sites, 2);
    let spare = sites.spare(0, "eth9").unwrap();
    let agent = &sites.agents[0];
    let mut document = agent.json(&["export"]).unwrap()["item"].take();
    document["storage"][0]["replication"] = json!("sync");
    document["storage"][0]["members"][1]["monitor"] = json!("/run/nobody-copies.qmp");
    let member = &mut document["storage"][0]["members"][0];
    assert_eq!(member["name"], MEMBERS[0]);
    member["port"] = json!("eth9");
    let attachments = &mut document["tenants"][0]["segments"][0]["attachments"];
    let attachment = json!({"node": NODES[0], "port": "eth9", "vlan": "untagged"});
    attachments.as_array_mut().unwrap().push(attachment);
    let is_raw = |bytes: &[u8]| bytes.get(12..14) == Some(&[0x88, 0xb5]);
    let other = Capture::watch(&spare, "eth0", 2048, is_raw).unwrap();
    let client = RawSocket::open(&sites.tenants[0].client, "eth0").unwrap();
    let file = agent.file("moved.json", &document).unwrap();
    let is_done = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while !is_done.load(Relaxed) {
                client.send(request().bytes()).unwrap();
                sent += 1;
            }
            sent
        });
        let applied = agent.ok(&["apply", "-f", &file, "--yes"]);
        let shown = sites.wait_shown(0, "the other member to be in charge", |shown| {
            shown["members"][1]["role"] == "working"
        });
        is_done.store(true, Relaxed);
        applied.unwrap();
        assert_eq!(shown.unwrap()["members"][0]["copy"], "stale");
        sender.join().unwrap()
    });
    println!("{sent} frames while the member in charge was moved");
    sites.wait_working(0, MEMBERS[1]).unwrap();
    assert_eq!(epoch_at(sites, 2), epoch + 1);
    let [old, new] =
        [0, 1].map(|at| Capture::watch(&sites.tenants[0].members[at], "eth0", 2048, is_raw).unwrap());
    client.send(request().bytes()).unwrap();
    new.expect(&[request()], LONG).unwrap();
    old.expect_nothing(QUIET).unwrap();
    other.expect_nothing(QUIET).unwrap();
}

/// What one node decided alone stays in force when several come to decide, whatever the store knows of the time before.
fn one_node_for_a_while(sites: &Sites) {
    sites.wait_all_answer(1).unwrap();
    if sites.other_member(1).unwrap() == MEMBERS[1] {
        let steward = sites.steward(1).unwrap();
        let switch = ["storage", "switch", SECOND_VSM, "--to", MEMBERS[1]];
        sites.agent(&steward).unwrap().ok(&switch).unwrap();
    }
    sites.wait_working(1, MEMBERS[1]).unwrap();
    let agent = &sites.agents[0];
    let document = agent.json(&["export"]).unwrap()["item"].take();
    let apply = |name: &str, document: &serde_json::Value| {
        let file = agent.file(name, document).unwrap();
        agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    };
    let mut alone = document.clone();
    let members = alone["storage"][1]["members"].as_array_mut().unwrap();
    members.retain(|member| member["name"] == MEMBERS[0]);
    apply("alone.json", &alone);
    let key = format!("/lab/storage/owners/{SECOND_VSM}");
    wait::until_true(LONG, "the store to say nothing of it any more", || {
        let owner = sites.etcd.ctl(&["get", "--print-value-only", &key])?;
        let owner: serde_json::Value = serde_json::from_str(owner.trim()).unwrap_or_default();
        Ok(owner["member"] == "")
    })
    .unwrap();
    apply("several.json", &document);
    sites.wait_working(1, MEMBERS[0]).unwrap();
    sites.wait_all_answer(1).unwrap();
    sites.wait_working(1, MEMBERS[0]).unwrap();
}

fn request() -> Frame {
    eth(SERVICE_MAC, CLIENT_MAC)
        .ethertype(0x88b5)
        .payload("request")
        .pad(60)
}

/// With `isolated: stop` a client's node that cannot ask who is in charge serves nobody until it can again.
fn a_node_without_the_store_stops(sites: &Sites, working: &str) {
    let tenant = &sites.tenants[0];
    let at = MEMBERS.iter().position(|name| *name == working).unwrap();
    let client = RawSocket::open(&tenant.client, "eth0").unwrap();
    let request = request();
    let refused = || sites.agents[2].counters().unwrap().get("eth1.dropped.no-member");
    sites.cut_store(2, true).unwrap();
    wait::until_true(LONG, "the node to stop", || {
        client.send(request.bytes())?;
        Ok(refused() > 0)
    })
    .unwrap();
    sites.cut_store(2, false).unwrap();
    let is_raw = |bytes: &[u8]| bytes.get(12..14) == Some(&[0x88, 0xb5]);
    let member = Capture::watch(&tenant.members[at], "eth0", 2048, is_raw).unwrap();
    wait::until_true(LONG, "the node to serve again", || {
        let before = refused();
        client.send(request.bytes())?;
        wait::until_true(Duration::from_millis(500), "an answer", || {
            Ok(refused() > before
                || member
                    .expect(std::slice::from_ref(&request), Duration::from_millis(50))
                    .is_ok())
        })?;
        Ok(refused() == before)
    })
    .unwrap();
}

/// The same with an agent that is dead: it is the data path that keeps the time.
fn a_node_without_agent_stops(sites: &mut Sites, working: &str) {
    let at = MEMBERS.iter().position(|name| *name == working).unwrap();
    let client = RawSocket::open(&sites.tenants[0].client, "eth0").unwrap();
    let is_raw = |bytes: &[u8]| bytes.get(12..14) == Some(&[0x88, 0xb5]);
    let member = Capture::watch(&sites.tenants[0].members[at], "eth0", 2048, is_raw).unwrap();
    let answers = |within| {
        client.send(request().bytes())?;
        Ok::<_, anyhow::Error>(member.expect(&[request()], within).is_ok())
    };
    assert!(answers(LONG).unwrap(), "it is served before");
    sites.agents[2].kill9().unwrap();
    assert!(answers(LONG).unwrap(), "the data path goes on for a while");
    wait::until_true(LONG, "nobody to be served", || Ok(!answers(QUIET)?)).unwrap();
    sites.agents[2].restart().unwrap();
    wait::until_true(LONG, "the node to serve again", || answers(QUIET)).unwrap();
}
