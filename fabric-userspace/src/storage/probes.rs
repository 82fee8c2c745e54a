//! Probes of members.

use std::sync::Arc;

use fabric_common::maps::storage::Vsm;

use super::frames::{Ends, Segment, Tcp, is_at, who_has};
use super::spec::{MemberSpec, Spec};
use super::tools::Tools;
use super::watched::Watched;

/// First source port of probes; a probe in flight keeps its port for itself.
const PROBE_PORTS: std::ops::Range<u16> = 32_768..36_864;
/// A member that keeps its ARP entry of the prober needs to hear of it this often.
const ASK_AGAIN: u64 = 1_000_000_000;

impl Watched {
    /// Asks every member. What is unanswered counts from the first probe on.
    pub(super) fn probe(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        let spec = Arc::clone(&self.spec);
        let ask = spec.tcp_port.is_none() || spec.probed.source.is_none() || now >= self.asked + ASK_AGAIN;
        if ask {
            self.asked = now;
        }
        self.probes = self.probes.wrapping_add(1);
        for member in &mut self.members {
            let Some(target) = spec.members.iter().find(|one| one.name == member.name) else {
                continue;
            };
            let unanswered = &vsm.unanswered[usize::from(member.place) & 7];
            // A station may have told the member another place of the prober: who does not answer is told again with each probe.
            let ask = ask || unanswered.load() != 0;
            let was_probed = member.probed;
            // Before the question leaves: the answer may be quicker than we are.
            member.ask(unanswered, now);
            let ends = Ends {
                to: spec.mac.octets(),
                from: target.prober,
                vid: spec.probed.vid,
            };
            let is_asked = !ask || introduce(&spec, target, ends, tools);
            let is_asked = connect(&spec, target, ends, self.probes, tools).unwrap_or(is_asked);
            if !is_asked {
                member.unask(unanswered, now, was_probed);
            }
        }
        vsm.probed_at.store(now);
    }
}

/// Asks for the member's address, and tells it the prober's. Whether it was asked.
fn introduce(spec: &Spec, target: &MemberSpec, ends: Ends, tools: &Tools<'_>) -> bool {
    let frame = who_has(ends, spec.probed.address, spec.probed.source);
    let is_asked = tools.send_by(target.way, &frame);
    let known = spec
        .probed
        .source
        .and_then(|source| is_at(ends, source, spec.probed.address));
    if let Some(frame) = known {
        tools.send_by(target.way, &frame);
    }
    is_asked
}

/// Tries a connection, and takes the try before back, so that no server keeps it. Whether the member was asked; `None` where
/// connections are not tried.
fn connect(spec: &Spec, target: &MemberSpec, ends: Ends, number: u32, tools: &Tools<'_>) -> Option<bool> {
    let (port, source) = spec.tcp_port.zip(spec.probed.source)?;
    let tcp = |number: u32| {
        let ports = u32::from(PROBE_PORTS.end - PROBE_PORTS.start);
        let from_port = PROBE_PORTS.start + u16::try_from(number % ports).unwrap_or(0);
        Tcp {
            from: source.into(),
            to: spec.probed.address,
            from_port,
            to_port: port,
            sequence: number.wrapping_mul(0x9e37_79b1),
        }
    };
    let before = tcp(number.wrapping_sub(1));
    let before = Tcp {
        sequence: before.sequence.wrapping_add(1),
        ..before
    };
    if let Some(frame) = before.frame(ends, Segment::Abandon) {
        tools.send_by(target.way, &frame);
    }
    let frame = tcp(number).frame(ends, Segment::Open)?;
    Some(tools.send_by(target.way, &frame))
}

#[cfg(test)]
mod tests {
    use fabric_common::maps::storage::Charge;

    use super::*;
    use crate::storage::spec::Way;
    use crate::storage::tests::{NOW, board, spec};

    const NOWHERE: Way = Way::NextHop { id: 1, segment: 7 };

    fn watched(ways: [Way; 2], vsm: &Vsm) -> Watched {
        let mut spec = (*spec("edge1:eth2", 0, false)).clone();
        for (member, way) in spec.members.iter_mut().zip(ways) {
            member.way = way;
        }
        let mut watched = Watched::new(Arc::new(spec), None);
        vsm.charge.store(Charge::new(1, Some(0), Some(1)).0);
        watched.begin(vsm, None);
        watched
    }

    /// The kernel takes no frame for a port whose queue is full. One that no way leads to is asked in vain.
    #[test]
    fn a_member_is_asked_when_its_probe_has_left_or_cannot() {
        let mut board = board(None);
        let (_, tools) = board.parts();
        for port in [0, 1] {
            let vsm = Vsm::default();
            let mut ways = [NOWHERE; 2];
            ways[port] = Way::Port(1);
            let mut watched = watched(ways, &vsm);
            watched.probe(&vsm, &tools, NOW);
            let asked = [0, 1].map(|at| (watched.members[at].probed, vsm.unanswered[at].load()));
            let mut expected = [(true, NOW); 2];
            expected[port] = (false, 0);
            assert_eq!(asked, expected);
            assert_eq!(vsm.probed_at.load(), NOW);
        }
    }

    #[test]
    fn a_member_that_owed_an_answer_still_does_when_the_next_probe_does_not_leave() {
        let vsm = Vsm::default();
        let mut board = board(None);
        let (_, tools) = board.parts();
        let mut watched = watched([Way::Port(1); 2], &vsm);
        watched.members[0].ask(&vsm.unanswered[0], NOW);
        watched.members[1].ask(&vsm.unanswered[1], NOW);
        vsm.unanswered[1].store(0);
        watched.probe(&vsm, &tools, NOW + 5);
        assert_eq!([0, 1].map(|at| vsm.unanswered[at].load()), [NOW, 0]);
        assert!(watched.members.iter().all(|member| member.probed));
    }
}
