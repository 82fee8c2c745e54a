//! A cable that can be listened to.
//!
//! A capture on a port from which XDP redirects shows nothing, and between two fabric nodes both ends are such ports. So the cable
//! runs through a namespace of its own, where tc programs hand every frame on, and AF_PACKET sees it before they do.

use anyhow::Result;

use super::{End, Net};
use crate::bpf::{Hook, TcProgram};
use crate::netns::NetNs;
use crate::wire::Capture;

/// Two interfaces in a namespace, each sending on what the other hears.
#[derive(Debug)]
pub struct WireTap {
    namespace: NetNs,
}

impl WireTap {
    /// Captures what `one` sends, see [`Net::tapped`].
    ///
    /// # Errors
    /// As [`Capture::start`].
    pub fn from_one(&self) -> Result<Capture> {
        Capture::start(&self.namespace, "one")
    }

    /// Captures what `other` sends.
    ///
    /// # Errors
    /// As [`Capture::start`].
    pub fn from_other(&self) -> Result<Capture> {
        Capture::start(&self.namespace, "other")
    }

    /// The namespace in the middle; its interfaces are `one` and `other`.
    #[must_use]
    pub fn namespace(&self) -> &NetNs {
        &self.namespace
    }
}

impl Net {
    /// A cable between two hosts, through a namespace `label` that can be listened in. `mtu` holds on both halves.
    ///
    /// # Errors
    /// When a step fails; tcx needs Linux 6.6.
    pub fn tapped(&self, label: &str, mtu: u32, one: End, other: End) -> Result<WireTap> {
        let namespace = self.host(label)?;
        let middle = |name| End::client(&namespace, name).mtu(mtu).no_arp();
        self.veth(one.mtu(mtu), middle("one"))?;
        self.veth(other.mtu(mtu), middle("other"))?;
        for (from, to) in [("one", "other"), ("other", "one")] {
            TcProgram::forward(namespace.ifindex(to)?)?.attach(&namespace, from, Hook::Ingress)?;
        }
        Ok(WireTap { namespace })
    }
}
