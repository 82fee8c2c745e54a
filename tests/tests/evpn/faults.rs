//! Daemons and agents that die, VTEPs that nobody has allowed, and too many stations.

use std::time::Duration;

use fabric_tests::frame::eth;
use fabric_tests::frr::Daemon;
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, RawSocket};
use serde_json::json;

use super::support::{HERE, Lan, MAC_LIMIT, STRANGER, VNI_A, VNI_B, document, vtep};

const FAR: &str = "02:00:00:00:0b:01";
const LATER: &str = "02:00:00:00:0b:02";
const NEAR: &str = "02:00:00:00:0a:01";

/// A frame to the station behind the Linux host arrives; true if it went there alone.
fn reaches_alone(lan: &Lan, word: &str) -> bool {
    let arriving = Capture::start(&lan.server, "eth0").unwrap();
    let before = lan.agent.counters().unwrap();
    let frame = eth(FAR, NEAR).word(word);
    RawSocket::open(&lan.client, "eth0")
        .unwrap()
        .send(&frame)
        .unwrap();
    arriving.expect(&[&frame], PATIENCE).unwrap();
    let moved = lan.agent.counters().unwrap().since(&before);
    !moved.contains_key("eth3.out")
}

/// The data path goes first: what the kernel still has stays in force, and what it loses is flooded.
#[test]
fn frames_arrive_whatever_daemon_or_agent_dies() {
    let mut lan = Lan::new();
    lan.far_station("add", FAR, "p1");
    lan.wait_held("a", VNI_A, FAR);
    assert!(reaches_alone(&lan, "all alive"));
    lan.wait_told(VNI_A, NEAR, true);

    // The agent: its interfaces are taken over as they are, and nothing was withdrawn meanwhile.
    let interfaces = lan.edge.links().unwrap();
    lan.agent.kill9().unwrap();
    assert_eq!(lan.vtep_of(VNI_A, NEAR).as_deref(), Some(HERE));
    lan.agent.restart().unwrap();
    lan.wait_held("a", VNI_A, FAR);
    assert_eq!(lan.edge.links().unwrap(), interfaces);
    assert!(reaches_alone(&lan, "new agent"));
    assert_eq!(lan.vtep_of(VNI_A, NEAR).as_deref(), Some(HERE));

    // zebra: the kernel's entries stay, and so do ours.
    lan.here.kill9(Daemon::Zebra).unwrap();
    assert!(reaches_alone(&lan, "no zebra"));
    lan.here.kill9(Daemon::Bgpd).unwrap();
    lan.here.run(Daemon::Zebra).unwrap();
    lan.here.run(Daemon::Bgpd).unwrap();
    lan.here.wait_established().unwrap();
    lan.far_station("add", LATER, "p1");
    lan.wait_held("a", VNI_A, LATER);
    lan.wait_told(VNI_A, NEAR, true);

    // bgpd: zebra withdraws what it had of it.
    lan.here.kill9(Daemon::Bgpd).unwrap();
    lan.wait_gone("a", LATER);
    lan.wait_gone("a", FAR);
    assert!(!reaches_alone(&lan, "no bgpd"));
    lan.here.run(Daemon::Bgpd).unwrap();
    lan.wait_held("a", VNI_A, FAR);
    assert!(reaches_alone(&lan, "bgpd again"));

    // Somebody flushes what the agent has told.
    let port = format!("fst{VNI_A}");
    lan.edge
        .output(&["bridge", "fdb", "del", NEAR, "dev", &port, "master"])
        .unwrap();
    until_true(PATIENCE, "the station to be told again", || {
        let told = lan.edge.output(&["bridge", "fdb", "show", "dev", &port])?;
        Ok(told.contains(NEAR))
    })
    .unwrap();

    // Somebody removes an interface: it is made anew, and the daemon gets to know it.
    lan.edge
        .output(&["ip", "link", "del", &format!("fbr{VNI_A}")])
        .unwrap();
    until_true(PATIENCE, "the bridge to be there again", || {
        let links = lan.edge.links()?;
        Ok(links.iter().any(|(_, name)| *name == format!("fbr{VNI_A}")))
    })
    .unwrap();
    lan.agent.allow("EVPN is not complete");
    lan.wait_held("a", VNI_A, FAR);
    lan.wait_told(VNI_A, NEAR, true);

    // Without the option everything of it goes, and the data path stays.
    lan.agent.terminate().unwrap();
    let mut agent = lan.agent;
    agent.forget_evpn();
    agent.restart().unwrap();
    let left = lan.edge.links().unwrap();
    assert!(left.iter().all(|(_, name)| !name.starts_with('f')), "{left:?}");
    assert!(!agent.state_dir().join("evpn.json").exists());
}

