//! DLV-9: a tenant who invents addresses takes no entry and no frame of another, and gets no more entries than are his.

use std::ops::Range;
use std::time::Duration;

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, Mac, eth};
use fabric_tests::wait;
use fabric_tests::wire::RawSocket;

use super::load::{Before, FLOOD, Flood, Tally, complete, flow, of_a_flood};
use super::support::{EVERYBODY, told, told_by};

const NODES: [&str; 2] = ["edge1", "edge2"];
const SOURCES: u64 = 100_000;
/// A second: all of them within ten seconds.
const RATE: u64 = 12_500;
const LIMIT: u64 = 1000;
/// Of the other tenant at each node.
const STATIONS: u64 = 100;

/// Acme's LAN at `eth1` of both nodes with a limit, globex' at `eth2` of both.
fn rig() -> Rig {
    let acme = Segment::new("acme-v10", 101, 1101)
        .with("mac_limit", LIMIT)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 201);
    let globex = Segment::new("globex-v10", 111, 1111)
        .at("edge1", "eth2", 10, 311)
        .at("edge2", "eth2", 10, 211);
    let site = Site::new(&NODES)
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[acme])
        .tenant("globex", &[globex]);
    Rig::start(&site.document(), &NODES).unwrap()
}

/// No two the same, and not one after the other: 0x9e3779b1 is odd.
fn invented(number: u64) -> Mac {
    let [_, _, _, _, a, b, c, d] = (number.wrapping_mul(0x9e37_79b1) & 0xffff_ffff).to_be_bytes();
    Mac::from([0x5a, 0, a, b, c, d])
}

fn flooding(number: u64) -> Frame {
    eth(EVERYBODY, invented(number)).vlan(10).word(FLOOD)
}

/// A station of globex, those of `edge1` first.
fn station(number: u64) -> Mac {
    let [.., a, b] = number.to_be_bytes();
    Mac::from([0x56, 0, 0, 1, a, b])
}

fn speak(rig: &Rig, plug: &str, stations: Range<u64>) {
    let plug = rig.plug(plug).unwrap();
    let socket = RawSocket::open(&plug.namespace, &plug.interface).unwrap();
    for number in stations {
        let hello = eth(EVERYBODY, station(number)).vlan(10).word("hello");
        socket.send(hello).unwrap();
    }
}

/// Waits until `node` knows so many stations of globex, and gives them.
fn known(rig: &Rig, node: &str, count: u64) -> Vec<String> {
    wait::until(wait::PATIENCE, "the stations of globex", || {
        let stations = rig.stations(node, "globex-v10")?;
        Ok((stations.len() as u64 >= count).then_some(stations))
    })
    .unwrap()
}

