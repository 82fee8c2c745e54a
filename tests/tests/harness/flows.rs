//! Traffic tools count what really happened: TCP through every kind of path, probes to the last frame.

use std::time::Duration;

use fabric_tests::bpf::{Hook, TcProgram};
use fabric_tests::counters::{Counters, counters_moved};
use fabric_tests::frame::{Frame, eth, stack};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net, VlanKind};
use fabric_tests::traffic::{Probe, ping, tcp};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, RawSocket, Tshark};
use serde_json::json;

const MEGABYTES: u64 = 1 << 20;

fn addressed() -> (Net, NetNs, NetNs) {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    let near = End::client(&one, "eth0").mtu(1500).address("10.0.1.1/24");
    net.veth(near, End::client(&other, "eth0").address("10.0.1.2/24"))
        .unwrap();
    (net, one, other)
}

fn header() -> Frame {
    eth("02:00:00:00:00:02", "02:00:00:00:00:01").vlan(10)
}

#[test]
fn tcp_gives_the_same_hash_at_both_ends() {
    let (_net, one, other) = addressed();
    let report = tcp(&one, &other, "10.0.1.2:7000".parse().unwrap(), 16 * MEGABYTES + 1).unwrap();
    assert!(
        report.intact() && report.bytes == 16 * MEGABYTES + 1 && report.bits_per_second() > 1e6,
        "{report:?}"
    );
}

#[test]
fn tcp_without_a_server_address_or_a_path_is_refused_with_the_place() {
    let (_net, one, other) = addressed();
    let error = format!(
        "{:#}",
        tcp(&one, &other, "10.0.1.3:7000".parse().unwrap(), 1).unwrap_err()
    );
    assert!(error.contains("cannot listen on 10.0.1.3:7000"), "{error}");
    one.output(&["ip", "addr", "flush", "dev", "eth0"]).unwrap();
    let error = format!(
        "{:#}",
        tcp(&one, &other, "10.0.1.2:7000".parse().unwrap(), 1).unwrap_err()
    );
    assert!(
        error.contains("TCP from one to 10.0.1.2:7000 in other: no connection"),
        "{error}"
    );
}

/// The promise of [`Net::vlan`]: whole TCP segments with good checksums, and VLAN 10 in the bytes that leave the cable.
fn kernel_tcp_in_vlan_10(make: impl Fn(&Net, &NetNs)) {
    let (net, one, other) = addressed();
    for (host, address) in [(&one, "10.0.0.1/24"), (&other, "10.0.0.2/24")] {
        make(&net, host);
        host.output(&["ip", "addr", "add", address, "dev", "eth0.10"])
            .unwrap();
    }
    let capture = Capture::start(&other, "eth0").unwrap();
    assert!(
        tcp(&one, &other, "10.0.0.2:7000".parse().unwrap(), 8 * MEGABYTES)
            .unwrap()
            .intact()
    );
    // Ethernet 14, tag 4, IPv4 20, TCP with timestamps 32.
    let carried = |bytes: &[u8]| bytes.len().saturating_sub(70) as u64;
    let total = || {
        capture
            .frames()
            .unwrap()
            .iter()
            .map(|frame| carried(&frame.bytes))
            .sum::<u64>()
    };
    until_true(PATIENCE, "every byte to be captured", || {
        Ok(total() >= 8 * MEGABYTES)
    })
    .unwrap();
    let frames = capture.drain().unwrap();
    assert!(
        frames
            .iter()
            .all(|frame| stack(&frame.bytes) == "own 10 | IPv4 | TCP")
    );
    let longest = frames.iter().map(|frame| frame.bytes.len()).max().unwrap();
    assert!(
        longest <= 1518,
        "a frame of {longest} bytes on a cable of MTU 1500"
    );
    let sums = Tshark::new()
        .fields(&frames[..200], &["tcp.checksum.status", "ip.checksum.status"])
        .unwrap();
    assert!(sums.iter().all(|row| row == &["1", "1"]), "{sums:?}");
}

