//! One edge, and two tenants with the same addresses: each a client and a storage machine, the second tenant's equal to the
//! first one's to the last byte.

use std::net::IpAddr;
use std::path::PathBuf;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::random::Random;
use fabric_tests::topology::{End, Net};
use serde_json::Value;

pub(crate) const CLIENT: &str = "10.0.0.1";
pub(crate) const SERVER: &str = "10.0.0.10";
pub(crate) const CLIENT_MAC: &str = "02:00:00:00:01:01";
pub(crate) const SERVER_MAC: &str = "02:00:00:00:01:10";

/// Length of a mark.
const MARK: usize = 16;

/// A tenant's machines.
pub(crate) struct Tenant {
    pub(crate) client: NetNs,
    pub(crate) server: NetNs,
    /// For the server's volumes and the client's copies.
    pub(crate) folder: tempfile::TempDir,
    /// Repeated [`MARK`] times in every 64 bytes of its data.
    pub(crate) mark: u8,
}

impl Tenant {
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Noise with the tenant's mark in every 64 bytes.
    pub(crate) fn data(&self, length: usize) -> Vec<u8> {
        let mut random = Random::new(u64::from(self.mark));
        let mut bytes = random.bytes(length);
        for place in bytes.chunks_exact_mut(64) {
            place[..MARK].fill(self.mark);
        }
        bytes
    }
}

/// The fabric between them.
pub(crate) struct TwoTenants {
    // First to go, while its interfaces are there.
    _agent: Agent,
    pub(crate) tenants: [Tenant; 2],
    _net: Net,
}

impl TwoTenants {
    pub(crate) fn start(mtu: u32) -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let tenants = [("a", [1, 2]), ("b", [3, 4])].map(|(name, ports)| {
            let host = |label: &str| net.host(&format!("{label}-{name}")).unwrap();
            let tenant = Tenant {
                client: host("client"),
                server: host("server"),
                folder: tempfile::tempdir().unwrap(),
                mark: name.as_bytes()[0],
            };
            let machines = [
                (&tenant.client, CLIENT, CLIENT_MAC),
                (&tenant.server, SERVER, SERVER_MAC),
            ];
            for ((host, address, mac), port) in machines.into_iter().zip(ports) {
                let end = End::client(host, "eth0").mac(mac).mtu(mtu);
                let port = End::port(&edge, &format!("eth{port}")).mtu(mtu);
                net.veth(end.address(&format!("{address}/24")), port).unwrap();
            }
            tenant
        });
        let agent = Agent::start(&edge, &document(), "edge1").unwrap();
        Self {
            _agent: agent,
            tenants,
            _net: net,
        }
    }
}

/// Whether a mark of `byte` is anywhere in it.
pub(crate) fn is_marked(bytes: &[u8], byte: u8) -> bool {
    // One place of every mark is a multiple of its length.
    let same = |other: &&u8| **other == byte;
    (0..bytes.len()).step_by(MARK).any(|at| {
        let (before, after) = bytes.split_at(at);
        let run = after.iter().take_while(same).count();
        run > 0 && run + before.iter().rev().take_while(same).count() >= MARK
    })
}

fn document() -> Value {
    let segment = |name: &str, s_vid, ports: [&str; 2]| {
        Segment::new(name, s_vid, s_vid + 1000)
            .at("edge1", ports[0], "untagged", s_vid + 200)
            .at("edge1", ports[1], "untagged", s_vid + 201)
    };
    Site::new(&["edge1"])
        .tenant("acme", &[segment("a", 100, ["eth1", "eth2"])])
        .tenant("globex", &[segment("b", 110, ["eth3", "eth4"])])
        .document()
}

pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}
