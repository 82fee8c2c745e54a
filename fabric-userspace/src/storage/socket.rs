//! A socket that sends frames as they are.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Sends and never receives: protocol 0 (packet(7)).
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// # Errors
    /// When the kernel refuses, as it does without CAP_NET_RAW.
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        Ok(Self(socket(AddressFamily::Packet, SockType::Raw, flags, None)?))
    }

    /// For tests: it needs no privilege, and the kernel refuses every frame.
    #[cfg(test)]
    pub(super) fn to_nowhere() -> Self {
        Self(std::fs::File::open("/dev/null").expect("there").into())
    }

    /// Sends a frame out through an interface.
    ///
    /// # Errors
    /// The kernel's refusal: the interface is gone or down, or its queue is full.
    pub(super) fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        // SAFETY: all zeros are a value of this plain structure.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_ifindex = i32::try_from(ifindex).map_err(io::Error::other)?;
        let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
        // SAFETY: frame and address live for the call, and their lengths are given.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                std::ptr::from_ref(&address).cast(),
                length,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}
