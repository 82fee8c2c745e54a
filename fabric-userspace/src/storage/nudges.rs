//! Nudges on their way to clients.
//!
//! Invariant: what waits is a connection, not a frame. Its frame and the way are found when it is sent: a document that came in
//! between may have given the client's port and VLAN to another tenant.

use std::collections::VecDeque;

use fabric_common::maps::storage::ClientFlow;

use super::frames::nudge;
use super::spec::PlaceSpec;
use super::tools::{Outbound, Tools};
use super::watched::Watched;

/// Nudges that go out in one round, so that a thousand clients do not all knock at the same moment.
const NUDGES_A_ROUND: usize = 64;
/// Clients answer such a segment once in half a second (`tcp_invalid_ratelimit`): who has not noticed is nudged once more.
const NUDGE_AGAIN: u64 = 700_000_000;

/// A connection whose client is to be nudged.
#[derive(Clone, Copy, Debug)]
struct Nudge {
    /// Index in `VSM_PLACES`.
    place: u32,
    /// Number of the segment there; the index may be given on.
    segment: u32,
    flow: ClientFlow,
    sequence: u32,
}

/// Those of one storage machine.
#[derive(Debug, Default)]
pub(super) struct Nudges {
    waiting: VecDeque<Nudge>,
    /// None is sent before that time.
    from: u64,
    /// When the same clients are nudged once more.
    again: Option<(u64, Vec<Nudge>)>,
}

impl Nudges {
    /// Forgets those that wait. False if none does.
    pub(super) fn clear(&mut self) -> bool {
        let is_waiting = !self.waiting.is_empty();
        self.waiting.clear();
        is_waiting
    }

    /// Those that wait are of a switch at that time, and are sent with a delay.
    pub(super) fn begin(&mut self, switched: u64, delay: u64) {
        let again: Vec<Nudge> = self.waiting.iter().copied().collect();
        self.again = (!again.is_empty()).then_some((switched + NUDGE_AGAIN, again));
        self.from = switched + delay;
    }

    /// When there is something to send.
    pub(super) fn due(&self) -> Option<u64> {
        match &self.again {
            _ if !self.waiting.is_empty() => Some(self.from),
            Some((when, _)) => Some(*when),
            None => None,
        }
    }

    /// Those of this round.
    fn take(&mut self, now: u64) -> Vec<Nudge> {
        if let Some((_, again)) = self.again.take_if(|(when, _)| now >= *when) {
            // Those of the moment of the switch: a connection that was opened since then needs none.
            self.waiting.extend(again);
        }
        if now < self.from {
            return Vec::new();
        }
        let count = self.waiting.len().min(NUDGES_A_ROUND);
        self.waiting.drain(..count).collect()
    }
}

impl Watched {
    /// Has the client of each known connection nudged to which a way leads. Gives how many wait.
    pub(super) fn fill_nudges(&mut self, tools: &Tools<'_>) -> u64 {
        let mut sequence = self.probes.wrapping_mul(0x9e37_79b1) ^ self.charge.epoch();
        let mut found = Vec::new();
        self.find_flows(tools, super::nanoseconds());
        for place in &self.spec.places {
            for flow in self.known.at(place.place) {
                sequence = sequence.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
                let nudge = Nudge {
                    place: place.place,
                    segment: place.segment,
                    flow,
                    sequence,
                };
                if self.frame_of(&nudge, tools).is_some() {
                    found.push(nudge);
                }
            }
        }
        self.nudging.waiting.extend(found);
        u64::try_from(self.nudging.waiting.len()).unwrap_or(0)
    }

    pub(super) fn send_nudges(&mut self, tools: &Tools<'_>, now: u64) {
        let nudges = self.nudging.take(now);
        if nudges.is_empty() {
            return;
        }
        for nudge in nudges {
            if let Some((ifindex, frame)) = self.frame_of(&nudge, tools) {
                tools.send(ifindex, &frame);
                self.nudges += 1;
            }
        }
        if self.nudging.waiting.is_empty()
            && let Some(last) = &mut self.last
            && last.nudged.is_none()
        {
            last.nudged = Some(super::nanoseconds());
            self.tell(tools);
        }
    }

    /// As it would leave now.
    fn frame_of(&self, it: &Nudge, tools: &Tools<'_>) -> Option<Outbound> {
        let place = self.place_of(it)?;
        let (path, segment) = tools.tables.path_and_segment(it.flow.next_hop)?;
        // Nothing goes to a segment that the service's gateway does not lead to.
        let heard = place.heard(segment, self.spec.mac.octets())?;
        if !heard.has(&it.flow) {
            return None;
        }
        tools.through(&path, &nudge(&it.flow, heard.from, it.sequence)?)
    }

