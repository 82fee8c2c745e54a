//! Changes of interfaces, neighbours and routes, as the kernel multicasts them.
//!
//! Interfaces are heard in every namespace that has a number here, which includes those of all veth peers: so a tenant
//! who turns an offload back on is noticed without polling. Neighbours and routes are heard in our namespace only.

mod queue;

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::time::Instant;

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::{LinkAttribute, LinkEvent, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, NetlinkAddr, recvmsg};
use rtnetlink::MulticastGroup;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Link, Neighbour, NeighbourKey, NetlinkError};
use queue::{Queue, REST};

/// `NETLINK_LISTEN_ALL_NSID` also types the ancillary message that carries the number of the namespace.
const NETLINK_LISTEN_ALL_NSID: i32 = 8;
/// The kernel's usual largest netlink datagram is 32 KiB.
pub(super) const DATAGRAM: usize = 64 * 1024;
/// Bytes of unread events after which the kernel starts to drop them.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Batches that are read before one event is told.
const AHEAD: usize = 16;

/// One change. `nsid` is the number of a foreign namespace, `None` is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An interface is new or different; `features` when the kernel says that its offloads changed.
    Link {
        nsid: Option<i32>,
        link: Box<Link>,
        features: bool,
    },
    /// An interface was removed or moved to another namespace.
    LinkGone {
        nsid: Option<i32>,
        ifindex: u32,
        name: String,
    },
    Neighbour(Neighbour),
    NeighbourGone(NeighbourKey),
    /// Some route changed; several at once are told once.
    Routes,
    /// The kernel dropped events: everything must be read anew.
    Missed,
}

/// What a message of the kernel says to one kind of listener.
pub(super) trait News: PartialEq + Sized {
    /// The kernel dropped messages.
    const MISSED: Self;

    /// An interface of which what is said cannot be read.
    fn unreadable(_nsid: Option<i32>, _ifindex: u32) -> Self {
        Self::MISSED
    }

    /// `None` for messages about something else. `nsid` is the number of a foreign namespace, `None` is ours.
    fn of(message: &RouteNetlinkMessage, nsid: Option<i32>) -> Option<Self>;

    /// Puts it behind the others; what is told already need not be told again.
    fn join(self, queue: &mut VecDeque<Self>) {
        let repeats = self == Self::MISSED && queue.back() == Some(&self);
        if !repeats {
            queue.push_back(self);
        }
    }
}

impl News for Event {
    const MISSED: Self = Self::Missed;

    /// What cannot be judged is as good as gone, in a tenant's namespace.
    fn unreadable(nsid: Option<i32>, ifindex: u32) -> Self {
        match nsid {
            Some(_) => Self::LinkGone {
                nsid,
                ifindex,
                name: String::new(),
            },
            None => Self::Missed,
        }
    }

    fn of(message: &RouteNetlinkMessage, nsid: Option<i32>) -> Option<Self> {
        event(message, nsid)
    }

    /// Of an interface only the last word counts: a tenant can change his own faster than anybody looks at it. Everything is read anew
    /// when all that came before has been told.
    fn join(self, queue: &mut VecDeque<Self>) {
        if self == Self::Missed {
            queue.retain(|event| *event != Self::Missed);
        }
        let last = queue.iter_mut().rev().find(|other| other.is_about_same(&self));
        match (last, self) {
            (
                Some(Self::Link { link, features, .. }),
                Self::Link {
                    link: now,
                    features: more,
                    ..
                },
            ) => {
                *features |= more;
                *link = now;
            }
            // Whatever becomes of a foreign one, it is looked at as it is by then.
            (Some(last), event) if *last == event || event.is_foreign() => *last = event,
            (_, event) => queue.push_back(event),
        }
    }
}

impl Event {
    /// Namespace and number of the interface that it is about.
    fn interface(&self) -> Option<(Option<i32>, u32)> {
        match self {
            Self::Link { nsid, link, .. } => Some((*nsid, link.ifindex)),
            Self::LinkGone { nsid, ifindex, .. } => Some((*nsid, *ifindex)),
            Self::Neighbour(_) | Self::NeighbourGone(_) | Self::Routes | Self::Missed => None,
        }
    }

