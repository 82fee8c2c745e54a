//! Records of gateways: their interfaces in segments, their prefixes, and the neighbours behind each interface.
//!
//! A gateway is a router of one tenant (a VRF, RFC 4364 section 1.3): what it looks up has its own number in front, so that two
//! tenants with the same prefixes have nothing in common. Its interfaces lie in segments (integrated routing and bridging,
//! RFC 9135) and have the same addresses at every node, so that a packet is routed where it enters.

use super::Binding;
use crate::address::Address;
use crate::shared::SharedU64;

/// Buckets of one interface in `NEIGHBOURS`; a power of two. They are the interface's own: whoever fills them harms nobody else.
pub const NEIGHBOUR_BUCKETS: u32 = 256;

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

/// Where the neighbour behind an address is: MAC address in the low 48 bits, 0 while it is asked for; above them the low 16 bits of
/// the [`super::tick`] at which it was heard, or asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeighbourValue(pub u64);

impl NeighbourValue {
    /// Heard at `now`, or asked for with `mac` 0.
    #[inline(always)]
    pub const fn at(mac: u64, now: u32) -> Self {
        Self(mac | (now as u64 & 0xffff) << 48)
    }

    /// 0 for one that has not answered.
    #[inline(always)]
    pub const fn mac(self) -> u64 {
        self.0 & crate::wire::Macs::MASK
    }

    /// Low 16 bits of a [`super::tick`].
    #[inline(always)]
    pub const fn tick(self) -> u32 {
        (self.0 >> 48) as u32
    }
}

/// A neighbour in memory that XDP on every CPU and the agent write.
///
/// The version is odd while somebody writes: who reads then, or finds another version afterwards, has read nothing.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Neighbour {
    version: SharedU64,
    address: [SharedU64; 2],
    value: SharedU64,
}

/// What was read of a [`Neighbour`]: zeros for one that is empty or being written.
///
/// Plain words: a structure that may be absent leaves BPF with registers that nobody has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownNeighbour {
    /// Its address.
    pub address: Address,
    /// Where it is.
    pub value: NeighbourValue,
}

impl Neighbour {
    /// The neighbour as it is now.
    #[inline(always)]
    pub fn read(&self) -> KnownNeighbour {
        let version = self.version.load();
        let [high, low] = &self.address;
        let address = Address::from_words([high.load(), low.load()]);
        let value = NeighbourValue(self.value.load());
        if version & 1 != 0 || self.version.load() != version {
            return KnownNeighbour::default();
        }
        KnownNeighbour { address, value }
    }

    #[inline(always)]
    fn write(&self, address: Address, value: NeighbourValue) {
        let version = self.version.load();
        // Somebody else writes: what is lost will be heard again.
        if version & 1 != 0 || self.version.compare_exchange(version, version + 1) != version {
            return;
        }
        let [high, low] = &self.address;
        let words = address.words();
        high.store(words[0]);
        low.store(words[1]);
        self.value.store(value.0);
        self.version.store(version + 2);
    }

    /// The version, if somebody writes.
    pub fn being_written(&self) -> Option<u64> {
        Some(self.version.load()).filter(|version| version & 1 != 0)
    }

    /// Empties a neighbour whose writer was killed, if it still is as it was found by [`Neighbour::being_written`]. A writer that lives
    /// takes no longer than a few words.
    pub fn mend(&self, version: u64) {
        if self.version.load() != version {
            return;
        }
        let [high, low] = &self.address;
        high.store(0);
        low.store(0);
        self.value.store(0);
        self.version.store(version.wrapping_add(1));
    }

    /// Forgets the neighbour if it is still as it was read.
    pub fn forget(&self, read: KnownNeighbour) {
        if self.read() == read {
            self.write(Address::default(), NeighbourValue::default());
        }
    }
}

/// Two neighbours. One cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct NeighbourBucket {
    /// Neighbours whose addresses have the same hash.
    pub slots: [Neighbour; 2],
}

impl NeighbourBucket {
    /// Where the neighbour is; its MAC address is 0 if that is not known.
    #[inline(always)]
    pub fn find(&self, address: Address) -> NeighbourValue {
        let [one, two] = &self.slots;
        let known = one.read();
        if known.address == address {
            return known.value;
        }
        let known = two.read();
        if known.address == address {
            return known.value;
        }
        NeighbourValue(0)
    }

    /// Notes a proof of where the neighbour is. One that is not known takes the place of one that is only asked for, or of the
    /// one that was heard before the other.
    #[inline(always)]
    pub fn note(&self, address: Address, mac: u64, now: u32) {
        let [one, two] = &self.slots;
        let value = NeighbourValue::at(mac, now);
        let (first, second) = (one.read(), two.read());
        if first.address == address {
            if first.value != value {
                one.write(address, value);
            }
        } else if second.address == address {
            if second.value != value {
                two.write(address, value);
            }
        } else if age(first, now) >= age(second, now) {
            one.write(address, value);
        } else {
            two.write(address, value);
        }
    }