/// A VTEP that the segment does not have as a remote is named in the log and not believed, until the document has it.
#[test]
fn a_foreign_vtep_counts_only_if_the_document_has_it() {
    let mut lan = Lan::new();
    lan.agent.allow("BGP names a VTEP");
    let device = format!("vx{VNI_B}");
    lan.far.output(&["ip", "link", "del", &device]).unwrap();
    lan.far
        .output(&["ip", "link", "del", &format!("br{VNI_B}")])
        .unwrap();
    lan.far
        .output(&["ip", "addr", "add", &format!("{STRANGER}/24"), "dev", "eth0"])
        .unwrap();
    vtep(&lan.net, &lan.far, VNI_B, STRANGER, "p2");
    lan.far_station("add", FAR, "p2");
    let refused = "fabric_evpn_refused_stations{reason=\"unknown-vtep\"}";
    until_true(PATIENCE, "the station to be refused", || {
        Ok(lan.metric(refused) >= 1.0)
    })
    .unwrap();
    assert_eq!(lan.entry("b", FAR), None);
    let log = lan.agent.log().unwrap();
    assert!(log.contains(&format!("segment=b vtep={STRANGER}")), "{log}");

    let mut second = document();
    let stranger = json!({"name": "second", "kind": "vxlan", "ends": [
        {"node": "edge1", "port": "u0", "address": HERE}, {"address": STRANGER},
    ]});
    second["links"].as_array_mut().unwrap().push(stranger);
    let remotes = &mut second["tenants"][1]["segments"][0]["remotes"];
    remotes
        .as_array_mut()
        .unwrap()
        .push(json!({"link": "second", "c_vid": 211}));
    let file = lan.agent.file("second.json", &second).unwrap();
    lan.agent.ok(&["apply", "--yes", "-f", &file]).unwrap();
    until_true(PATIENCE, "the station to be taken over", || {
        let way = format!("u0 vni {VNI_B} {STRANGER}");
        Ok(lan.entry("b", FAR) == Some(("evpn".into(), way)))
    })
    .unwrap();
    assert!(lan.metric(refused) < 1.0);

    // And taken back: the entry goes with the remote.
    let first = lan.agent.file("first.json", &document()).unwrap();
    lan.agent.ok(&["apply", "--yes", "-f", &first]).unwrap();
    lan.wait_gone("b", FAR);
}

/// BGP cannot fill the table: a tenant's limit holds for what it says, too. When there is room again the rest follows.
#[test]
fn more_stations_than_a_segment_may_have_are_not_taken_over() {
    let lan = Lan::with_ageing(Duration::from_secs(300));
    let more = MAC_LIMIT + 3;
    let macs: Vec<String> = (0..more).map(|at| format!("02:00:00:00:0d:{at:02x}")).collect();
    for mac in &macs {
        lan.far_station("add", mac, "p1");
    }
    let refused = "fabric_evpn_refused_stations{reason=\"mac-limit\"}";
    let taken = "fabric_evpn_stations{direction=\"taken\"}";
    let counts = |held: u32, left: u32| {
        until_true(PATIENCE, &format!("{held} stations and {left} left out"), || {
            Ok(lan.metric(taken) == f64::from(held) && lan.metric(refused) == f64::from(left))
        })
        .unwrap();
    };
    counts(MAC_LIMIT, 3);
    let held = |mac: &&String| lan.entry("a", mac).is_some();
    let goes = macs.iter().find(held).unwrap();
    lan.far_station("del", goes, "p1");
    counts(MAC_LIMIT, 2);
    assert_eq!(lan.entry("a", goes), None);
    assert_eq!(lan.entry("b", goes), None);
}
