//! Interface features and driver names through `SIOCETHTOOL`.
//!
//! An [`Ethtool`] speaks to the network namespace of the thread that opened it, wherever it is used later: a socket
//! keeps its namespace. It also keeps that namespace alive, so one opened in a tenant's namespace is dropped at once.

mod features;
mod ioctl;

use std::io;
use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::netlink::{NetnsPlace, run_in};

pub use features::{Feature, FeatureDelta, Features};

/// A failed request, with the interface and what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EthtoolError {
    #[error("cannot open a socket for ethtool requests: {0}")]
    Socket(#[source] io::Error),
    #[error("ethtool: {what} of {port} failed: {source}")]
    Request {
        port: String,
        what: &'static str,
        source: io::Error,
    },
    #[error("ethtool: {port} has no feature {feature}")]
    UnknownFeature { port: String, feature: String },
    #[error("cannot enter namespace {place}: {source}")]
    Enter { place: NetnsPlace, source: io::Error },
}

impl EthtoolError {
    /// Whether the interface itself is gone.
    pub fn is_vanished(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.raw_os_error() == Some(libc::ENODEV),
            Self::Socket(_) | Self::UnknownFeature { .. } | Self::Enter { .. } => false,
        }
    }
}

/// The interface that a request is about, and the namespace it is in (`None` is that of the calling thread).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub place: Option<NetnsPlace>,
    pub interface: String,
    pub ifindex: u32,
}

impl Target {
    /// Runs `work` where the interface is; blocks for the time of the ioctls.
    ///
    /// An interface that has another ifindex than expected is a stranger with the same name: it counts as vanished.
    pub fn with<T: Send>(
        &self,
        work: impl FnOnce(&Ethtool) -> Result<T, EthtoolError> + Send,
    ) -> Result<T, EthtoolError> {
        let checked = || {
            if nix::net::if_::if_nametoindex(self.interface.as_str()) != Ok(self.ifindex) {
                let source = io::Error::from_raw_os_error(libc::ENODEV);
                let port = self.interface.clone();
                return Err(EthtoolError::Request {
                    port,
                    what: "finding the interface",
                    source,
                });
            }
            work(&Ethtool::open()?)
        };
        match &self.place {
            None => checked(),
            Some(place) => run_in(place, checked).unwrap_or_else(|source| {
                Err(EthtoolError::Enter {
                    place: place.clone(),
                    source,
                })
            }),
        }
    }
}

/// What the kernel says about the driver of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverInfo {
    /// `veth`, `virtio_net`, `bridge`, ...
    pub driver: String,
    /// PCI address or the like; empty for a virtual device.
    pub bus: String,
}

/// An open handle for one network namespace.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
}

impl Ethtool {
    /// Opens a handle for the namespace of the calling thread.
    pub fn open() -> Result<Self, EthtoolError> {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .map_err(|errno| EthtoolError::Socket(errno.into()))?;
        Ok(Self { socket })
    }

    /// Name of the driver of `port`.
    pub fn driver(&self, port: &str) -> Result<DriverInfo, EthtoolError> {
        let mut request = ioctl::DriverRequest::new();
        self.call(port, "driver information", request.words())?;
        Ok(DriverInfo {
            driver: request.driver(),
            bus: request.bus(),
        })
    }

    /// All features of `port`, in the kernel's bit order.
    pub fn features(&self, port: &str) -> Result<Features, EthtoolError> {
        let names = self.names(port, ioctl::ETH_SS_FEATURES)?;
        let mut request = ioctl::GetFeatures::new(names.len());
        self.call(port, "features", request.words())?;
        Ok(request.decode(names))
    }

    /// Asks for the given values of the named features; the others stay as they are.
    ///
    /// The kernel accepts a value that it cannot honour (a fixed feature, or one that depends on another), so the
    /// caller reads the features again.
    pub fn set_features(&self, port: &str, values: &[(String, bool)]) -> Result<(), EthtoolError> {
        let names = self.names(port, ioctl::ETH_SS_FEATURES)?;
        let mut request = ioctl::SetFeatures::new(names.len());
        for (feature, on) in values {
            let bit = names.iter().position(|name| name == feature).ok_or_else(|| {
                EthtoolError::UnknownFeature {
                    port: port.to_owned(),
                    feature: feature.clone(),
                }
            })?;
            request.set(bit, *on);
        }
        self.call(port, "setting features", request.words())
    }

    /// Names of the private flags of the driver of `port` that are on, as in `ethtool --show-priv-flags`.
    ///
    /// # Errors
    /// As the kernel says, also for a driver that has none.
    pub fn private_flags(&self, port: &str) -> Result<Vec<String>, EthtoolError> {
        let names = self.names(port, ioctl::ETH_SS_PRIV_FLAGS)?;
        let mut request = ioctl::PrivateFlags::new();
        self.call(port, "private flags", request.words())?;
        Ok(request.decode(names))
    }

    /// All names of a string set.
    fn names(&self, port: &str, set: u32) -> Result<Vec<String>, EthtoolError> {
        let mut count = ioctl::NameCount::new(set);
        self.call(port, "number of names", count.words())?;
        let mut request = ioctl::Names::new(set, count.count());
        self.call(port, "names", request.words())?;
        Ok(request.names())
    }

    fn call(&self, port: &str, what: &'static str, words: &mut [u32]) -> Result<(), EthtoolError> {
        ioctl::call(&self.socket, port, words).map_err(|source| EthtoolError::Request {
            port: port.to_owned(),
            what,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
