//! What the topology functions build carries real kernel traffic.

use std::time::Duration;

use fabric_tests::bpf::XdpRedirect;
use fabric_tests::frame::{eth, stack};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Macvlan, Net, VlanKind, Vxlan};
use fabric_tests::wire::{Capture, Filter, RawSocket};

const QUIET: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_secs(10);

fn ping(from: &NetNs, to: &str) {
    from.output(&["ping", "-n", "-c", "2", "-i", "0.01", "-W", "5", to])
        .unwrap();
}

fn two() -> (Net, NetNs, NetNs) {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    (net, one, other)
}

#[test]
fn an_end_has_the_settings_that_were_asked_for() {
    let (net, one, other) = two();
    let end = End::client(&one, "eth0")
        .mac("02:00:00:00:00:01")
        .mtu(1700)
        .address("10.0.0.1/24")
        .address("fd00::1/64")
        .ipv6();
    net.veth(
        end.neighbour("10.0.0.9", "02:00:00:00:00:09"),
        End::port(&other, "eth5").no_arp(),
    )
    .unwrap();
    let shown = one.output(&["ip", "addr", "show", "eth0"]).unwrap();
    for part in [
        "02:00:00:00:00:01",
        "mtu 1700",
        "10.0.0.1/24",
        "fd00::1/64",
        ",UP",
    ] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    assert!(
        one.output(&["ip", "neigh"])
            .unwrap()
            .contains("10.0.0.9 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT")
    );
    let offloads = one.output(&["ethtool", "-k", "eth0"]).unwrap();
    for part in [
        "tx-checksumming: off",
        "tx-vlan-offload: off",
        "tx-vlan-stag-hw-insert: off",
        "generic-receive-offload: on",
    ] {
        assert!(offloads.contains(part), "{part} is missing: {offloads}");
    }
    assert!(
        other
            .output(&["ip", "link", "show", "eth5"])
            .unwrap()
            .contains("NOARP")
    );
}

#[test]
fn a_plain_cable_is_silent() {
    let (net, one, other) = two();
    net.veth(End::client(&one, "eth0"), End::client(&other, "eth0"))
        .unwrap();
    Capture::start_filtered(&one, "eth0", Filter::All)
        .unwrap()
        .expect_nothing(4 * QUIET)
        .unwrap();
}

#[test]
fn a_vlan_pings_with_the_tag_in_the_bytes_beside_untagged_traffic_of_the_same_address() {
    let (net, one, other) = two();
    net.veth(
        End::client(&one, "eth0").address("10.0.1.1/24"),
        End::client(&other, "eth0").address("10.0.1.2/24"),
    )
    .unwrap();
    let kind = net.vlan(&one, "eth0", 10, Some("10.0.0.1/24")).unwrap();
    assert_eq!(net.vlan(&other, "eth0", 10, Some("10.0.0.2/24")).unwrap(), kind);
    net.vlan(&one, "eth0", 20, Some("10.0.2.1/24")).unwrap();
    net.vlan(&other, "eth0", 20, Some("10.0.2.2/24")).unwrap();
    let capture = Capture::start(&other, "eth0").unwrap();
    ping(&one, "10.0.0.2");
    ping(&one, "10.0.1.2");
    ping(&one, "10.0.2.2");
    capture.wait_count(6, SOON).unwrap();
    let seen: Vec<String> = capture
        .drain()
        .unwrap()
        .iter()
        .map(|frame| stack(&frame.bytes))
        .collect();
    assert_eq!(
        seen,
        [
            "own 10 | IPv4 | ICMP",
            "own 10 | IPv4 | ICMP",
            "IPv4 | ICMP",
            "IPv4 | ICMP",
            "own 20 | IPv4 | ICMP",
            "own 20 | IPv4 | ICMP"
        ]
    );
}

#[test]
fn a_vlan_made_by_programs_keeps_other_vlans_and_priorities_apart() {
    let (net, one, other) = two();
    net.veth(End::client(&one, "eth0"), End::client(&other, "eth0"))
        .unwrap();
    net.vlan_by_programs(&other, "eth0", "v10", 10).unwrap();
    let inside = Capture::start(&other, "v10").unwrap();
    let socket = RawSocket::open(&one, "eth0").unwrap();
    let base = || eth("02:00:00:00:00:02", "02:00:00:00:00:01");
    socket
        .send_all(&[
            base().vlan(11).word("eleven"),
            base().word("none"),
            base().svlan(10).word("service"),
        ])
        .unwrap();
    socket
        .send_all(&[
            base().vlan(10).pcp(5).word("ten"),
            base().vlan(10).vlan(20).word("two"),
        ])
        .unwrap();
    inside
        .expect_only(&[base().word("ten"), base().vlan(20).word("two")], QUIET)
        .unwrap();
    let wire = Capture::start(&one, "eth0").unwrap();
    RawSocket::open(&other, "v10")
        .unwrap()
        .send_all(&[base().word("back"), base().vlan(30).word("deep")])
        .unwrap();
    wire.expect_only(
        &[
            base().vlan(10).word("back"),
            base().vlan(10).vlan(30).word("deep"),
        ],
        QUIET,
    )
    .unwrap();
}