    fn place_of(&self, it: &Nudge) -> Option<&PlaceSpec> {
        let mut places = self.spec.places.iter();
        let place = places.find(|one| (one.place, one.segment) == (it.place, it.segment));
        place.filter(|_| self.is_nudged_here(&it.flow))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use fabric_common::address::Address;
    use fabric_common::maps::storage::Vsm;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::datapath::StorageTables;
    use crate::model::{ServiceVid, Vlan};
    use crate::storage::board::Board;
    use crate::storage::socket::PacketSockets;
    use crate::storage::spec::{Heard, Spec};
    use crate::storage::tests::{NOW, board, spec};

    /// As seen in one segment, whose place has the same index in each.
    fn seen_in(segment: u32) -> Arc<Spec> {
        let mut seen = spec("edge1:eth2", 0, false);
        let places = &mut Arc::get_mut(&mut seen).expect("the only one").places;
        places.push(PlaceSpec {
            place: 5,
            segment,
            vlan: None,
            routed: BTreeMap::new(),
        });
        seen
    }

    fn nudge_in(segment: u32) -> Nudge {
        Nudge {
            place: 5,
            segment,
            flow: ClientFlow::default(),
            sequence: 1,
        }
    }

    #[test]
    fn a_nudge_of_before_a_document_does_not_go_where_its_place_leads_now() {
        let mut watched = Watched::new(seen_in(7), None);
        watched.nudging.waiting.push_back(nudge_in(7));
        watched.nudging.begin(NOW, 0);
        assert!(watched.place_of(&nudge_in(7)).is_some());
        watched.take(seen_in(8));
        assert!(watched.place_of(&nudge_in(7)).is_none() && watched.place_of(&nudge_in(8)).is_some());
        let mut board = board(None);
        let (_, tools) = board.parts();
        for now in [NOW, NOW + NUDGE_AGAIN] {
            assert_eq!(watched.nudging.due(), Some(now));
            watched.send_nudges(&tools, now);
        }
        assert_eq!(watched.nudging.due(), None);
        assert_eq!((watched.nudges, tools.unsent.load(Ordering::Relaxed)), (0, 0));
    }

    /// However seldom members are asked.
    #[test]
    fn a_round_comes_as_soon_as_there_is_something_to_do() {
        const MILLISECOND: u64 = 1_000_000;
        let mut seldom = (*seen_in(7)).clone();
        seldom.interval = 1000 * MILLISECOND;
        for nudge in [true, false] {
            seldom.nudge = nudge;
            let vsm = Vsm::default();
            let mut watched = Watched::new(Arc::new(seldom.clone()), None);
            watched.begin(&vsm, None);
            let mut board = board(None);
            let (_, tools) = board.parts();
            let [look, later] = if nudge { [250, 249] } else { [500, 500] };
            assert_eq!(watched.round(&vsm, &tools, NOW), look * MILLISECOND);
            watched.nudging.waiting.extend([nudge_in(7); NUDGES_A_ROUND + 1]);
            watched.nudging.begin(NOW, 0);
            assert_eq!(watched.round(&vsm, &tools, NOW), MILLISECOND, "one more waits");
            let now = NOW + MILLISECOND;
            assert_eq!(watched.round(&vsm, &tools, now), later * MILLISECOND);
            let now = NOW + NUDGE_AGAIN - 4 * MILLISECOND;
            assert_eq!(watched.round(&vsm, &tools, now), 4 * MILLISECOND, "once more");
        }
    }

    /// The port may carry the VLAN of before for another tenant: whoever is nudged has the tag that his segment has now.
    #[test]
    fn a_nudge_in_a_tag_that_its_segment_has_no_more_is_not_sent() {
        let tagged = |vid: u16| Some(Vlan::Tagged(ServiceVid::new(vid).expect("a VLAN")));
        let flow = |tci: Option<u16>, next_hop: u32| ClientFlow {
            client: Address::v4([10, 0, 0, 1]),
            server: Address::v4([10, 0, 0, 9]),
            tci: tci.unwrap_or(0x0806),
            is_tagged: tci.is_some(),
            next_hop,
            ..ClientFlow::default()
        };
        let tables = StorageTables::new();
        tables.lead(1, 7, 1);
        tables.lead(2, 8, 1);
        let mut board = Board::new(
            tables,
            PacketSockets::to_nowhere(),
            (unbounded_channel().0, unbounded_channel().0),
        );
        board.follow((Vec::new(), [(1, 9)].into()), &BTreeMap::new(), NOW);
        let (_, tools) = board.parts();
        for (vlan, tci, is_sent) in [
            (tagged(10), Some(0xa00a), true),
            (tagged(10), Some(11), false),
            (tagged(10), Some(0), false),
            (tagged(10), None, false),
            (Some(Vlan::Untagged), None, true),
            (Some(Vlan::Untagged), Some(0xa000), true),
            (Some(Vlan::Untagged), Some(10), false),
            (Some(Vlan::Any), Some(10), true),
            (None, Some(10), true),
        ] {
            for routed in [false, true] {
                let mut seen = (*seen_in(7)).clone();
                let place = &mut seen.places[0];
                if routed {
                    let from = [2, 0, 0, 0, 0, 8];
                    place.vlan = tagged(99);
                    place.routed.insert(8, Heard { from, vlan });
                } else {
                    place.vlan = vlan;
                }
                let watched = Watched::new(Arc::new(seen), None);
                let nudge = Nudge {
                    flow: flow(tci, if routed { 2 } else { 1 }),
                    ..nudge_in(7)
                };
                let frame = watched.frame_of(&nudge, &tools);
                assert_eq!(frame.is_some(), is_sent, "{vlan:?} {tci:?} {routed}");
            }
        }
    }

    #[test]
    fn clients_are_nudged_once_more_and_not_all_at_once() {
        let mut nudges = Nudges::default();
        nudges.waiting.extend([nudge_in(7); NUDGES_A_ROUND + 1]);
        nudges.begin(NOW, 4);
        let mut sent = |now| nudges.take(now).len();
        assert_eq!(
            [sent(NOW), sent(NOW + 4), sent(NOW + 5), sent(NOW + 6)],
            [0, NUDGES_A_ROUND, 1, 0]
        );
        let again = NOW + NUDGE_AGAIN;
        assert_eq!(
            [sent(again - 1), sent(again), sent(again + 1), sent(again + 2)],
            [0, NUDGES_A_ROUND, 1, 0]
        );
        nudges.waiting.push_back(nudge_in(7));
        assert!(nudges.clear() && !nudges.clear());
    }
}
