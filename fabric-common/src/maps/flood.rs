//! What flooding needs to know: who gets copies, and which copy is whose.

use super::capacity;

/// Key of `FLOOD_NEXT_HOPS`: the `copy`-th copy that leaves through a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct FloodKey {
    /// The segment.
    pub segment: u32,
    /// Slot of the egress port.
    pub slot: u16,
    /// 0 for the first copy through this port.
    pub copy: u16,
}

/// Value of `FLOOD_NEXT_HOPS`: the next hop of a copy, and how many more copies leave through its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FloodCopy(pub u32);

impl FloodCopy {
    /// `next_hop` is below [`capacity::NEXT_HOP_IDS`], `more` below [`capacity::FLOOD_MEMBERS`].
    pub const fn new(next_hop: u32, more: u16) -> Self {
        Self(next_hop | (more as u32) << 23)
    }

    /// The next hop.
    #[inline(always)]
    pub const fn next_hop(self) -> u32 {
        self.0 & (capacity::NEXT_HOP_IDS - 1)
    }

    /// Copies behind this one through the same port.
    #[inline(always)]
    pub const fn more(self) -> u32 {
        self.0 >> 23
    }
}

/// One of the two members of a segment that has no others at this node: what floods goes from one to the other as a frame for
/// one station does, and nothing is copied. 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct PairMember(pub u64);

impl PairMember {
    /// Slot of a member that all frames are from which the other member's port has not brought: it is reached by one port
    /// now and by another one later.
    pub const ELSEWHERE: u16 = 0;

    /// The member behind the port `slot`, or behind several: [`PairMember::ELSEWHERE`]. At most one of both.
    pub const fn new(slot: u16, next_hop: u32) -> Self {
        Self((slot as u64) << 32 | next_hop as u64)
    }

    /// Slot of its port.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a slot in the upper half")]
    pub const fn slot(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// The way to it.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub const fn next_hop(self) -> u32 {
        self.0 as u32
    }
}

/// How many copies of the last flooded frame have left through a port on this CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FloodProgress {
    /// The frame's sequence number on this CPU.
    pub sequence: u32,
    /// Copies seen.
    pub copies: u32,
}

#[cfg(test)]
mod tests {
    use super::{FloodCopy, capacity};

    #[test]
    fn a_copy_keeps_its_next_hop_and_how_many_follow() {
        let last = (capacity::NEXT_HOP_IDS - 1, 511);
        for (next_hop, more) in [(0, 0), (1, 5), last] {
            let copy = FloodCopy::new(next_hop, more);
            assert_eq!((copy.next_hop(), copy.more()), (next_hop, u32::from(more)));
        }
    }
}
