//! One edge with three tenants, and the hands of a foreign VTEP.

use fabric_tests::fixtures::{Rig, Segment, Setup, Site, vtep_mac};
use fabric_tests::frame::{Expected, Frame, Mac, checksum, eth};
use serde_json::{Value, json};

/// The edge's VTEP.
pub(crate) const HERE: &str = "192.0.2.1";
/// The foreign VTEP.
pub(crate) const THERE: &str = "192.0.2.2";
/// A second one, on a link that is strict about reserved bits.
pub(crate) const STRICT: &str = "192.0.2.3";
/// No link knows it.
pub(crate) const STRANGER: &str = "192.0.2.66";

/// A station behind `eth1` and, as another tenant's, behind `eth2`.
pub(crate) const LOCAL: &str = "56:89:6f:88:9d:c7";
/// A station behind each foreign VTEP.
pub(crate) const REMOTE: &str = "28:08:80:52:17:20";

/// Untagged frames of `eth1`.
pub(crate) const VNI_A: u32 = 10_001;
/// VLAN 10 of `eth2`.
pub(crate) const VNI_B: u32 = 10_002;
/// All frames of `eth3`; the highest VNI there is.
pub(crate) const VNI_ANY: u32 = 0xff_ffff;

/// The document of [`rig`], to be changed.
pub(crate) fn document() -> Value {
    let a = Segment::new("a", 100, 1100)
        .with("vni", VNI_A)
        .at("edge1", "eth1", "untagged", 300)
        .station(LOCAL)
        .remote("pathway", 200)
        .remote_station(REMOTE);
    let b = Segment::new("b", 110, 1110)
        .with("vni", VNI_B)
        .at("edge1", "eth2", 10, 310)
        .station(LOCAL)
        .remote("pathway", 210)
        .remote_station(REMOTE);
    let any = Segment::new("any", 120, 1120)
        .with("vni", VNI_ANY)
        .at("edge1", "eth3", "any", 320)
        .station(LOCAL)
        .remote("strict", 220)
        .remote_station(REMOTE);
    let strict = json!({"name": "strict", "kind": "vxlan", "strict": true, "ends": [
        {"node": "edge1", "port": "u0", "address": HERE},
        {"address": STRICT},
    ]});
    let site = Site::new(&["edge1"])
        .pathway("pathway", "edge1", THERE, None)
        .link(strict)
        .tenant("acme", &[a])
        .tenant("globex", &[b])
        .tenant("initech", &[any]);
    let mut document = site.document();
    document["datacenters"][0]["vnis"] = json!("10000-16777215");
    document
}

/// The edge runs; `edge1.eth1`, `edge1.eth2`, `edge1.eth3` and `edge1.u0` are in the test's hands.
pub(crate) fn rig() -> Rig {
    start(Setup::new(&document(), &["edge1"]))
}

pub(crate) fn start(setup: Setup) -> Rig {
    setup.start().unwrap()
}

/// Outer headers from `remote` to the edge, up to and without VXLAN.
pub(crate) fn udp(remote: &str) -> Frame {
    ip(remote, HERE).udp(50_000, 4789)
}

/// Outer headers up to IPv4.
pub(crate) fn ip(from: &str, to: &str) -> Frame {
    eth(mac(HERE), mac(from)).ipv4(address(from), address(to))
}

/// A whole packet from `remote`.
pub(crate) fn tunnel(remote: &str, vni: u32, inner: &Frame) -> Frame {
    udp(remote).vxlan(vni).append(inner)
}

pub(crate) fn mac(vtep: &str) -> Mac {
    vtep_mac(vtep).parse().unwrap()
}

pub(crate) fn address(text: &str) -> [u8; 4] {
    text.parse::<std::net::Ipv4Addr>().unwrap().octets()
}

/// From the foreign station to ours.
pub(crate) fn inward() -> Frame {
    eth(LOCAL, REMOTE)
}

/// From our station to the foreign one.
pub(crate) fn outward() -> Frame {
    eth(REMOTE, LOCAL)
}

/// A packet of ours to `remote`, whose UDP source port is any of 49152 to 65535.
pub(crate) fn sent(remote: &str, vni: u32, inner: &Frame) -> AnyPort {
    sent_in(eth(mac(remote), mac(HERE)), remote, vni, inner)
}

/// The same behind a given Ethernet header.
pub(crate) fn sent_in(header: Frame, remote: &str, vni: u32, inner: &Frame) -> AnyPort {
    sent_between(header, (HERE, remote), vni, inner)
}

/// The same between any two VTEPs.
pub(crate) fn sent_between(header: Frame, (from, to): (&str, &str), vni: u32, inner: &Frame) -> AnyPort {
    let at = header.len() + 2 + 20;
    let packet = header
        .ipv4(address(from), address(to))
        .udp(49_152, 4789)
        .vxlan(vni)
        .append(inner);
    AnyPort { packet, at }
}

/// A packet that is right with any source port of RFC 7348 §5. Its UDP checksum is 0, so nothing else changes with it.
#[derive(Clone, Debug)]
pub(crate) struct AnyPort {
    packet: Frame,
    at: usize,
}

impl AnyPort {
    /// The type of service with this ECN field, and the header checksum that goes with it.
    pub(crate) fn ecn(mut self, bits: u8) -> Self {
        let ip = self.at - 20;
        let mut header: [u8; 20] = self.packet[ip..ip + 20].try_into().unwrap();
        header[1] |= bits;
        header[10..12].fill(0);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        self.packet = self.packet.set(ip, &header);
        self
    }

    /// The source port that `got` has in this place.
    pub(crate) fn port_of(&self, got: &[u8]) -> u16 {
        u16::from_be_bytes([got[self.at], got[self.at + 1]])
    }
}

impl Expected for AnyPort {
    fn matches(&self, got: &[u8]) -> bool {
        got.len() == self.packet.len()
            && self.port_of(got) >= 49_152
            && got[..self.at] == self.packet[..self.at]
            && got[self.at + 2..] == self.packet[self.at + 2..]
    }

    fn sample(&self) -> Vec<u8> {
        self.packet.to_vec()
    }
}
