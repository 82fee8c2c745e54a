//! Lines that lose their carrier while tenants talk.

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::fixtures::brief;
use fabric_tests::frame::{Frame, eth};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::traffic::{Probe, ProbeReport};
use fabric_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::site::triangle;

const NODES: [&str; 3] = ["n124", "n222", "n220"];
const LINES: [(&str, [&str; 2]); 3] = [
    ("l224", ["n222", "n124"]),
    ("l226", ["n220", "n124"]),
    ("l228", ["n222", "n220"]),
];
const RATE: u32 = 2000;
/// Frames that must arrive after a line was cut or has come back, before the next thing happens to it.
const ENOUGH: u64 = 400;
const LINE_MTU: u32 = 1600;
const EVERYBODY: &str = "ff:ff:ff:ff:ff:ff";

/// Three gateways with a cable between each two, so that both ends see when one is cut; two hosts at each.
pub(crate) struct Triangle {
    // First to go: agents take their ports down while the interfaces are there.
    pub(crate) agents: Vec<Agent>,
    pub(crate) nodes: Vec<NetNs>,
    /// Of acme and globex, node by node.
    pub(crate) hosts: Vec<[NetNs; 2]>,
    net: Net,
}

/// Makes a line's cable.
fn plug_in(net: &Net, nodes: &[NetNs], (port, ends): (&str, [&str; 2])) {
    // Else an agent that ends puts its end back as it was, and the other one has to say so.
    let [one, other] = ends.map(|name| {
        let at = NODES.iter().position(|known| *known == name).unwrap();
        End::port(&nodes[at], port)
            .mtu(LINE_MTU)
            .no_arp()
            .offload(&["gro", "on"])
    });
    net.veth(one, other).unwrap();
}

impl Triangle {
    pub(crate) fn start() -> Self {
        let net = Net::new().unwrap();
        let nodes = NODES.map(|name| net.host(name).unwrap()).to_vec();
        for line in LINES {
            plug_in(&net, &nodes, line);
        }
        let mut hosts = Vec::new();
        for (name, namespace) in NODES.iter().zip(&nodes) {
            hosts.push([1, 2].map(|number| {
                let host = net.host(&format!("{name}h{number}")).unwrap();
                let here = End::client(&host, "eth0");
                net.veth(here, End::port(namespace, &format!("eth{number}")).no_arp())
                    .unwrap();
                host
            }));
        }
        let agents = NODES.iter().zip(&nodes);
        let agents = agents.map(|(name, namespace)| {
            Launch::new(namespace, name)
                .document(&triangle())
                .start()
                .unwrap()
        });
        Self {
            agents: agents.collect(),
            nodes,
            hosts,
            net,
        }
    }

    fn probe(&self, tenant: usize, (from, to): (usize, usize), header: Frame) -> Probe<'_> {
        let end = |node: usize| (&self.hosts[node][tenant], "eth0");
        Probe::between(end(from), end(to), header).rate(RATE)
    }

    pub(crate) fn set(&self, node: usize, port: &str, state: &str) {
        self.nodes[node]
            .output(&["ip", "link", "set", port, state])
            .unwrap();
    }

    /// Frames that a node dropped for a reason, at all its ports and in both directions.
    fn dropped(&self, node: usize, reason: &str) -> u64 {
        let told = self.agents[node].get("/v1/counters").unwrap();
        let counters = brief(&told).unwrap();
        let of_reason = counters
            .values()
            .iter()
            .filter(|(name, _)| name.ends_with(reason));
        of_reason.map(|(_, frames)| frames).sum()
    }

    /// How often next hops of a node took another path because of a port.
    fn path_switches(&self, node: usize, port: &str) -> u64 {
        let metrics = self.agents[node].text("/metrics").unwrap();
        let sample = format!("fabric_path_switches_total{{port=\"{port}\"}} ");
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix(&sample));
        values.next().unwrap().parse().unwrap()
    }

    /// Waits until a node says of a port that it is `up`, or `gone`.
    fn wait_state(&self, node: usize, port: &str, wanted: &str) {
        let so = || {
            let list = self.agents[node].json(&["port", "list"])?;
            let mut items = list["items"].as_array().unwrap().iter();
            Ok(items.any(|item| item["name"] == port && item["state"] == wanted))
        };
        wait::until_true(wait::PATIENCE, &format!("{port} to be {wanted}"), so).unwrap();
    }

    /// Waits until a host has received so many frames more.
    fn wait_received(&self, tenant: usize, node: usize, more: u64) {
        let received = || {
            let host = &self.hosts[node][tenant];
            let shown = host.output(&["ip", "-s", "-j", "link", "show", "eth0"]).unwrap();
            let shown: Value = serde_json::from_str(&shown).unwrap();
            shown[0]["stats64"]["rx"]["packets"].as_u64().unwrap()
        };
        let before = received();
        wait::until_true(wait::PATIENCE, "frames by the way that is left", || {
            Ok(received() >= before + more)
        })
        .unwrap();
    }

    pub(crate) fn finish(self) {
        for agent in self.agents {
            agent.finish().unwrap();
        }
    }
}

fn header(number: u8) -> Frame {
    eth(EVERYBODY, format!("56:00:00:00:00:{number:02x}").as_str()).vlan(10)
}

fn whole(report: &ProbeReport) {
    assert_eq!(
        (report.altered, report.duplicates, report.foreign),
        (0, 0, 0),
        "{report:?}"
    );
}

