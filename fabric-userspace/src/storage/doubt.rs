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

    /// Whether there is an answer that proves life, and a way to tell clients of connections that are gone.
    fn can_make_good(&self) -> bool {
        self.spec.nudge && self.spec.tcp_port.is_some() && self.spec.probed.source.is_some()
    }
}