#[test]
fn kernel_tcp_runs_in_a_vlan_with_the_tag_in_the_bytes() {
    kernel_tcp_in_vlan_10(|net, host| {
        net.vlan(host, "eth0", 10, None).unwrap();
    });
}

#[test]
fn kernel_tcp_runs_in_a_vlan_made_by_programs() {
    kernel_tcp_in_vlan_10(|net, host| net.vlan_by_programs(host, "eth0", "eth0.10", 10).unwrap());
}

#[test]
fn tcp_runs_through_a_tapped_cable_in_a_vlan() {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    let tap = net
        .tapped(
            "tap",
            1600,
            End::client(&one, "eth0"),
            End::client(&other, "eth0"),
        )
        .unwrap();
    let kinds = [
        net.vlan(&one, "eth0", 10, Some("10.0.0.1/24")).unwrap(),
        net.vlan(&other, "eth0", 10, Some("10.0.0.2/24")).unwrap(),
    ];
    assert!(kinds == [VlanKind::Programs; 2] || kinds == [VlanKind::Device; 2]);
    let capture = tap.from_one().unwrap();
    assert!(
        tcp(&one, &other, "10.0.0.2:7000".parse().unwrap(), 4 * MEGABYTES)
            .unwrap()
            .intact()
    );
    capture.wait_count(100, Duration::from_secs(2)).unwrap();
    assert!(
        capture
            .count(|bytes| stack(bytes) == "own 10 | IPv4 | TCP")
            .unwrap()
            > 100
    );
    assert_eq!(
        capture
            .count(|bytes| !stack(bytes).starts_with("own 10 | "))
            .unwrap(),
        0
    );
}

#[test]
fn ping_counts_answers_and_silence() {
    let (_net, one, other) = addressed();
    assert!(ping(&one, "10.0.1.2", 5).unwrap().all_answered());
    other.output(&["ip", "link", "set", "eth0", "down"]).unwrap();
    let report = ping(&one, "10.0.1.2", 2).unwrap();
    assert_eq!((report.sent, report.answered), (2, 0));
    assert!(
        ping(&one, "203.0.113.1", 1).is_err(),
        "no route is an error, not silence"
    );
}

#[test]
fn a_probe_over_a_cable_is_perfect_and_paced() {
    let (_net, one, other) = addressed();
    let begin = std::time::Instant::now();
    let report = Probe::between((&one, "eth0"), (&other, "eth0"), header())
        .rate(2000)
        .run(1000)
        .unwrap();
    assert!(report.perfect() && report.received == 1000, "{report:?}");
    assert!(
        begin.elapsed() >= Duration::from_millis(499)
            && report.latency(50).unwrap() < Duration::from_millis(100)
    );
}

#[test]
fn a_probe_that_is_stopped_reports_what_it_sent() {
    let (_net, one, other) = addressed();
    let tunnel = || {
        eth("02:00:00:00:00:02", "02:00:00:00:00:01")
            .ipv4([1, 1, 1, 1], [2, 2, 2, 2])
            .udp(50_000, 4789)
            .vxlan(7)
    };
    let running = Probe::between((&one, "eth0"), (&other, "eth0"), tunnel().append(&header()))
        .rate(5000)
        .size(300)
        .start();
    std::thread::sleep(Duration::from_millis(100));
    let report = running.unwrap().stop().unwrap();
    assert!(report.perfect() && report.sent > 10, "{report:?}");
}

