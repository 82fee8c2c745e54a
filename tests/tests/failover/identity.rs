//! Two machines with one identity never both speak (claim 7, FO-5).

use fabric_tests::counters::counters_moved;
use fabric_tests::frame::eth;
use fabric_tests::storage::{CLIENT_MAC, RigOptions, SERVICE_MAC, VSM};
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::{Capture, MARK, RawSocket};
use std::time::Duration;

use super::support::{calm, rig};

const QUIET: Duration = Duration::from_millis(200);

/// What the member that is not in charge sends as the storage machine ends at its port, counted; the same from the one in
/// charge arrives. After a switch it is the other way round: the old one is fenced though it is alive and has the identity.
#[test]
fn only_the_member_in_charge_speaks() {
    let rig = rig(&calm());
    let client = Capture::start(&rig.client, "eth0").unwrap();
    let [one, other] = [0, 1].map(|number| RawSocket::open(&rig.members[number], "eth0").unwrap());
    let from = |word: &str| {
        eth(CLIENT_MAC, SERVICE_MAC)
            .ethertype(0x88b5)
            .payload(word)
            .pad(60)
    };
    let everybody = eth("ff:ff:ff:ff:ff:ff", SERVICE_MAC)
        .arp_request(SERVICE_MAC, [10, 10, 10, 100], [10, 10, 10, 100])
        .raw(MARK);
    RawSocket::open(&rig.client, "eth0")
        .unwrap()
        .send(
            eth(SERVICE_MAC, CLIENT_MAC)
                .ethertype(0x88b5)
                .payload("known")
                .bytes(),
        )
        .unwrap();
    let before = rig.agent.counters().unwrap();
    one.send(from("working").bytes()).unwrap();
    other.send(from("protection").bytes()).unwrap();
    // A gratuitous ARP of the standby would move nothing here, but tell the client that there are two.
    other.send(everybody.bytes()).unwrap();
    client.expect(&[from("working")], PATIENCE).unwrap();
    client.expect_nothing(QUIET).unwrap();
    let after = rig.agent.counters().unwrap();
    counters_moved(
        &before,
        &after,
        &[
            ("eth2.in", 1),
            ("eth1.out", 1),
            ("eth3.in", 2),
            ("eth3.dropped.fenced", 2),
        ],
    )
    .unwrap();

    rig.agent
        .ok(&["storage", "switch", VSM, "--to", "array-2"])
        .unwrap();
    one.send(from("old").bytes()).unwrap();
    other.send(from("new").bytes()).unwrap();
    client.expect(&[from("new")], PATIENCE).unwrap();
    client.expect_nothing(QUIET).unwrap();
    // Gratuitous ARP of the one in charge is never eaten.
    other.send(everybody.bytes()).unwrap();
    client.expect(&[everybody], PATIENCE).unwrap();
    let shown = rig.show().unwrap();
    assert_eq!(shown["members"][0]["fenced_frames"], 1);
    assert_eq!(shown["members"][1]["role"], "working");
}

/// A client that sends from the storage machine's address reaches nobody, and moves nothing.
#[test]
fn nobody_else_can_use_the_identity() {
    let rig = rig(&calm());
    let member = Capture::start(&rig.members[0], "eth0").unwrap();
    let client = RawSocket::open(&rig.client, "eth0").unwrap();
    let before = rig.agent.counters().unwrap();
    let forged = eth("ff:ff:ff:ff:ff:ff", SERVICE_MAC)
        .ethertype(0x88b5)
        .payload("forged");
    client.send(forged.bytes()).unwrap();
    let real = eth(SERVICE_MAC, CLIENT_MAC).ethertype(0x88b5).payload("real");
    client.send(real.bytes()).unwrap();
    member.expect(&[real], PATIENCE).unwrap();
    member.expect_nothing(QUIET).unwrap();
    let after = rig.agent.counters().unwrap();
    counters_moved(
        &before,
        &after,
        &[("eth1.in", 2), ("eth1.dropped.forged-vsm", 1), ("eth2.out", 1)],
    )
    .unwrap();
}

/// Answers to probes end at the member's port and reach neither a client nor this host.
#[test]
fn answers_to_probes_end_at_the_port() {
    let rig = rig(&RigOptions::default());
    let client = Capture::start(&rig.client, "eth0").unwrap();
    let before = rig.agent.counters().unwrap().get("eth2.dropped.probe-answer");
    fabric_tests::wait::until_true(PATIENCE, "twenty answers", || {
        Ok(rig.agent.counters()?.get("eth2.dropped.probe-answer") > before + 20)
    })
    .unwrap();
    client.expect_nothing(Duration::from_millis(50)).unwrap();
    assert_eq!(rig.agent.counters().unwrap().get("eth2.passed"), 0);
}
