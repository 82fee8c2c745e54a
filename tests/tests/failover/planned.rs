//! A switch that somebody asked for.

use fabric_tests::frame::eth;
use fabric_tests::storage::{CLIENT_MAC, RigOptions, SERVICE_MAC, VSM};
use fabric_tests::traffic::ping;
use fabric_tests::wait::PATIENCE;
use fabric_tests::wire::{Capture, RawSocket};

use super::support::rig;

/// FO-1: the client's frames go to the other member with the write, and to nobody else; he asks no ARP.
#[test]
fn a_switch_moves_the_clients_frames_and_nothing_else() {
    let rig = rig(&RigOptions::default());
    let shown = rig.show().unwrap();
    assert_eq!((&shown["epoch"], &shown["state"]), (&1.into(), &"ok".into()));
    assert!(ping(&rig.client, "10.10.10.100", 5).unwrap().all_answered());

    let [one, other] = [0, 1].map(|number| Capture::start(&rig.members[number], "eth0").unwrap());
    let sender = RawSocket::open(&rig.client, "eth0").unwrap();
    let before = eth(SERVICE_MAC, CLIENT_MAC).ethertype(0x88b5).payload("before");
    sender.send(before.bytes()).unwrap();
    one.expect(std::slice::from_ref(&before), PATIENCE).unwrap();

    rig.agent
        .ok(&["storage", "switch", VSM, "--to", "array-2"])
        .unwrap();
    let after = eth(SERVICE_MAC, CLIENT_MAC).ethertype(0x88b5).payload("after");
    sender.send(after.bytes()).unwrap();
    other.expect(std::slice::from_ref(&after), PATIENCE).unwrap();
    let is = |frame: &fabric_tests::frame::Frame| frame.bytes().to_vec();
    assert_eq!(one.count(|bytes| bytes == is(&after)).unwrap(), 0);
    assert_eq!(other.count(|bytes| bytes == is(&before)).unwrap(), 0);
    assert!(ping(&rig.client, "10.10.10.100", 5).unwrap().all_answered());
    let shown = rig.show().unwrap();
    assert_eq!((&shown["epoch"], &shown["manual"]), (&2.into(), &true.into()));
}
