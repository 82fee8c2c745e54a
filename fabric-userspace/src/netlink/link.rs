//! One interface as a value.

use netlink_packet_route::link::{
    InfoData, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp, VlanProtocol, XdpAttached,
};

use super::NetnsPlace;

/// How an XDP program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack (skb mode): loses metadata between ingress and egress programs.
    Generic,
    /// In the network card.
    Offloaded,
    /// Several of the above at once.
    Several,
}

/// The XDP program of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpProgram {
    pub mode: XdpMode,
    /// Kernel id, as `bpftool prog show id` takes it; 0 when several are attached.
    pub id: u32,
}

/// Tag type of a VLAN device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VlanTpid {
    Dot1Q,
    Dot1Ad,
}

/// An interface, as it was when the kernel was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub ifindex: u32,
    pub name: String,
    /// rtnetlink kind (`veth`, `bridge`, `vlan`, ...); `None` for a real network card.
    pub kind: Option<String>,
    /// Bytes of layer 3.
    pub mtu: u32,
    /// `None` when the address has not six bytes.
    pub mac: Option<[u8; 6]>,
    /// Set up by the administrator.
    pub up: bool,
    /// Up and with a carrier: it can send.
    pub running: bool,
    /// It was told to take frames for other addresses (`IFF_PROMISC`). What a bridge or a capture has it take besides is not told.
    pub promiscuous: bool,
    /// ifindex of the bridge, bond or VRF that it belongs to.
    pub master: Option<u32>,
    /// ifindex of the veth peer or of the lower device, in the namespace of `link_netnsid`.
    pub lower: Option<u32>,
    /// The namespace of `lower`, as numbered by this one; `None` when it is the same.
    pub link_netnsid: Option<i32>,
    /// Set on VLAN devices.
    pub vlan: Option<VlanTpid>,
    pub xdp: Option<XdpProgram>,
    /// Frames that its driver has thrown away instead of sending (`tx_dropped`), since it was made.
    pub lost: u64,
}

/// The other end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub link: Link,
    /// The peer's namespace, as numbered by ours; `None` when it is ours.
    pub nsid: Option<i32>,
    /// Where the peer's namespace can be entered; `None` when it is ours or was not found.
    pub place: Option<NetnsPlace>,
}

impl Peer {
    /// Whether the peer is in another namespace to which no way was found.
    pub fn is_unreachable(&self) -> bool {
        self.nsid.is_some() && self.place.is_none()
    }

    /// ` in namespace NAME`, or nothing when it is in ours.
    pub fn whereabouts(&self) -> String {
        match (&self.place, self.nsid) {
            (Some(place), _) => format!(" in namespace {place}"),
            (None, Some(nsid)) => format!(" in the unnamed namespace with nsid {nsid}"),
            (None, None) => String::new(),
        }
    }
}

impl Link {
    /// ifindex of the other end, if this is a veth.
    pub fn veth_peer(&self) -> Option<u32> {
        if self.kind.as_deref() == Some("veth") {
            self.lower
        } else {
            None
        }
    }

    pub(super) fn from_message(message: &LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            ifindex: message.header.index,
            name: String::new(),
            kind: None,
            mtu: 0,
            mac: None,
            up: flags.contains(LinkFlags::Up),
            running: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
            promiscuous: flags.contains(LinkFlags::Promisc),
            master: None,
            lower: None,
            link_netnsid: None,
            vlan: None,
            xdp: None,
            lost: 0,
        };
        message
            .attributes
            .iter()
            .for_each(|attribute| link.take(attribute));
        link
    }

    fn take(&mut self, attribute: &LinkAttribute) {
        match attribute {
            LinkAttribute::IfName(name) => self.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => self.mtu = *mtu,
            LinkAttribute::Address(address) => self.mac = address.as_slice().try_into().ok(),
            LinkAttribute::Controller(master) => self.master = Some(*master),
            LinkAttribute::Link(lower) => self.lower = Some(*lower),
            LinkAttribute::LinkNetNsId(nsid) => self.link_netnsid = Some(*nsid),
            LinkAttribute::LinkInfo(info) => self.take_info(info),
            LinkAttribute::Xdp(xdp) => self.xdp = program(xdp),
            LinkAttribute::Stats64(stats) => self.lost = stats.tx_dropped,
            _ => {}
        }
    }

    fn take_info(&mut self, info: &[LinkInfo]) {
        for item in info {
            if let LinkInfo::Kind(kind) = item {
                self.kind = Some(kind.to_string());
            }
            if let LinkInfo::Data(InfoData::Vlan(vlan)) = item {
                self.vlan = vlan.iter().find_map(tpid);
            }
        }
    }
}

fn tpid(info: &InfoVlan) -> Option<VlanTpid> {
    match info {
        InfoVlan::Protocol(VlanProtocol::Ieee8021Q) => Some(VlanTpid::Dot1Q),
        InfoVlan::Protocol(VlanProtocol::Ieee8021Ad) => Some(VlanTpid::Dot1Ad),
        _ => None,
    }
}

fn program(attributes: &[LinkXdp]) -> Option<XdpProgram> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver) => Some(XdpMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(XdpMode::Offloaded),
        // A mode that this program does not know is a program all the same.
        LinkXdp::Attached(XdpAttached::Multiple | XdpAttached::Other(_)) => Some(XdpMode::Several),
        _ => None,
    })?;
    let id = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    });
    Some(XdpProgram {
        mode,
        id: id.unwrap_or(0),
    })
}
