//! Records of gateways: their interfaces in segments, their prefixes, and the neighbours behind each interface.
//!
//! A gateway is a router of one tenant (a VRF, RFC 4364 section 1.3): what it looks up has its own number in front, so that two
//! tenants with the same prefixes have nothing in common. Its interfaces lie in segments (integrated routing and bridging,
//! RFC 9135) and have the same addresses at every node, so that a packet is routed where it enters.

mod neighbour;

pub use neighbour::{
    KnownNeighbour, NEIGHBOUR_BUCKETS, Neighbour, NeighbourBucket, NeighbourValue, neighbour_index,
};

use super::Binding;
use crate::address::Address;

/// An interface of a gateway in one segment. One cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Irb {
    /// Number of the gateway, 0 for no interface.
    pub vrf: u32,
    /// IPv4 address in wire order; zeros for none.
    pub v4: [u8; 4],
    /// The gateway's address, see [`crate::wire::Macs`].
    pub mac: u64,
    /// IPv6 address; zeros for none.
    pub v6: Address,
    /// Of what leaves by it: its segment, and the VLAN that frames carry there. Nothing is learned of its senders.
    pub leaving: Binding,
    /// Zero.
    pub reserved: [u64; 2],
}

impl Irb {
    /// The segment, and the only one whose frames may come in by it.
    #[inline(always)]
    pub const fn segment(&self) -> u32 {
        self.leaving.segment()
    }

    /// VID that frames of the segment carry, or [`super::own::UNTAGGED`].
    #[inline(always)]
    pub const fn own(&self) -> u32 {
        self.leaving.own()
    }
}

/// What a prefix is looked up by: gateway and family, then the address, so that nothing is found across gateways. The fields are
/// bytes in wire order, as a trie wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct PrefixKey {
    table: [u8; 4],
    address: [u8; 16],
}

impl PrefixKey {
    /// Bits in front of the address.
    pub const TABLE_BITS: u32 = 32;

    /// An IPv4 address in the table of gateway `vrf`, which is below 2^31.
    #[inline(always)]
    pub const fn v4(vrf: u32, [a, b, c, d]: [u8; 4]) -> Self {
        Self {
            table: (vrf << 1).to_be_bytes(),
            address: [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        }
    }

    /// An IPv6 address in the table of gateway `vrf`.
    #[inline(always)]
    pub const fn v6(vrf: u32, address: Address) -> Self {
        let [high, low] = address.words();
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (high.to_le_bytes(), low.to_le_bytes());
        Self {
            table: (vrf << 1 | 1).to_be_bytes(),
            address: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p],
        }
    }

    /// The gateway.
    pub const fn vrf(&self) -> u32 {
        u32::from_be_bytes(self.table) >> 1
    }

    /// True if the first `bits` of table and address are the same.
    pub fn shares(&self, other: &Self, bits: u32) -> bool {
        let bytes = |key: &Self| key.table.into_iter().chain(key.address);
        let mut left = bits;
        bytes(self).zip(bytes(other)).all(|(one, two)| {
            let here = if left > 8 { 8 } else { left };
            left -= here;
            u32::from(one ^ two) >> (8 - here) == 0
        })
    }
}

/// Key of an entry of `PREFIXES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Bits of `key` that count: those of the table and of the prefix.
    pub length: u32,
    /// Zeros behind them.
    pub key: PrefixKey,
}

/// Value of `PREFIXES`: where packets go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PrefixRoute {
    /// The interface, index in `IRBS`.
    pub irb: u32,
    /// One of [`PrefixRoute::CONNECTED`] and its siblings.
    pub kind: u32,
    /// The next router, with [`PrefixRoute::VIA`]; else zeros.
    pub via: Address,
}

impl PrefixRoute {
    /// The destination itself is a neighbour.
    pub const CONNECTED: u32 = 1;
    /// Another router is.
    pub const VIA: u32 = 2;
    /// An address of the gateway.
    pub const LOCAL: u32 = 3;
}

