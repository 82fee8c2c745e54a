//! Machines and cables of figure 1.

use anyhow::Result;

use super::document::{CLIENT, RESOURCE, SECOND_RESOURCE};
use super::{INITECH_VNI, NEAR_VTEP, REMOTE_VTEP, TRUNK_MTU, addresses};
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::{End, Macvlan, Net, Vxlan, WireTap};

/// The machines; the number in a name is the figure's.
#[derive(Debug)]
pub struct Hosts {
    /// Switch 116.
    pub edge1: NetNs,
    /// The second switch in series.
    pub edge2: NetNs,
    /// acme's client.
    pub c102a: NetNs,
    /// globex's client.
    pub c102b: NetNs,
    /// umbrella's client.
    pub c102c: NetNs,
    /// initech's client.
    pub c202: NetNs,
    /// acme's resource.
    pub r110a: NetNs,
    /// globex's resource.
    pub r110b: NetNs,
    /// globex's virtual resource on 110B.
    pub r110c: NetNs,
    /// initech's resource: a Linux host with a VXLAN device.
    pub r110d: NetNs,
    /// umbrella's resource.
    pub r110e: NetNs,
}

/// Name of the VXLAN device in 110D.
pub const VXLAN: &str = "vxlan0";
/// Port of the VLAN stations.
pub const VLAN: u16 = 10;

impl Hosts {
    /// Makes the namespaces.
    pub(super) fn new(net: &Net) -> Result<Self> {
        Ok(Self {
            edge1: net.host("edge1")?,
            edge2: net.host("edge2")?,
            c102a: net.host("102A")?,
            c102b: net.host("102B")?,
            c102c: net.host("102C")?,
            c202: net.host("202")?,
            r110a: net.host("110A")?,
            r110b: net.host("110B")?,
            r110c: net.host("110C")?,
            r110d: net.host("110D")?,
            r110e: net.host("110E")?,
        })
    }

    /// Makes the cables and gives the tap in the trunk.
    pub(super) fn connect(&self, net: &Net) -> Result<WireTap> {
        let clients = [
            (&self.c102a, "eth1", true, true),
            (&self.c102b, "eth2", true, true),
            (&self.c202, "eth3", false, true),
            (&self.c102c, "eth4", true, false),
        ];
        for (host, port, tagged, untagged) in clients {
            station(
                net,
                host,
                CLIENT,
                (&self.edge1, port),
                addresses::client(tagged, untagged),
            )?;
        }
        let resources = [
            (&self.r110a, "eth1", true),
            (&self.r110b, "eth2", true),
            (&self.r110e, "eth4", false),
        ];
        for (host, port, untagged) in resources {
            station(
                net,
                host,
                RESOURCE,
                (&self.edge2, port),
                addresses::resource(untagged),
            )?;
        }
        self.second_machine(net)?;
        self.vxlan_host(net)?;
        net.tapped(
            "trunk0",
            TRUNK_MTU,
            End::port(&self.edge1, "t0"),
            End::port(&self.edge2, "t0"),
        )
    }

    fn second_machine(&self, net: &Net) -> Result<()> {
        let virtual_machine = Macvlan {
            on: (&self.r110b, "eth0"),
            name: "eth0",
            mac: SECOND_RESOURCE,
            address: Some(addresses::SECOND_RESOURCE_CIDR),
        };
        net.macvlan(&self.r110c, &virtual_machine)
    }

    fn vxlan_host(&self, net: &Net) -> Result<()> {
        let near = End::port(&self.edge1, "u0").address(&format!("{NEAR_VTEP}/24"));
        let far = End::client(&self.r110d, "eth0").address(&format!("{REMOTE_VTEP}/24"));
        net.veth(near.mtu(TRUNK_MTU), far.mtu(TRUNK_MTU))?;
        let device = Vxlan {
            name: VXLAN,
            vni: INITECH_VNI,
            local: REMOTE_VTEP,
            remote: Some(NEAR_VTEP),
            port: 4789,
            mac: Some(RESOURCE),
            address: Some(addresses::RESOURCE_CIDR),
        };
        net.vxlan(&self.r110d, &device)
    }
}

/// Addresses in VLAN 10 and untagged; `None`: not there.
pub(super) struct Addresses {
    pub(super) tagged: Option<&'static str>,
    pub(super) untagged: Option<&'static str>,
}

fn station(net: &Net, host: &NetNs, mac: &str, port: (&NetNs, &str), addresses: Addresses) -> Result<()> {
    interrupt::check()?;
    let mut end = End::client(host, "eth0").mac(mac);
    if let Some(untagged) = addresses.untagged {
        end = end.address(untagged);
    }
    net.veth(end, End::port(port.0, port.1))?;
    if let Some(tagged) = addresses.tagged {
        net.vlan(host, "eth0", VLAN, Some(tagged))?;
    }
    Ok(())
}
