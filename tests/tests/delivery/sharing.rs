//! DLV-11: tenants who share a port, told apart by their VLANs, while one of them is flooded.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::traffic::Probe;

use super::load::{Before, FLOOD, Flood, Tally, complete, flow, of_a_flood};
use super::support::{ALICE, BOB, CAROL, EVERYBODY};

const NODES: [&str; 2] = ["edge1", "edge2"];
const PORTS: [&str; 2] = ["edge1.eth1", "edge2.eth1"];
/// Tenant, VLAN, S-VID.
const TENANTS: [(&str, u16, u16); 3] = [("acme", 10, 101), ("globex", 20, 111), ("initech", 30, 121)];
/// Of the flooded tenant, frames a second in each direction and frames in all.
const STORM: (u64, u64) = (8_000, 16_000);
/// Frames a second of each flow of the others.
const LOAD: u32 = 1000;

/// All tenants at `eth1` of two nodes.
fn rig() -> Rig {
    let site = Site::new(&NODES).trunk("trunk0", "edge1", "edge2");
    let site = TENANTS.iter().fold(site, |site, &(tenant, vlan, s_vid)| {
        let segment = Segment::new(&format!("{tenant}-v{vlan}"), s_vid, 1000 + s_vid)
            .at("edge1", "eth1", vlan, 200 + s_vid)
            .at("edge2", "eth1", vlan, 300 + s_vid);
        site.tenant(tenant, &[segment])
    });
    Rig::start(&site.document(), &NODES).unwrap()
}

fn vlan_of(frame: &[u8]) -> Option<u16> {
    let tag = frame.get(12..16)?;
    (tag[..2] == [0x81, 0]).then(|| u16::from_be_bytes([tag[2], tag[3]]) & 0xfff)
}

/// Alice and Bob have the same addresses in every LAN.
fn both_know_each_other(rig: &Rig) {
    for (_, vlan, _) in TENANTS {
        for (plug, other, source) in [(PORTS[0], PORTS[1], ALICE), (PORTS[1], PORTS[0], BOB)] {
            let hello = eth(EVERYBODY, source).vlan(vlan).word("hello");
            rig.ear(plug).unwrap().socket().send(&hello).unwrap();
            let heard = rig.ear(other).unwrap();
            heard.expect(&[hello], fabric_tests::wait::PATIENCE).unwrap();
        }
    }
}

/// Both directions of a tenant's own load.
fn load(rig: &Rig, vlan: u16) -> [Probe<'_>; 2] {
    let header = |to, from| eth(to, from).vlan(vlan);
    [
        flow(rig, PORTS[0], PORTS[1], header(BOB, ALICE)).rate(LOAD),
        flow(rig, PORTS[1], PORTS[0], header(ALICE, BOB)).rate(LOAD),
    ]
}

/// While acme is flooded in both directions with what `frame` makes, the others pass their load; and no frame of the flood
/// has another VLAN than acme's.
fn others_pass_while_acme_is_flooded(rig: &Rig, frame: fn(usize, u64) -> Frame) {
    let plug = |name: &str| rig.plug(name).unwrap();
    let flooded =
        PORTS.map(|name| Tally::start(plug(name), |seen| of_a_flood(seen) && vlan_of(seen) == Some(10)));
    let strayed =
        PORTS.map(|name| Tally::start(plug(name), |seen| of_a_flood(seen) && vlan_of(seen) != Some(10)));
    let before = Before::of(rig, &NODES);
    let running = TENANTS[1..]
        .iter()
        .map(|&(tenant, vlan, _)| (tenant, load(rig, vlan).map(|probe| probe.start().unwrap())));
    let running: Vec<_> = running.collect();
    let floods = [0, 1].map(|side| {
        let there = &flooded[1 - side];
        Flood::start(there, plug(PORTS[side]), STORM, move |number| frame(side, number))
    });
    let floods = floods.map(Flood::finish);
    let mut sums = [floods[0], floods[1]];
    let mut tenants = vec![("acme", floods)];
    for (tenant, probes) in running {
        let sent = probes.map(|probe| complete(tenant, &probe.stop().unwrap()));
        assert!(
            sent[0].min(sent[1]) >= STORM.1 / STORM.0 * u64::from(LOAD) / 2,
            "{tenant} has hardly sent: {sent:?}"
        );
        sums = [sums[0] + sent[0], sums[1] + sent[1]];
        tenants.push((tenant, sent));
    }
    flooded[0].reaches(floods[1]);
    flooded[1].reaches(floods[0]);
    assert_eq!(
        strayed.map(|tally| tally.count()),
        [0, 0],
        "frames of acme in other VLANs"
    );
    for (side, node) in NODES.iter().enumerate() {
        let (from, to) = (sums[side], sums[1 - side]);
        let ports = [
            ("eth1.in", from),
            ("t0.out", from),
            ("t0.in", to),
            ("eth1.out", to),
        ];
        let mut named: Vec<(String, u64)> = ports.map(|(name, by)| (name.to_owned(), by)).into();
        for (tenant, sent) in &tenants {
            named.push((format!("{tenant}.in"), sent[side]));
            named.push((format!("{tenant}.out"), sent[1 - side]));
        }
        let named: Vec<(&str, u64)> = named.iter().map(|(name, by)| (name.as_str(), *by)).collect();
        before.moved(rig, node, &named);
    }
}

/// DLV-11: broadcasts, and frames for stations that nobody knows.
#[test]
fn dlv_11_tenants_of_one_port_lose_nothing_while_another_is_flooded_with_broadcasts() {
    let rig = rig();
    both_know_each_other(&rig);
    others_pass_while_acme_is_flooded(&rig, |side, number| {
        let source = [ALICE, BOB][side];
        let destination = if number % 2 == 0 { EVERYBODY } else { CAROL };
        eth(destination, source).vlan(10).word(FLOOD)
    });
}

/// DLV-11: frames of full size for one station.
#[test]
fn dlv_11_tenants_of_one_port_lose_nothing_while_another_is_flooded_with_large_frames() {
    let rig = rig();
    both_know_each_other(&rig);
    others_pass_while_acme_is_flooded(&rig, |side, _| {
        let (destination, source) = [(BOB, ALICE), (ALICE, BOB)][side];
        eth(destination, source).vlan(10).word(FLOOD).pad(1518)
    });
}
