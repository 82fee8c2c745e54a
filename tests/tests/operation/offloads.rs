//! Tags that the kernel keeps beside the frame, where XDP does not see them.

use std::time::Duration;

use fabric_tests::bpf::XdpRedirect;
use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wait;
use serde_json::Value;

use crate::support::hidden::{CTAG, SECRET, STAG, ear, is_on, secret, tagged_by_kernel};
use crate::support::{ALICE, BOB, EVERYBODY, Lane, Settings, cable};

const SOON: Duration = Duration::from_millis(100);

/// OPS-1: while a port is in use, its receive side and the transmit side of its peer keep no tag beside the frame;
/// afterwards every switch is as it was.
#[test]
fn ops_1_offloads_are_off_while_a_port_is_in_use_and_back_afterwards() {
    let mut lane = Lane::start();
    // For the moment until it is cured.
    lane.agent.allow("port is not safe");
    let guest = lane.net.host("h5").unwrap();
    cable(&lane.net, &guest, &lane.edge, "eth5");
    let ends = [(&lane.edge, "eth5"), (&guest, "c0")];
    let switches = [
        (0, "rx-vlan-offload"),
        (0, "rx-vlan-stag-hw-parse"),
        (1, "tx-vlan-offload"),
        (1, "tx-vlan-stag-hw-insert"),
    ];
    let settings = || ends.map(|(host, interface)| Settings::of(host, interface));
    let on = || switches.map(|(end, feature)| is_on(ends[end].0, ends[end].1, feature));
    let before = settings();
    assert_eq!(on(), [true; 4], "the kernel's defaults");
    for (verb, expected) in [
        ("attach", false),
        ("detach", true),
        ("attach", false),
        ("detach", true),
    ] {
        let words = ["tenant", verb, "initech", "--port", "eth5", "--vlan", "10"];
        lane.agent.ok(&words).unwrap();
        assert_eq!(on(), [expected; 4], "after {verb}");
        if expected {
            for (before, now) in before.iter().zip(settings()) {
                assert_eq!(before.changed(&now), [""; 0], "after {verb}");
            }
        }
    }
    lane.agent.finish().unwrap();
}

/// The flag, and how many there are who want the mode.
fn promiscuity(host: &NetNs, interface: &str) -> (bool, u64) {
    let told = host
        .output(&["ip", "-d", "-j", "link", "show", interface])
        .unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let flags = told[0]["flags"].as_array().unwrap();
    (
        flags.contains(&"PROMISC".into()),
        told[0]["promiscuity"].as_u64().unwrap(),
    )
}

/// While a port is in use its interface takes frames for every address, whoever takes that away; afterwards it is as it was,
/// and stays on where somebody else had turned it on.
#[test]
fn a_port_takes_every_frame_while_it_is_in_use_and_is_as_it_was_afterwards() {
    let mut lane = Lane::start();
    // For the moment until it is cured.
    lane.agent.allow("port is not safe");
    let guest = lane.net.host("h5").unwrap();
    cable(&lane.net, &guest, &lane.edge, "eth5");
    let seen = || promiscuity(&lane.edge, "eth5");
    let set = |word| lane.ip(&format!("link set eth5 promisc {word}"));
    let tenant = |verb| {
        let words = ["tenant", verb, "initech", "--port", "eth5", "--vlan", "10"];
        lane.agent.ok(&words).unwrap()
    };
    assert_eq!(seen(), (false, 0));
    let said = tenant("attach").stdout;
    assert!(said.contains("eth5: promisc off -> on"), "{said}");
    assert_eq!(seen(), (true, 1));
    for _ in 0..3 {
        set("off");
        wait::until_true(wait::PATIENCE, "the port to be cured", || Ok(seen() == (true, 1))).unwrap();
    }
    tenant("detach");
    assert_eq!(seen(), (false, 0));

    set("on");
    tenant("attach");
    assert_eq!(seen(), (true, 1));
    tenant("detach");
    assert_eq!(seen(), (true, 1), "it is somebody else's");
    lane.agent.finish().unwrap();
}

