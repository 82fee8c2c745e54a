//! Sockets that send frames as they are.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Send and never receive: protocol 0 (packet(7)).
///
/// One for each interface: frames that wait for a port that stands still use up the room of their socket alone.
pub(crate) struct PacketSockets {
    open: fn() -> io::Result<OwnedFd>,
    /// For interfaces for which the system has none.
    common: OwnedFd,
    own: Mutex<BTreeMap<u32, OwnedFd>>,
}

fn open() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(AddressFamily::Packet, SockType::Raw, flags, None)?)
}

impl PacketSockets {
    /// # Errors
    /// When the kernel refuses, as it does without CAP_NET_RAW.
    pub(crate) fn open() -> io::Result<Self> {
        Self::with(open)
    }

    fn with(open: fn() -> io::Result<OwnedFd>) -> io::Result<Self> {
        Ok(Self {
            open,
            common: open()?,
            own: Mutex::default(),
        })
    }

    /// For tests: they need no privilege, and the kernel refuses every frame.
    #[cfg(test)]
    pub(super) fn to_nowhere() -> Self {
        Self::with(|| Ok(std::fs::File::open("/dev/null")?.into())).expect("there")
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<u32, OwnedFd>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes those of interfaces that are not used any more.
    pub(super) fn keep(&self, is_used: impl Fn(u32) -> bool) {
        self.own().retain(|ifindex, _| is_used(*ifindex));
    }

    /// Sends a frame out through an interface.
    ///
    /// # Errors
    /// The kernel's refusal: the interface is gone or down, or its queue is full.
    pub(super) fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        let mut own = self.own();
        if !own.contains_key(&ifindex)
            && let Ok(socket) = (self.open)()
        {
            own.insert(ifindex, socket);
        }
        send(own.get(&ifindex).unwrap_or(&self.common).as_fd(), ifindex, frame)
    }
}

fn send(socket: BorrowedFd<'_>, ifindex: u32, frame: &[u8]) -> io::Result<()> {
    // SAFETY: all zeros are a value of this plain structure.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_ifindex = i32::try_from(ifindex).map_err(io::Error::other)?;
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: frame and address live for the call, and their lengths are given.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
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

/// Whether a frame was refused because its interface is gone or down, so that nothing else gets there either. Any other refusal
/// (a full queue) says nothing of whoever is behind it.
pub(super) fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_a_socket_of_its_own_as_long_as_it_is_used() {
        let sockets = PacketSockets::to_nowhere();
        let open = || sockets.own().keys().copied().collect::<Vec<_>>();
        for ifindex in [7, 8, 7] {
            sockets.send(ifindex, &[0; 60]).expect_err("no socket");
        }
        assert_eq!(open(), [7, 8]);
        sockets.keep(|ifindex| ifindex == 8);
        assert_eq!(open(), [8]);
    }

    #[test]
    fn a_port_that_is_down_is_told_from_one_whose_queue_is_full() {
        let is_down = |error: i32| is_cut_off(&io::Error::from_raw_os_error(error));
        assert!(
            [libc::ENETDOWN, libc::ENODEV, libc::ENXIO]
                .into_iter()
                .all(is_down)
        );
        assert!(
            ![libc::EAGAIN, libc::ENOBUFS, libc::EMFILE]
                .into_iter()
                .any(is_down)
        );
    }
}
