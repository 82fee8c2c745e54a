//! The kernel's own devices at the other end: VXLAN, bridge, a second address on a port.

use anyhow::Result;

use super::{Net, ip, offloads, wait_running};
use crate::netns::NetNs;

/// A kernel VXLAN device.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// 24-bit network identifier.
    pub vni: u32,
    /// Own address on the underlay.
    pub local: &'a str,
    /// Where unknown, multicast and broadcast frames go; `None`: only configured entries.
    pub remote: Option<&'a str>,
    /// UDP port, 4789 by the standard.
    pub port: u16,
    /// MAC of the inner side.
    pub mac: Option<&'a str>,
    /// Address of the inner side, with prefix length.
    pub address: Option<&'a str>,
}

/// A second machine on a port: an address of its own behind the same cable (system 110C on 110B's port).
#[derive(Clone, Copy, Debug)]
pub struct Macvlan<'a> {
    /// The namespace and interface whose cable it shares.
    pub on: (&'a NetNs, &'a str),
    /// Its name in its own namespace.
    pub name: &'a str,
    /// Its MAC.
    pub mac: &'a str,
    /// Its address with prefix length.
    pub address: Option<&'a str>,
}

impl Net {
    /// Makes a VXLAN device in `host`, up. Its transmit checksums are in the bytes: XDP on the way loses partial ones.
    ///
    /// # Errors
    /// When a step fails.
    pub fn vxlan(&self, host: &NetNs, vxlan: &Vxlan<'_>) -> Result<()> {
        let (vni, port) = (vxlan.vni.to_string(), vxlan.port.to_string());
        let mut words = vec!["link", "add", "name", vxlan.name];
        words.extend(vxlan.mac.iter().flat_map(|mac| ["address", mac]));
        words.extend([
            "type",
            "vxlan",
            "id",
            &vni,
            "local",
            vxlan.local,
            "dstport",
            &port,
        ]);
        words.extend(vxlan.remote.iter().flat_map(|remote| ["remote", remote]));
        if vxlan.local.contains(':') {
            // Linux drops tunnels without a UDP checksum over IPv6 unless told otherwise (RFC 6936 lets it choose).
            words.push("udp6zerocsumrx");
        }
        ip(host, &words)?;
        offloads(host, vxlan.name, &["tx", "off"])?;
        ip(host, &["link", "set", vxlan.name, "up"])?;
        wait_running(host, vxlan.name)?;
        add_address(host, vxlan.name, vxlan.address)
    }

    /// Makes a learning bridge in `host` with `members`, all up. No spanning tree, no multicast snooping: it sends nothing itself.
    ///
    /// # Errors
    /// When a step fails.
    pub fn bridge(&self, host: &NetNs, name: &str, members: &[&str]) -> Result<()> {
        ip(
            host,
            &[
                "link",
                "add",
                "name",
                name,
                "type",
                "bridge",
                "stp_state",
                "0",
                "mcast_snooping",
                "0",
            ],
        )?;
        for member in members {
            ip(host, &["link", "set", member, "master", name, "up"])?;
        }
        ip(host, &["link", "set", name, "up"])?;
        wait_running(host, name)
    }

    /// Makes a tap in `host` for a virtual machine, up; it has no carrier until the machine opens it.
    ///
    /// # Errors
    /// When a step fails.
    pub fn tap(&self, host: &NetNs, name: &str, mtu: u32) -> Result<()> {
        ip(host, &["tuntap", "add", "dev", name, "mode", "tap"])?;
        ip(host, &["link", "set", name, "mtu", &mtu.to_string(), "up"]).map(drop)
    }

    /// Puts a second machine, in `host`, on another host's interface.
    ///
    /// # Errors
    /// When a step fails.
    pub fn macvlan(&self, host: &NetNs, second: &Macvlan<'_>) -> Result<()> {
        let (parent_host, parent) = second.on;
        let words = [
            "link",
            "add",
            "link",
            parent,
            "name",
            second.name,
            "netns",
            host.name(),
            "address",
            second.mac,
            "type",
            "macvlan",
            "mode",
            "bridge",
        ];
        ip(parent_host, &words)?;
        offloads(host, second.name, &["tx", "off"])?;
        ip(host, &["link", "set", second.name, "up"])?;
        wait_running(host, second.name)?;
        add_address(host, second.name, second.address)
    }
}

pub(super) fn add_address(host: &NetNs, interface: &str, address: Option<&str>) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    ip(host, &["addr", "add", address, "dev", interface]).map(drop)
}
