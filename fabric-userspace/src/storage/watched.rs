//! One storage machine as it is, and what is done to it round by round.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_common::maps::storage::{Charge, Vsm};

use super::board::Switch;
use super::copies::UNHEARD;
use super::judge::{Answers, Cause, CopyState, Member, Restoring, Verdict, judge};
use super::known::Known;
use super::nudges::Nudges;
use super::saved::Saved;
use super::shared::{MILLISECOND, Shared};
use super::spec::Spec;
use super::tools::Tools;
use super::wishes::Wanted;
use crate::error::{Refusal, codes};
use crate::model::Name;

/// One storage machine.
pub(super) struct Watched {
    pub(super) spec: Arc<Spec>,
    /// The preferred one first.
    pub(super) members: Vec<Member>,
    pub(super) charge: Charge,
    /// Told to stay where it is until told otherwise.
    pub(super) manual: bool,
    pub(super) last: Option<Switch>,
    pub(super) switches: BTreeMap<Cause, u64>,
    pub(super) nudges: u64,
    /// There if other nodes steer it as well.
    pub(super) shared: Option<Shared>,
    /// Who was in charge when other nodes came to steer it as well.
    pub(super) alone: Option<Name>,
    /// Whether the store has noted that this node decides alone, as far as is known; and when it may be asked to.
    pub(super) told_alone: Option<bool>,
    pub(super) tell_from: u64,
    /// The store still has an owner from such a time, since then.
    pub(super) outdated: Option<u64>,
    /// What was wanted before something was asked for by hand that is not decided yet.
    pub(super) before_asking: Option<Wanted>,
    /// The newest document, which this node has refused, has another one of this name: who knows it decides.
    pub(super) is_contested: bool,
    /// When the software that copies was heard of last, in nanoseconds; 0 before the first question.
    pub(super) copies_heard: u64,
    /// The word as it was when it was taken away for a change of the tables; nothing is decided meanwhile.
    pub(super) held: Option<Charge>,
    pub(super) next_probe: u64,
    pub(super) asked: u64,
    pub(super) probes: u32,
    pub(super) known: Known,
    pub(super) nudging: Nudges,
}

impl Watched {
    pub(super) fn new(spec: Arc<Spec>, saved: Option<&Saved>) -> Self {
        let mut watched = Self {
            members: Vec::new(),
            charge: Charge::default(),
            manual: saved.is_some_and(|saved| saved.manual),
            last: None,
            switches: BTreeMap::new(),
            nudges: 0,
            shared: None,
            alone: None,
            told_alone: None,
            tell_from: 0,
            outdated: None,
            before_asking: None,
            is_contested: false,
            copies_heard: 0,
            held: None,
            next_probe: 0,
            asked: 0,
            probes: 0,
            known: Known::default(),
            nudging: Nudges::default(),
            spec: Arc::clone(&spec),
        };
        watched.take(spec);
        let replaced =
            saved.filter(|saved| watched.saved(saved).is_none() && watched.spec.replication.is_some());
        let replaced = replaced.map(|saved| &saved.member);
        for member in &mut watched.members {
            member.drained = saved.is_some_and(|saved| saved.drained.contains(&member.name));
            member.is_new = replaced == Some(&member.name);
        }
        watched
    }

    /// Members by the new order; who is known stays known.
    pub(super) fn take(&mut self, spec: Arc<Spec>) {
        if self.spec.shared.is_none() && spec.shared.is_some() {
            self.alone = self.in_charge().map(|member| member.name.clone());
        }
        self.held = None;
        let mut old = std::mem::take(&mut self.members);
        for member in &spec.members {
            let is_same = self.spec.at(&member.name).is_none_or(|at| at == member.at);
            let known = old
                .iter()
                .position(|one| is_same && one.name == member.name && one.place == member.place);
            let is_new = !is_same && spec.replication.is_some();
            // Until the software that copies says otherwise.
            let copy = match spec.replication {
                Some(_) => CopyState::Stale {
                    since: super::nanoseconds(),
                    lag: None,
                },
                None => CopyState::Current,
            };
            self.members.push(match known {
                Some(at) if spec.replication.is_none() => Member {
                    copy,
                    is_new,
                    ..old.swap_remove(at)
                },
                Some(at) => old.swap_remove(at),
                None => Member {
                    copy,
                    is_new,
                    ..Member::new(member.name.clone(), member.place)
                },
            });
        }
        if self.spec.interval != spec.interval {
            self.next_probe = 0;
        }
        let is_at = |spec: &Spec, place: u32| {
            let found = spec.places.iter().find(|one| one.place == place);
            found.map(|one| one.segment)
        };
        let is_same = |place| is_at(&self.spec, place) == is_at(&spec, place);
        self.known.keep(is_same);
        let was_copied = self.spec.replication.is_some();
        self.spec = spec;
        self.doubt_copies(was_copied);
    }

