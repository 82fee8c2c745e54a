//! Sending bytes exactly and seeing exactly what arrived.
//!
//! Traps that this module takes care of: AF_PACKET keeps the outermost VLAN tag apart from the bytes (it is put back), shows a
//! socket its own outgoing frames (ignored), and drops silently when its buffer is full (large buffer, and drops are an error).
//! What it cannot change: a port from which XDP redirects shows nothing; capture at the peer, or on a
//! [`WireTap`](crate::topology::WireTap). Where GRO is on, TCP segments may arrive merged.

mod capture;
pub mod judge;
mod noise;
mod pcap;
mod receive;
mod tshark;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType};

pub use capture::{Capture, Captured, Filter};
pub use noise::{MARK, is_kernel_noise};
pub use pcap::write_pcap;
pub use receive::Received;
pub use tshark::{Tshark, well_formed};

use crate::netns::NetNs;

/// Room for about 100,000 small frames: with the default buffer a flood loses some silently.
const BUFFER_BYTES: usize = 128 << 20;

/// How long a full queue may take to make room on a busy machine, for a frame that must go out.
const QUEUE_DRAINS: Duration = Duration::from_secs(1);
/// The same for a frame that may be lost but must not delay the next one.
const HICCUP: Duration = Duration::from_millis(1);

/// An AF_PACKET socket on one interface.
#[derive(Debug)]
pub struct RawSocket {
    handle: OwnedFd,
    shown: String,
}

impl RawSocket {
    /// Opens one in `namespace`; it may then be used from any thread.
    ///
    /// # Errors
    /// When there is no such interface, or the caller is not root.
    pub fn open(namespace: &NetNs, interface: &str) -> Result<Self> {
        let shown = format!("{interface} of {}", namespace.label());
        let ifindex = namespace.ifindex(interface)?;
        let handle = namespace
            .run(|| open(ifindex))
            .with_context(|| format!("raw socket on {shown}"))?;
        Ok(Self { handle, shown })
    }

    /// Sends the bytes as they are, tags included. No FCS, no padding.
    ///
    /// # Errors
    /// When the kernel refuses, for instance a frame over the MTU by more than one tag, or the interface drops it.
    pub fn send(&self, frame: impl AsRef<[u8]>) -> Result<()> {
        let bytes = frame.as_ref();
        let taken = self.offer_for(bytes, QUEUE_DRAINS)?;
        ensure!(taken, "{} drops what is sent: is the other end down?", self.shown);
        Ok(())
    }

    /// As [`RawSocket::send`], but a frame that the interface drops is false and no error, and found out soon.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn offer(&self, frame: &[u8]) -> Result<bool> {
        self.offer_for(frame, HICCUP)
    }

    fn offer_for(&self, frame: &[u8], patience: Duration) -> Result<bool> {
        let deadline = Instant::now() + patience;
        loop {
            match nix::sys::socket::send(self.handle.as_raw_fd(), frame, MsgFlags::empty()) {
                Ok(sent) if sent == frame.len() => return Ok(true),
                Ok(sent) => bail!("sent {sent} of {} bytes on {}", frame.len(), self.shown),
                // A veth whose receiver lags drops with the same error as one whose other end is down.
                Err(Errno::ENOBUFS) if Instant::now() >= deadline => return Ok(false),
                Err(Errno::ENOBUFS | Errno::EINTR) => std::thread::yield_now(),
                Err(Errno::ENETDOWN) => return Ok(false),
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot send {} bytes on {}", frame.len(), self.shown));
                }
            }
        }
    }

    /// Sends several, in order.
    ///
    /// # Errors
    /// As [`RawSocket::send`]; frames before the refused one are on the wire.
    pub fn send_all<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<()> {
        frames.iter().try_for_each(|frame| self.send(frame))
    }

    /// The interface and its namespace, for messages.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

fn open(ifindex: u32) -> Result<OwnedFd> {
    // Protocol 0 hears nothing until `bind` names interface and protocol: no frame of another interface slips in.
    let handle = nix::sys::socket::socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
        .context("not root?")?;
    set(&handle, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
    set(&handle, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
    set(&handle, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    set(
        &handle,
        libc::SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        i32::try_from(BUFFER_BYTES).context("buffer too large")?,
    )?;
    bind(&handle, ifindex)?;
    Ok(handle)
}

fn set(handle: &OwnedFd, level: i32, option: i32, value: i32) -> Result<()> {
    let length = libc::socklen_t::try_from(size_of::<i32>())?;
    // SAFETY: the value outlives the call and the length is its length.
    let result = unsafe {
        libc::setsockopt(
            handle.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    ensure!(
        result == 0,
        "socket option {level}/{option}: {}",
        io::Error::last_os_error()
    );
    Ok(())
}

fn bind(handle: &OwnedFd, ifindex: u32) -> Result<()> {
    // SAFETY: all-zero is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET)?;
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL)?.to_be();
    address.sll_ifindex = i32::try_from(ifindex)?;
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>())?;
    // SAFETY: the address outlives the call and the length is its length.
    let result = unsafe { libc::bind(handle.as_raw_fd(), (&raw const address).cast(), length) };
    ensure!(result == 0, "bind: {}", io::Error::last_os_error());
    Ok(())
}
