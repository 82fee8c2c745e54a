//! Interfaces and namespaces come and go under the agent.

use std::process::Command;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::netns::{NetNs, run_tool};
use fabric_tests::topology::{End, Net};
use fabric_tests::traffic::{Probe, RunningProbe};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};

use crate::support::{self, ALICE, BOB, EVERYBODY, has_program, owned, pins};

/// acme talks between eth1 and eth2; globex has eth3 and eth4, and eth4 is what all of this happens to.
struct Lane {
    agent: Agent,
    edge: NetNs,
    hosts: Vec<NetNs>,
    net: Net,
}

impl Lane {
    fn start() -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let hosts: Vec<_> = (1..=4)
            .map(|number| net.host(&format!("h{number}")).unwrap())
            .collect();
        for (number, host) in (1..).zip(&hosts) {
            cable(&net, host, &edge, &format!("eth{number}"));
        }
        let segment = |name: &str, s_vid: u16, ports: [&str; 2]| {
            Segment::new(name, s_vid, 1000 + s_vid)
                .at("edge1", ports[0], 10, 200 + s_vid)
                .at("edge1", ports[1], 10, 300 + s_vid)
        };
        let site = Site::new(&["edge1"])
            .tenant("acme", &[segment("acme-v10", 101, ["eth1", "eth2"])])
            .tenant("globex", &[segment("globex-v10", 111, ["eth3", "eth4"])]);
        Self {
            agent: Agent::start(&edge, &site.document(), "edge1").unwrap(),
            edge,
            hosts,
            net,
        }
    }

    fn ip(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.edge.output(&[&["ip"], &words[..]].concat()).unwrap();
    }

    /// At the tenant's end of eth4.
    fn there(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.hosts[3].output(&words).unwrap();
    }

    fn plug_in_again(&self) {
        cable(&self.net, &self.hosts[3], &self.edge, "eth4");
    }

    /// `up`, `down`, `unsafe` or `gone`, as `fabric port list` says.
    fn state(&self) -> String {
        let list = self.agent.json(&["port", "list"]).unwrap();
        let ports = list["items"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == "eth4").unwrap();
        port["state"].as_str().unwrap().to_owned()
    }

    fn wait_state(&self, wanted: &str) {
        let mut last = String::new();
        let so = || {
            last = self.state();
            Ok(last == wanted)
        };
        let waited = wait::until_true(wait::PATIENCE, &format!("eth4 to be {wanted}"), so);
        waited.unwrap_or_else(|error| panic!("{error}; it is {last}"));
    }

    /// What `fabric status` says is wrong: nothing, or eth4 alone.
    fn check_status(&self, wrong: bool) {
        let status = self.agent.json(&["status"]).unwrap();
        let item = &status["item"];
        let problems = item["problems"].as_array().unwrap();
        if !wrong {
            assert_eq!(item["state"], "ok", "{status}");
            return;
        }
        assert_eq!(item["state"], "degraded", "{status}");
        let about = |field: &str| problems[0][field].as_str().unwrap().contains("eth4");
        assert!(
            problems.len() == 1 && about("status") && about("action"),
            "{status}"
        );
    }

    fn probe(&self) -> RunningProbe {
        let header = eth(BOB, ALICE).vlan(10);
        let ends = ((&self.hosts[0], "c0"), (&self.hosts[1], "c0"));
        Probe::between(ends.0, ends.1, header).start().unwrap()
    }

    /// One frame of globex arrives behind eth4, once, with its tag.
    fn check_passes(&self) {
        let frame = eth(EVERYBODY, "56:00:00:00:00:03").vlan(10).word("globex");
        let capture = Capture::start(&self.hosts[3], "c0").unwrap();
        let socket = RawSocket::open(&self.hosts[2], "c0").unwrap();
        // The link has just come up: its queue may still swallow what comes first.
        let arrives = || {
            socket.send(&frame)?;
            Ok(capture
                .wait_count(1, std::time::Duration::from_millis(200))
                .is_ok())
        };
        wait::until_true(wait::PATIENCE, "a frame behind eth4", arrives).unwrap();
        capture.drain().unwrap();
        socket.send(&frame).unwrap();
        capture
            .expect_only(&[frame], std::time::Duration::from_millis(100))
            .unwrap();
    }
}

/// A cable as the kernel makes it: to make it safe is the agent's work.
fn cable(net: &Net, host: &NetNs, edge: &NetNs, port: &str) {
    net.veth(End::port(host, "c0").no_arp(), End::port(edge, port).no_arp())
        .unwrap();
}

/// Kernel messages that tell of a bug, so far.
fn kernel_bugs() -> usize {
    const SIGNS: [&str; 5] = [
        "WARNING:",
        "BUG:",
        "Oops",
        "refcount",
        "unregister_netdevice: waiting",
    ];
    let said = run_tool(&mut Command::new("dmesg")).unwrap_or_default();
    said.lines()
        .filter(|line| SIGNS.iter().any(|sign| line.contains(sign)))
        .count()
}

