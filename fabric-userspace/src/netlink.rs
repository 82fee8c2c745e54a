//! The host's interfaces, routes and neighbours as the kernel tells them by rtnetlink.
//!
//! A [`Netlink`] belongs to the network namespace of the thread that connected it. Of an interface
//! that somebody else has made only one thing is changed here, by [`Netlink::set_promiscuous`]; what else is written are the
//! neighbour entries of [`NextHops`], and for EVPN the devices of [`VniDevices`] with the stations on them.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "messages and attributes of netlink are open sets: what is not listed is not needed here"
)]

mod host;
mod link;
mod neighbour;
mod netns;
mod next_hop;
mod promiscuous;
mod question;
mod route;
mod station;
mod vni;
mod watch;
mod xdp_features;

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use question::Questions;
use rtnetlink::Handle;
use tokio::time::timeout;

pub use host::HostUse;
pub use link::{Link, Peer, VlanTpid, XdpMode, XdpProgram};
pub use neighbour::{Neighbour, NeighbourKey, NeighbourStatus};
pub use netns::{NetnsPlace, run_in};
pub use next_hop::{NextHop, NextHops};
pub use route::Route;
pub use station::{BridgeEntry, On, StationEvent, StationWatch};
pub use vni::{VniDevices, VniPorts};
pub use watch::{Event, Watch};
pub use xdp_features::XdpFeatures;

/// An answer that cannot be read is none, so it is not waited for without end.
const ANSWER: Duration = Duration::from_secs(30);

/// A question to the kernel that was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    #[error("cannot open a netlink socket: {0}")]
    Socket(#[source] io::Error),
    #[error("there is no interface {0}")]
    NoSuchLink(String),
    #[error("there is no route to {remote} through {through}")]
    NoRoute {
        remote: std::net::IpAddr,
        through: String,
    },
    #[error("netlink: {what} failed: {source}")]
    Kernel { what: String, source: io::Error },
    #[error("netlink: {what} failed: the connection to the kernel is closed")]
    Closed { what: String },
}

impl NetlinkError {
    /// Wraps an error of the rtnetlink crate, keeping the kernel's errno where there is one.
    fn of(what: impl Into<String>, error: &rtnetlink::Error) -> Self {
        let what = what.into();
        match error {
            rtnetlink::Error::NetlinkError(message) => Self::Kernel {
                what,
                source: message.to_io(),
            },
            rtnetlink::Error::RequestFailed => Self::Closed { what },
            other => Self::Kernel {
                what,
                source: io::Error::other(other.to_string()),
            },
        }
    }

    /// The kernel has answered, and its answer is no text.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Kernel { source, .. } if source.kind() == io::ErrorKind::InvalidData)
    }

    /// Whether the interface itself is gone.
    pub fn is_vanished(&self) -> bool {
        matches!(self, Self::NoSuchLink(_)) || self.errno() == Some(libc::ENODEV)
    }

    fn errno(&self) -> Option<i32> {
        match self {
            Self::Kernel { source, .. } | Self::Socket(source) => source.raw_os_error(),
            Self::NoSuchLink(_) | Self::NoRoute { .. } | Self::Closed { .. } => None,
        }
    }
}

/// A connection for questions about one network namespace.
#[derive(Clone, Debug)]
pub struct Netlink {
    handle: Handle,
    questions: Questions,
}

impl Netlink {
    /// Connects in the namespace of the calling thread. Must be called inside a tokio runtime, which then serves it.
    pub fn connect() -> Result<Self, NetlinkError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(NetlinkError::Socket)?;
        tokio::spawn(connection);
        let questions = Questions::open().map_err(NetlinkError::Socket)?;
        Ok(Self { handle, questions })
    }

    /// Every interface of the namespace, by ifindex.
    pub async fn links(&self) -> Result<Vec<Link>, NetlinkError> {
        let mut stream = std::pin::pin!(self.handle.link().get().execute());
        let mut links = Vec::new();
        while let Some(answer) = stream.next().await {
            let message = answer.map_err(|error| NetlinkError::of("listing the interfaces", &error))?;
            links.push(Link::from_message(&message));
        }
        links.sort_by_key(|link| link.ifindex);
        Ok(links)
    }

    /// The interface called `name`.
    pub async fn link(&self, name: &str) -> Result<Link, NetlinkError> {
        // The kernel answers a name it could never have had with ERANGE or EINVAL.
        if name.is_empty() || name.len() >= libc::IFNAMSIZ {
            return Err(NetlinkError::NoSuchLink(name.to_owned()));
        }
        let mut question = LinkMessage::default();
        question.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.only_link(name, question).await
    }

    /// The interface with this index.
    pub async fn link_by_index(&self, ifindex: u32) -> Result<Link, NetlinkError> {
        self.only_link(&format!("with ifindex {ifindex}"), numbered(ifindex))
            .await
    }

    /// The other end of a veth pair and the namespace it is in; `None` for an interface that is no veth.
    ///
    /// `hint` is where it was last time: it spares the search, and is not believed without asking the kernel.
    pub async fn peer_of(
        &self,
        link: &Link,
        hint: Option<&NetnsPlace>,
    ) -> Result<Option<Peer>, NetlinkError> {
        let Some(ifindex) = link.veth_peer() else {
            return Ok(None);
        };
        let Some(nsid) = link.link_netnsid else {
            let link = self.link_by_index(ifindex).await?;
            return Ok(Some(Peer {
                link,
                nsid: None,
                place: None,
            }));
        };
        let mut question = numbered(ifindex);
        question.attributes.push(LinkAttribute::IfNetnsId(nsid));
        let name = format!("with ifindex {ifindex} in the namespace with nsid {nsid}");
        let peer = self.only_link(&name, question).await?;
        let place = netns::find(self, nsid, hint).await?;
        Ok(Some(Peer {
            link: peer,
            nsid: Some(nsid),
            place,
        }))
    }

    /// What the driver of `ifindex` says about XDP; `None` where the kernel (before 6.3) cannot tell.
    pub async fn xdp_features(&self, ifindex: u32) -> Option<XdpFeatures> {
        tokio::task::spawn_blocking(move || xdp_features::read(ifindex))
            .await
            .ok()
            .flatten()
    }

    async fn only_link(&self, name: &str, question: LinkMessage) -> Result<Link, NetlinkError> {
        let answer = self.questions.link(question).await;
        match answer {
            Ok(message) => Ok(Link::from_message(&message)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                Err(NetlinkError::NoSuchLink(name.to_owned()))
            }
            Err(source) => Err(NetlinkError::Kernel {
                what: format!("asking for interface {name}"),
                source,
            }),
        }
    }

    /// Sends one request with further `flags` and collects the answers.
    async fn ask(
        &self,
        what: &str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        let mut handle = self.handle.clone();
        let mut stream = handle
            .request(request)
            .map_err(|error| NetlinkError::of(what, &error))?;
        let mut answers = Vec::new();
        let late = |_| NetlinkError::Kernel {
            what: what.to_owned(),
            source: io::ErrorKind::TimedOut.into(),
        };
        while let Some(answer) = timeout(ANSWER, stream.next()).await.map_err(late)? {
            match answer.payload {
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    return Err(NetlinkError::Kernel {
                        what: what.to_owned(),
                        source: error.to_io(),
                    });
                }
                NetlinkPayload::InnerMessage(message) => answers.push(message),
                _ => {}
            }
        }
        Ok(answers)
    }
}

fn numbered(ifindex: u32) -> LinkMessage {
    let mut question = LinkMessage::default();
    question.header.index = ifindex;
    question
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod testing;
