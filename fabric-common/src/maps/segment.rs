//! A segment, and what holds for frames to everybody in it.

#[cfg(doc)]
use super::horizon;
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
    /// [`FloodMembers`]; 0 if the segment has no list.
    pub flood_members: SharedU32,
    /// Stations that changed their place.
    pub moves: SharedU32,
    /// Frames whose move was not followed, because the station moved too often. As `refused` it counts on from 0 after 2^32.
    pub damped: SharedU32,
    /// Frames whose address was not learned, because the limit was reached.
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

/// How many copies a flood list has, and whether all leave by one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FloodMembers(pub u32);

impl FloodMembers {
    const COUNT_BITS: u32 = 16;

    /// Of a list that names the port slots of its copies in any order, the ingress included.
    pub fn of(slots: &[u16]) -> Self {
        let most = (1 << Self::COUNT_BITS) - 1;
        let count = u32::try_from(slots.len()).map_or(most, |count| count.min(most));
        let only = match slots {
            [first, rest @ ..] if rest.iter().all(|slot| slot == first) => *first,
            _ => 0,
        };
        Self(count | u32::from(only) << Self::COUNT_BITS)
    }

    /// Entries of the list.
    #[inline(always)]
    pub const fn count(self) -> u32 {
        self.0 & ((1 << Self::COUNT_BITS) - 1)
    }

    /// 0 if what came in by the port `slot`, not 0, has nobody to go to: the kernel leaves out every copy through the port of entry,
    /// and says nothing if none is left (`dev_map_enqueue_multi`).
    #[inline(always)]
    pub fn elsewhere(self, slot: u16) -> u32 {
        (self.0 >> Self::COUNT_BITS) ^ u32::from(slot)
    }
}

/// What holds for frames to everybody in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FloodTerms(pub u32);

impl FloodTerms {
    const LENGTH_BITS: u32 = 17;
    const TURNS_BIT: u32 = 31;
    const TURNS: u32 = 1 << Self::TURNS_BIT;

    /// `max_len`, the gateway's interface in the segment, which is below [`capacity::IRBS`], 0 for none, and
    /// [`FloodTerms::turns`].
    pub const fn new(max_len: u32, irb: u32, turns: bool) -> Self {
        let most = (1 << Self::LENGTH_BITS) - 1;
        let max_len = if max_len < most { max_len } else { most };
        let turns = if turns { Self::TURNS } else { 0 };
        Self(max_len | irb << Self::LENGTH_BITS | turns)
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
        (self.0 & !Self::TURNS) >> Self::LENGTH_BITS
    }

    /// 1 if copies may leave by the port of entry as well, see [`horizon::crosses`]: it is a line to other datacenters and a link of
    /// the segment in one. Else 0.
    #[inline(always)]
    pub const fn turns(self) -> u32 {
        self.0 >> Self::TURNS_BIT
    }
}

const _: () = assert!(capacity::IRBS << FloodTerms::LENGTH_BITS <= FloodTerms::TURNS);

#[cfg(test)]
mod tests {
    use super::{FloodMembers, PairMember, Segment};

    #[test]
    fn copies_through_one_port_alone_are_known_as_such() {
        for (slots, count, only) in [
            (&[][..], 0, None),
            (&[3], 1, Some(3)),
            (&[3, 3], 2, Some(3)),
            (&[3, 3, 4], 3, None),
            (&[4, 3, 3], 3, None),
        ] {
            let members = FloodMembers::of(slots);
            assert_eq!(members.count(), count, "{slots:?}");
            for slot in [3, 4] {
                assert_eq!(members.elsewhere(slot) == 0, only == Some(slot), "{slots:?}");
            }
        }
        assert_eq!(
            FloodMembers::of(&[]).0,
            0,
            "no list and an empty one are the same"
        );
    }

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
