//! The agent ends in order: forwarding stays, or everything goes.

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wait;

use crate::support::{self, Settings, has_program, owned, pins};

/// One tenant on both ends of a trunk.
fn across_a_trunk() -> Rig {
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 201);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment]);
    Rig::start(&site.document(), &["edge1", "edge2"]).unwrap()
}

/// SIGTERM and `fabric agent stop` end the agent, not the forwarding; the next agent takes it over, with its
/// maps, its learned stations and its counters, and not one frame is lost by any of it.
#[test]
fn a_stopped_agent_leaves_forwarding_and_the_next_one_adopts_it_without_loss() {
    let mut rig = across_a_trunk();
    let probe = support::probe(&rig, "edge1.eth1", "edge2.eth1");
    let learned = || Ok(!rig.stations("edge2", "acme-v10")?.is_empty());
    wait::until_true(wait::PATIENCE, "a learned station", learned).unwrap();
    for (round, node) in ["edge1", "edge2", "edge1", "edge2"].into_iter().enumerate() {
        let stations = rig.stations(node, "acme-v10").unwrap();
        let counted = rig.counters(node).unwrap();
        let agent = rig.agent_mut(node).unwrap();
        let (before, pinned) = (owned(agent), pins(agent));
        if round < 2 {
            agent.terminate().unwrap();
        } else {
            let said = agent.stop().unwrap();
            assert!(said.stdout.contains("forwarding goes on"), "{said}");
        }
        assert!(!agent.socket().exists(), "the socket goes with the agent");
        assert!(has_program(agent.namespace(), "eth1") && has_program(agent.namespace(), "t0"));
        agent.restart().unwrap();
        let adopted = || Ok(agent.log()?.matches("adopted=true").count() == round / 2 + 1);
        wait::until_true(wait::PATIENCE, "adopted=true in the log", adopted).unwrap();
        let after = owned(agent);
        assert_eq!(after.counts(), before.counts(), "as many objects as before");
        let same = after.maps.intersection(&before.maps).count();
        assert!(
            same >= 20,
            "all pinned maps are the same, {same} of {}",
            before.maps.len()
        );
        assert_eq!(after.links, before.links, "the same links, updated");
        assert!(before.programs.is_disjoint(&after.programs), "new programs");
        assert_eq!(pins(agent), pinned);
        assert_eq!(rig.stations(node, "acme-v10").unwrap(), stations);
        let since = rig.counters(node).unwrap().since(&counted);
        assert!(since.values().all(|moved| *moved >= 0), "{since:?}");
        assert!(since.keys().any(|name| name.starts_with("t0.")), "{since:?}");
    }
    support::unharmed(probe);
}

/// An access port, a trunk and an underlay, all of them at both ends as the kernel makes them.
struct Street {
    agent: Agent,
    ends: Vec<(NetNs, &'static str)>,
    before: Vec<Settings>,
    _net: Net,
}

impl Street {
    fn start() -> Self {
        let net = Net::new().unwrap();
        let (edge, far) = (net.host("edge1").unwrap(), net.host("far").unwrap());
        let mut ends = Vec::new();
        for (port, peer) in [("eth1", "c1"), ("eth2", "c2"), ("t0", "c3"), ("u0", "c4")] {
            let near = End::port(&edge, port).mtu(1600);
            let near = if port == "u0" {
                near.address("192.0.2.1/24")
            } else {
                near
            };
            // What a tenant has turned off by himself stays off.
            let there = End::port(&far, peer).mtu(1600).address("192.0.2.2/24");
            let there = if peer == "c2" {
                there.offload(&["txvlan", "off"])
            } else {
                there
            };
            net.veth(there, near).unwrap();
            ends.extend([(edge.clone(), port), (far.clone(), peer)]);
        }
        let before = settings(&ends);
        let segment = Segment::new("acme-v10", 101, 1101)
            .at("edge1", "eth1", 10, 301)
            .at("edge1", "eth2", 10, 302)
            .remote("pathway", 303)
            .with("vni", 10_001);
        let site = Site::new(&["edge1", "edge2"])
            .trunk("trunk0", "edge1", "edge2")
            .pathway("pathway", "edge1", "192.0.2.2", None)
            .tenant("acme", &[segment]);
        Self {
            agent: Agent::start(&edge, &site.document(), "edge1").unwrap(),
            ends,
            before,
            _net: net,
        }
    }

    /// What is otherwise than before the first agent, `c1 feature …`; whom the far side's kernel has met is its own affair.
    fn changed(&self) -> Vec<String> {
        let pairs = self.ends.iter().zip(&self.before).zip(settings(&self.ends));
        pairs
            .flat_map(|(((_, end), before), now)| {
                before
                    .changed(&now)
                    .into_iter()
                    .map(move |what| format!("{end} {what}"))
                    .filter(|what| !(what.starts_with('c') && what.contains("neighbours")))
            })
            .collect()
    }
}

fn settings(ends: &[(NetNs, &str)]) -> Vec<Settings> {
    ends.iter()
        .map(|(namespace, interface)| Settings::of(namespace, interface))
        .collect()
}

/// Whatever happened to the agent before, `fabric agent stop --detach` puts back every setting that was changed for
/// the fabric's sake, at both ends of each cable, and leaves no program, map, link, pin or mount. Afterwards the same
/// agent starts again from the same folder.
#[test]
fn stop_detach_puts_every_interface_back_and_leaves_nothing() {
    let mut street = Street::start();
    for before_the_end in ["nothing", "kill -9", "SIGTERM"] {
        let changed = street.changed();
        for end in ["eth1 link xdp", "c1 feature tx-vlan-offload", "u0 neighbours"] {
            assert!(
                changed.iter().any(|what| what.starts_with(end)),
                "{end}: {changed:#?}"
            );
        }
        let agent = &mut street.agent;
        match before_the_end {
            "kill -9" => agent.kill9().and_then(|()| agent.restart()).unwrap(),
            "SIGTERM" => agent.terminate().and_then(|()| agent.restart()).unwrap(),
            _ => {}
        }
        let objects = owned(agent);
        assert_eq!(objects.counts()[2], 4, "a link for each port: {objects:?}");
        agent.stop_detach().unwrap();
        objects.wait_gone(wait::PATIENCE).unwrap();
        assert_eq!(street.changed(), [""; 0], "after {before_the_end}");
        let left = std::fs::read_dir(street.agent.state_dir()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["document.json", "history", "interfaces.json", "lock", "node.json"]
        );
        street.agent.restart().unwrap();
    }
    street.agent.finish().unwrap();
}
