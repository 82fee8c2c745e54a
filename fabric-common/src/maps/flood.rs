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
