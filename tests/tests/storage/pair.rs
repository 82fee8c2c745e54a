//! FIG 12: a client, a working and a protecting storage machine with one identity, and the copy line 1200 between the two as a
//! segment of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wire::RawSocket;

use super::support::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC};

/// [`SERVER`] as ARP writes it.
const ADDRESS: [u8; 4] = [10, 0, 0, 10];
/// The members' addresses on the copy line.
const COPY: [&str; 2] = ["10.9.0.10", "10.9.0.11"];

pub(crate) struct Pair {
    // First to go, while its interfaces are there.
    _agent: Agent,
    pub(crate) client: NetNs,
    /// The working one, and the protecting one, whose port to the client is down.
    pub(crate) members: [NetNs; 2],
    folder: tempfile::TempDir,
    _net: Net,
}

impl Pair {
    pub(crate) fn start() -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let client = net.host("client").unwrap();
        let members = ["working", "protecting"].map(|label| net.host(label).unwrap());
        let cable = |host: &NetNs, name: &str, port: &str, mac: &str, address: &str| {
            let end = End::client(host, name).mac(mac).address(&format!("{address}/24"));
            net.veth(end, End::port(&edge, port)).unwrap();
        };
        cable(&client, "eth0", "eth1", CLIENT_MAC, CLIENT);
        for (number, member) in members.iter().enumerate() {
            cable(member, "eth0", &format!("eth{}", 2 + number), SERVER_MAC, SERVER);
            let mac = format!("02:00:00:00:09:1{number}");
            cable(member, "copy0", &format!("eth{}", 4 + number), &mac, COPY[number]);
        }
        set(&members[1], "down");
        let lan = Segment::new("lan", 100, 1100)
            .at("edge1", "eth1", "untagged", 301)
            .at("edge1", "eth2", "untagged", 302)
            .at("edge1", "eth3", "untagged", 303);
        let copy = Segment::new("copy", 101, 1101)
            .at("edge1", "eth4", "untagged", 304)
            .at("edge1", "eth5", "untagged", 305);
        let site = Site::new(&["edge1"]).tenant("acme", &[lan, copy]);
        Self {
            _agent: Agent::start(&edge, &site.document(), "edge1").unwrap(),
            client,
            members,
            folder: tempfile::tempdir().unwrap(),
            _net: net,
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