/// A cut line is replaced at both of its ends, what is on its way to everybody crosses once at any moment, and nobody else
/// loses a frame: globex talks between the two datacenters whose line is not cut.
#[test]
fn dci_a_cut_line_is_replaced_and_nothing_is_doubled_or_goes_round() {
    let triangle = Triangle::start();
    let acme = triangle.probe(0, (1, 0), header(1)).patient().start().unwrap();
    let globex = triangle.probe(1, (2, 0), header(2)).patient().start().unwrap();
    triangle.wait_received(0, 0, ENOUGH);
    for _ in 0..3 {
        for state in ["down", "up"] {
            triangle.set(0, "l224", state);
            triangle.wait_received(0, 0, ENOUGH);
        }
    }
    let (acme, globex) = (acme.stop().unwrap(), globex.stop().unwrap());
    whole(&acme);
    whole(&globex);
    println!(
        "acme: {} of {} lost in three cuts and three returns, longest gap {:?}",
        acme.lost(),
        acme.sent,
        acme.longest_gap
    );
    assert!(globex.perfect(), "globex's line was not cut: {globex:?}");
    assert_eq!(
        triangle.dropped(0, "ttl-expired") + triangle.dropped(1, "ttl-expired"),
        0
    );
    // Down and up, three times, at both ends of the line and nowhere else.
    let switches = [0, 1].map(|node| triangle.path_switches(node, "l224"));
    assert!(
        switches.iter().all(|count| *count >= 6 && count % 6 == 0),
        "{switches:?}"
    );
    let elsewhere = [(0, "l226"), (1, "l228"), (2, "l226"), (2, "l228")];
    let elsewhere: u64 = elsewhere
        .map(|(node, port)| triangle.path_switches(node, port))
        .iter()
        .sum();
    assert_eq!(elsewhere, 0);
    triangle.finish();
}

/// A line whose cable is another one takes its traffic back when the way to the new interface is there, and not when the interface is:
/// nothing is lost by its return. The node that sends is held until the other one can receive.
#[test]
fn dci_a_line_that_is_made_anew_takes_its_traffic_back_without_losing_a_frame() {
    let mut triangle = Triangle::start();
    let allowed = "port is not safe";
    triangle.agents.iter_mut().for_each(|agent| agent.allow(allowed));
    let pid = Pid::from_raw(triangle.agents[1].pid().unwrap().cast_signed());
    for _ in 0..3 {
        triangle.nodes[1].output(&["ip", "link", "del", "l224"]).unwrap();
        (0..2).for_each(|node| triangle.wait_state(node, "l224", "gone"));
        let acme = triangle.probe(0, (1, 0), header(1)).patient().start().unwrap();
        triangle.wait_received(0, 0, ENOUGH);
        let switches = triangle.path_switches(1, "l224");
        kill(pid, Signal::SIGSTOP).unwrap();
        plug_in(&triangle.net, &triangle.nodes, LINES[0]);
        triangle.wait_state(0, "l224", "up");
        kill(pid, Signal::SIGCONT).unwrap();
        triangle.wait_state(1, "l224", "up");
        triangle.wait_received(0, 0, ENOUGH);
        assert!(triangle.path_switches(1, "l224") > switches, "it went back");
        let acme = acme.stop().unwrap();
        whole(&acme);
        assert_eq!(acme.lost(), 0, "{acme:?}");
    }
    triangle.finish();
}

/// Where a station is, in words: by the line that its frames take now.
#[test]
fn dci_a_station_is_told_by_the_line_that_is_left() {
    let triangle = Triangle::start();
    let agent = &triangle.agents[1];
    // To everybody at first: the node of acme's host hears where its frames come from.
    let report = triangle.probe(0, (0, 1), header(3)).run(50).unwrap();
    assert!(report.received > 0, "{report:?}");
    let station = ["fdb", "show", "56:00:00:00:00:03"];
    let told = |port: &str| {
        wait::until_true(wait::PATIENCE, "the station by the line in use", || {
            let told = agent.json(&station)?;
            let via = told["items"][0]["via"].as_str().unwrap_or_default();
            Ok(via.split(' ').next() == Some(port))
        })
        .unwrap();
    };
    told("l224");
    triangle.set(1, "l224", "down");
    told("l228");
    triangle.set(1, "l224", "up");
    told("l224");
    triangle.finish();
}

/// With both lines of a datacenter gone its frames end there with a reason, and when one is back they pass again.
#[test]
fn dci_without_any_line_frames_are_dropped_with_a_reason_until_one_is_back() {
    let triangle = Triangle::start();
    triangle.set(0, "l224", "down");
    triangle.set(0, "l226", "down");
    let acme = triangle.probe(0, (1, 0), header(1)).start().unwrap();
    wait::until_true(wait::PATIENCE, "a reason", || {
        Ok(triangle.dropped(1, "link-down") + triangle.dropped(2, "link-down") > 0)
    })
    .unwrap();
    triangle.set(0, "l226", "up");
    let sent = |report: &ProbeReport| report.received > 0;
    wait::until_true(wait::PATIENCE, "frames by the other line", || {
        let report = triangle.probe(1, (1, 0), header(2)).run(50)?;
        Ok(sent(&report))
    })
    .unwrap();
    let report = acme.stop().unwrap();
    whole(&report);
    assert!(report.lost() > 0 && report.received > 0, "{report:?}");
    triangle.finish();
}
