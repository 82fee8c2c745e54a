//! A segment, and what holds for frames to everybody in it.

use super::{PairMember, capacity};
use crate::shared::{SharedU32, SharedU64};

/// One tenant LAN on this node.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Segment {
    /// Most addresses that may be learned.
    pub mac_limit: SharedU32,
    /// Addresses learned; the agent corrects it after ageing.
    pub learned: SharedU32,
    /// Entries of the flood list, the ingress included; 0 if the segment has no list.
    pub flood_members: SharedU32,
    /// Stations that changed their place.
    pub moves: SharedU32,
    /// Moves that were not followed, because the station moved too often.
    pub damped: SharedU32,
    /// Addresses not learned, because the limit was reached.
    pub refused: SharedU32,
    /// Addresses not learned, because their buckets and their part of the stash were full.
    pub unplaced: SharedU32,
    /// [`FloodTerms`].
    pub flood_terms: SharedU32,
    /// A [`PairMember`] each, in a segment of two members; what counts while there is no list.
    pub pair: [SharedU64; 2],
}

impl Segment {
    /// Both members; zeros if there is no pair.
    #[inline(always)]
    pub fn members(&self) -> [PairMember; 2] {
        [PairMember(self.pair[0].load()), PairMember(self.pair[1].load())]
    }

    /// False for a segment of more members, or fewer.
    #[inline(always)]
    pub fn has_pair(&self) -> bool {
        self.members() != [PairMember(0); 2]
    }

    /// The next hop of a pair's other member for what came in by the port `slot`, not 0; 0 if the port is of neither, or there is
    /// no pair.
    #[inline(always)]
    pub fn partner(&self, slot: u16) -> u32 {
        let [one, other] = self.members();
        if one.slot() == slot {
            other.next_hop()
        } else if other.slot() == slot || other.slot() == PairMember::ELSEWHERE {
            one.next_hop()
        } else if one.slot() == PairMember::ELSEWHERE {
            other.next_hop()
        } else {
            0
        }
    }
}

/// What holds for frames to everybody in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FloodTerms(pub u32);

impl FloodTerms {
    const LENGTH_BITS: u32 = 17;

    /// `max_len` and the gateway's interface in the segment, which is below [`capacity::IRBS`]; 0 for none.
    pub const fn new(max_len: u32, irb: u32) -> Self {
        let most = (1 << Self::LENGTH_BITS) - 1;
        let max_len = if max_len < most { max_len } else { most };
        Self(max_len | irb << Self::LENGTH_BITS)
    }

    /// Longest frame in bytes that every member's interface takes a copy of; the kernel leaves out the others and says
    /// nothing (`is_valid_dst`).
    #[inline(always)]
    pub const fn max_len(self) -> u32 {
        self.0 & ((1 << Self::LENGTH_BITS) - 1)
    }

    /// Index in `IRBS` of the gateway's interface, which sees such frames first; 0 for none.
    #[inline(always)]
    pub const fn irb(self) -> u32 {
        self.0 >> Self::LENGTH_BITS
    }
}

const _: () = assert!(capacity::IRBS <= 1 << (32 - FloodTerms::LENGTH_BITS));

#[cfg(test)]
mod tests {
    use super::{PairMember, Segment};

    fn partners(pair: [(u16, u32); 2], slots: [u16; 3]) -> [[u32; 3]; 2] {
        [pair, [pair[1], pair[0]]].map(|pair| {
            let segment = Segment::default();
            for (word, (slot, next_hop)) in segment.pair.iter().zip(pair) {
                word.store(PairMember::new(slot, next_hop).0);
            }
            slots.map(|slot| segment.partner(slot))
        })
    }

    #[test]
    fn each_of_a_pair_is_the_others_partner_and_a_third_port_has_none() {
        assert_eq!(partners([(1, 10), (2, 20)], [1, 2, 3]), [[20, 10, 0]; 2]);
    }

    #[test]
    fn what_no_port_of_the_other_member_brought_is_from_the_one_elsewhere() {
        assert_eq!(partners([(0, 10), (2, 20)], [1, 2, 3]), [[20, 10, 20]; 2]);
    }

    #[test]
    fn without_a_pair_there_is_no_partner() {
        assert_eq!(partners([(0, 0), (0, 0)], [1, 2, 3]), [[0; 3]; 2]);
        // While the words are written.
        assert_eq!(partners([(0, 0), (2, 20)], [1, 2, 3])[0], [20, 0, 20]);
    }
}
