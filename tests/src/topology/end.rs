//! One end of a cable.

use anyhow::Result;

use super::{ip, offloads, wait_running};
use crate::netns::NetNs;

/// What lets the other end run XDP: checksums and tags must be in the bytes (CHECKSUM_PARTIAL and `vlan_tci` are skb
/// metadata that a redirect loses), and veth delivers redirected frames only to a peer whose NAPI runs.
const CLIENT: &[&str] = &[
    "tx",
    "off",
    "txvlan",
    "off",
    "tx-vlan-stag-hw-insert",
    "off",
    "rxvlan",
    "off",
    "rx-vlan-stag-hw-parse",
    "off",
    "gro",
    "on",
];

/// One end of a veth pair: where, its name, and its settings.
#[derive(Clone, Debug)]
pub struct End {
    namespace: NetNs,
    name: String,
    mac: Option<String>,
    mtu: Option<u32>,
    offloads: Vec<String>,
    addresses: Vec<String>,
    neighbours: Vec<(String, String)>,
    arp: bool,
    ipv6: bool,
}

impl End {
    /// An end in the kernel's default state: a fabric port, which the agent has to make safe by itself.
    #[must_use]
    pub fn port(namespace: &NetNs, name: &str) -> Self {
        Self {
            namespace: namespace.clone(),
            name: name.to_owned(),
            mac: None,
            mtu: None,
            offloads: Vec::new(),
            addresses: Vec::new(),
            neighbours: Vec::new(),
            arp: true,
            ipv6: false,
        }
    }

    /// An end whose peer runs XDP: checksum and VLAN offloads off, GRO on.
    #[must_use]
    pub fn client(namespace: &NetNs, name: &str) -> Self {
        Self::port(namespace, name).offload(CLIENT)
    }

    /// Its MAC address; the kernel chooses one otherwise.
    #[must_use]
    pub fn mac(mut self, mac: impl ToString) -> Self {
        self.mac = Some(mac.to_string());
        self
    }

    /// Its MTU in bytes, without Ethernet header.
    #[must_use]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = Some(bytes);
        self
    }

    /// An address with its prefix length, `192.168.0.50/24`.
    #[must_use]
    pub fn address(mut self, cidr: &str) -> Self {
        self.addresses.push(cidr.to_owned());
        self
    }

    /// A neighbour that needs no ARP.
    #[must_use]
    pub fn neighbour(mut self, address: &str, mac: impl ToString) -> Self {
        self.neighbours.push((address.to_owned(), mac.to_string()));
        self
    }

    /// More words for `ethtool -K`.
    #[must_use]
    pub fn offload(mut self, words: &[&str]) -> Self {
        self.offloads.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// No ARP: only static neighbours are reached, and no ARP frame disturbs a count.
    #[must_use]
    pub fn no_arp(mut self) -> Self {
        self.arp = false;
        self
    }

    /// IPv6 on; by default it is off, because the kernel sends RS and MLD frames of its own.
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }

    /// The words that make it, in `ip link add`.
    pub(super) fn creation(&self) -> Vec<String> {
        let mut words = vec!["name".to_owned(), self.name.clone()];
        words.extend(
            self.mac
                .iter()
                .flat_map(|mac| ["address".to_owned(), mac.clone()]),
        );
        words.extend(
            self.mtu
                .iter()
                .flat_map(|mtu| ["mtu".to_owned(), mtu.to_string()]),
        );
        words.extend(["netns".to_owned(), self.namespace.name().to_owned()]);
        words
    }

    /// Everything that must be so before either end is up.
    pub(super) fn prepare(&self) -> Result<()> {
        if !self.offloads.is_empty() {
            let words: Vec<&str> = self.offloads.iter().map(String::as_str).collect();
            offloads(&self.namespace, &self.name, &words)?;
        }
        if self.ipv6 {
            self.enable_ipv6()?;
        }
        Ok(())
    }

    pub(super) fn set_up(&self) -> Result<()> {
        let arp = if self.arp { "on" } else { "off" };
        ip(&self.namespace, &["link", "set", &self.name, "arp", arp, "up"])?;
        for address in &self.addresses {
            // `nodad`: an address that is tentative for a second cannot be used by a test that does not wait.
            let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
            ip(
                &self.namespace,
                &[&["addr", "add", address, "dev", &self.name], nodad].concat(),
            )?;
        }
        for (address, mac) in &self.neighbours {
            ip(
                &self.namespace,
                &[
                    "neigh",
                    "replace",
                    address,
                    "lladdr",
                    mac,
                    "dev",
                    &self.name,
                    "nud",
                    "permanent",
                ],
            )?;
        }
        Ok(())
    }

    pub(super) fn wait_running(&self) -> Result<()> {
        wait_running(&self.namespace, &self.name)
    }

    fn enable_ipv6(&self) -> Result<()> {
        let setting = |name: &str| format!("/proc/sys/net/ipv6/conf/{}/{name}", self.name);
        self.namespace.run(|| {
            if !self.arp {
                // Without ARP the kernel asks for routers and for nothing else (`addrconf_dad_completed`, Linux 6.1).
                std::fs::write(setting("router_solicitations"), "0")?;
            }
            Ok(std::fs::write(setting("disable_ipv6"), "0")?)
        })
    }
}