/// OPS-6: whatever happens to one port, the agent lives and tells of it, and nobody else loses a frame; when the
/// interface is back under its name, it is attached again, and nothing has piled up in the kernel.
#[test]
fn ops_6_a_port_that_goes_is_told_of_and_taken_again_when_it_is_back() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let (pid, bugs) = (lane.agent.pid(), kernel_bugs());
    lane.check_passes();
    let (objects, pinned) = (owned(&lane.agent).counts(), pins(&lane.agent).len());
    let probe = lane.probe();
    type Deed = fn(&Lane);
    let cases: [(&str, Deed, &str, Deed); 6] = [
        (
            "the port is deleted",
            |lane| lane.ip("link del eth4"),
            "gone",
            Lane::plug_in_again,
        ),
        (
            "the peer is deleted",
            |lane| lane.there("ip link del c0"),
            "gone",
            Lane::plug_in_again,
        ),
        (
            "the port is down",
            |lane| lane.ip("link set eth4 down"),
            "down",
            |lane| lane.ip("link set eth4 up"),
        ),
        (
            "the peer is down",
            |lane| lane.there("ip link set c0 down"),
            "down",
            |lane| lane.there("ip link set c0 up"),
        ),
        (
            "the port has another name",
            |lane| lane.ip("link set eth4 name other"),
            "gone",
            |lane| lane.ip("link set other name eth4"),
        ),
        (
            "the port is in another namespace",
            |lane| lane.ip(&format!("link set eth4 netns {}", lane.hosts[0].name())),
            "gone",
            |lane| {
                let host = &lane.hosts[0];
                host.output(&["ip", "link", "set", "eth4", "netns", lane.edge.name()])
                    .unwrap();
                lane.ip("link set eth4 up");
            },
        ),
    ];
    for (what, deed, state, mend) in cases {
        println!("{what}");
        deed(&lane);
        lane.wait_state(state);
        lane.check_status(true);
        mend(&lane);
        lane.wait_state("up");
        lane.check_status(false);
        assert!(has_program(&lane.edge, "eth4"), "{what}");
        lane.check_passes();
        let same = || Ok(owned(&lane.agent).counts() == objects && pins(&lane.agent).len() == pinned);
        let waited = wait::until_true(wait::PATIENCE, "as many objects as before", same);
        waited.unwrap_or_else(|error| panic!("{what}: {error}: {objects:?}, now {:?}", owned(&lane.agent)));
    }
    assert_eq!(lane.agent.pid(), pid);
    assert_eq!(kernel_bugs(), bugs, "the kernel complains: dmesg");
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// OPS-6: links that flap as fast as they can be made to.
#[test]
fn ops_6_flapping_links_disturb_nobody() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let bugs = kernel_bugs();
    lane.check_passes();
    let objects = owned(&lane.agent).counts();
    let probe = lane.probe();
    for flap in 0..40 {
        match flap % 4 {
            0 => lane.ip("link set eth4 down"),
            1 => lane.there("ip link set c0 down"),
            2 => lane.ip("link set eth4 up"),
            _ => lane.there("ip link set c0 up"),
        }
    }
    for _ in 0..10 {
        lane.there("ip link del c0");
        lane.plug_in_again();
    }
    lane.wait_state("up");
    lane.check_status(false);
    lane.check_passes();
    let same = || Ok(owned(&lane.agent).counts() == objects);
    wait::until_true(wait::PATIENCE, "as many objects as before", same).unwrap();
    assert_eq!(kernel_bugs(), bugs, "the kernel complains: dmesg");
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// OPS-6: the tenant deletes his whole namespace, with his end of the cable in it, and comes back with a new one.
#[test]
fn ops_6_a_tenants_namespace_can_be_deleted() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let bugs = kernel_bugs();
    let probe = lane.probe();
    for _ in 0..3 {
        // A namespace that nobody but its name holds.
        let name = format!("{}gone", lane.net.prefix());
        run_tool(Command::new("ip").args(["netns", "add", &name])).unwrap();
        lane.there(&format!("ip link set c0 netns {name}"));
        run_tool(Command::new("ip").args(["-n", &name, "link", "set", "c0", "up"])).unwrap();
        lane.wait_state("up");
        run_tool(Command::new("ip").args(["netns", "del", &name])).unwrap();
        lane.wait_state("gone");
        lane.check_status(true);
        lane.plug_in_again();
        lane.wait_state("up");
        lane.check_status(false);
        lane.check_passes();
    }
    assert_eq!(kernel_bugs(), bugs, "the kernel complains: dmesg");
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}
