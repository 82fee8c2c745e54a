//! Records of storage machines: which member is in charge, how each is reached, who talks to it.
//!
//! A storage machine (VSM) is one address in a tenant's segment with up to [`MEMBERS`] machines behind it. With all of them at
//! ports of one node, that node steers, fences and notes flows, and all others see an ordinary fixed station. With members at
//! several nodes, every node of the segment does so by one and the same word.

use crate::address::Address;
use crate::shared::SharedU64;

/// Most members of one storage machine.
pub const MEMBERS: usize = 8;
/// Flows that are noted of a storage machine in one segment; a power of two.
pub const FLOWS: u32 = 256;

/// Who is in charge, and who takes over: the one word that a switch changes.
///
/// Bits 0 to 7 are the member in charge and bits 8 to 15 the one that stands by, each counted from 1 with 0 for none; bits 32
/// to 63 are the epoch, which each switch raises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge(pub u64);

impl Charge {
    /// `member` and `standby` are places in [`VsmPlace::next_hops`].
    pub const fn new(epoch: u32, member: Option<u8>, standby: Option<u8>) -> Self {
        Self((epoch as u64) << 32 | one_based(standby) << 8 | one_based(member))
    }

    /// Place of the member in charge.
    #[inline(always)]
    pub const fn member(self) -> Option<usize> {
        place(self.0)
    }

    /// Place of the member that takes over when the one in charge is silent.
    #[inline(always)]
    pub const fn standby(self) -> Option<usize> {
        place(self.0 >> 8)
    }

    /// Number of the switch that led here; 0 before the first decision.
    #[inline(always)]
    pub const fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The same member in charge, and nobody who stands by.
    pub const fn alone(self) -> Self {
        Self(self.0 & !0xff00)
    }

    /// Nobody in charge since the same switch.
    pub const fn vacant(self) -> Self {
        Self(self.0 >> 32 << 32)
    }

    /// The standby in charge, and nobody behind it until the agent has named somebody.
    #[inline(always)]
    pub const fn taken_over(self) -> Self {
        Self((((self.0 >> 32) + 1) << 32) | ((self.0 >> 8) & 0xff))
    }
}

const fn one_based(place: Option<u8>) -> u64 {
    match place {
        Some(place) => place as u64 + 1,
        None => 0,
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "eight bits are left")]
const fn place(bits: u64) -> Option<usize> {
    match bits & 0xff {
        0 => None,
        place => Some(place as usize - 1),
    }
}

/// A storage machine on the node that steers it. What a frame reads is in the first cache line, what it
/// may write in the others.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Vsm {
    /// A [`Charge`].
    pub charge: SharedU64,
    /// Silence that is death, in nanoseconds: with the agent's probes running.
    pub probe_limit: SharedU64,
    /// The same without probes, from the first frame that should have been answered. All ones where data are copied: how old a copy
    /// is by then nobody knows.
    pub silence_limit: SharedU64,
    /// When the agent last sent probes, in nanoseconds of `CLOCK_MONOTONIC`.
    pub probed_at: SharedU64,
    /// Port of the service, if members are tried by connecting to it: then TCP segments from this port alone are signs of life,
    /// since a machine answers ARP when its server is gone, and only what is for this port must be answered. 0: ARP will do.
    pub tcp_port: SharedU64,
    /// What ends a connection of the service passes until then, in nanoseconds of `CLOCK_MONOTONIC`.
    pub trusted_until: SharedU64,
    /// Address of this node's probes that cross the fabric, see [`probe`]; 0 where all members are at ports of this node.
    pub prober: SharedU64,
    /// Nobody is in charge after that time, in nanoseconds of `CLOCK_MONOTONIC`, whatever the word says; 0 for no end.
    pub served_until: SharedU64,
    /// By member: when the first frame was sent to it that it has not answered, in nanoseconds of `CLOCK_MONOTONIC`; 0 for none.
    pub unanswered: [SharedU64; MEMBERS],
    /// When the first segment was withheld that ends a connection, since the agent has set this to 0.
    pub withheld_at: SharedU64,
    /// Zero.
    pub reserved: [SharedU64; 7],
}