/// DLV-9: 100,000 sources of one tenant, within ten seconds where the machine is fast enough. The other loses no frame of two
/// flows and none of its entries, its new stations are learned meanwhile, and the first one's entries end at its limit, on both
/// nodes.
#[test]
fn dlv_9_a_tenant_who_invents_100_000_addresses_takes_nothing_of_another() {
    let rig = rig();
    speak(&rig, "edge1.eth2", 0..STATIONS);
    speak(&rig, "edge2.eth2", STATIONS..2 * STATIONS);
    let before = NODES.map(|node| known(&rig, node, 2 * STATIONS));
    let plug = |name: &str| rig.plug(name).unwrap();
    let arrived = Tally::start(plug("edge2.eth1"), of_a_flood);
    let strayed = ["edge1.eth2", "edge2.eth2"].map(|name| Tally::start(plug(name), of_a_flood));
    let returned = Tally::start(plug("edge1.eth1"), |_| true);
    let counters = Before::of(&rig, &NODES);

    let header = |to, from| eth(station(to), station(from)).vlan(10);
    let there = flow(&rig, "edge1.eth2", "edge2.eth2", header(STATIONS, 0))
        .start()
        .unwrap();
    let back = flow(&rig, "edge2.eth2", "edge1.eth2", header(0, STATIONS))
        .start()
        .unwrap();
    let flood = Flood::start(&arrived, plug("edge1.eth1"), (RATE, SOURCES), flooding);
    wait::until_true(wait::PATIENCE, "the limit", || {
        Ok(NODES
            .iter()
            .all(|node| told_by(&rig, node, "acme-v10", "refused_macs") > 0))
    })
    .unwrap();
    speak(&rig, "edge1.eth2", 2 * STATIONS..2 * STATIONS + 1);
    let during = NODES.map(|node| known(&rig, node, 2 * STATIONS + 1));
    assert!(
        flood.still_sends(),
        "the new station was not learned during the flood"
    );
    assert_eq!(flood.finish(), SOURCES);
    let (there, back) = (there.stop().unwrap(), back.stop().unwrap());

    let there = complete("globex from edge1 to edge2", &there);
    let back = complete("globex from edge2 to edge1", &back);
    arrived.reaches(SOURCES);
    assert_eq!(
        strayed.map(|at| at.count()),
        [0, 0],
        "frames of acme at globex' ports"
    );
    assert_eq!(returned.count(), 0, "frames at acme's port of entry");
    for (at, node) in NODES.iter().enumerate() {
        let now = known(&rig, node, 0);
        assert_eq!(now, during[at], "{node}");
        assert!(
            before[at].iter().all(|entry| now.contains(entry)),
            "{node}: {now:?}"
        );
        assert_eq!(
            rig.stations(node, "acme-v10").unwrap().len() as u64,
            LIMIT,
            "{node}"
        );
        let counts = ["learned_macs", "refused_macs"].map(|field| told_by(&rig, node, "acme-v10", field));
        assert_eq!(counts, [LIMIT, SOURCES - LIMIT], "{node}");
    }
    let out = there + 1;
    let (to, from) = (SOURCES + out, back);
    let edge1 = [
        ("eth1.in", SOURCES),
        ("acme.in", SOURCES),
        ("t0.out", to),
        ("t0.in", from),
    ];
    let tenant1 = [
        ("eth2.in", out),
        ("globex.in", out),
        ("eth2.out", back),
        ("globex.out", back),
    ];
    counters.moved(&rig, "edge1", &[edge1, tenant1].concat());
    let edge2 = [
        ("eth1.out", SOURCES),
        ("acme.out", SOURCES),
        ("t0.in", to),
        ("t0.out", from),
    ];
    let tenant2 = [
        ("eth2.in", back),
        ("globex.in", back),
        ("eth2.out", out),
        ("globex.out", out),
    ];
    counters.moved(&rig, "edge2", &[edge2, tenant2].concat());
}

/// DLV-9: the limit is only as good as the count that it is held against: what is learned while the agent goes through the
/// table is counted too.
#[test]
fn dlv_9_stations_that_are_learned_while_the_agent_sweeps_are_counted() {
    /// The agent sweeps every two seconds. Nothing grows old during the test, even if a busy host makes it seven times as long.
    const AGEING: Duration = Duration::from_secs(16);
    const RATE: u64 = 8_000;
    /// Two of them last for longer than from one sweep to the next.
    const ROUND: u64 = 9_000;
    let segment = Segment::new("acme-v10", 101, 1101)
        .with("mac_limit", 100_000)
        .at("edge1", "eth1", 10, 301)
        .at("edge1", "eth2", 10, 302);
    let site = Site::new(&["edge1"]).tenant("acme", &[segment]);
    let setup = Setup::new(&site.document(), &["edge1"]);
    let rig = setup.ageing(AGEING).start().unwrap();
    let heard = Tally::start(rig.plug("edge1.eth2").unwrap(), of_a_flood);
    for round in 0..2 {
        let frame = move |number| flooding(round * ROUND + number);
        let flood = Flood::start(&heard, rig.plug("edge1.eth1").unwrap(), (RATE, ROUND), frame);
        assert_eq!(flood.finish(), ROUND);
        heard.reaches((round + 1) * ROUND);
        let stations = rig.stations("edge1", "acme-v10").unwrap().len() as u64;
        assert_eq!(stations, (round + 1) * ROUND);
        assert_eq!(told(&rig, "acme-v10", "learned_macs"), stations);
    }
}
