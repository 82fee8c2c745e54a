//! FIG 10: clients 102A to 102C at switch 116 (102C: at switch 124), the array, and the one pathway 1018 between them: VXLAN in
//! VLAN 100 of a wire on which other machines talk too.

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, vtep_mac};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net, Vxlan};
use fabric_tests::traffic::tcp;
use serde_json::{Value, json};

use super::support::Tenant;

/// NIC 1010S, NIC 1010SA, and the VTEP of switch 124 where the tunnel of 102C begins there.
pub(crate) const VTEPS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const WIRE_MTU: u32 = 1600;
/// Of a port that takes tags: the kernel's interface in the VLAN then has 1500.
pub(crate) const TAGGED_MTU: u32 = 1504;
const UNDERLAY_VLAN: u16 = 100;
const MEGABYTES: u64 = 1 << 20;

/// One client of the figure: everything that the patent says of it, and the address of its VSM.
pub(crate) struct Client {
    name: char,
    pub(crate) address: &'static str,
    mac: &'static str,
    pub(crate) vrf: u16,
    pub(crate) vni: u32,
    vsm: &'static str,
    vsm_mac: &'static str,
}

/// A and C have equal addresses.
pub(crate) const CLIENTS: [Client; 3] = [
    Client {
        name: 'a',
        address: "10.10.10.10",
        mac: "02:00:00:00:0a:01",
        vrf: 102,
        vni: 10_001,
        vsm: "10.10.10.100",
        vsm_mac: "02:00:00:00:0a:64",
    },
    Client {
        name: 'b',
        address: "10.10.20.10",
        mac: "02:00:00:00:0b:01",
        vrf: 101,
        vni: 11_001,
        vsm: "10.10.20.100",
        vsm_mac: "02:00:00:00:0b:64",
    },
    Client {
        name: 'c',
        address: "10.10.10.10",
        mac: "02:00:00:00:0a:01",
        vrf: 100,
        vni: 10_000,
        vsm: "10.10.10.100",
        vsm_mac: "02:00:00:00:0a:64",
    },
];

impl Client {
    fn mark(&self) -> u8 {
        u8::try_from(self.name).unwrap()
    }

    /// Its segment. The S-VID is the number of its VRF: 100 is also the number of the underlay's VLAN, which must not matter.
    pub(crate) fn segment(&self) -> Segment {
        Segment::new(&format!("vrf-{}", self.vrf), self.vrf, self.vrf + 1000).with("vni", self.vni)
    }
}

/// The link that the pathway is, from `node` to the array, which is a node of ours or not.
pub(crate) fn link(name: &str, node: &str, here: &str, array: Value) -> Value {
    let ends = json!([{"node": node, "port": "u0", "address": here}, array]);
    json!({"name": name, "kind": "vxlan", "vlan": UNDERLAY_VLAN, "ends": ends})
}

/// Machines and cables; no agent yet.
pub(crate) struct Pathway {
    pub(crate) net: Net,
    /// A hub in a namespace; its ports are named after who is plugged in.
    pub(crate) wire: NetNs,
    pub(crate) array: NetNs,
    /// Two in VLAN 200, and two without a tag.
    others: [NetNs; 4],
}

impl Pathway {
    pub(crate) fn new() -> Self {
        let net = Net::new().unwrap();
        let [wire, array] = ["wire", "array"].map(|label| net.host(label).unwrap());
        let others = ["v1", "v2", "p1", "p2"].map(|label| net.host(label).unwrap());
        net.bridge(&wire, "hub", &[]).unwrap();
        let pathway = Self {
            net,
            wire,
            array,
            others,
        };
        for (number, other) in pathway.others.iter().enumerate() {
            let address = format!("198.51.100.{}/24", number + 1);
            let end = End::client(other, "eth0");
            let tagged = number < 2;
            pathway.plug(if tagged { end } else { end.address(&address) }, other.label());
            if tagged {
                pathway.net.vlan(other, "eth0", 200, Some(&address)).unwrap();
            }
        }
        pathway
    }

    fn plug(&self, end: End, name: &str) {
        let port = End::client(&self.wire, name).mtu(WIRE_MTU).no_arp();
        self.net.veth(end.mtu(WIRE_MTU), port).unwrap();
        let words = ["ip", "link", "set", name, "master", "hub"];
        self.wire.output(&words).unwrap();
    }

