//! The tenant undoes what was done to his end of the cable.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fabric_tests::frame::eth;
use fabric_tests::netns::{NetNs, Process};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};

use crate::support::hidden::{CTAG, SECRET, STAG, ear, is_on, secret, tagged_by_kernel};
use crate::support::{self, EVERYBODY, Lane};

const SOON: Duration = Duration::from_millis(100);
/// What a tenant's kernel does with tags unless told otherwise.
const DEFAULTS: [&str; 2] = ["tx-vlan-offload", "tx-vlan-stag-hw-insert"];

/// Sends with hidden tags at a steady pace until it is told to stop, and says how many frames there were.
fn pour(sockets: Vec<RawSocket>, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            for socket in &sockets {
                sent += u64::from(socket.offer(secret().bytes()).unwrap());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        sent
    })
}

/// OPS-1: the tenant turns his offloads on again and again while he sends: each time the agent turns them off, nothing
/// comes out anywhere with a tag less, and no other tenant loses or gets a frame.
#[test]
fn ops_1_a_tenant_who_turns_his_offloads_on_again_is_cured_and_leaks_nothing() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let host = &lane.hosts[3];
    let hidden = [(CTAG, 20), (STAG, 111)].map(|tag| tagged_by_kernel(&lane.net, host, tag));
    let ears: Vec<Capture> = lane.hosts[..3].iter().map(ear).collect();
    let probe = lane.probe();
    let stop = Arc::new(AtomicBool::new(false));
    let pouring = pour(hidden.into(), &stop);
    let before = lane.agent.counters().unwrap();
    for round in 0..12 {
        let wish = ["txvlan", "tx-vlan-stag-hw-insert", "gro"][round % 3];
        let value = if wish == "gro" { "off" } else { "on" };
        lane.there(&format!("ethtool -K c0 {wish} {value}"));
        let cured = || {
            let hides = DEFAULTS.iter().any(|feature| is_on(host, "c0", feature));
            Ok(!hides && is_on(host, "c0", "generic-receive-offload"))
        };
        wait::until_true(wait::PATIENCE, &format!("{wish} {value} to be cured"), cured).unwrap();
    }
    lane.wait_state("up");
    lane.check_status(false);
    stop.store(true, Ordering::Relaxed);
    let sent = pouring.join().unwrap();
    for ear in &ears {
        ear.expect_nothing(SOON).unwrap();
    }
    let moved = lane.agent.counters().unwrap().since(&before);
    let dropped: i128 = moved
        .iter()
        .filter(|(name, _)| name.starts_with("eth4.dropped."))
        .map(|(_, by)| by)
        .sum();
    assert!(
        sent > 0 && dropped == moved["eth4.in"],
        "all are counted: {sent} sent, {moved:?}"
    );
    assert!(lane.agent.log().unwrap().contains("port was made safe again"));
    support::unharmed(probe);
    lane.check_passes();
    lane.agent.finish().unwrap();
}

/// A process in a network namespace that has no name.
fn nameless() -> (Process, NetNs) {
    let mut command = Command::new("unshare");
    command.args(["--net", "sleep", "600"]);
    let process = Process::start(&mut command).unwrap();
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let path = format!("/proc/{}/ns/net", process.pid());
    let moved = || Ok(std::fs::read_link(&path).is_ok_and(|other| other != own));
    wait::until_true(wait::PATIENCE, "a namespace without name", moved).unwrap();
    let namespace = NetNs::open(&path, "nameless").unwrap();
    (process, namespace)
}

/// OPS-1: what cannot be cured is blocked, every frame of it, counted and told; as soon as it can be checked, it works again.
#[test]
fn ops_1_a_peer_that_cannot_be_checked_is_blocked_and_counted() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let probe = lane.probe();
    let (mut process, away) = nameless();
    lane.there(&format!("ip link set c0 netns {}", process.pid()));
    away.output(&["ip", "link", "set", "c0", "up"]).unwrap();
    lane.wait_state("up");
    // Now only this test has the namespace open, and the agent has no way in.
    process.kill9().unwrap();
    away.output(&["ethtool", "-K", "c0", "txvlan", "on"]).unwrap();
    lane.wait_state("unsafe");
    lane.check_status(true);
    let ears = [0, 1, 2].map(|host: usize| ear(&lane.hosts[host]));
    let before = lane.agent.counters().unwrap();
    let frames = vec![
        eth(EVERYBODY, "56:00:00:00:00:09")
            .vlan(10)
            .payload(SECRET)
            .pad(60);
        20
    ];
    RawSocket::open(&away, "c0").unwrap().send_all(&frames).unwrap();
    for ear in &ears {
        ear.expect_nothing(SOON).unwrap();
    }
    let moved = lane.agent.counters().unwrap().since(&before);
    assert_eq!(moved.get("eth4.dropped.port-unsafe"), Some(&20), "{moved:?}");
    let metrics = lane.agent.text("/metrics").unwrap();
    assert!(metrics.contains("fabric_port_safe{port=\"eth4\"} 0"), "{metrics}");
    let doctor = lane.agent.cli(&["doctor", "eth4"]).unwrap();
    assert!(
        doctor.status == Some(1) && doctor.stdout.contains("cannot be checked"),
        "{doctor}"
    );
    let home = lane.hosts[3].name();
    away.output(&["ip", "link", "set", "c0", "netns", home]).unwrap();
    lane.there("ip link set c0 up");
    lane.wait_state("up");
    lane.check_status(false);
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}
