//! What BGP says becomes entries of ours, and our stations become routes.

use std::time::Duration;

use fabric_tests::frame::eth;
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::{Capture, RawSocket};

use super::support::{CLIENT, CLIENT_MAC, Lan, SERVER, SERVER_MAC, THERE, VNI_A, VNI_B};

const SILENT: &str = "02:00:00:00:0b:77";
const BRIEF: &str = "02:00:00:00:0a:88";

/// A station behind the Linux host that has never sent a frame is reached without flooding, does not age as ours do, and is
/// forgotten when BGP says so; one of ours is told to the Linux host, and told to be gone when it has aged.
#[test]
fn stations_are_taken_from_bgp_and_told_to_it() {
    let lan = Lan::with_ageing(Duration::from_secs(4));
    lan.far_station("add", SILENT, "p1");
    lan.wait_held("a", VNI_A, SILENT);
    assert_eq!(lan.entry("b", SILENT), None);

    let arriving = Capture::start(&lan.server, "eth0").unwrap();
    let flooded = Capture::start(&lan.quiet, "eth0").unwrap();
    let socket = RawSocket::open(&lan.client, "eth0").unwrap();
    let before = lan.agent.counters().unwrap();
    let frame = eth(SILENT, BRIEF).word("Happy");
    socket.send(&frame).unwrap();
    arriving.expect(&[frame], PATIENCE).unwrap();
    let after = lan.agent.counters().unwrap();
    // BGP goes on at the underlay port meanwhile, and is none of the data path's frames out.
    let mut moved = after.since(&before);
    moved.retain(|name, _| !["u0.in", "u0.passed"].contains(&name.as_str()));
    let expected = [("eth1.in".to_owned(), 1), ("u0.out".to_owned(), 1)];
    assert_eq!(moved, expected.into());
    assert_eq!(flooded.frames().unwrap().len(), 0);

    lan.wait_told(VNI_A, BRIEF, true);
    assert_eq!(lan.vtep_of(VNI_B, BRIEF), None);
    lan.wait_told(VNI_A, BRIEF, false);
    assert_eq!(lan.entry("a", BRIEF), None, "told to be gone while it is there");
    lan.wait_held("a", VNI_A, SILENT);

    // What the document says is its own from then on, also where BGP said the same before.
    lan.agent
        .ok(&["fdb", "add", SILENT, "--segment", "a", "--link", "pathway"])
        .unwrap();
    let way = format!("u0 vni {VNI_A} {THERE}");
    assert_eq!(lan.entry("a", SILENT), Some(("static".to_owned(), way)));
    lan.agent
        .ok(&["fdb", "remove", SILENT, "--segment", "a"])
        .unwrap();
    lan.wait_held("a", VNI_A, SILENT);

    lan.far_station("del", SILENT, "p1");
    lan.wait_gone("a", SILENT);
    let Lan { agent, edge, net, .. } = lan;
    agent.finish().unwrap();
    let left = edge.links().unwrap();
    assert!(left.iter().all(|(_, name)| !name.starts_with('f')), "{left:?}");
    net.tear_down().unwrap();
}

/// Real traffic, and two tenants with the same addresses in two VNIs: each has its own server.
#[test]
fn tenants_with_equal_addresses_reach_each_his_own_server() {
    let lan = Lan::new();
    let foreign = Capture::start(&lan.other_server, "eth0").unwrap();
    assert!(ping(&lan.client, SERVER, 5).unwrap().all_answered());
    lan.wait_told(VNI_A, CLIENT_MAC, true);
    lan.wait_held("a", VNI_A, SERVER_MAC);
    assert_eq!(lan.vtep_of(VNI_B, CLIENT_MAC), None);
    assert_eq!(lan.entry("b", SERVER_MAC), None);
    assert!(ping(&lan.server, CLIENT, 5).unwrap().all_answered());
    let megabytes = 4 << 20;
    let (there, back) = (format!("{SERVER}:7000"), format!("{CLIENT}:7000"));
    let there = tcp(&lan.client, &lan.server, there.parse().unwrap(), megabytes).unwrap();
    let back = tcp(&lan.server, &lan.client, back.parse().unwrap(), megabytes).unwrap();
    assert!(there.intact() && back.intact());
    assert_eq!(foreign.frames().unwrap().len(), 0);

    let own = Capture::start(&lan.server, "eth0").unwrap();
    assert!(ping(&lan.other_client, SERVER, 5).unwrap().all_answered());
    lan.wait_told(VNI_B, CLIENT_MAC, true);
    lan.wait_held("b", VNI_B, SERVER_MAC);
    lan.wait_held("a", VNI_A, SERVER_MAC);
    assert_eq!(own.frames().unwrap().len(), 0);
}