/// A storage machine in one segment. [`super::NextHop::path`] of a next hop with [`super::NextHop::VSM`] names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct VsmPlace {
    /// Index in `VSMS`; 0 for no place.
    pub vsm: u32,
    /// A bit for the number of each other node whose probes come here, see [`probe`].
    pub askers: u32,
    /// The next hop to each member; 0 for none.
    pub next_hops: [u32; MEMBERS],
    /// The next hop that [`super::Binding::learn`] of the member's frames names; 0 for none. Members behind one line have the
    /// same: which of them speaks is decided where their ways part.
    pub sources: [u32; MEMBERS],
    /// Zero.
    pub padding: [u32; 14],
}

/// Addresses of probes that cross the fabric, as words, see [`crate::wire::Macs`].
///
/// Five octets are the storage machine's. Of the last one bits 0 to 2 are the place of the member that is asked, and bits 3 to
/// 7 the node that asks: the lowest place of a member at its ports, or [`probe::NOBODY`].
pub mod probe {
    use crate::wire::{mac_octets, mac_word};

    /// Bits of an address that all probes of a storage machine have in common.
    const COMMON: u64 = !(0xff << 40);
    /// Bits of an address that tell the member.
    const MEMBER: u64 = 7 << 40;
    /// A node without members asks nobody.
    pub const NOBODY: u8 = 31;

    /// The address by which `node` asks `member`; `like` is any address of the storage machine's probes.
    pub const fn address(like: u64, node: u8, member: u8) -> u64 {
        let [a, b, c, d, e, _] = mac_octets(like);
        mac_word([a, b, c, d, e, node << 3 | member & 7])
    }

    /// The member whose probe this is; `like` as in [`address`]. `None` if it is no probe, or `like` is 0.
    #[inline(always)]
    pub const fn member(mac: u64, like: u64) -> Option<usize> {
        if like == 0 || (mac ^ like) & COMMON != 0 {
            return None;
        }
        Some((mac >> 40) as usize & 7)
    }

    /// The bit of the asking node in [`super::VsmPlace::askers`].
    #[inline(always)]
    pub const fn asker(mac: u64) -> u32 {
        1 << ((mac >> 43) & 31)
    }

    /// The bit of the node whose probes are like `like`; 0 for one that asks nobody.
    #[inline(always)]
    pub const fn askers_with(like: u64) -> u32 {
        asker(like) & !(1 << NOBODY)
    }

    /// Whether two probes are of one node.
    #[inline(always)]
    pub const fn is_of(mac: u64, like: u64) -> bool {
        (mac ^ like) & !MEMBER == 0
    }
}

/// One TCP connection of a client, as [`FlowRecord`] holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientFlow {
    /// The client's port, host byte order.
    pub client_port: u16,
    /// The storage machine's port, host byte order.
    pub server_port: u16,
    /// The client's own tag control information.
    pub tci: u16,
    /// Whether the client's frames carry `tci` in a tag.
    pub is_tagged: bool,
    /// The client's address.
    pub client: Address,
    /// The storage machine's address.
    pub server: Address,
    /// The client's MAC address, see [`crate::wire::Macs`]; that of his router if one is in between.
    pub mac: u64,
    /// The next hop to the client. With a gateway in between it is one of another segment.
    pub next_hop: u32,
}

impl ClientFlow {
    /// VLAN of the client's own tag; `None` if his frames have none.
    pub fn vid(&self) -> Option<u16> {
        self.is_tagged.then_some(self.tci & 0x0fff)
    }
}

/// A flow in memory that XDP on every CPU writes. One cache line; the last word is written last, and 0 there is "none".
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct FlowRecord {
    words: [SharedU64; 8],
}

impl FlowRecord {
    /// Writes the flow if it is another one than the record has, and that it was seen at `now`, a [`super::tick`].
    #[inline(always)]
    pub fn note(&self, flow: &ClientFlow, now: u32) {
        let [client_high, client_low] = flow.client.words();
        let [server_high, server_low] = flow.server.words();
        let tag = flow.tci as u64 | (flow.is_tagged as u64) << 16;
        let place = tag << 32 | flow.next_hop as u64;
        // Bit 63 makes it not 0.
        let ports = 1 << 63 | (flow.client_port as u64) << 16 | flow.server_port as u64;
        let [w0, w1, w2, w3, w4, w5, seen, live] = &self.words;
        if seen.load() != now as u64 {
            seen.store(now as u64);
        }
        if live.load() == ports
            && w1.load() == client_low
            && w4.load() == flow.mac
            && w5.load() == place
            && w0.load() == client_high
        {
            return;
        }
        live.store(0);
        w0.store(client_high);
        w1.store(client_low);
        w2.store(server_high);
        w3.store(server_low);
        w4.store(flow.mac);
        w5.store(place);
        live.store(ports);
    }

