//! Links, their kinds and their ends, in documents and on the command line. What goes together is checked by `validate`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use super::{IfName, Illegal, Label, LineMtu, Mac, Name, ServiceVid, UdpPort};

/// A way between two nodes, or from a node to a VTEP that is not ours.
///
/// One flat object, not a variant a kind: only so does a mistake in it keep its JSON path. Which options belong to
/// which kind is checked by `validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a link object")]
pub struct Link {
    /// Unique in the fabric.
    pub name: Name,
    /// What is on the wire.
    pub kind: LinkKind,
    /// `trunk` and `pseudowire`: EtherType of the S-tag; 0x88a8 if absent. All such links of a port have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outer_tpid: Option<OuterTpid>,
    /// Every kind but `global-vlan`: the outer VLAN that the whole link rides in; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<ServiceVid>,
    /// `vxlan` and `mpls-udp`: destination port; 4789 and 6635 if absent. All links of a kind on a port have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp_port: Option<UdpPort>,
    /// `vxlan` only: refuse frames whose reserved header bits are set; false if absent (RFC 7348 §5: ignore them).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// `pseudowire` and `mpls-udp`: one more label, outside of the datacenter's, that both ends push and expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport_label: Option<Label>,
    /// `i-tag` only, and needed there: VLAN of the backbone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b_vid: Option<ServiceVid>,
    /// Largest packet that the whole line takes, in bytes as `ip link` counts them; that of its ports if absent. Only what the
    /// document says can other nodes know, see [`LineMtu`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<LineMtu>,
    /// Taken out of service by the operator; false if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<bool>,
    /// Both ends, in any order.
    #[serde(deserialize_with = "two_ends")]
    #[schemars(with = "[LinkEnd; 2]")]
    pub ends: [LinkEnd; 2],
}

// serde's own array reports a third element as broken JSON, without its path.
fn two_ends<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[LinkEnd; 2], D::Error> {
    let ends = Vec::<LinkEnd>::deserialize(deserializer)?;
    ends.try_into()
        .map_err(|ends: Vec<LinkEnd>| D::Error::custom(format!("has {} ends, a link has 2", ends.len())))
}

/// What a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// S-tag and C-tag on a dedicated line.
    Trunk,
    /// Datacenter tag on a dedicated line: MPLS label, control word, Ethernet, S-tag and C-tag (RFC 4448).
    Pseudowire,
    /// The same in UDP, over IPv4 or IPv6 (RFC 7510).
    MplsUdp,
    /// VXLAN over IPv4 or IPv6.
    Vxlan,
    /// Segment ID on a dedicated line: backbone header and I-TAG (802.1ah).
    ITag,
    /// One VLAN a segment, the same in the whole fabric.
    GlobalVlan,
}

impl LinkKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Trunk,
        Self::Pseudowire,
        Self::MplsUdp,
        Self::Vxlan,
        Self::ITag,
        Self::GlobalVlan,
    ];

    /// The kind after its article.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Trunk => "a trunk",
            Self::Pseudowire => "a pseudowire",
            Self::MplsUdp => "an mpls-udp",
            Self::Vxlan => "a vxlan",
            Self::ITag => "an i-tag",
            Self::GlobalVlan => "a global-vlan",
        }
    }

    /// As documents and people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trunk => "trunk",
            Self::Pseudowire => "pseudowire",
            Self::MplsUdp => "mpls-udp",
            Self::Vxlan => "vxlan",
            Self::ITag => "i-tag",
            Self::GlobalVlan => "global-vlan",
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// EtherType of the S-tag on a trunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OuterTpid {
    /// 802.1ad.
    #[default]
    #[serde(rename = "0x88a8")]
    Service,
    /// 802.1Q, for carriers that pass no other.
    #[serde(rename = "0x8100")]
    Customer,
}

impl OuterTpid {
    /// The EtherType, in host byte order.
    pub const fn ethertype(self) -> u16 {
        match self {
            Self::Service => 0x88a8,
            Self::Customer => 0x8100,
        }
    }
}

impl fmt::Display for OuterTpid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.ethertype())
    }
}

/// One end of a link. Without `node` it is foreign: a VTEP that the fabric only sends to and hears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object for one end of the link")]
pub struct LinkEnd {
    /// Node of the fabric; absent for a foreign VTEP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Name>,
    /// Interface of that node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<IfName>,
    /// Address of this end in the underlay, on `vxlan` and `mpls-udp` links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Address of this end on the line, on `pseudowire` and `i-tag` links; made from node and port if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

impl fmt::Display for LinkEnd {
    /// As the command line takes it: `edge1:t0`, `edge1:u0,192.0.2.1`, or the address of a foreign VTEP alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self
            .node
            .iter()
            .zip(&self.port)
            .map(|(node, port)| format!("{node}:{port}"));
        let address = self.address.iter().map(ToString::to_string);
        let parts = place
            .chain(address)
            .chain(self.mac.iter().map(ToString::to_string));
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for LinkEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self {
                address: Some(address),
                ..Self::default()
            });
        }
        let (place, rest) = text
            .split_once(',')
            .map_or((text, None), |(place, rest)| (place, Some(rest)));
        let (node, port) = place
            .split_once(':')
            .ok_or("expected NODE:PORT, NODE:PORT,ADDRESS or ADDRESS")?;
        let mac = rest.and_then(|rest| rest.parse().ok());
        let address = rest.filter(|_| mac.is_none()).map(str::parse).transpose();
        Ok(Self {
            node: Some(node.parse().map_err(|bad: Illegal| bad.to_string())?),
            port: Some(port.parse().map_err(|bad: Illegal| bad.to_string())?),
            address: address.map_err(|_| "after the comma stands an IP address or a MAC address")?,
            mac,
        })
    }
}