/// Two tc programs at the receiver send what came in back over a second cable, the wrong way and twice.
#[test]
fn a_probe_counts_losses_alterations_and_strangers() {
    let (_net, one, other) = addressed();
    let wrong = header().pcp(5);
    let altered = Probe::between((&one, "eth0"), (&other, "eth0"), header())
        .arriving(wrong)
        .run(20)
        .unwrap();
    assert_eq!((altered.altered, altered.lost()), (20, 0));
    let running = Probe::between((&one, "eth0"), (&other, "eth0"), header())
        .rate(500)
        .start()
        .unwrap();
    let stranger = Probe::between((&one, "eth0"), (&other, "eth0"), header())
        .run(7)
        .unwrap();
    assert_eq!(stranger.received, 7);
    other.output(&["ip", "link", "set", "eth0", "down"]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let report = running.stop().unwrap();
    assert!(
        report.foreign == 7 && report.lost() > 0 && report.received > 0,
        "{report:?}"
    );
}

#[test]
fn a_probe_counts_duplicates_and_overtaking() {
    let (net, one, other) = addressed();
    let second = net.host("second").unwrap();
    net.veth(End::client(&other, "back"), End::client(&second, "eth0"))
        .unwrap();
    let onward = TcProgram::forward(other.ifindex("back").unwrap()).unwrap();
    onward.attach(&other, "eth0", Hook::Ingress).unwrap();
    let copy = Capture::start(&second, "eth0").unwrap();
    let running = Probe::between((&one, "eth0"), (&second, "eth0"), header())
        .count(50)
        .rate(1000)
        .start()
        .unwrap();
    copy.wait_count(50, Duration::from_secs(5)).unwrap();
    // The same frames again, the last first: each is a duplicate, and no duplicate counts as overtaken.
    let mut again = copy.drain().unwrap();
    again.reverse();
    let socket = RawSocket::open(&one, "eth0").unwrap();
    again.iter().for_each(|frame| socket.send(&frame.bytes).unwrap());
    let report = running.finish().unwrap();
    assert_eq!(
        (report.received, report.duplicates, report.reordered),
        (50, 50, 0)
    );
}

#[test]
fn every_counter_that_moved_must_be_named() {
    let state = |eth1_in: u64, drops: u64| {
        Counters::from_json(&json!({
            "schema": "fabric/1", "kind": "counters", "revision": 43 + drops,
            "items": [
                {"port": "eth1", "in": eth1_in, "in_bytes": eth1_in * 60, "dropped": {"unmapped-vlan": drops}},
                {"port": "trunk0", "in": 7, "peer": null, "up": true},
            ],
        }))
    };
    assert_eq!(state(5, 1).get("eth1.dropped.unmapped-vlan"), 1);
    counters_moved(&state(0, 0), &state(1, 0), &[("eth1.in", 1), ("trunk0.in", 0)]).unwrap();
    counters_moved(&state(1, 0), &state(1, 0), &[]).unwrap();
    let error = counters_moved(&state(0, 0), &state(2, 1), &[("eth1.in", 1), ("eth2.in", 1)])
        .unwrap_err()
        .to_string();
    for line in [
        "eth1.in: +2, expected +1",
        "eth1.dropped.unmapped-vlan: +1, expected +0",
        "eth2.in: +0, expected +1",
        "trunk0.in 7 -> 7",
    ] {
        assert!(error.contains(line), "{line} is missing: {error}");
    }
}

#[test]
fn the_agents_document_becomes_flat_names_and_its_sums_are_checked() {
    let document = |redirected: u64| {
        json!({"schema": "fabric/1", "kind": "counters", "revision": 1, "item": {
            "ports": [{
                "port": "eth1", "received": {"frames": 9, "bytes": 540}, "redirected_frames": redirected, "passed_frames": 1,
                "dropped_frames": 2, "transmitted": {"frames": 4, "bytes": 240}, "dropped_copies": 3,
                "reasons": [
                    {"reason": "unmapped-vlan", "direction": "in", "frames": 2},
                    {"reason": "too-big", "direction": "out", "frames": 3},
                ],
            }],
        }})
    };
    let ports = Counters::of_ports(&document(6)).unwrap();
    let named = [
        ("eth1.in", 9),
        ("eth1.passed", 1),
        ("eth1.out", 4),
        ("eth1.dropped.unmapped-vlan", 2),
        ("eth1.lost.too-big", 3),
    ];
    counters_moved(&Counters::default(), &ports, &named).unwrap();
    assert!(
        Counters::of_ports(&document(7)).is_err(),
        "in is not redirected + passed + dropped"
    );
}
