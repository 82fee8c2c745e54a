//! Neighbour entries: reading one, having the kernel keep one resolved, removing one.
//!
//! XDP never triggers ARP or neighbour discovery, so an entry that the fabric uses must be kept by somebody: the
//! kernel itself when it knows `managed` entries (5.16), otherwise by probing from here.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};

use super::{Netlink, NetlinkError};

/// What identifies a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeighbourKey {
    pub ifindex: u32,
    pub address: IpAddr,
}

/// How far the kernel has got with a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighbourStatus {
    /// The MAC address can be used.
    Resolved,
    /// Asked, not yet answered.
    Pending,
    /// Nobody answers.
    Failed,
}

/// A neighbour entry of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    pub key: NeighbourKey,
    pub status: NeighbourStatus,
    /// Set when `status` is `Resolved` and the address has six bytes.
    pub mac: Option<[u8; 6]>,
    /// Kept resolved by the kernel.
    pub managed: bool,
    /// Set by an administrator, or needing no resolution at all.
    pub fixed: bool,
}

impl Neighbour {
    /// `None` for entries that are neither IPv4 nor IPv6 (a bridge's FDB speaks the same messages).
    pub(super) fn from_message(message: &NeighbourMessage) -> Option<Self> {
        let key = NeighbourKey {
            ifindex: message.header.ifindex,
            address: address(message)?,
        };
        let status = status(message.header.state);
        let mac = message.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        });
        let managed = message.attributes.iter().any(|attribute| {
            matches!(attribute, NeighbourAttribute::ExtFlags(flags) if flags.contains(NeighbourExtFlags::Managed))
        });
        let fixed = matches!(
            message.header.state,
            NeighbourState::Permanent | NeighbourState::Noarp
        );
        let mac = mac.filter(|_| status == NeighbourStatus::Resolved);
        Some(Self {
            key,
            status,
            mac,
            managed,
            fixed,
        })
    }
}

impl Netlink {
    /// The entry for `key`, if the kernel has one.
    pub async fn neighbour(&self, key: NeighbourKey) -> Result<Option<Neighbour>, NetlinkError> {
        let request = RouteNetlinkMessage::GetNeighbour(message(key));
        match self
            .ask(&format!("asking for neighbour {}", key.address), request, 0)
            .await
        {
            Ok(answers) => Ok(answers.iter().find_map(|answer| match answer {
                RouteNetlinkMessage::NewNeighbour(message) => Neighbour::from_message(message),
                _ => None,
            })),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the kernel keep `key` resolved; false when this kernel cannot.
    ///
    /// An entry that exists keeps its state and MAC address, but a *permanent* one would become an ordinary one:
    /// the caller looks first.
    pub(super) async fn manage_neighbour(&self, key: NeighbourKey) -> Result<bool, NetlinkError> {
        let mut request = message(key);
        request
            .attributes
            .push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
        match self.write_neighbour(key, request).await {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.errno(), Some(libc::EINVAL | libc::EOPNOTSUPP)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Starts one resolution of `key`, as sending a packet would.
    pub(super) async fn probe_neighbour(&self, key: NeighbourKey) -> Result<(), NetlinkError> {
        let mut request = message(key);
        request.header.flags = NeighbourFlags::Use;
        self.write_neighbour(key, request).await
    }

    /// Removes the entry for `key`; one that is not there is no error.
    pub(super) async fn remove_neighbour(&self, key: NeighbourKey) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::DelNeighbour(message(key));
        match self
            .ask(&format!("removing neighbour {}", key.address), request, NLM_F_ACK)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.errno(), Some(libc::ENOENT | libc::ENODEV | libc::ENXIO)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn write_neighbour(
        &self,
        key: NeighbourKey,
        request: NeighbourMessage,
    ) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::NewNeighbour(request);
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(&format!("resolving neighbour {}", key.address), request, flags)
            .await?;
        Ok(())
    }
}

/// A message about `key` with state NUD_NONE: what is known stays, nothing is claimed.
fn message(key: NeighbourKey) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = if key.address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    message.header.ifindex = key.ifindex;
    message.header.state = NeighbourState::None;
    message
        .attributes
        .push(NeighbourAttribute::Destination(key.address.into()));
    message
}

fn address(message: &NeighbourMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

fn status(state: NeighbourState) -> NeighbourStatus {
    match state {
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Noarp
        | NeighbourState::Permanent => NeighbourStatus::Resolved,
        NeighbourState::Failed => NeighbourStatus::Failed,
        _ => NeighbourStatus::Pending,
    }
}
