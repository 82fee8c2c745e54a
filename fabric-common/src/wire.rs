//! Numbers of the wire formats. Multi-byte fields are big-endian on the wire.

use network_types::eth::{EthHdr, EtherType};
use network_types::ip::{IpProto, Ipv4Hdr, Ipv6Hdr};
use network_types::udp::UdpHdr;
use network_types::vlan::VlanHdr;
use network_types::vxlan::VxlanHdr;

/// Length of the two addresses in front of an Ethernet frame, in bytes (IEEE 802.3 clause 3.2).
pub const MACS: usize = 12;
/// Length of an Ethernet header without tags, in bytes.
pub const ETH_HEADER: usize = EthHdr::LEN;
/// Length of one VLAN tag, in bytes (IEEE 802.1Q clause 9.3).
pub const VLAN_TAG: usize = VlanHdr::LEN;
/// Length of an IPv4 header without options, in bytes (RFC 791 section 3.1).
pub const IPV4_HEADER: usize = Ipv4Hdr::LEN;
/// Length of an IPv6 header without extensions, in bytes (RFC 8200 section 3).
pub const IPV6_HEADER: usize = Ipv6Hdr::LEN;
/// Length of a UDP header, in bytes (RFC 768).
pub const UDP_HEADER: usize = UdpHdr::LEN;
/// Length of an I-TAG with its EtherType, in bytes (IEEE 802.1Q clause 9.7).
pub const I_TAG: usize = 6;
/// Length of a VXLAN header, in bytes (RFC 7348 section 5).
pub const VXLAN_HEADER: usize = VxlanHdr::LEN;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = ethertype(EtherType::Ipv4);
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = ethertype(EtherType::Arp);
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = ethertype(EtherType::Ipv6);
/// EtherType of MPLS unicast (RFC 5332 section 4); network-types has none.
pub const ETHERTYPE_MPLS: u16 = 0x8847;
/// Tag protocol identifier of a customer tag (IEEE 802.1Q table 9-1).
pub const TPID_C: u16 = ethertype(EtherType::Ieee8021q);
/// Tag protocol identifier of a service tag (IEEE 802.1Q table 9-1).
pub const TPID_S: u16 = ethertype(EtherType::Ieee8021ad);
/// Tag protocol identifier of a backbone service instance tag (IEEE 802.1Q table 9-1).
pub const TPID_I: u16 = ethertype(EtherType::Ieee8021ah);

/// network-types keeps EtherTypes as they lie in a frame.
const fn ethertype(wire: EtherType) -> u16 {
    u16::from_be(wire as u16)
}

/// IP protocol number of ICMP.
pub const PROTO_ICMP: u8 = IpProto::Icmp as u8;
/// IP protocol number of ICMPv6.
pub const PROTO_ICMPV6: u8 = IpProto::Ipv6Icmp as u8;
/// IP protocol number of TCP.
pub const PROTO_TCP: u8 = IpProto::Tcp as u8;
/// IP protocol number of UDP.
pub const PROTO_UDP: u8 = IpProto::Udp as u8;
/// The flag that says that the VNI is valid, in the first octet of the VXLAN header (RFC 7348 section 5).
pub const VXLAN_FLAG_VNI: u8 = 0x08;

/// Highest VID; reserved, never in a tag (IEEE 802.1Q table 9-2).
pub const VID_RESERVED: u16 = 4095;
/// Bits of the VID in a tag control information field.
pub const VID_MASK: u16 = 0x0fff;

/// 01-80-C2-00-00-00 as [`Macs::destination`] gives it: the first of the 16 addresses that bridges keep to
/// themselves (IEEE 802.1Q table 8-1).
pub const RESERVED_GROUP: u64 = 0x00_00_00_c2_80_01;

/// The two addresses of a frame, carried in registers.
///
/// An address is 48 bits with the first octet on the wire in the lowest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macs {
    low: u64,
    high: u32,
}

impl Macs {
    /// Mask of an address inside a word.
    pub const MASK: u64 = 0x0000_ffff_ffff_ffff;

    /// Of two addresses.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "an address has 48 bits")]
    pub const fn new(destination: u64, source: u64) -> Self {
        Self {
            low: destination & Self::MASK | source << 48,
            high: (source >> 16) as u32,
        }
    }

    /// From the first twelve bytes of a frame.
    #[inline(always)]
    pub const fn from_wire(bytes: &[u8; MACS]) -> Self {
        // In two pieces: taken apart into bytes each would be a load of its own in BPF.
        match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(low), Some(high)) => Self {
                low: u64::from_le_bytes(*low),
                high: u32::from_le_bytes(*high),
            },
            _ => Self { low: 0, high: 0 },
        }
    }

    /// Writes the bytes that [`Macs::from_wire`] took.
    #[inline(always)]
    pub const fn to_wire(self, bytes: &mut [u8; MACS]) {
        if let Some(low) = bytes.first_chunk_mut() {
            *low = self.low.to_le_bytes();
        }
        if let Some(high) = bytes.last_chunk_mut() {
            *high = self.high.to_le_bytes();
        }
    }

    /// The same bytes in two words.
    #[inline(always)]
    pub const fn words(self) -> (u64, u32) {
        (self.low, self.high)
    }

    /// The destination address.
    #[inline(always)]
    pub const fn destination(self) -> u64 {
        self.low & Self::MASK
    }

    /// The source address.
    #[inline(always)]
    pub const fn source(self) -> u64 {
        (self.low >> 48) | ((self.high as u64) << 16)
    }

    /// The addresses of an answer.
    #[inline(always)]
    pub const fn turned(self) -> Self {
        Self::new(self.source(), self.destination())
    }
}

/// True for a multicast or broadcast address (IEEE 802.3 clause 3.2.3).
#[inline(always)]
pub const fn is_group(mac: u64) -> bool {
    mac & 1 != 0
}

/// An address of six octets in wire order as a word.
pub const fn mac_word(octets: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = octets;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The octets in wire order of an address in a word.
pub const fn mac_octets(word: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, _, _] = word.to_le_bytes();
    [a, b, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standards() {
        assert_eq!(
            [
                VLAN_TAG,
                ETH_HEADER,
                IPV4_HEADER,
                IPV6_HEADER,
                UDP_HEADER,
                VXLAN_HEADER
            ],
            [4, 14, 20, 40, 8, 8]
        );
        assert_eq!(
            [ETHERTYPE_IPV4, ETHERTYPE_IPV6, TPID_C, TPID_S, TPID_I],
            [0x0800, 0x86dd, 0x8100, 0x88a8, 0x88e7]
        );
        assert_eq!([PROTO_TCP, PROTO_UDP], [6, 17]);
    }
}