    /// Notes that a known neighbour was heard. Written once a tick.
    #[inline(always)]
    pub fn refresh(&self, address: Address, mac: u64, now: u32) {
        let heard = NeighbourValue::at(mac, now);
        for slot in &self.slots {
            let known = slot.read();
            if known.address == address && known.value.mac() == mac && known.value != heard {
                slot.value.compare_exchange(known.value.0, heard.0);
            }
        }
    }

    /// Whether to ask for a neighbour now: once a tick, as far as there is a place to note that.
    #[inline(always)]
    pub fn ask(&self, address: Address, now: u32) -> bool {
        let asked = NeighbourValue::at(0, now);
        let [one, two] = &self.slots;
        let (first, second) = (one.read(), two.read());
        if first.address == address {
            if first.value == asked {
                return false;
            }
            one.write(address, asked);
        } else if second.address == address {
            if second.value == asked {
                return false;
            }
            two.write(address, asked);
        } else if first.value.mac() == 0 {
            one.write(address, asked);
        } else if second.value.mac() == 0 {
            two.write(address, asked);
        }
        true
    }
}

/// Ticks since a neighbour was heard; more than that for a place that is as good as free.
#[inline(always)]
const fn age(known: KnownNeighbour, now: u32) -> u32 {
    if known.value.mac() == 0 {
        0x1_0000
    } else {
        now.wrapping_sub(known.value.tick()) & 0xffff
    }
}

/// Index in `NEIGHBOURS`.
#[inline(always)]
pub const fn neighbour_index(irb: u32, address: Address, seed: u64) -> u32 {
    let [high, low] = address.words();
    let mixed = (low ^ high.rotate_left(29) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    irb * NEIGHBOUR_BUCKETS + ((mixed >> 40) as u32 & (NEIGHBOUR_BUCKETS - 1))
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
    assert!(size_of::<NeighbourBucket>() == 64);
    assert!(size_of::<Routed>() == 48);
};

#[cfg(test)]
mod tests {
    use super::*;

    const fn host(last: u8) -> Address {
        Address::v4([10, 0, 0, last])
    }

    #[test]
    fn a_neighbour_that_is_known_outlives_those_that_are_only_asked_for() {
        let bucket = NeighbourBucket::default();
        bucket.note(host(1), 0xaa, 10);
        bucket.note(host(2), 0xbb, 11);
        for last in 3..90 {
            assert!(bucket.ask(host(last), 12), "nobody else has the place");
        }
        assert_eq!(bucket.find(host(1)), NeighbourValue::at(0xaa, 10));
        assert_eq!(bucket.find(host(2)), NeighbourValue::at(0xbb, 11));
        bucket.note(host(3), 0xcc, 12);
        assert_eq!(
            bucket.find(host(1)).mac(),
            0,
            "the one that was heard before the other"
        );
        assert_eq!(bucket.find(host(3)), NeighbourValue::at(0xcc, 12));
    }

    #[test]
    fn a_neighbour_is_asked_for_once_a_tick_and_refreshed_by_its_own_address_alone() {
        let bucket = NeighbourBucket::default();
        assert!(bucket.ask(host(1), 7) && !bucket.ask(host(1), 7) && bucket.ask(host(1), 8));
        bucket.note(host(1), 0xaa, 8);
        bucket.refresh(host(1), 0xab, 9);
        assert_eq!(bucket.find(host(1)), NeighbourValue::at(0xaa, 8));
        bucket.refresh(host(1), 0xaa, 9);
        let known = KnownNeighbour {
            address: host(1),
            value: NeighbourValue::at(0xaa, 9),
        };
        assert_eq!(bucket.find(host(1)), known.value);
        let older = NeighbourValue::at(0xaa, 8);
        bucket.slots.iter().for_each(|slot| {
            slot.forget(KnownNeighbour {
                value: older,
                ..known
            })
        });
        assert_eq!(bucket.find(host(1)), known.value, "it was heard meanwhile");
        bucket.slots.iter().for_each(|slot| slot.forget(known));
        assert_eq!(bucket.find(host(1)).mac(), 0);
    }

    /// Nobody would write there again, and a neighbour whose turn it is to be there would never be known.
    #[test]
    fn a_place_whose_writer_was_killed_is_mended() {
        let bucket = NeighbourBucket::default();
        bucket.note(host(1), 0xaa, 8);
        for slot in &bucket.slots {
            assert_eq!(slot.being_written(), None);
            slot.version.store(slot.version.load() + 1);
        }
        bucket.note(host(2), 0xbb, 9);
        assert_eq!(bucket.find(host(2)).mac(), 0, "no place takes it");
        for slot in &bucket.slots {
            let version = slot.being_written().unwrap();
            slot.mend(version + 2);
            assert_eq!(slot.being_written(), Some(version), "another writer's");
            slot.mend(version);
            assert_eq!(slot.being_written(), None);
        }
        assert_eq!(bucket.find(host(1)).mac(), 0);
        bucket.note(host(2), 0xbb, 9);
        assert_eq!(bucket.find(host(2)), NeighbourValue::at(0xbb, 9));
    }

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
