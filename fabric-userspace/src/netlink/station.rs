//! Entries of bridges' FDBs and of VXLAN devices': what a routing daemon knows of stations, and what it is told.
//!
//! A station behind a VTEP has two entries, and the kernel tells of each alone: the bridge's, which names the VXLAN device
//! as its port, and the VXLAN device's own, which names the VTEP (`NDA_DST`). When the station moves to another port the
//! first is replaced and the second stays, so neither is enough.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::MulticastGroup;
use rtnetlink::sys::Socket;
use tokio::io::unix::AsyncFd;

use super::watch::{DATAGRAM, News, drain, listen};
use super::{Netlink, NetlinkError};

/// `NUD_REACHABLE`: what bridges take for a learned entry.
const REACHABLE: u16 = 0x02;
/// `NUD_NOARP` besides: an entry that does not age.
const STATIC: u16 = 0x42;
/// Events that are handed on at once.
const BATCH: usize = 256;

/// Which of the two entries of a station it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The bridge's: the interface is the port.
    Port,
    /// The VXLAN device's: the interface is the device. `None` for an entry with a nexthop group, as of multihoming.
    Vtep(Option<IpAddr>),
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeEntry {
    /// Port of a bridge, or VXLAN device.
    pub ifindex: u32,
    /// The station; zeros for the VTEPs that floods go to.
    pub mac: [u8; 6],
    /// Whose entry.
    pub on: On,
    /// It may not move (`NTF_STICKY`), which BGP tells by the static flag of RFC 7432 section 7.7.
    pub sticky: bool,
}

impl BridgeEntry {
    /// `None` for other messages, and for the addresses of bridge ports themselves.
    fn from_message(message: &NeighbourMessage) -> Option<Self> {
        if message.header.family != AddressFamily::Bridge {
            return None;
        }
        let (mut mac, mut vtep, mut of_bridge) = (None, None, false);
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
                NeighbourAttribute::Destination(address) => vtep = ip(address),
                NeighbourAttribute::Controller(_) => of_bridge = true,
                _ => {}
            }
        }
        if of_bridge && message.header.state == NeighbourState::Permanent {
            return None;
        }
        Some(Self {
            ifindex: message.header.ifindex,
            mac: mac?,
            on: if of_bridge { On::Port } else { On::Vtep(vtep) },
            sticky: message.header.flags.contains(NeighbourFlags::Sticky),
        })
    }
}

/// The kernel sends the address of a VTEP without its family.
fn ip(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(address) => Some((*address).into()),
        NeighbourAddress::Inet6(address) => Some((*address).into()),
        NeighbourAddress::Other(bytes) => {
            let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from))
                .ok()
        }
        _ => None,
    }
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StationEvent {
    /// An entry is new or different.
    There(BridgeEntry),
    /// An entry was removed.
    Gone(BridgeEntry),
    /// The kernel dropped events: everything must be read anew.
    Missed,
}

impl News for StationEvent {
    const MISSED: Self = Self::Missed;

    fn of(message: &RouteNetlinkMessage, _nsid: Option<i32>) -> Option<Self> {
        match message {
            RouteNetlinkMessage::NewNeighbour(message) => BridgeEntry::from_message(message).map(Self::There),
            RouteNetlinkMessage::DelNeighbour(message) => BridgeEntry::from_message(message).map(Self::Gone),
            _ => None,
        }
    }
}

/// The stream of changes since it was opened.
#[derive(Debug)]
pub struct StationWatch {
    socket: AsyncFd<Socket>,
    buffer: Vec<u8>,
}

impl StationWatch {
    /// Starts listening in the namespace of the calling thread; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            socket: listen(&[MulticastGroup::Neigh], false).map_err(NetlinkError::Socket)?,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Waits for changes, and gives all that are there in their order, up to a few hundred.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn next(&mut self) -> io::Result<VecDeque<StationEvent>> {
        let mut events = VecDeque::new();
        while events.is_empty() {
            let mut ready = self.socket.readable().await?;
            while events.len() < BATCH {
                if drain(ready.get_inner(), &mut self.buffer, &mut events)? {
                    ready.clear_ready();
                    break;
                }
            }
        }
        Ok(events)
    }
}

impl Netlink {
    /// Every entry of every bridge and VXLAN device of the namespace.
    ///
    /// # Errors
    /// When the kernel does not list them.
    pub async fn bridge_entries(&self) -> Result<Vec<BridgeEntry>, NetlinkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        let request = RouteNetlinkMessage::GetNeighbour(message);
        let answers = self.ask("listing bridge entries", request, NLM_F_DUMP).await?;
        Ok(answers
            .iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewNeighbour(message) => BridgeEntry::from_message(message),
                _ => None,
            })
            .collect())
    }

    /// Puts a station behind a port of a bridge, wherever the bridge had it; it does not age. A `sticky` one is not to move.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn offer_station(&self, port: u32, mac: [u8; 6], sticky: bool) -> Result<(), NetlinkError> {
        let mut message = on_port(port, mac);
        if sticky {
            message.header.flags |= NeighbourFlags::Sticky;
            message.header.state = NeighbourState::from(STATIC);
        } else {
            // Not for the daemon, which looks at the port: the bridge lets entries that others manage not age.
            message.header.flags |= NeighbourFlags::ExtLearned;
            message.header.state = NeighbourState::from(REACHABLE);
        }
        let request = RouteNetlinkMessage::NewNeighbour(message);
        self.ask(
            "offering a station",
            request,
            NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
        )
        .await
        .map(drop)
    }

    /// Takes back what [`Self::offer_station`] did. A station that is not there, or behind another port, is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn withdraw_station(&self, port: u32, mac: [u8; 6]) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::DelNeighbour(on_port(port, mac));
        match self.ask("withdrawing a station", request, NLM_F_ACK).await {
            Err(error) if !matches!(error.errno(), Some(libc::ENOENT | libc::ENODEV)) => Err(error),
            _ => Ok(()),
        }
    }
}

fn on_port(port: u32, mac: [u8; 6]) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = port;
    message.header.flags = NeighbourFlags::Controller;
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
    message
}
