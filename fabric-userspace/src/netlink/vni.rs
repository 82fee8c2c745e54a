//! The interfaces by which a routing daemon gets to know one VNI: it takes VNIs from VXLAN devices, and stations from the
//! bridge that such a device is a port of.
//!
//! No frame goes through them. The underlay ports' programs take every VXLAN packet before the kernel's device could, and
//! neither port of the bridge floods or learns: what the bridge's own IPv6 says to everybody goes nowhere. The other port stands for all stations of the segment. It is one end of a
//! veth pair and not a `dummy` or `ifb`, which kernels may lack and which make interfaces of their own when loaded.

use std::net::IpAddr;

use netlink_packet_route::link::LinkMessage;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkUnspec, LinkVeth, LinkVxlan};
use serde::{Deserialize, Serialize};

use super::{Link, Netlink, NetlinkError};

/// What the interfaces of a VNI are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VniDevices {
    /// VXLAN identifier.
    pub vni: u32,
    /// Our VTEP, which the daemon tells others as the way to our stations.
    pub local: IpAddr,
    /// UDP port of VXLAN, host byte order.
    pub udp_port: u16,
}

/// Indices of the bridge and its two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VniPorts {
    /// The bridge.
    pub bridge: u32,
    /// The VXLAN device.
    pub vxlan: u32,
    /// The port that stands for our stations.
    pub stations: u32,
}

impl VniDevices {
    /// VXLAN device, bridge, and both ends of the pair; the first of them is the bridge's port.
    pub fn names(&self) -> [String; 4] {
        ["fvx", "fbr", "fst", "fsp"].map(|start| format!("{start}{}", self.vni))
    }

    /// The ports, if all interfaces are among `links` and joined as they should be.
    pub fn find(&self, links: &[Link]) -> Option<VniPorts> {
        let [vxlan, bridge, stations, peer] = self.names();
        let find = |name: &str, kind: &str| {
            let is_it = |link: &&Link| link.name == name && link.kind.as_deref() == Some(kind);
            links.iter().find(is_it).filter(|link| link.up)
        };
        let bridge = find(&bridge, "bridge")?.ifindex;
        find(&peer, "veth")?;
        let port = |name: &str, kind: &str| find(name, kind).filter(|link| link.master == Some(bridge));
        Some(VniPorts {
            bridge,
            vxlan: port(&vxlan, "vxlan")?.ifindex,
            stations: port(&stations, "veth")?.ifindex,
        })
    }
}

impl Netlink {
    /// Makes the interfaces of a VNI, all or none.
    ///
    /// # Errors
    /// When the kernel refuses one, such as for a name that is taken.
    pub async fn add_vni(&self, devices: &VniDevices) -> Result<VniPorts, NetlinkError> {
        let mut made = Vec::new();
        let ports = self.make_vni(devices, &mut made).await;
        if ports.is_err() {
            for name in made {
                // The first error is the one to tell.
                let _ = self.remove_link(&name).await;
            }
        }
        ports
    }

    async fn make_vni(&self, devices: &VniDevices, made: &mut Vec<String>) -> Result<VniPorts, NetlinkError> {
        let [vxlan, bridge, stations, peer] = devices.names();
        let builder = LinkBridge::new(&bridge).mcast_snooping(false);
        self.add_link(builder.build(), &bridge, made).await?;
        let master = self.set_up(&bridge).await?;
        let builder = LinkVxlan::new(&vxlan, devices.vni)
            .port(devices.udp_port)
            .learning(false);
        let builder = match devices.local {
            IpAddr::V4(local) => builder.local(local),
            IpAddr::V6(local) => builder.local6(local),
        };
        self.add_link(builder.controller(master).build(), &vxlan, made)
            .await?;
        let builder = LinkVeth::new(&stations, &peer).controller(master);
        self.add_link(builder.build(), &stations, made).await?;
        self.set_up(&peer).await?;
        Ok(VniPorts {
            bridge: master,
            vxlan: self.silent_port(&vxlan).await?,
            stations: self.silent_port(&stations).await?,
        })
    }

    /// A port of a bridge that neither learns nor gets frames without a station's entry.
    async fn silent_port(&self, name: &str) -> Result<u32, NetlinkError> {
        let ifindex = self.link(name).await?.ifindex;
        let builder = LinkBridgePort::new(ifindex).learning(false).flood(false);
        let builder = builder.mcast_flood(false).bcast_flood(false);
        self.set_link(builder.build(), name).await?;
        self.set_up(name).await
    }

    async fn set_up(&self, name: &str) -> Result<u32, NetlinkError> {
        let ifindex = self.link(name).await?.ifindex;
        self.set_link(LinkUnspec::new_with_index(ifindex).up().build(), name)
            .await?;
        Ok(ifindex)
    }

    async fn add_link(
        &self,
        message: LinkMessage,
        name: &str,
        made: &mut Vec<String>,
    ) -> Result<(), NetlinkError> {
        let added = self.handle.link().add(message).execute().await;
        added.map_err(|error| NetlinkError::of(format!("making interface {name}"), &error))?;
        made.push(name.to_owned());
        Ok(())
    }

    async fn set_link(&self, message: LinkMessage, name: &str) -> Result<(), NetlinkError> {
        let set = self.handle.link().set(message).execute().await;
        set.map_err(|error| NetlinkError::of(format!("setting interface {name}"), &error))
    }

    /// Removes the interfaces of a VNI; those that are not there are no error.
    ///
    /// # Errors
    /// The first that stays.
    pub async fn remove_vni(&self, devices: &VniDevices) -> Result<(), NetlinkError> {
        for name in devices.names() {
            self.remove_link(&name).await?;
        }
        Ok(())
    }

    async fn remove_link(&self, name: &str) -> Result<(), NetlinkError> {
        let link = match self.link(name).await {
            Ok(link) => link,
            Err(NetlinkError::NoSuchLink(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        match self.handle.link().del(link.ifindex).execute().await {
            Ok(()) => Ok(()),
            Err(error) => match NetlinkError::of(format!("removing interface {name}"), &error) {
                error if error.errno() == Some(libc::ENODEV) => Ok(()),
                error => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests;