/// What a gateway shall do with a frame: from an entry program to that of gateways, and on to the one that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Routed {
    /// The segment in the low 24 bits, the ingress's split horizon group above.
    pub segment_horizon: u32,
    /// Next hop toward the sender; 0 if it is not known.
    pub back: u32,
    /// Id of the binding that the frame came by.
    pub binding: u32,
    /// The gateway's interface in the segment, index in `IRBS`.
    pub irb: u32,
    /// Slot of the port that the frame came by.
    pub slot: u16,
    /// Offset of the tenant's addresses.
    pub macs: u8,
    /// Offset of what follows the fabric's tags.
    pub body: u8,
    /// 1 for a frame to everybody, 0 for one to the gateway's address.
    pub flooded: u16,
    /// What to answer, one of [`Routed::ECHO`] and its siblings.
    pub answer: u16,
    /// MTU of the way, in bytes, with [`Routed::TOO_BIG`].
    pub mtu: u32,
    /// Interface to ask by, with [`Routed::SOLICIT`].
    pub out: u32,
    /// Neighbour to ask for.
    pub target: Address,
}

impl Routed {
    /// An echo reply (RFC 792, RFC 4443 section 4.2).
    pub const ECHO: u16 = 1;
    /// Time exceeded in transit.
    pub const TIME_EXCEEDED: u16 = 2;
    /// No route to the destination.
    pub const NO_ROUTE: u16 = 3;
    /// The gateway has no such port.
    pub const NO_PORT: u16 = 4;
    /// The packet is larger than its way takes.
    pub const TOO_BIG: u16 = 5;
    /// Not to the sender: who has the neighbour's address?
    pub const SOLICIT: u16 = 6;

    /// The segment.
    #[inline(always)]
    pub const fn segment(&self) -> u32 {
        self.segment_horizon & 0xff_ffff
    }

    /// The ingress's split horizon group.
    #[inline(always)]
    pub const fn horizon(&self) -> u32 {
        self.segment_horizon >> 24
    }
}

/// What the agent asks a neighbour for, in the first bytes of the frame that it runs [`super::program::ASK`] on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Interface to ask by.
    pub irb: u32,
    /// The neighbour.
    pub target: Address,
}

impl Ask {
    /// Offset of the address in the frame; the interface is at 0.
    pub const ADDRESS_AT: usize = 8;
    /// Bytes of such a frame: there is room for any message in it.
    pub const LENGTH: usize = 128;

    /// The frame.
    pub fn frame(self) -> [u8; Self::LENGTH] {
        let mut frame = [0; Self::LENGTH];
        let [high, low] = self.target.words().map(u64::to_le_bytes);
        frame[..4].copy_from_slice(&self.irb.to_le_bytes());
        frame[Self::ADDRESS_AT..][..8].copy_from_slice(&high);
        frame[Self::ADDRESS_AT + 8..][..8].copy_from_slice(&low);
        frame
    }
}

const _: () = {
    assert!(size_of::<Irb>() == 64);
    assert!(size_of::<PrefixKey>() == 20);
    assert!(size_of::<PrefixRoute>() == 24);
    assert!(size_of::<Routed>() == 48);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_two_gateways_and_of_two_families_have_nothing_in_common() {
        let one = PrefixKey::v4(1, [10, 0, 0, 1]);
        assert!(one.shares(&PrefixKey::v4(1, [10, 0, 0, 200]), 32 + 24));
        assert!(!one.shares(&PrefixKey::v4(1, [10, 0, 0, 200]), 32 + 25));
        assert!(!one.shares(&PrefixKey::v4(2, [10, 0, 0, 1]), 32));
        let (mut v6, v4) = ([0; 16], [10, 0, 0, 1]);
        v6[..4].copy_from_slice(&v4);
        assert!(!one.shares(&PrefixKey::v6(1, Address::v6(v6)), 32));
    }
}