    /// The flow. While a program writes another one in its place the answer may be a mixture of both.
    pub fn read(&self) -> Option<ClientFlow> {
        let [w0, w1, w2, w3, w4, w5, _, live] = &self.words;
        let ports = live.load();
        if ports == 0 {
            return None;
        }
        let place = w5.load();
        #[expect(clippy::cast_possible_truncation, reason = "fields of a packed word")]
        Some(ClientFlow {
            client_port: (ports >> 16) as u16,
            server_port: ports as u16,
            tci: (place >> 32) as u16,
            is_tagged: place >> 48 & 1 != 0,
            client: Address::from_words([w0.load(), w1.load()]),
            server: Address::from_words([w2.load(), w3.load()]),
            mac: w4.load(),
            next_hop: place as u32,
        })
    }

    /// The [`super::tick`] at which the flow was seen last.
    #[expect(clippy::cast_possible_truncation, reason = "written from 32 bits")]
    fn seen(&self) -> u32 {
        let [.., seen, _] = &self.words;
        seen.load() as u32
    }

    /// Ticks since the flow was seen; 0 if that was after the clock was read for `now`.
    pub fn age(&self, now: u32) -> u32 {
        match now.wrapping_sub(self.seen()) {
            age if age > u32::MAX / 2 => 0,
            age => age,
        }
    }

    /// Forgets the flow.
    pub fn clear(&self) {
        let [.., live] = &self.words;
        live.store(0);
    }
}

/// Index in `FLOWS` of one of the flows of a place.
#[inline(always)]
pub const fn flow_index(place: u32, hash: u32) -> u32 {
    place * FLOWS + (hash & (FLOWS - 1))
}

const _: () = {
    assert!(size_of::<Vsm>() == 192);
    assert!(size_of::<VsmPlace>() == 128);
    assert!(size_of::<FlowRecord>() == 64);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_takeover_raises_the_epoch_and_leaves_nobody_behind() {
        let charge = Charge::new(7, Some(0), Some(2));
        assert_eq!(
            (charge.member(), charge.standby(), charge.epoch()),
            (Some(0), Some(2), 7)
        );
        let after = charge.taken_over();
        assert_eq!(
            (after.member(), after.standby(), after.epoch()),
            (Some(2), None, 8)
        );
        assert_eq!(charge.alone(), Charge::new(7, Some(0), None));
        assert_eq!(charge.vacant(), Charge::new(7, None, None));
        assert_eq!(Charge::default().member(), None);
    }

    #[test]
    fn a_probe_tells_who_asks_whom() {
        let like = crate::wire::mac_word([0x0a, 1, 2, 3, 4, 0xf8]);
        let [one, other] = [probe::address(like, 2, 5), probe::address(like, 3, 5)];
        assert_eq!(crate::wire::mac_octets(one), [0x0a, 1, 2, 3, 4, 0x15]);
        assert_eq!(probe::member(one, like), Some(5));
        assert_eq!((probe::asker(one), probe::asker(like)), (1 << 2, 1 << 31));
        assert!(probe::is_of(one, probe::address(like, 2, 0)) && !probe::is_of(one, other));
        assert_eq!(probe::member(one ^ 1, like), None);
        assert_eq!(probe::member(one | 1 << 63, like), None);
        assert_eq!(probe::member(one, 0), None);
    }

    #[test]
    fn a_flow_comes_back_as_it_was_noted() {
        let record = FlowRecord::default();
        assert_eq!(record.read(), None);
        let flow = ClientFlow {
            client_port: 40_001,
            server_port: 3260,
            tci: 0xa00a,
            is_tagged: true,
            client: Address::v4([10, 10, 10, 10]),
            server: Address::v4([10, 10, 10, 100]),
            mac: 0x0000_a1b2_c3d4_e5f6,
            next_hop: 77,
        };
        record.note(&flow, 9);
        assert_eq!([8, 9, 10, 69].map(|now| record.age(now)), [0, 0, 1, 60]);
        assert_eq!(record.read(), Some(flow));
        record.clear();
        assert_eq!(record.read(), None);
    }
}
