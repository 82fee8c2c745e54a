//! FIG 3: a provider's network between two datacenters, routers that know nothing of the fabric.

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, well_formed};
use serde_json::{Value, json};

use crate::site::datacenters;

const BYTES: u64 = 8 << 20;
/// Room for 1500 bytes, S, C, two labels, control word and the outer headers of IPv6.
const MTU: u32 = 1620;

/// Addresses of n302, of the router on both sides, and of n300.
struct Plan {
    addresses: [&'static str; 4],
    prefix: u8,
    /// EtherType and offset of the UDP header's destination port on the wire.
    outer: (u16, usize),
}

const IPV4: Plan = Plan {
    addresses: ["203.0.113.2", "203.0.113.1", "198.51.100.1", "198.51.100.2"],
    prefix: 24,
    outer: (0x0800, 36),
};
const IPV6: Plan = Plan {
    addresses: ["2001:db8:1::2", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::2"],
    prefix: 64,
    outer: (0x86dd, 56),
};

fn document(plan: &Plan) -> Value {
    let end = |node: &str, address: &str| json!({"node": node, "port": "u0", "address": address});
    let [near, _, _, far] = plan.addresses;
    let at = |node: &str| json!({"node": node, "port": "eth1", "vlan": "untagged"});
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": [{"name": "n300", "datacenter": "mtdc100"}, {"name": "n302", "datacenter": "mtdc200"}],
        "links": [{"name": "link306", "kind": "mpls-udp", "transport_label": 30600,
                   "ends": [end("n302", near), end("n300", far)]}],
        "tenants": [{"name": "c", "segments": [{"name": "c", "attachments": [at("n300"), at("n302")]}]}],
    })
}

fn run(namespace: &NetNs, words: &str) {
    namespace.output(&["sh", "-c", words]).unwrap();
}

struct Provider {
    // First to go, while its interfaces are there.
    agents: Vec<Agent>,
    client: NetNs,
    resource: NetNs,
    router: NetNs,
    _net: Net,
}

fn start(plan: &Plan) -> Provider {
    let net = Net::new().unwrap();
    let host = |label: &str| net.host(label).unwrap();
    let (client, resource, router) = (host("client"), host("resource"), host("router"));
    let nodes = [host("n302"), host("n300")];
    for (node, (tenant, address)) in nodes
        .iter()
        .zip([(&client, "192.168.0.50/24"), (&resource, "192.168.0.10/24")])
    {
        net.veth(
            End::client(tenant, "eth0").address(address),
            End::port(node, "eth1"),
        )
        .unwrap();
    }
    let with = |address: &str| format!("{address}/{}", plan.prefix);
    let [near, gate, far_gate, far] = plan.addresses;
    for (node, port, (own, other)) in [
        (&nodes[0], "r0", (near, gate)),
        (&nodes[1], "r1", (far, far_gate)),
    ] {
        net.veth(
            End::port(node, "u0").mtu(MTU).ipv6(),
            End::client(&router, port).mtu(MTU).ipv6(),
        )
        .unwrap();
        let nodad = if own.contains(':') { " nodad" } else { "" };
        run(node, &format!("ip addr add {} dev u0{nodad}", with(own)));
        run(&router, &format!("ip addr add {} dev {port}{nodad}", with(other)));
        run(node, &format!("ip route add default via {other}"));
    }
    run(&router, "echo 1 > /proc/sys/net/ipv4/ip_forward");
    run(&router, "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    let agents = ["n302", "n300"].iter().zip(&nodes);
    let agents =
        agents.map(|(name, node)| Launch::new(node, name).document(&document(plan)).start().unwrap());
    Provider {
        agents: agents.collect(),
        client,
        resource,
        router,
        _net: net,
    }
}

/// FIG 3: labels ride in UDP through routers that see IP alone, with the tenants' own TCP in them both ways.
fn crosses(plan: &Plan) {
    let provider = start(plan);
    until_true(PATIENCE, "an answer through the provider's network", || {
        Ok(ping(&provider.client, "192.168.0.10", 1)?.answered == 1)
    })
    .unwrap();
    let wire = Capture::start(&provider.router, "r0").unwrap();
    assert!(ping(&provider.client, "192.168.0.10", 3).unwrap().all_answered());
    let (kind, port_at) = plan.outer;
    let labelled = |frame: &[u8]| {
        frame.len() > port_at + 10
            && frame[12..14] == kind.to_be_bytes()
            && frame[port_at..port_at + 2] == 6635_u16.to_be_bytes()
            // The link's label 30600, not the last of its stack.
            && frame[port_at + 6..port_at + 10] == [0x07, 0x78, 0x80, 0xff]
    };
    let mut seen = 0;
    until_true(PATIENCE, "three requests as labelled packets", || {
        let frames = wire.drain()?;
        seen += frames.iter().filter(|frame| labelled(&frame.bytes)).count();
        well_formed(&frames)?;
        Ok(seen >= 3)
    })
    .unwrap();
    for (from, to, address) in [
        (&provider.client, &provider.resource, "192.168.0.10:5001"),
        (&provider.resource, &provider.client, "192.168.0.50:5001"),
    ] {
        let report = tcp(from, to, address.parse().unwrap(), BYTES).unwrap();
        assert!(report.intact() && report.bytes == BYTES);
    }
    well_formed(&wire.drain().unwrap()).unwrap();
    for agent in provider.agents {
        agent.finish().unwrap();
    }
}

#[test]
fn dci_labels_cross_plain_routers_over_ipv4() {
    crosses(&IPV4);
}

#[test]
fn dci_labels_cross_plain_routers_over_ipv6() {
    crosses(&IPV6);
}