    /// A node's port `u0` on the wire. In a VLAN for which it has no device nobody answers ARP: neighbours are static.
    pub(crate) fn underlay(&self, node: &NetNs, address: &str) {
        let others = VTEPS.iter().filter(|other| **other != address);
        let end = End::port(node, "u0")
            .mac(vtep_mac(address))
            .address(&format!("{address}/24"));
        let end = others.fold(end, |end, other| end.neighbour(other, vtep_mac(other)));
        self.plug(end, node.label());
    }

    /// A client's cable to a port of `switch`, and its VSM, not connected yet.
    pub(crate) fn tenant(&self, client: &Client, switch: &NetNs, port: &str) -> Tenant {
        let host = |label: &str| self.net.host(&format!("{label}-{}", client.name)).unwrap();
        let tenant = Tenant::new(host("102"), host("vsm"), client.vsm, client.mark());
        let address = format!("{}/24", client.address);
        let end = End::client(&tenant.client, "eth0").mac(client.mac);
        self.net
            .veth(end.address(&address), End::port(switch, port))
            .unwrap();
        tenant
    }

    /// A client that uses `vlan` on its cable to `port` of the switch, and the VSM which is in the same VLAN with one more
    /// address.
    pub(crate) fn vlan_tenant(
        &self,
        client: &Client,
        [switch, vsm]: [&NetNs; 2],
        port: &str,
        vlan: u16,
    ) -> Tenant {
        let host = self.net.host(&format!("102-{}", client.name)).unwrap();
        let end = End::client(&host, "eth0").mac(client.mac).mtu(TAGGED_MTU);
        let port = End::port(switch, port).mtu(TAGGED_MTU);
        self.net.veth(end, port).unwrap();
        for (machine, address) in [(&host, client.address), (vsm, client.vsm)] {
            let address = format!("{address}/24");
            self.net.vlan(machine, "eth0", vlan, Some(&address)).unwrap();
        }
        Tenant::new(host, vsm.clone(), client.vsm, client.mark())
    }

    /// A VSM's cable to a port of an array that is a node of ours.
    pub(crate) fn vsm(&self, client: &Client, tenant: &Tenant, port: &str) {
        let end = End::client(&tenant.server, "eth0").mac(client.vsm_mac);
        let address = format!("{}/24", client.vsm);
        let port = End::port(&self.array, port);
        self.net.veth(end.address(&address), port).unwrap();
    }

    /// The array as plain Linux: an address in VLAN 100.
    pub(crate) fn linux_array(&self) {
        let end = End::client(&self.array, "u0").mac(vtep_mac(VTEPS[1]));
        self.plug(end, "array");
        let address = format!("{}/24", VTEPS[1]);
        self.net
            .vlan(&self.array, "u0", UNDERLAY_VLAN, Some(&address))
            .unwrap();
        for vtep in [VTEPS[0], VTEPS[2]] {
            let mac = vtep_mac(vtep);
            let words = ["ip", "neigh", "replace", vtep, "lladdr", &mac, "dev", "u0.100"];
            self.array.output(&words).unwrap();
        }
    }

    /// A VSM of the plain Linux array: a VXLAN device for its VNI, in its own namespace.
    pub(crate) fn linux_vsm(&self, client: &Client, tenant: &Tenant, remote: &str) {
        let device = Vxlan {
            name: "vx",
            vni: client.vni,
            local: VTEPS[1],
            remote: Some(remote),
            port: 4789,
            mac: Some(client.vsm_mac),
            address: None,
        };
        self.net.vxlan(&self.array, &device).unwrap();
        let vsm = &tenant.server;
        let take = ["ip", "link", "set", "vx", "netns", vsm.name(), "name", "eth0"];
        self.array.output(&take).unwrap();
        let address = format!("{}/24", client.vsm);
        vsm.output(&["ip", "link", "set", "eth0", "up"]).unwrap();
        vsm.output(&["ip", "addr", "add", &address, "dev", "eth0"])
            .unwrap();
    }

    /// Both pairs of other machines on the wire move data, there and back.
    pub(crate) fn others_are_undisturbed(&self) {
        for (from, to, address) in [(0, 1, "198.51.100.2"), (3, 2, "198.51.100.3")] {
            let address = format!("{address}:7000").parse().unwrap();
            let report = tcp(&self.others[from], &self.others[to], address, 4 * MEGABYTES).unwrap();
            assert!(report.intact());
        }
    }
}

/// The agents of the figure; they end before the machines do.
pub(crate) fn agents(nodes: &[&NetNs], document: &Value) -> Vec<Agent> {
    let start = |node: &&NetNs| Agent::start(node, document, node.label()).unwrap();
    nodes.iter().map(start).collect()
}