/// OPS-1, the control: a redirect without the agent's care loses a lone S-tag, on this kernel too.
#[test]
fn ops_1_a_bare_redirect_loses_the_tag_that_the_kernel_keeps_beside_the_frame() {
    let net = Net::new().unwrap();
    let [edge, from, to] = ["edge", "from", "to"].map(|name| net.host(name).unwrap());
    cable(&net, &from, &edge, "eth1");
    net.veth(End::client(&to, "c0").no_arp(), End::port(&edge, "eth2").no_arp())
        .unwrap();
    let _redirect = XdpRedirect::attach(&edge, "eth1", "eth2").unwrap();
    let capture = ear(&to);
    let socket = tagged_by_kernel(&net, &from, (STAG, 100));
    socket.send(secret()).unwrap();
    capture.expect_only(&[secret()], SOON).unwrap();
    let switches = [
        "ethtool",
        "-K",
        "c0",
        "txvlan",
        "off",
        "tx-vlan-stag-hw-insert",
        "off",
    ];
    from.output(&switches).unwrap();
    capture.drain().unwrap();
    socket.send(secret()).unwrap();
    let whole = eth(EVERYBODY, ALICE).svlan(100).payload(SECRET).pad(64);
    capture.expect_only(&[whole], SOON).unwrap();
}

/// OPS-1: behind an access port of the agent, a C-tag of the tenant's kernel stays on, and an S-tag is seen and refused.
#[test]
fn ops_1_a_tag_put_on_by_the_tenants_kernel_is_seen() {
    let lane = Lane::start();
    let ears = [1, 2, 3].map(|host: usize| ear(&lane.hosts[host]));
    let known = tagged_by_kernel(&lane.net, &lane.hosts[0], (CTAG, 10));
    let unknown = tagged_by_kernel(&lane.net, &lane.hosts[0], (CTAG, 20));
    let forged = tagged_by_kernel(&lane.net, &lane.hosts[0], (STAG, 101));
    known.send(secret()).unwrap();
    ears[0]
        .expect_only(&[eth(EVERYBODY, ALICE).vlan(10).payload(SECRET).pad(64)], SOON)
        .unwrap();
    ears[0].drain().unwrap();
    let before = lane.agent.counters().unwrap();
    for socket in [&unknown, &forged] {
        socket.send_all(&vec![secret(); 3]).unwrap();
    }
    for ear in &ears {
        ear.expect_nothing(SOON).unwrap();
    }
    let moved = lane.agent.counters().unwrap().since(&before);
    let expected = [
        ("eth1.dropped.fabric-tag-from-tenant", 3),
        ("eth1.dropped.unmapped-vlan", 3),
        ("eth1.in", 6),
    ];
    assert_eq!(moved, expected.map(|(name, by)| (name.to_owned(), by)).into());
    lane.agent.finish().unwrap();
}

/// OPS-1: a frame whose S-tag was put on by the kernel at the other end of a trunk leaves through the next trunk, and
/// through an access port, as if the tag had been in its bytes.
#[test]
fn ops_1_an_s_tag_put_on_by_the_kernel_survives_a_trunk() {
    let net = Net::new().unwrap();
    let [edge, west, east, guest] = ["edge2", "west", "east", "guest"].map(|name| net.host(name).unwrap());
    for (host, port) in [(&west, "t0"), (&east, "t1"), (&guest, "eth1")] {
        net.veth(
            End::port(host, "c0").mtu(1600).no_arp(),
            End::port(&edge, port).mtu(1600).no_arp(),
        )
        .unwrap();
    }
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 302)
        .at("edge3", "eth1", 10, 303);
    let site = Site::new(&["edge1", "edge2", "edge3"])
        .trunk("trunk0", "edge1", "edge2")
        .trunk("trunk1", "edge2", "edge3")
        .tenant("acme", &[segment]);
    let agent = Agent::start(&edge, &site.document(), "edge2").unwrap();
    let socket = tagged_by_kernel(&net, &west, (STAG, 101));
    for (c_vid, host, arriving) in [
        (303, &east, eth(BOB, ALICE).svlan(101).cvlan(303).vlan(10)),
        (302, &guest, eth(BOB, ALICE).vlan(10)),
    ] {
        let arrived = ear(host);
        let sent = eth(BOB, ALICE).cvlan(c_vid).vlan(10).payload(SECRET).pad(100);
        socket.send_all(&vec![sent.clone(); 3]).unwrap();
        let payload = &sent.bytes()[22..];
        let arriving = Frame::from_bytes([arriving.payload([]).bytes(), payload].concat());
        arrived.expect_only(&vec![arriving; 3], SOON).unwrap();
    }
    agent.finish().unwrap();
}