#[test]
fn the_kind_of_vlan_follows_the_kernel() {
    let (net, one, other) = two();
    net.veth(End::client(&one, "eth0"), End::client(&other, "eth0"))
        .unwrap();
    let has_8021q = one
        .output(&[
            "ip", "link", "add", "link", "eth0", "name", "probe", "type", "vlan", "id", "7",
        ])
        .is_ok();
    let kind = net.vlan(&one, "eth0", 10, None).unwrap();
    assert_eq!(kind == VlanKind::Device, has_8021q);
}

#[test]
fn a_tapped_cable_carries_and_shows_both_directions() {
    let (net, one, other) = two();
    let ends = (
        End::client(&one, "eth0").address("10.0.0.1/24"),
        End::client(&other, "eth0").address("10.0.0.2/24"),
    );
    let tap = net.tapped("tap", 1600, ends.0, ends.1).unwrap();
    let (there, back) = (tap.from_one().unwrap(), tap.from_other().unwrap());
    ping(&one, "10.0.0.2");
    there.wait_count(2, SOON).unwrap();
    back.wait_count(2, SOON).unwrap();
    let sent = eth("02:00:00:00:00:02", "02:00:00:00:00:01")
        .svlan(100)
        .cvlan(200)
        .vlan(10)
        .pcp(3)
        .word("Happy");
    there.drain().unwrap();
    let arrived = Capture::start(&other, "eth0").unwrap();
    RawSocket::open(&one, "eth0").unwrap().send(&sent).unwrap();
    there.expect_only(std::slice::from_ref(&sent), QUIET).unwrap();
    arrived.expect_only(&[sent], QUIET).unwrap();
}

#[test]
fn kernel_vxlan_bridge_and_a_second_machine_on_a_port_talk() {
    let (net, one, other) = two();
    let guest = net.host("guest").unwrap();
    net.veth(
        End::client(&one, "u0").mtu(1600).address("192.0.2.1/24"),
        End::client(&other, "u0").mtu(1600).address("192.0.2.2/24"),
    )
    .unwrap();
    let vxlan = Vxlan {
        name: "vx0",
        vni: 20_001,
        local: "192.0.2.1",
        remote: Some("192.0.2.2"),
        port: 4789,
        mac: Some("02:00:00:00:00:0a"),
        address: Some("10.0.0.1/24"),
    };
    net.vxlan(&one, &vxlan).unwrap();
    let far = Vxlan {
        local: "192.0.2.2",
        remote: Some("192.0.2.1"),
        mac: None,
        address: None,
        ..vxlan
    };
    net.vxlan(&other, &far).unwrap();
    net.veth(
        End::client(&other, "p0"),
        End::client(&guest, "eth0").address("10.0.0.2/24"),
    )
    .unwrap();
    net.bridge(&other, "br0", &["vx0", "p0"]).unwrap();
    let virtual_guest = net.host("virtual").unwrap();
    let second = Macvlan {
        on: (&guest, "eth0"),
        name: "eth0",
        mac: "8a:02:28:11:2a:01",
        address: Some("10.0.0.3/24"),
    };
    net.macvlan(&virtual_guest, &second).unwrap();
    let capture = Capture::start(&other, "u0").unwrap();
    ping(&one, "10.0.0.2");
    ping(&one, "10.0.0.3");
    capture.wait_count(4, SOON).unwrap();
    let words: Vec<String> = capture
        .drain()
        .unwrap()
        .iter()
        .map(|frame| stack(&frame.bytes))
        .collect();
    assert_eq!(words, ["vni 20001 | Ethernet | IPv4 | ICMP"; 4]);
}

/// Whether a veth can be redirected into depends on the order in which its peer's GRO and the links came up; it must not here.
#[test]
fn both_kinds_of_cable_take_native_redirects_whichever_end_is_named_first() {
    for client_first in [true, false] {
        let (net, one, other) = two();
        let edge = net.host("edge").unwrap();
        let port = |name| End::port(&edge, name);
        if client_first {
            net.veth(End::client(&one, "eth0"), port("p1")).unwrap();
        } else {
            net.veth(port("p1"), End::client(&one, "eth0")).unwrap();
        }
        let tap = net
            .tapped("tap", 1500, port("p2"), End::client(&other, "eth0"))
            .unwrap();
        let _there = XdpRedirect::attach(&edge, "p1", "p2").unwrap();
        let _back = XdpRedirect::attach(&edge, "p2", "p1").unwrap();
        let captures = [
            tap.from_one(),
            Capture::start(&other, "eth0"),
            tap.from_other(),
            Capture::start(&one, "eth0"),
        ];
        let sent = eth("02:00:00:00:00:02", "02:00:00:00:00:01")
            .svlan(100)
            .cvlan(200)
            .word("Happy");
        RawSocket::open(&one, "eth0").unwrap().send(&sent).unwrap();
        RawSocket::open(&other, "eth0").unwrap().send(&sent).unwrap();
        for capture in captures {
            capture
                .unwrap()
                .expect_only(std::slice::from_ref(&sent), QUIET)
                .unwrap();
        }
    }
}
