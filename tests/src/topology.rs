//! Hosts, cables and devices as one expression each; all gone when the [`Net`] goes.
//!
//! ```no_run
//! # use fabric_tests::topology::{End, Net};
//! # fn main() -> fabric_tests::Result<()> {
//! let net = Net::new()?;
//! let (client, edge) = (net.host("client")?, net.host("edge1")?);
//! net.veth(
//!     End::client(&client, "eth0").mac("56:89:6f:88:9d:c7").address("192.168.0.50/24"),
//!     End::port(&edge, "eth1").mtu(1600),
//! )?;
//! net.vlan(&client, "eth0", 10, Some("192.168.0.50/24"))?;   // kernel TCP in VLAN 10, tag in the bytes
//! # Ok(()) }
//! ```

mod devices;
mod end;
mod tap;
mod vlan;

use std::process::Command;

use anyhow::{Context, Result, ensure};

pub use devices::{Macvlan, Vxlan};
pub use end::End;
pub use tap::WireTap;
pub use vlan::VlanKind;

use crate::netns::{NetNs, Scope, run_tool};
use crate::wait;

/// The namespaces and links of one test or lab.
#[derive(Debug)]
pub struct Net {
    scope: Scope,
}

impl Net {
    /// An empty net with names of its own, see [`Scope::new`].
    ///
    /// # Errors
    /// When the caller is not root.
    pub fn new() -> Result<Self> {
        Ok(Self { scope: Scope::new()? })
    }

    /// A namespace with nothing but loopback in it.
    ///
    /// # Errors
    /// When the kernel refuses, or the label is taken.
    pub fn host(&self, label: &str) -> Result<NetNs> {
        self.scope.namespace(label)
    }

    /// All hosts made so far, those inside of [`Net::tapped`] cables too.
    #[must_use]
    pub fn hosts(&self) -> Vec<NetNs> {
        self.scope.members()
    }

    /// A cable between two hosts: made, set and up.
    ///
    /// # Errors
    /// When a step fails; what was made by then goes with the net.
    pub fn veth(&self, one: End, other: End) -> Result<()> {
        let mut add = Command::new("ip");
        add.args(["link", "add"])
            .args(one.creation())
            .args(["type", "veth", "peer"])
            .args(other.creation());
        run_tool(&mut add)?;
        // GRO first, on both: a veth decides at `up` whether it can be redirected into, by its peer's GRO (veth_open); asked
        // for later on a peer that is down, GRO reads "on" and every redirect is dropped all the same.
        one.prepare()?;
        other.prepare()?;
        one.set_up()?;
        other.set_up()?;
        one.wait_running()?;
        other.wait_running()
    }

    /// The namespaces' common prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.scope.prefix()
    }

    /// Leaves everything up after this process, until [`release`](crate::netns::release) of the prefix that this returns.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn keep(self) -> Result<String> {
        self.scope.keep()
    }

    /// Takes everything down now and says what would not go.
    ///
    /// # Errors
    /// The first thing that would not go.
    pub fn tear_down(self) -> Result<()> {
        self.scope.tear_down()
    }
}

/// Runs `ip` inside `namespace`.
/// Takes the cable at `port` out of one host and plugs it into another one, as an interface with the same name.
///
/// # Errors
/// When the one has no such interface, or the other has one already.
pub fn replug(from: &NetNs, to: &NetNs, port: &str) -> Result<()> {
    ip(from, &["link", "set", port, "netns", to.name()])?;
    ip(to, &["link", "set", port, "up"])?;
    Ok(())
}

pub(crate) fn ip(namespace: &NetNs, words: &[&str]) -> Result<String> {
    run_tool(Command::new("ip").args(["-n", namespace.name()]).args(words))
        .with_context(|| format!("in namespace {}", namespace.label()))
}

/// Waits until frames pass. A link that has just come up drops what is sent, and says that it sent it, until the kernel's
/// link watcher has replaced its `noop` queue.
pub(crate) fn wait_running(namespace: &NetNs, interface: &str) -> Result<()> {
    let what = format!("{interface} of {} to run", namespace.label());
    wait::until_true(wait::PATIENCE, &what, || {
        let state = link_attribute(namespace, interface, "operstate")?;
        Ok(state != "DOWN"
            && state != "LOWERLAYERDOWN"
            && link_attribute(namespace, interface, "qdisc")? != "noop")
    })
}

/// One attribute of an interface as `ip -j link` calls it.
pub(crate) fn link_attribute(namespace: &NetNs, interface: &str, attribute: &str) -> Result<String> {
    let listed = ip(namespace, &["-j", "link", "show", interface])?;
    let parsed: serde_json::Value = serde_json::from_str(&listed).context("ip prints no JSON")?;
    let value = &parsed[0][attribute];
    ensure!(!value.is_null(), "ip says nothing of {attribute} of {interface}");
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Runs `ethtool -K` inside `namespace`.
pub(crate) fn offloads(namespace: &NetNs, interface: &str, switches: &[&str]) -> Result<()> {
    run_tool(
        namespace
            .command("ethtool")
            .args(["-K", interface])
            .args(switches),
    )
    .map(drop)
    .with_context(|| format!("in namespace {}", namespace.label()))
}

/// How many interfaces of one kind (`veth`, `vxlan`) a namespace has.
///
/// # Errors
/// When the kernel does not list them.
pub fn count_links(namespace: &NetNs, kind: &str) -> Result<usize> {
    let listed = ip(namespace, &["-j", "link", "show", "type", kind])?;
    let parsed: serde_json::Value = serde_json::from_str(&listed).context("ip prints no JSON")?;
    // `ip` prints empty objects for what its filter hides.
    let named = |entry: &&serde_json::Value| entry.get("ifname").is_some();
    Ok(parsed
        .as_array()
        .map_or(0, |all| all.iter().filter(named).count()))
}

/// Frames that the kernel counts as sent by an interface.
///
/// # Errors
/// When there is no such interface.
pub fn transmitted(namespace: &NetNs, interface: &str) -> Result<u64> {
    let listed = ip(namespace, &["-j", "-s", "link", "show", interface])?;
    let parsed: serde_json::Value = serde_json::from_str(&listed).context("ip prints no JSON")?;
    let packets = &parsed[0]["stats64"]["tx"]["packets"];
    packets
        .as_u64()
        .with_context(|| format!("ip counts nothing at {interface}"))
}
