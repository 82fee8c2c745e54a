//! Questions about one interface, on a socket of their own.
//!
//! Name and alias of an interface in a tenant's namespace are his, and need not be text. A connection of rtnetlink passes over a
//! message that it cannot read, and whoever has asked waits for ever; here it is an error.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

/// A socket in the network namespace of the thread that opened it.
#[derive(Clone, Debug)]
pub(super) struct Questions(Arc<Mutex<Socket>>);

impl Questions {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // The kernel answers before `send` returns: nothing that comes later is waited for.
        socket.set_non_blocking(true)?;
        Ok(Self(Arc::new(Mutex::new(socket))))
    }

    /// The interface that `message` names.
    ///
    /// # Errors
    /// As the kernel says, `ENODEV` for one that is not there; and when its answer cannot be read.
    pub(super) async fn link(&self, message: LinkMessage) -> io::Result<LinkMessage> {
        let socket = Arc::clone(&self.0);
        // It may wait for the kernel's configuration lock.
        let work = move || ask(&socket.lock().unwrap_or_else(PoisonError::into_inner), message);
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn ask(socket: &Socket, message: LinkMessage) -> io::Result<LinkMessage> {
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::GetLink(message));
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let unreadable = |what: String| {
        let sentence = format!("what the kernel says of it cannot be read: {what}");
        io::Error::new(io::ErrorKind::InvalidData, sentence)
    };
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
        .map_err(|error| unreadable(error.to_string()))?;
    match answer.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => Ok(link),
        NetlinkPayload::Error(error) => Err(error.to_io()),
        other => Err(unreadable(format!("{:#x}", other.message_type()))),
    }
}