    /// Nobody has said of the copies that they are complete, or nobody will say that they are not any more.
    fn doubt_copies(&mut self, was_copied: bool) {
        if self.spec.replication.is_none() {
            return;
        }
        let working = self.in_charge().map(|working| working.name.clone());
        let is_heard = working.as_ref().is_none_or(|name| self.has_monitor(name));
        if was_copied && is_heard {
            return;
        }
        let since = super::nanoseconds();
        for member in &mut self.members {
            if member.copy == CopyState::Current && Some(&member.name) != working.as_ref() {
                member.copy = CopyState::Stale { since, lag: None };
            }
        }
    }

    /// Puts the first one in charge: who was it before, else the preferred one. Where others steer as well, their owner says who.
    pub(super) fn begin(&mut self, vsm: &Vsm, saved: Option<&Saved>) {
        if self.spec.shared.is_some() {
            self.begin_shared(vsm, saved);
            return;
        }
        self.shared = None;
        vsm.served_until.store(0);
        let charge = Charge(vsm.charge.load());
        let before = saved.and_then(|saved| self.saved(saved));
        if charge.epoch() == 0 {
            let first = before.or_else(|| self.members.iter().find(|one| !one.is_new));
            let first = first.or(self.members.first());
            let epoch = saved.map_or(0, |saved| saved.epoch) + 1;
            if let Some(first) = first {
                let begun = Charge::new(epoch, Some(first.place), None);
                vsm.charge.compare_exchange(charge.0, begun.0);
            }
        } else if charge.member().is_none()
            && let Some((before, saved)) = before.zip(saved)
            && saved.epoch >= charge.epoch()
        {
            // An agent was killed between [`Self::hold`] and the new tables.
            let again = Charge::new(saved.epoch, Some(before.place), None);
            vsm.charge.store(again.0);
            self.charge = again;
        }
        if self.charge.epoch() == 0 {
            self.charge = Charge(vsm.charge.load());
        }
    }

    /// The member in charge. A machine that came in its place is not.
    pub(super) fn in_charge(&self) -> Option<&Member> {
        let place = self.charge.member()?;
        self.members
            .iter()
            .find(|member| usize::from(member.place) == place && !member.is_new)
    }

    /// Members that are kept out of use.
    pub(super) fn drained(&self) -> impl Iterator<Item = &Name> {
        let drained = self.members.iter().filter(|member| member.drained);
        drained.map(|member| &member.name)
    }

    pub(super) fn member(&self, name: &Name) -> Result<&Member, Refusal> {
        self.members
            .iter()
            .find(|member| member.name == *name)
            .ok_or_else(|| self.no_member(name))
    }

    pub(super) fn member_mut(&mut self, name: &Name) -> Result<&mut Member, Refusal> {
        let unknown = self.no_member(name);
        self.members
            .iter_mut()
            .find(|member| member.name == *name)
            .ok_or(unknown)
    }

    fn no_member(&self, name: &Name) -> Refusal {
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let sentence = format!("storage machine {} has no member {name}", self.spec.name);
        Refusal::new(codes::UNKNOWN_STORAGE, sentence)
            .with_cure(format!("use one of: {}", names.join(", ")))
            .unchanged()
    }

    /// Whether somebody could take over now.
    pub(super) fn has_standby(&self, now: u64) -> bool {
        self.judged(now).standby.is_some()
    }

    pub(super) fn judged(&self, now: u64) -> Verdict {
        let place = self.in_charge().map(|member| member.place);
        let restoring = Restoring {
            revertive: self.spec.revertive && !self.manual,
            wait: self.spec.wait_to_restore,
        };
        judge(&self.members, place, restoring, now)
    }

    /// In nanoseconds, how long until the next round is due.
    pub(super) fn round(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) -> u64 {
        if self.held.is_some() {
            return self.spec.interval / 2;
        }
        if self.shared.is_some() {
            return self.shared_round(vsm, tools, now);
        }
        self.observe(vsm, tools, now);
        self.listen(vsm, now);
        let verdict = self.judged(now);
        match verdict.switch {
            Some((place, cause)) => {
                self.switch(vsm, place, cause, tools, now);
            }
            None => self.name_standby(vsm, verdict.standby),
        }
        self.resolve_doubt(vsm, tools, now);
        self.look_at_flows(tools, now);
        self.probe_if_due(vsm, tools, now);
        self.send_nudges(tools, now);
        self.pause(self.spec.interval / 2, now)
    }

    /// In nanoseconds, how long until the next round is due, at most `longest`: nudges and connections do not wait for probes.
    pub(super) fn pause(&self, longest: u64, now: u64) -> u64 {
        let look = self.spec.nudge.then_some(self.known.next());
        let due = self.nudging.due().into_iter().chain(look);
        due.map(|due| due.saturating_sub(now).max(MILLISECOND))
            .fold(longest, u64::min)
    }

