//! Reading one frame, with the tag that the kernel keeps apart and the time it arrived.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::RawSocket;

/// A frame as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When the kernel got it, since the epoch.
    pub at: Duration,
    /// Its bytes, outer tag included.
    pub bytes: Vec<u8>,
    /// No frame of a wire: its checksum is not in the bytes yet, or the kernel has merged several into it.
    pub unfinished: bool,
}

impl From<Vec<u8>> for Received {
    /// A frame that nobody has received.
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            at: Duration::ZERO,
            bytes,
            unfinished: false,
        }
    }
}

/// The tag goes behind the two MAC addresses.
const TAG_AT: usize = 12;
const LARGEST: usize = 1 << 17;

/// Room for the two control messages that were asked for.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// Buffers for many frames, one after the other.
pub(super) struct Receiver {
    bytes: Vec<u8>,
    control: Control,
    cuts: bool,
}

impl Receiver {
    /// Whole frames.
    pub(super) fn new() -> Self {
        Self::with_room(LARGEST, false)
    }

    /// The first `length` bytes of each frame.
    pub(super) fn cutting(length: usize) -> Self {
        Self::with_room(length, true)
    }

    /// False where frames are cut.
    pub(super) const fn is_whole(&self) -> bool {
        !self.cuts
    }

    fn with_room(length: usize, cuts: bool) -> Self {
        Self {
            bytes: vec![0; length],
            control: Control([0; 256]),
            cuts,
        }
    }

    /// The next frame; `None` when none is waiting.
    pub(super) fn next(&mut self, socket: &RawSocket) -> Result<Option<Received>> {
        let mut part = libc::iovec {
            iov_base: self.bytes.as_mut_ptr().cast(),
            iov_len: self.bytes.len(),
        };
        // SAFETY: all-zero is a valid msghdr.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) =
            (self.control.0.as_mut_ptr().cast(), self.control.0.len());
        let length = loop {
            // SAFETY: the buffers that the message names outlive the call and are as long as it says.
            let length =
                unsafe { libc::recvmsg(socket.handle.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
            if let Ok(length) = usize::try_from(length) {
                break length;
            }
            match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // Told once, before what came until the link went down or away (`__skb_try_recv_datagram`).
                error if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                error => return Err(error).with_context(|| format!("cannot read from {}", socket.shown)),
            }
        };
        if message.msg_flags & libc::MSG_TRUNC != 0 && !self.cuts {
            bail!("a frame on {} is longer than {LARGEST} bytes", socket.shown);
        }
        let aside = read_control(&message);
        let mut bytes = self.bytes[..length].to_vec();
        if let Some(tag) = aside.tag.filter(|_| length >= TAG_AT) {
            bytes.splice(TAG_AT..TAG_AT, tag);
        }
        Ok(Some(Received {
            at: aside.at,
            bytes,
            unfinished: aside.unfinished,
        }))
    }
}

#[derive(Default)]
struct Aside {
    at: Duration,
    tag: Option<[u8; 4]>,
    unfinished: bool,
}

fn read_control(message: &libc::msghdr) -> Aside {
    let mut aside = Aside::default();
    // SAFETY: the kernel filled the control buffer that the message names, and the buffer is still borrowed.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give null or a whole header inside the buffer.
        let (header, data) = unsafe { (next.read_unaligned(), libc::CMSG_DATA(next)) };
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                // SAFETY: data of this type is a tpacket_auxdata.
                let told = unsafe { data.cast::<libc::tpacket_auxdata>().read_unaligned() };
                // What GRO merges is left like that too (`tcp_gro_complete`).
                aside.unfinished = told.tp_status & libc::TP_STATUS_CSUMNOTREADY != 0;
                aside.tag = tag(told);
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: data of this type is a timespec.
                aside.at = time(unsafe { data.cast::<libc::timespec>().read_unaligned() });
            }
            _ => {}
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    aside
}

fn tag(aside: libc::tpacket_auxdata) -> Option<[u8; 4]> {
    let has = |flag| aside.tp_status & flag != 0;
    let tpid = if has(libc::TP_STATUS_VLAN_TPID_VALID) {
        aside.tp_vlan_tpid
    } else {
        0x8100
    };
    let [a, b] = tpid.to_be_bytes();
    let [c, d] = aside.tp_vlan_tci.to_be_bytes();
    has(libc::TP_STATUS_VLAN_VALID).then_some([a, b, c, d])
}

fn time(stamp: libc::timespec) -> Duration {
    Duration::new(
        stamp.tv_sec.try_into().unwrap_or(0),
        stamp.tv_nsec.try_into().unwrap_or(0),
    )
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl RawSocket {
    /// Frames that the kernel dropped because nobody read in time; reading resets the count.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn missed(&self) -> Result<u32> {
        let mut counts = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = libc::socklen_t::try_from(size_of::<libc::tpacket_stats>())?;
        let (level, option) = (libc::SOL_PACKET, libc::PACKET_STATISTICS);
        // SAFETY: the room for the answer is as large as we say.
        let result = unsafe {
            libc::getsockopt(
                self.handle.as_raw_fd(),
                level,
                option,
                (&raw mut counts).cast(),
                &raw mut length,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error()).context("PACKET_STATISTICS");
        }
        Ok(counts.tp_drops)
    }
}
