//! What becomes of a connection's end that the data path has withheld ([`fabric_common::DropReason::Withheld`]).

use fabric_common::maps::storage::Vsm;

use super::tools::Tools;
use super::watched::Watched;

/// A member that has proved that it serves may end connections for so long, in nanoseconds, without being doubted again.
const TRUST: u64 = 1_000_000_000;

impl Watched {
    /// Lets the member in charge end connections, once it has answered for long enough after the first end that was withheld.
    pub(super) fn resolve_doubt(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        if !self.can_make_good() {
            vsm.trusted_until.store(u64::MAX);
            return;
        }
        if vsm.trusted_until.load() == u64::MAX {
            vsm.trusted_until.store(0);
        }
        let since = vsm.withheld_at.load();
        if since == 0 {
            return;
        }
        if self.last.as_ref().is_some_and(|last| last.switched >= since) {
            // It was dead, and its clients were nudged.
            vsm.withheld_at.store(0);
            return;
        }
        // A server that is killed takes connections until its last socket is closed: an answer soon after proves nothing.
        let proved = |heard: u64| heard >= since + self.spec.limit;
        if self
            .in_charge()
            .and_then(|member| member.heard)
            .is_some_and(proved)
        {
            vsm.trusted_until.store(now + TRUST);
            vsm.withheld_at.store(0);
            // TCP sends a FIN again, but never a RST: a client whose connection is gone asks, and is told now.
            self.fill_nudges(tools);
        }
    }

    /// Clients of a new member are nudged, and what it says to them of the connections that it does not know must arrive at once: one
    /// who was nudged does not answer again soon. Only the member in charge can say it: all others are fenced.
    pub(super) fn trust(&self, vsm: &Vsm, switched: u64) {
        if self.can_make_good() {
            vsm.trusted_until.store(switched + TRUST);
        }
    }

    /// Whether there is an answer that proves life, and a way to tell clients of connections that are gone.
    fn can_make_good(&self) -> bool {
        self.spec.nudge && self.spec.tcp_port.is_some() && self.spec.probed.source.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::judge::{Answers, Cause};
    use crate::storage::spec::Spec;
    use crate::storage::tests::{NOW, board, spec};

    fn asked(nudge: bool) -> Arc<Spec> {
        let mut spec = (*spec("edge1:eth2", 0, false)).clone();
        (spec.tcp_port, spec.nudge) = (Some(3260), nudge);
        spec.probed.source = Some([10, 0, 0, 8].into());
        Arc::new(spec)
    }

    /// Whoever switches, the agent or a frame.
    #[test]
    fn a_new_member_may_tell_nudged_clients_that_it_does_not_know_them() {
        for (nudge, in_path) in [(true, false), (true, true), (false, false), (false, true)] {
            let vsm = Vsm::default();
            let mut watched = Watched::new(asked(nudge), None);
            watched.begin(&vsm, None);
            let mut board = board(None);
            let (_, tools) = board.parts();
            let before = crate::storage::nanoseconds();
            if in_path {
                watched.name_standby(&vsm, Some(1));
                vsm.charge.store(watched.charge.taken_over().0);
                watched.observe(&vsm, &tools, NOW);
            } else {
                watched.members[1].answers = Answers::Up(NOW);
                watched.switch(&vsm, 1, Cause::Manual, &tools, NOW);
            }
            assert_eq!(watched.charge.member(), Some(1));
            let until = vsm.trusted_until.load();
            assert_eq!(until >= before + TRUST, nudge, "{in_path}");
        }
    }
}
