//! What a client may try against the members of a storage machine.

use std::time::{Duration, Instant};

use fabric_tests::frame::eth;
use fabric_tests::storage::{CLIENT_MAC, PROBE};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};

use super::across::{decided_by_the_other, epoch_at};
use super::support::LONG;

/// A client says that who probes the members is behind him. What they answer comes to him then, and not to the node that asks, until it
/// tells them again: a member that works is not taken for dead.
#[test]
fn a_client_does_not_draw_the_answers_to_probes_to_himself() {
    let (sites, members) = decided_by_the_other();
    let epoch = epoch_at(&sites, 1);
    let mac: Vec<u8> = CLIENT_MAC
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect();
    let probe = PROBE.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let says = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &mac, &probe, &mac, &probe].concat();
    let forged = eth("ff:ff:ff:ff:ff:ff", CLIENT_MAC)
        .ethertype(0x0806)
        .payload(says)
        .pad(60);
    let client = &sites.tenants[0].client;
    let is_answer = move |bytes: &[u8]| bytes.get(23) == Some(&6) && bytes.get(30..34) == Some(&probe);
    let drawn = Capture::watch(client, "eth0", 2048, is_answer).unwrap();
    let socket = RawSocket::open(client, "eth0").unwrap();
    let begun = Instant::now();
    wait::until_true(LONG, "three seconds of it", || {
        socket.send(forged.bytes())?;
        assert_eq!(epoch_at(&sites, 1), epoch);
        Ok(begun.elapsed() > Duration::from_secs(3))
    })
    .unwrap();
    drawn.wait_count(1, LONG).unwrap();
    sites.wait_all_members_up(0).unwrap();
    assert_eq!(epoch_at(&sites, 1), epoch);
    drop((drawn, members));
    sites.tear_down().unwrap();
}
