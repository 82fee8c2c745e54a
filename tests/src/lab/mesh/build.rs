//! Namespaces, cables, routers and agents.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::{Figure, Mesh, Middle, VLAN, Wire};
use crate::fabric::{Agent, Launch};
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::{End, Net, ip};

/// Room for every stack of the figures on a tenant's 1518 bytes.
const WIRE_MTU: u32 = 1700;
/// 202 and 110D, as figure 8 has them once they are individual addresses.
const CLIENT: &str = "f2:98:19:ab:55:b4";
const RESOURCE: &str = "08:19:20:07:05:0d";
/// Last octet of the machines of a datacenter, in their IP and MAC addresses.
const LAST: [u8; 3] = [100, 200, 250];

impl<F: Figure> Mesh<F> {
    pub(super) fn build_in(net: Net, folder: &Path) -> Result<Self> {
        let mut nodes: BTreeMap<&str, NetNs> = BTreeMap::new();
        for (node, _) in F::WIRES.iter().flat_map(|wire| wire.ends) {
            if !nodes.contains_key(node) {
                nodes.insert(node, net.host(node)?);
            }
        }
        let machines = [
            machines::<F>(&net, &nodes, "A", "eth1")?,
            machines::<F>(&net, &nodes, "B", "eth2")?,
        ];
        let (client, resource) = (net.host("202")?, net.host("110D")?);
        for (host, mac, address, node) in [
            (&client, CLIENT, "192.168.0.200/24", F::SITES[1]),
            (&resource, RESOURCE, "192.168.0.100/24", F::SITES[0]),
        ] {
            net.veth(
                End::client(host, "eth0").mac(mac).address(address),
                End::port(at(&nodes, node)?, "eth3"),
            )?;
        }
        let middles = F::WIRES
            .iter()
            .map(|wire| lay(&net, &nodes, wire))
            .collect::<Result<Vec<_>>>()?;
        let document: Value = serde_json::from_str(F::DOCUMENT).context("the figure's document")?;
        Ok(Self {
            agents: start_agents(nodes.values(), &document, folder)?,
            middles,
            machines,
            client,
            resource,
            net,
            figure: PhantomData,
        })
    }
}

fn at<'n>(nodes: &'n BTreeMap<&str, NetNs>, node: &str) -> Result<&'n NetNs> {
    nodes
        .get(node)
        .with_context(|| format!("the figure has no node {node}"))
}

/// One machine in each datacenter.
fn machines<F: Figure>(
    net: &Net,
    nodes: &BTreeMap<&str, NetNs>,
    letter: &str,
    port: &str,
) -> Result<[NetNs; 3]> {
    let machine = |site: usize| -> Result<NetNs> {
        interrupt::check()?;
        let last = LAST[site];
        let host = net.host(&format!("{letter}{last}"))?;
        let mac = format!("02:00:00:0a:00:{last:02x}");
        net.veth(
            End::client(&host, "eth0").mac(mac),
            End::port(at(nodes, F::SITES[site])?, port),
        )?;
        net.vlan(&host, "eth0", VLAN, Some(&format!("192.168.0.{last}/24")))?;
        Ok(host)
    };
    Ok([machine(0)?, machine(1)?, machine(2)?])
}

/// Lays a wire and gives the namespace in its middle.
fn lay(net: &Net, nodes: &BTreeMap<&str, NetNs>, wire: &Wire) -> Result<NetNs> {
    interrupt::check()?;
    let [one, other] = wire.ends;
    let (near, far) = (at(nodes, one.0)?, at(nodes, other.0)?);
    match wire.middle {
        Middle::Line => {
            let tap = net.tapped(
                wire.name,
                WIRE_MTU,
                End::port(near, one.1),
                End::port(far, other.1),
            )?;
            Ok(tap.namespace().clone())
        }
        Middle::Router { ends, own } => {
            let router = net.host(wire.name)?;
            let sides = [
                (near, one.1, "one", ends[0], ends[1]),
                (far, other.1, "other", ends[1], ends[0]),
            ];
            for (node, port, side, address, beyond) in sides {
                connect(net, (node, port), (&router, side), (address, own, beyond))?;
            }
            router.run(|| {
                std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
                Ok(std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")?)
            })?;
            Ok(router)
        }
    }
}

/// One side of a router: host routes only, so that both ends of the link can have addresses of one network.
fn connect(
    net: &Net,
    (node, port): (&NetNs, &str),
    (router, side): (&NetNs, &str),
    (address, own, beyond): (&str, &str, &str),
) -> Result<()> {
    let host = |address: &str| format!("{address}/{}", if address.contains(':') { 128 } else { 32 });
    let near = End::port(node, port).mtu(WIRE_MTU).address(&host(address)).ipv6();
    let far = End::client(router, side).mtu(WIRE_MTU).address(&host(own)).ipv6();
    net.veth(near, far)?;
    ip(node, &["route", "add", &host(own), "dev", port])?;
    ip(node, &["route", "add", &host(beyond), "via", own, "dev", port])?;
    ip(router, &["route", "add", &host(address), "dev", side])?;
    Ok(())
}

/// Tells a router again where its ends are: the kernel forgets the ways over an interface that is taken down.
pub(super) fn route_again(router: &NetNs, wire: &Wire) -> Result<()> {
    let Middle::Router { ends, .. } = wire.middle else {
        return Ok(());
    };
    for (side, address) in ["one", "other"].into_iter().zip(ends) {
        ip(router, &["route", "replace", address, "dev", side])?;
    }
    Ok(())
}

/// All at once: loading takes most of the time.
fn start_agents<'n>(
    nodes: impl Iterator<Item = &'n NetNs>,
    document: &Value,
    folder: &Path,
) -> Result<Vec<Agent>> {
    let start = |node: &NetNs| {
        let launch = Launch::new(node, node.label()).document(document);
        let launch = launch.folder(&folder.join(node.label())).own_session();
        launch
            .start()
            .with_context(|| format!("agent of {}", node.label()))
    };
    let started: Vec<Result<Agent>> = std::thread::scope(|scope| {
        let threads: Vec<_> = nodes.map(|node| scope.spawn(move || start(node))).collect();
        let panicked = || Err(anyhow!("the thread that starts an agent panicked"));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| panicked()))
            .collect()
    });
    let (mut agents, mut failed) = (Vec::new(), None);
    for outcome in started {
        match outcome {
            Ok(agent) => agents.push(agent),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        None => Ok(agents),
        Some(error) => {
            agents.into_iter().for_each(|agent| drop(agent.finish()));
            Err(error)
        }
    }
}
