//! Four ports whose cables the agent has to make safe by itself.

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::traffic::{Probe, RunningProbe};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};

use super::{ALICE, BOB, EVERYBODY};

/// acme talks between eth1 and eth2; globex has eth3 and eth4, and eth4 is what all of this happens to.
pub(crate) struct Lane {
    pub(crate) agent: Agent,
    pub(crate) edge: NetNs,
    pub(crate) hosts: Vec<NetNs>,
    pub(crate) net: Net,
}

impl Lane {
    pub(crate) fn start() -> Self {
        Self::with(|launch| launch)
    }

    /// With other options of the agent.
    pub(crate) fn with(options: impl FnOnce(Launch) -> Launch) -> Self {
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
            agent: options(Launch::new(&edge, "edge1").document(&site.document()))
                .start()
                .unwrap(),
            edge,
            hosts,
            net,
        }
    }

    pub(crate) fn ip(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.edge.output(&[&["ip"], &words[..]].concat()).unwrap();
    }

    /// At the tenant's end of eth4.
    pub(crate) fn there(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.hosts[3].output(&words).unwrap();
    }

    pub(crate) fn plug_in_again(&self) {
        cable(&self.net, &self.hosts[3], &self.edge, "eth4");
    }

    /// `up`, `down`, `unsafe` or `gone`, as `fabric port list` says.
    pub(crate) fn state(&self) -> String {
        let list = self.agent.json(&["port", "list"]).unwrap();
        let ports = list["items"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == "eth4").unwrap();
        port["state"].as_str().unwrap().to_owned()
    }

    pub(crate) fn wait_state(&self, wanted: &str) {
        let mut last = String::new();
        let so = || {
            last = self.state();
            Ok(last == wanted)
        };
        let waited = wait::until_true(wait::PATIENCE, &format!("eth4 to be {wanted}"), so);
        let checks = || self.agent.cli(&["doctor", "eth4"]).map(|said| said.stdout);
        waited.unwrap_or_else(|error| panic!("{error}; it is {last}: {}", checks().unwrap()));
    }

    /// What `fabric status` says is wrong: nothing, or eth4 alone.
    pub(crate) fn check_status(&self, wrong: bool) {
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

    pub(crate) fn probe(&self) -> RunningProbe {
        let header = eth(BOB, ALICE).vlan(10);
        let ends = ((&self.hosts[0], "c0"), (&self.hosts[1], "c0"));
        Probe::between(ends.0, ends.1, header).patient().start().unwrap()
    }

    /// One frame of globex arrives behind eth4, once, with its tag.
    pub(crate) fn check_passes(&self) {
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
pub(crate) fn cable(net: &Net, host: &NetNs, edge: &NetNs, port: &str) {
    net.veth(End::port(host, "c0").no_arp(), End::port(edge, port).no_arp())
        .unwrap();
}