    fn is_foreign(&self) -> bool {
        matches!(self.interface(), Some((Some(_), _)))
    }

    fn is_about_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Routes, Self::Routes) | (Self::Missed, Self::Missed) => true,
            _ => self
                .interface()
                .is_some_and(|interface| other.interface() == Some(interface)),
        }
    }

    /// Whether this is about `port` itself or about the veth peer that it had when it was read.
    pub fn concerns(&self, port: &Link) -> bool {
        let Some((nsid, ifindex)) = self.interface() else {
            return *self == Self::Missed;
        };
        let is_port = nsid.is_none() && ifindex == port.ifindex;
        let is_peer = port.veth_peer() == Some(ifindex) && nsid == port.link_netnsid;
        is_port || is_peer
    }
}

/// The stream of changes since it was opened.
#[derive(Debug)]
pub struct Watch {
    links: AsyncFd<Socket>,
    routes: AsyncFd<Socket>,
    queue: Queue,
    buffer: Vec<u8>,
}

impl Watch {
    /// Starts listening in the namespace of the calling thread; must be called inside a tokio runtime.
    pub fn open() -> Result<Self, NetlinkError> {
        let routes = [
            MulticastGroup::Neigh,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
        ];
        Ok(Self {
            links: listen(&[MulticastGroup::Link], true).map_err(NetlinkError::Socket)?,
            routes: listen(&routes, false).map_err(NetlinkError::Socket)?,
            queue: Queue::default(),
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Waits for the next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            self.read_ahead()?;
            if let Some(event) = self.queue.next(Instant::now()) {
                return Ok(event);
            }
            tokio::select! {
                ready = self.links.readable() => {
                    let mut ready = ready?;
                    if drain(ready.get_inner(), &mut self.buffer, &mut self.queue.events)? {
                        ready.clear_ready();
                    }
                }
                ready = self.routes.readable() => {
                    let mut ready = ready?;
                    if drain(ready.get_inner(), &mut self.buffer, &mut self.queue.events)? {
                        ready.clear_ready();
                    }
                }
                () = tokio::time::sleep(REST), if !self.queue.events.is_empty() => {}
            }
        }
    }

    /// What else has come joins what waits: it may be about the same, or be more urgent.
    fn read_ahead(&mut self) -> io::Result<()> {
        for socket in [&self.links, &self.routes] {
            for _ in 0..AHEAD {
                let is_empty = drain(socket.get_ref(), &mut self.buffer, &mut self.queue.events)?;
                self.queue.limit();
                if is_empty {
                    break;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn listen(groups: &[MulticastGroup], all_namespaces: bool) -> io::Result<AsyncFd<Socket>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_non_blocking(true)?;
    if all_namespaces {
        socket.set_listen_all_namespaces(true)?;
    }
    // Best effort: without CAP_NET_ADMIN the default size stays, and a loss is told as `Missed`.
    let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &RECEIVE_BUFFER);
    socket.bind(&SocketAddr::new(0, 0))?;
    for group in groups {
        socket.add_membership(*group as u32)?;
    }
    // SAFETY: a `Socket` owns one descriptor for its whole life; this one is moved in here, never cloned or replaced.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}

/// Reads what is there, at most a batch; true when the socket is empty.
pub(super) fn drain<E: News>(
    socket: &Socket,
    buffer: &mut [u8],
    queue: &mut VecDeque<E>,
) -> io::Result<bool> {
    let mut missed = false;
    let mut left = 64;
    // What was lost is newer than all that is still there, and nothing is added before that has been read.
    while left > 0 || missed {
        left -= i32::from(left > 0);
        match receive(socket, buffer) {
            Ok(Some((length, nsid))) => parse(&buffer[..length], nsid, queue),
            Ok(None) => {}
            Err(Errno::EAGAIN) => {
                if missed {
                    E::MISSED.join(queue);
                }
                return Ok(true);
            }
            Err(Errno::EINTR) => {}
            Err(Errno::ENOBUFS) => missed = true,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

/// Length and namespace of one datagram of the kernel, or of as much of it as there is room for: a tenant can give his interface
/// so many names that the rest does not fit. `None` for one that a process sent.
fn receive(socket: &Socket, buffer: &mut [u8]) -> Result<Option<(usize, Option<i32>)>, Errno> {
    let mut ancillary = cmsg_space!(i32);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<NetlinkAddr>(socket.as_raw_fd(), &mut slices, Some(&mut ancillary), flags)?;
    if message.address.is_none_or(|sender| sender.pid() != 0) {
        return Ok(None);
    }
    let nsid = message.cmsgs()?.find_map(nsid_of);
    Ok(Some((message.bytes, nsid)))
}

fn nsid_of(message: ControlMessageOwned) -> Option<i32> {
    let ControlMessageOwned::Unknown(unknown) = message else {
        return None;
    };
    let header = unknown.cmsg_header;
    if header.cmsg_level != libc::SOL_NETLINK || header.cmsg_type != NETLINK_LISTEN_ALL_NSID {
        return None;
    }
    Some(i32::from_ne_bytes(unknown.data_bytes.get(..4)?.try_into().ok()?))
}

fn parse<E: News>(mut datagram: &[u8], nsid: Option<i32>, queue: &mut VecDeque<E>) {
    while !datagram.is_empty() {
        let length = |length: u32| (length as usize).next_multiple_of(4).max(4);
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram) else {
            // Not understood is not unimportant, but a tenant can write what nobody understands into the name of his own interface.
            let Some((rest, ifindex)) = unreadable_link(datagram, length) else {
                return E::MISSED.join(queue);
            };
            E::unreadable(nsid, ifindex).join(queue);
            datagram = rest;
            continue;
        };
        datagram = datagram.get(length(message.header.length)..).unwrap_or_default();
        if let NetlinkPayload::InnerMessage(message) = message.payload
            && let Some(event) = E::of(&message, nsid)
        {
            event.join(queue);
        }
    }
}

/// Of a message about an interface (`struct nlmsghdr`, `struct ifinfomsg`) what follows it, and the interface's number.
fn unreadable_link(datagram: &[u8], length: impl Fn(u32) -> usize) -> Option<(&[u8], u32)> {
    let word = |at: usize| Some(u32::from_ne_bytes(*datagram.get(at..)?.first_chunk()?));
    let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
    let ifindex = word(20)?;
    if !matches!(kind, libc::RTM_NEWLINK | libc::RTM_DELLINK) {
        return None;
    }
    let rest = datagram.get(length(word(0)?)..).unwrap_or_default();
    Some((rest, ifindex))
}

fn event(message: &RouteNetlinkMessage, nsid: Option<i32>) -> Option<Event> {
    match message {
        // A bridge tells of its ports by link messages of its own family; those are no interfaces coming and going.
        RouteNetlinkMessage::NewLink(link) if is_interface(link) => Some(Event::Link {
            nsid,
            link: Box::new(Link::from_message(link)),
            features: is_feature_change(link),
        }),
        RouteNetlinkMessage::DelLink(link) if is_interface(link) => {
            let Link { ifindex, name, .. } = Link::from_message(link);
            Some(Event::LinkGone { nsid, ifindex, name })
        }
        RouteNetlinkMessage::NewNeighbour(message) => Neighbour::from_message(message).map(Event::Neighbour),
        RouteNetlinkMessage::DelNeighbour(message) => {
            Neighbour::from_message(message).map(|gone| Event::NeighbourGone(gone.key))
        }
        // An address changes which routes exist and which source address is taken.
        RouteNetlinkMessage::NewRoute(_)
        | RouteNetlinkMessage::DelRoute(_)
        | RouteNetlinkMessage::NewAddress(_)
        | RouteNetlinkMessage::DelAddress(_) => Some(Event::Routes),
        _ => None,
    }
}

fn is_interface(message: &LinkMessage) -> bool {
    message.header.interface_family == AddressFamily::Unspec
}

fn is_feature_change(message: &LinkMessage) -> bool {
    message
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, LinkAttribute::Event(LinkEvent::Features)))
}

#[cfg(test)]
mod tests;
