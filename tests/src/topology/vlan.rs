//! A VLAN interface with the kernel's own TCP above it, on kernels with and without the 8021q module.
//!
//! Where `ip link add … type vlan` works it is used. Elsewhere a veth pair inside the namespace and two tc programs do the same:
//!
//! ```text
//!   eth0.10 ====== eth0.10w --tc ingress: push 10, redirect-->  eth0 (cable)
//!                  eth0.10w <--tc ingress: VID 10? pop, redirect-- eth0
//! ```
//!
//! Either way the cable's transmit VLAN offload must be off, or the tag leaves as skb metadata that XDP on the other end cannot see.

use anyhow::{Context, Result};

use super::devices::add_address;
use super::{End, Net, ip, link_attribute, offloads, wait_running};
use crate::bpf::{Hook, TcProgram};
use crate::netns::NetNs;

const CTAG: u16 = 0x8100;

/// How the VLAN interface was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanKind {
    /// A device of the kernel's 8021q module.
    Device,
    /// A veth pair and tc programs that push and pop the tag.
    Programs,
}

impl Net {
    /// Makes `<parent>.<vid>` in `host` with the parent's MAC, up; the parent stays usable for untagged frames.
    ///
    /// # Errors
    /// When a step fails; without 8021q it takes tcx, Linux 6.6.
    pub fn vlan(&self, host: &NetNs, parent: &str, vid: u16, address: Option<&str>) -> Result<VlanKind> {
        // Without it nothing that follows puts the tag into the bytes.
        offloads(host, parent, &["txvlan", "off", "tx-vlan-stag-hw-insert", "off"])?;
        let name = format!("{parent}.{vid}");
        let kind = match vlan_device(host, parent, &name, vid) {
            Ok(()) => VlanKind::Device,
            Err(error) if lacks_8021q(&error) => {
                self.vlan_by_programs(host, parent, &name, vid)?;
                VlanKind::Programs
            }
            Err(error) => return Err(error),
        };
        add_address(host, &name, address)?;
        Ok(kind)
    }

    /// As [`Net::vlan`], always by programs.
    ///
    /// # Errors
    /// When a step fails.
    pub fn vlan_by_programs(&self, host: &NetNs, parent: &str, name: &str, vid: u16) -> Result<()> {
        let wire_side = format!("{name}w");
        let (mac, mtu) = (
            link_attribute(host, parent, "address")?,
            link_attribute(host, parent, "mtu")?,
        );
        let mtu: u32 = mtu.parse().context("MTU is no number")?;
        self.veth(
            End::client(host, name).mac(mac).mtu(mtu),
            End::client(host, &wire_side).mtu(mtu).no_arp(),
        )?;
        let outward = TcProgram::push_vlan(CTAG, vid, host.ifindex(parent)?)?;
        outward.attach(host, &wire_side, Hook::Ingress)?;
        let inward = TcProgram::pop_vlan(CTAG, vid, host.ifindex(&wire_side)?)?;
        inward.attach(host, parent, Hook::Ingress)
    }
}

fn vlan_device(host: &NetNs, parent: &str, name: &str, vid: u16) -> Result<()> {
    let vid = vid.to_string();
    ip(
        host,
        &[
            "link", "add", "link", parent, "name", name, "type", "vlan", "id", &vid,
        ],
    )?;
    offloads(host, name, &["tx", "off"])?;
    ip(host, &["link", "set", name, "up"])?;
    wait_running(host, name)
}

/// iproute2 and the kernel have two words for "no such device type".
fn lacks_8021q(error: &anyhow::Error) -> bool {
    let said = format!("{error:#}");
    said.contains("Unknown device type") || said.contains("Operation not supported")
}