    pub(super) fn listen(&mut self, vsm: &Vsm, now: u64) {
        let probed = vsm.probed_at.load();
        let is_late = now.saturating_sub(probed) >= self.spec.limit;
        for member in &mut self.members {
            let asked = &vsm.unanswered[usize::from(member.place) & 7];
            let mut unanswered = asked.load();
            // Only clients have asked since, who may wait longer for an answer than a probe does.
            if is_late && unanswered > probed && asked.compare_exchange(unanswered, now) == unanswered {
                unanswered = now;
            }
            member.listen(unanswered, now, self.spec.limit);
        }
    }

    pub(super) fn probe_if_due(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        if now >= self.next_probe {
            self.probe(vsm, tools, now);
            let due = self.next_probe + self.spec.interval;
            self.next_probe = if due > now { due } else { now + self.spec.interval };
        }
    }

    /// A frame may have switched since the last round.
    pub(super) fn observe(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        let charge = Charge(vsm.charge.load());
        if charge.epoch() == self.charge.epoch() {
            self.charge = charge;
            return;
        }
        let from = self.in_charge().cloned();
        self.charge = charge;
        self.note_switch(vsm, from, Cause::Silent, (true, now), tools);
    }

    pub(super) fn name_standby(&mut self, vsm: &Vsm, standby: Option<u8>) {
        let standby = standby.filter(|_| self.spec.in_path && self.is_soon_known_dead());
        if self.charge.standby() == standby.map(usize::from) {
            return;
        }
        let place = self.in_charge().map(|member| member.place);
        let named = Charge::new(self.charge.epoch(), place, standby);
        if vsm.charge.compare_exchange(self.charge.0, named.0) == self.charge.0 {
            self.charge = named;
        }
    }

    /// With the agent gone a frame goes by its last probe for the time of the limit, and by what it knew of the copies then.
    fn is_soon_known_dead(&self) -> bool {
        self.spec.replication.is_none() || self.spec.limit <= UNHEARD
    }

    /// The one write; `None` if somebody else wrote first.
    pub(super) fn switch(
        &mut self,
        vsm: &Vsm,
        to: u8,
        cause: Cause,
        tools: &Tools<'_>,
        now: u64,
    ) -> Option<Switch> {
        let from = self.in_charge().cloned();
        // What was asked before may be answered by the member that is in charge now.
        vsm.unanswered[usize::from(to) & 7].store(0);
        let after = Charge::new(self.charge.epoch() + 1, Some(to), None);
        if vsm.charge.compare_exchange(self.charge.0, after.0) != self.charge.0 {
            return None;
        }
        self.charge = after;
        self.confirm(Some(to));
        self.note_switch(vsm, from, cause, (false, now), tools);
        self.last.clone()
    }

    /// Who has been put in charge is what the service is from now on.
    pub(super) fn confirm(&mut self, place: Option<u8>) {
        for member in self
            .members
            .iter_mut()
            .filter(|member| Some(member.place) == place)
        {
            member.is_new = false;
        }
    }

    pub(super) fn note_switch(
        &mut self,
        vsm: &Vsm,
        from: Option<Member>,
        cause: Cause,
        (in_path, found): (bool, u64),
        tools: &Tools<'_>,
    ) {
        let Some(to) = self.in_charge().map(|member| member.name.clone()) else {
            return;
        };
        // Before anything else is done about it: after a loss of power the old copy must not be served.
        tools.tell(&self.spec.name, None);
        let switched = super::nanoseconds();
        self.trust(vsm, switched);
        let hold = found + self.spec.hold_down;
        let copied = self.spec.replication.is_some();
        for member in self.members.iter_mut().filter(|member| member.name != to) {
            // From now on it lacks what clients write.
            if copied && !matches!(member.copy, CopyState::Stale { .. }) {
                member.copy = CopyState::Stale {
                    since: found,
                    lag: None,
                };
            }
            let was_working = from.as_ref().is_some_and(|from| from.name == member.name);
            if was_working && cause == Cause::Silent {
                member.held_until = hold;
                if in_path {
                    member.answers = Answers::Down(found);
                }
            }
        }
        *self.switches.entry(cause).or_default() += 1;
        if self.nudging.clear() && self.last.as_ref().is_some_and(|last| last.nudged.is_none()) {
            self.tell(tools);
        }
        let nudges = if self.spec.nudge {
            self.fill_nudges(tools)
        } else {
            0
        };
        let delay = self.nudge_delay();
        self.nudging.begin(switched, delay);
        self.last = Some(Switch {
            epoch: self.charge.epoch(),
            heard: from.as_ref().and_then(|from| from.heard),
            from: from.map(|from| from.name),
            to,
            cause,
            in_path,
            found,
            switched,
            nudged: None,
            nudges,
            at: crate::wall::stamp(),
        });
        self.send_nudges(tools, switched);
        if nudges == 0 {
            self.tell(tools);
        }
    }

    /// Once of each switch: after its last nudge, or before the next switch takes its place.
    pub(super) fn tell(&self, tools: &Tools<'_>) {
        if let Some(switch) = &self.last {
            tools.tell(&self.spec.name, Some(switch.clone()));
        }
    }
}
