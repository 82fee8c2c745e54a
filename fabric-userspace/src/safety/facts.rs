//! What is known about a port when it is judged: plain values, so that every rule can be tested without a kernel.

use std::fmt;

use crate::ethtool::Features;
use crate::netlink::{HostUse, Link, NetnsPlace, Peer, XdpFeatures};

use super::{FrameNeed, Role};

/// Driver of the cards that Hyper-V gives its guests.
pub(super) const HYPER_V: &str = "hv_netvsc";

/// Driver of Mellanox's cards from ConnectX-4 on.
pub(super) const MLX5: &str = "mlx5_core";

/// Everything the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    pub role: Role,
    pub link: Link,
    /// `veth`, `virtio_net`, `bridge`, ...
    pub driver: String,
    pub features: Features,
    /// Names of the driver's own flags that are on; read of those drivers alone of which a rule asks for one.
    pub private_flags: Vec<String>,
    /// `None` before kernel 6.3.
    pub xdp_features: Option<XdpFeatures>,
    pub peer: PeerFacts,
    /// Names of the interfaces that have this one as their master: of a bridge, bond or team, or of a card of Hyper-V.
    pub members: Vec<String>,
    /// Name of the bridge, bond or VRF that this port belongs to.
    pub master: Option<String>,
    /// Name of the interface that a VLAN or macvlan device sits on, if it is in our namespace.
    pub lower: Option<String>,
    pub egresses: Vec<EgressFacts>,
    pub own_programs: Vec<u32>,
    /// Name of the program on the port if it is none of those.
    pub foreign_program: Option<String>,
    /// One of them must be on the port.
    pub attached: bool,
    /// The port is taken already, or a program of ours is on it.
    pub in_use: bool,
    /// What the host does with it. Not looked at for each check of a port in use.
    pub host: HostUse,
    pub kernel: KernelRelease,
}

/// The other end of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerFacts {
    /// No veth: a cable, a tap, ...
    None,
    Known {
        peer: Peer,
        features: Features,
    },
    /// A veth peer whose features cannot be read.
    Unreadable {
        peer: Peer,
        reason: String,
    },
}

/// One place that frames of this port are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressFacts {
    pub need: FrameNeed,
    /// `None` when the egress does not exist.
    pub link: Option<EgressLink>,
}

/// What limits the length of a frame on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressLink {
    pub mtu: u32,
    /// A veth drops redirected frames that are too large for its *peer*.
    pub peer: Option<Peer>,
}

/// Version of the running kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRelease {
    pub major: u32,
    pub minor: u32,
}

impl KernelRelease {
    /// The first kernel seen to redirect frames in several buffers; 6.1 loses them and says nothing.
    pub const REDIRECTS_FRAGS: Self = Self { major: 6, minor: 12 };

    /// The first kernel whose taps have room for metadata (`tun_build_skb`).
    pub const TAPS_METADATA: Self = Self { major: 6, minor: 15 };

    /// Reads `6.18.44-anything`.
    pub fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(['.', '-', '+']).map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            return None;
        };
        Some(Self { major, minor })
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

impl PortFacts {
    /// Where the peer's namespace was entered.
    pub fn peer_place(&self) -> Option<&NetnsPlace> {
        self.peer.peer().and_then(|peer| peer.place.as_ref())
    }

    pub fn name(&self) -> &str {
        &self.link.name
    }
}

impl PeerFacts {
    pub fn peer(&self) -> Option<&Peer> {
        match self {
            Self::None => None,
            Self::Known { peer, .. } | Self::Unreadable { peer, .. } => Some(peer),
        }
    }
}
