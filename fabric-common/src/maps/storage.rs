//! Records of storage machines: which member is in charge, how each is reached, who talks to it.
//!
//! A storage machine (VSM) is one address in a tenant's segment with up to [`MEMBERS`] machines behind it. All nodes but one
//! see an ordinary fixed station; the node that has the members' ports steers, fences and notes flows.

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

/// A storage machine on the node that steers it. What a frame reads is in the first cache line, what it may write in the second.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Vsm {
    /// A [`Charge`].
    pub charge: SharedU64,
    /// Silence that is death, in nanoseconds: with the agent's probes running.
    pub probe_limit: SharedU64,
    /// The same without probes, from the first frame that should have been answered.
    pub silence_limit: SharedU64,
    /// When the agent last sent probes, in nanoseconds of `CLOCK_MONOTONIC`.
    pub probed_at: SharedU64,
    /// Port of the service, if members are tried by connecting to it: then TCP segments alone are signs of life, since a machine
    /// answers ARP when its server is gone, and only what is for this port must be answered. 0: ARP will do.
    pub tcp_port: SharedU64,
    /// What ends a connection of the service passes until then, in nanoseconds of `CLOCK_MONOTONIC`.
    pub trusted_until: SharedU64,
    /// When the first such segment was withheld since the agent has set this to 0. Written once in a while, unlike the other line.
    pub withheld_at: SharedU64,
    /// Zero.
    pub reserved: SharedU64,
    /// By member: when the first frame was sent to it that it has not answered, in nanoseconds of `CLOCK_MONOTONIC`; 0 for none.
    pub unanswered: [SharedU64; MEMBERS],
}

/// A storage machine in one segment. [`super::NextHop::path`] of a next hop with [`super::NextHop::VSM`] names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct VsmPlace {
    /// Index in `VSMS`; 0 for no place.
    pub vsm: u32,
    /// Zero.
    pub reserved: u32,
    /// The next hop to each member, which is also where its frames come from; 0 for none.
    pub next_hops: [u32; MEMBERS],
    /// Zero.
    pub padding: [u32; 6],
}

/// One TCP connection of a client, as [`FlowRecord`] holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// The client's MAC address, see [`crate::wire::Macs`].
    pub mac: u64,
    /// The next hop to the client.
    pub next_hop: u32,
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
    assert!(size_of::<Vsm>() == 128);
    assert!(size_of::<VsmPlace>() == 64);
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
        assert_eq!(Charge::default().member(), None);
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
