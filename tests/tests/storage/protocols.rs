//! The protocols that the patent names, between two tenants who use the same addresses at the same time.

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::storage::Protocol;
use fabric_tests::topology::{End, Net};
use serde_json::Value;

use super::support::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Tenant};

/// One edge and two tenants, the second one's machines equal to the first one's to the last byte.
struct TwoTenants {
    // First to go, while its interfaces are there.
    _agent: Agent,
    tenants: [Tenant; 2],
    _net: Net,
}

impl TwoTenants {
    fn start() -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let cable = |host: &NetNs, address: &str, mac: &str, port: u8| {
            let end = End::client(host, "eth0")
                .mac(mac)
                .address(&format!("{address}/24"));
            net.veth(end, End::port(&edge, &format!("eth{port}"))).unwrap();
        };
        let tenants = [(b'a', [1, 2]), (b'b', [3, 4])].map(|(mark, ports)| {
            let host = |label: &str| net.host(&format!("{label}-{}", char::from(mark))).unwrap();
            let tenant = Tenant::new(host("client"), host("server"), SERVER, mark);
            cable(&tenant.client, CLIENT, CLIENT_MAC, ports[0]);
            cable(&tenant.server, SERVER, SERVER_MAC, ports[1]);
            tenant
        });
        Self {
            _agent: Agent::start(&edge, &document(), "edge1").unwrap(),
            tenants,
            _net: net,
        }
    }
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

/// Claim 4: same addresses, same ports, same target and export names, same moment; every byte comes back to who wrote it, and no
/// machine sees a byte of the other's.
fn two_tenants_use(protocol: Protocol) {
    let site = TwoTenants::start();
    let [one, other] = &site.tenants;
    let watches = [one.watch(&[other]), other.watch(&[one])];
    std::thread::scope(|scope| {
        for tenant in &site.tenants {
            scope.spawn(move || tenant.works(protocol));
        }
    });
    for watch in watches.iter().flatten() {
        watch.saw_its_own_only();
    }
}

#[test]
fn two_tenants_with_equal_addresses_use_iscsi_at_once() {
    two_tenants_use(Protocol::Iscsi);
}

#[test]
fn two_tenants_with_equal_addresses_use_nfs_at_once() {
    two_tenants_use(Protocol::Nfs);
}

#[test]
fn two_tenants_with_equal_addresses_use_smb_at_once() {
    two_tenants_use(Protocol::Smb);
}

#[test]
fn two_tenants_with_equal_addresses_use_nbd_at_once() {
    two_tenants_use(Protocol::Nbd);
}
