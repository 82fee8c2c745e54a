//! A switch that somebody asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fabric_common::maps::storage::Charge;
use fabric_tests::frame::eth;
use fabric_tests::storage::{CLIENT_MAC, RigOptions, SERVICE_MAC, VSM};
use fabric_tests::traffic::ping;
use fabric_tests::wait::{self, PATIENCE};
use fabric_tests::wire::{Capture, RawSocket};
use fabric_userspace::datapath::Datapath;
use fabric_userspace::ids::Sizes;

use super::support::{calm, rig};

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

/// Switches from one member to the other and back.
const SWITCHES: u32 = 10_000;

/// Ten thousand switches of the one word that says who is in charge, while a client sends: each frame goes to one member or
/// the other, whole and once, and the clients' side sees nothing of it.
#[test]
fn ten_thousand_switches_lose_and_double_nothing() {
    let mut rig = rig(&calm());
    // Only the word is to change: nobody nudges, and nobody decides otherwise.
    rig.agent.kill9().unwrap();
    let pins = rig.agent.state_dir().join("bpf");
    // Where its interfaces are: the device map looks them up by number.
    let open = || Ok(Datapath::open(&pins, &Sizes::default(), 1 << 20, false)?);
    let (datapath, adopted) = rig.edge.run(open).unwrap();
    assert!(adopted);
    let vsm = datapath.vsm(1).unwrap();
    let ears = [0, 1].map(|number| Capture::start(&rig.members[number], "eth0").unwrap());
    let frame = |number: u32| {
        eth(SERVICE_MAC, CLIENT_MAC)
            .ethertype(0x88b5)
            .payload(number.to_be_bytes())
            .pad(60)
    };
    let sender = RawSocket::open(&rig.client, "eth0").unwrap();
    let done = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                sender.send(frame(number).bytes()).unwrap();
                number += 1;
                std::thread::sleep(Duration::from_micros(50));
            }
            number
        });
        for epoch in 2..SWITCHES + 2 {
            let member = u8::try_from(epoch % 2).unwrap();
            vsm.charge.store(Charge::new(epoch, Some(member), None).0);
            std::thread::sleep(Duration::from_micros(20));
        }
        done.store(true, Ordering::Relaxed);
        sending.join().unwrap()
    });
    wait::until_true(PATIENCE, "every frame at a member", || {
        let there = ears.iter().map(|ear| ear.count(|_| true));
        Ok(there.sum::<anyhow::Result<usize>>()? >= sent as usize)
    })
    .unwrap();
    let arrived = ears.each_ref().map(|ear| ear.frames().unwrap());
    let mut numbers = Vec::new();
    for frames in &arrived {
        assert!(!frames.is_empty(), "both members had their share");
        for captured in frames {
            let number = u32::from_be_bytes(captured.bytes[14..18].try_into().unwrap());
            assert_eq!(captured.bytes, frame(number).bytes());
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    assert!(
        numbers.iter().copied().eq(0..sent),
        "{sent} sent, {} arrived",
        numbers.len()
    );
    println!(
        "{SWITCHES} switches, {sent} frames: {} and {}",
        arrived[0].len(),
        arrived[1].len()
    );
    drop(datapath);
    rig.agent.restart().unwrap();
}
