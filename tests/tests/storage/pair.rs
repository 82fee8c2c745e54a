//! FIG 12: a client, a working and a protecting storage machine with one identity, and the copy line 1200 between the two as a
//! segment of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use fabric_tests::fabric::Agent;
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::wire::RawSocket;

use super::sites::Sites;
use super::support::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC};

/// [`SERVER`] as ARP writes it.
const ADDRESS: [u8; 4] = [10, 0, 0, 10];
/// The members' addresses on the copy line.
const COPY: [&str; 2] = ["10.9.0.10", "10.9.0.11"];

pub(crate) struct Pair {
    // First to go, while their interfaces are there.
    _agents: Vec<Agent>,
    pub(crate) client: NetNs,
    /// The working one, and the protecting one, whose port to the client is down.
    pub(crate) members: [NetNs; 2],
    folder: tempfile::TempDir,
    _sites: Sites,
}

impl Pair {
    /// All at one edge, or with the protecting member at the edge of another datacenter.
    pub(crate) fn start(datacenters: usize) -> Self {
        let sites = Sites::new(datacenters);
        let [client, working, protecting] =
            ["client", "working", "protecting"].map(|label| sites.net.host(label).unwrap());
        let members = [working, protecting];
        let (near, far) = (&sites.edges[0], &sites.edges[datacenters - 1]);
        sites.cable((&client, "eth0"), (near, "eth1"), CLIENT_MAC, CLIENT);
        let ports = [[(near, "eth2"), (near, "eth4")], [(far, "eth3"), (far, "eth5")]];
        for (number, (member, [lan, copy])) in members.iter().zip(ports).enumerate() {
            sites.cable((member, "eth0"), lan, SERVER_MAC, SERVER);
            let mac = format!("02:00:00:00:09:1{number}");
            sites.cable((member, "copy0"), copy, &mac, COPY[number]);
        }
        set(&members[1], "down");
        let lan = [(near, "eth1"), ports[0][0], ports[1][0]];
        let copy = [ports[0][1], ports[1][1]];
        let agents = sites.start(&[("acme", &[("lan", &lan), ("copy", &copy)])]);
        Self {
            _agents: agents,
            client,
            members,
            folder: tempfile::tempdir().unwrap(),
            _sites: sites,
        }
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// The protecting member's NBD service on the copy line.
    pub(crate) fn peer(&self) -> SocketAddr {
        format!("{}:10809", COPY[1]).parse().unwrap()
    }

    /// The service as the client knows it.
    pub(crate) fn service(&self, port: u16) -> SocketAddr {
        format!("{SERVER}:{port}").parse().unwrap()
    }

    /// The working member is cut off, then the protecting one comes up with the same identity and announces it: the take-over
    /// as an administrator does it by hand.
    pub(crate) fn take_over(&self) {
        let [working, protecting] = &self.members;
        set(working, "down");
        set(protecting, "up");
        // RFC 5227 §3: the own address as sender and target.
        let announcement = eth("ff:ff:ff:ff:ff:ff", SERVER_MAC).arp_request(SERVER_MAC, ADDRESS, ADDRESS);
        RawSocket::open(protecting, "eth0")
            .unwrap()
            .send(&announcement)
            .unwrap();
    }
}

fn set(member: &NetNs, state: &str) {
    member.output(&["ip", "link", "set", "eth0", state]).unwrap();
}
