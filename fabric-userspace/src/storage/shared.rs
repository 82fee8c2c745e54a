//! A storage machine that several nodes steer: they follow one owner, and one of them, the steward, decides.
//!
//! Invariant: this node's word is never older than the newest owner that it has heard of, and names nobody but that owner's
//! member. Nothing here takes over by itself: nobody stands by in the word.

use std::time::Duration;

use fabric_common::maps::storage::{Charge, ClientFlow, Vsm};

use super::judge::{Cause, Member};
use super::saved::Saved;
use super::spec::SharedSpec;
use super::tools::Tools;
use super::watched::Watched;
use super::wishes::RESTORED;
use crate::model::Name;
use crate::store::etcd::{Fence, Owner, PROOF, Standing};

pub(super) const MILLISECOND: u64 = 1_000_000;
/// [`PROOF`] in nanoseconds.
pub(super) const PROVED: u64 = PROOF.as_secs() * 1000 * MILLISECOND;
/// How often a node that only follows looks whether it still hears of the owner.
const LOOK: u64 = 250 * MILLISECOND;
/// Members are given so long to learn who asks them now.
const PATIENCE: u64 = 1000 * MILLISECOND;
/// Clients are nudged once the new member's node has heard of it as well: an answer that its fence drops is not sent again.
const NUDGE_LATER: u64 = 4 * MILLISECOND;

/// What this node knows of it beside what it knows of one of its own.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) fence: Fence,
    /// What stands in the store, as far as is known.
    pub(super) stored: Option<Owner>,
    /// The store knows less than we do, since then.
    pub(super) behind: Option<u64>,
    /// Why the owner in the store cannot be read, if so.
    pub(super) unreadable: Option<String>,
    /// The store has no owner, since then.
    pub(super) unowned: Option<u64>,
    /// Node that decides.
    pub(super) steward: Option<Name>,
    /// This node decides until then, if it does not hear otherwise.
    office: u64,
    /// No newer owner was there at that time.
    proved: u64,
    /// The store has answered.
    pub(super) has_heard: bool,
    /// The tables are new, and what was saved may be old: nobody is served before the store has answered.
    is_new: bool,
    /// Nobody is served, because the store answered too long ago.
    is_stopped: bool,
    /// No decision is asked for before that time.
    pub(super) ask_from: u64,
    /// Why one was asked for, and when that was known.
    pub(super) reason: Option<(Cause, u64)>,
}

/// A storage machine that this node could decide about.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) vsm: Name,
    /// The node that decides now.
    pub(crate) steward: Option<Name>,
    /// The member in charge is at this node: a death of the node should not take both.
    pub(crate) is_working_here: bool,
    /// The store was heard of lately.
    pub(crate) is_in_touch: bool,
    /// Other nodes with members.
    pub(crate) others: Vec<Name>,
}

impl Shared {
    pub(super) fn is_in_office(&self, now: u64) -> bool {
        self.office > now
    }
}

impl Watched {
    /// The word that is there stays until an owner is heard of. One that this node wrote when it decided alone has an epoch of
    /// its own counting, which is worth nothing beside the store's.
    pub(super) fn begin_shared(&mut self, vsm: &Vsm, saved: Option<&Saved>) {
        if self.shared.is_none() {
            let word = Charge(vsm.charge.load());
            let place = |name: &Name| {
                self.members
                    .iter()
                    .find(|one| one.name == *name)
                    .map(|one| one.place)
            };
            let before = saved.and_then(|saved| self.saved(saved)).map(|one| one.place);
            let mut shared = Shared::default();
            self.charge = match (self.alone.take(), saved) {
                (Some(working), _) => Charge::new(0, place(&working), None),
                // The data path may have switched since then.
                (None, Some(saved)) if !saved.shared && word.epoch() > saved.epoch => {
                    Charge::new(0, word.member().and_then(|at| u8::try_from(at).ok()), None)
                }
                (None, Some(saved)) if !saved.shared => Charge::new(0, before, None),
                (None, Some(saved)) if is_ours(word, saved.epoch) => {
                    // A machine that came in another one's place is not what that was.
                    let is_other = word.epoch() == saved.epoch && word.member() != before.map(usize::from);
                    if is_other {
                        Charge::new(saved.epoch, None, None)
                    } else {
                        word
                    }
                }
                (None, Some(saved)) => {
                    shared.is_new = true;
                    Charge::new(saved.epoch, before, None)
                }
                (None, None) => Charge::new(0, word.member().and_then(|at| u8::try_from(at).ok()), None),
            };
            self.shared = Some(shared);
        }
        let is_limited = self.spec.shared.as_ref().is_some_and(SharedSpec::stops);
        if !is_limited {
            vsm.served_until.store(0);
        } else if vsm.served_until.load() == 0 {
            vsm.served_until.store(super::nanoseconds() + PROVED);
        }
        // The owner may be a member that the document did not have before, or has no more.
        self.write_word(vsm);
    }

    /// Takes in what stands in the store; at `proved` nothing newer did.
    pub(super) fn hear(&mut self, vsm: &Vsm, standing: &Standing, proved: u64, tools: &Tools<'_>) {
        let now = super::nanoseconds();
        let (known, is_past) = (self.epoch(), self.is_past());
        let is_limited = self.spec.shared.as_ref().is_some_and(SharedSpec::stops);
        let Some(shared) = &mut self.shared else {
            self.retire(standing, tools, now);
            if self.outdated.is_none() {
                self.tell_alone(true, tools, now);
            }
            return;
        };
        shared.steward = standing.steward.as_ref().and_then(|name| Name::new(name).ok());
        tell_if_unreadable(&self.spec.name, &shared.unreadable, &standing.unreadable);
        shared.unreadable.clone_from(&standing.unreadable);
        if shared.unreadable.is_some() {
            // It may be a newer one: nothing is proved, and nothing changes.
            return;
        }
        shared.proved = shared.proved.max(proved);
        shared.has_heard = true;
        if is_limited {
            vsm.served_until.store(shared.proved + PROVED);
        }
        if standing.owner.as_ref().map_or(0, |owner| owner.epoch) < known {
            // It may be what stood there before we decided.
            let since = *shared.behind.get_or_insert(now);
            if now >= since + RESTORED {
                shared.stored.clone_from(&standing.owner);
            }
        } else {
            shared.behind = None;
            shared.stored.clone_from(&standing.owner);
        }
        shared.unowned = match &standing.owner {
            Some(owner) if !owner.is_retired() => None,
            _ => shared.unowned.or(Some(now)),
        };
        if let Some(owner) = &standing.owner
            && !(owner.is_retired() && is_past)
        {
            self.obey(vsm, owner, tools);
        }
        if let Some(shared) = &mut self.shared
            && std::mem::take(&mut shared.is_new)
        {
            self.write_word(vsm);
        }
        let may_decide = self.spec.shared.as_ref().is_some_and(|spec| spec.may_decide);
        if may_decide && !self.is_past() {
            self.tell_alone(false, tools, now);
        }
    }

    /// The newest epoch that this node knows of.
    pub(super) fn epoch(&self) -> u64 {
        let newest = self.shared.as_ref().map_or(0, |shared| shared.fence.epoch());
        newest.max(self.charge.epoch().into())
    }

    /// Follows an owner, unless a newer one is known.
    pub(super) fn obey(&mut self, vsm: &Vsm, owner: &Owner, tools: &Tools<'_>) {
        let now = super::nanoseconds();
        let before = self.charge;
        let Some(shared) = &mut self.shared else { return };
        if owner.epoch < u64::from(before.epoch()) || !shared.fence.hear(owner) {
            return;
        }
        shared.stored = Some(owner.clone());
        if owner.epoch > u64::from(before.epoch()) {
            shared.ask_from = 0;
        }
        let reason = shared.reason.take();
        let from = self.in_charge().cloned();
        self.want_as(&owner.decision);
        self.write_word(vsm);
        if self.charge != before {
            tools.tell(&self.spec.name, None);
        }
        let is_other = from
            .as_ref()
            .is_none_or(|from| from.name.as_str() != owner.member);
        if is_other && before.epoch() != 0 && self.charge.member().is_some() {
            let named = Cause::named(&owner.decision.cause).unwrap_or(Cause::Removed);
            let (cause, found) = reason.unwrap_or((named, now));
            self.note_switch(vsm, from, cause, (false, found), tools);
        }
    }

    /// Brings the word to the newest owner.
    pub(super) fn write_word(&mut self, vsm: &Vsm) {
        let Some(shared) = &self.shared else { return };
        if let Some(owner) = shared.fence.newest() {
            let at = |name: &Name| self.spec.at(name).unwrap_or_default();
            let is_meant = |member: &&Member| shared.fence.admits(member.name.as_str(), at(&member.name));
            let place = self.members.iter().find(is_meant).map(|member| member.place);
            let replaced = self.members.iter().position(|member| {
                place.is_none() && self.spec.replication.is_some() && member.name.as_str() == owner.member
            });
            let epoch = u32::try_from(owner.epoch).unwrap_or(u32::MAX);
            self.charge = Charge::new(epoch, place, None);
            self.confirm(place);
            if let Some(member) = replaced.and_then(|at| self.members.get_mut(at)) {
                member.is_new = true;
            }
        }
        let Some(shared) = &self.shared else { return };
        let word = if shared.is_new || self.held.is_some() {
            Charge::new(self.charge.epoch(), None, None)
        } else {
            self.charge
        };
        if vsm.charge.load() == word.0 {
            return;
        }
        if let Some(place) = word.member() {
            // What was asked before may be answered by the member that is in charge now.
            vsm.unanswered[place & 7].store(0);
        }
        vsm.charge.store(word.0);
    }

    pub(super) fn shared_round(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) -> u64 {
        self.tell_if_stopped(vsm, now);
        self.look_at_flows(tools, now);
        let is_in_office = self
            .shared
            .as_ref()
            .is_some_and(|shared| shared.is_in_office(now));
        if is_in_office {
            self.listen(vsm, now);
        }
        let wish = if is_in_office { self.wish(now) } else { None };
        if let Some(wish) = wish.or_else(|| self.put_back(now)) {
            tools.wish(wish);
        }
        if is_in_office {
            self.probe_if_due(vsm, tools, now);
            self.send_nudges(tools, now);
            return self.pause(self.spec.interval / 2, now);
        }
        self.send_nudges(tools, now);
        self.pause(LOOK, now)
    }

    /// See [`crate::model::Isolated::Stop`]: the data path does it, and goes on doing it when the agent is dead.
    fn tell_if_stopped(&mut self, vsm: &Vsm, now: u64) {
        let Some(shared) = &mut self.shared else { return };
        let until = vsm.served_until.load();
        let is_stopped = until != 0 && now > until;
        if is_stopped == shared.is_stopped {
            return;
        }
        shared.is_stopped = is_stopped;
        tracing::warn!(vsm = %self.spec.name, is_stopped, "a storage machine whose owner cannot be asked for");
    }

    /// This node decides for so long, or no more.
    pub(super) fn set_office(&mut self, vsm: &Vsm, proof: Duration, now: u64) {
        let Some(shared) = &mut self.shared else { return };
        let was = shared.is_in_office(now);
        shared.office = now + u64::try_from(proof.as_nanos()).unwrap_or(0);
        if was || !shared.is_in_office(now) {
            return;
        }
        shared.ask_from = 0;
        self.next_probe = now;
        self.asked = 0;
        for member in &mut self.members {
            vsm.unanswered[usize::from(member.place) & 7].store(0);
            member.ask_anew(now + PATIENCE);
        }
    }

    pub(super) fn candidate(&self, now: u64) -> Option<Candidate> {
        let shared = self.shared.as_ref().filter(|_| !self.is_contested)?;
        let spec = self.spec.shared.as_ref().filter(|spec| spec.may_decide)?;
        Some(Candidate {
            vsm: self.spec.name.clone(),
            steward: shared.steward.clone(),
            is_working_here: self
                .in_charge()
                .is_some_and(|working| self.is_here(&working.name)),
            is_in_touch: shared.has_heard && now.saturating_sub(shared.proved) < PROVED,
            others: spec.others.clone(),
        })
    }

    pub(super) fn nudge_delay(&self) -> u64 {
        let is_here = self
            .in_charge()
            .is_some_and(|working| self.is_here(&working.name));
        if is_here { 0 } else { NUDGE_LATER }
    }

    /// Whether a member is at a port of this node.
    pub(super) fn is_here(&self, name: &Name) -> bool {
        let mut members = self.spec.members.iter();
        members.any(|member| member.name == *name && member.is_here)
    }

    /// A client is nudged by the node that it is at, and by no other one that its frames pass.
    pub(super) fn is_nudged_here(&self, flow: &ClientFlow) -> bool {
        let shared = self.spec.shared.as_ref();
        shared.is_none_or(|shared| shared.edges.contains(&flow.next_hop))
    }

    /// Whether this node knows of the members' answers: it asks them.
    pub(super) fn asks(&self, now: u64) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.is_in_office(now))
    }
}

fn tell_if_unreadable(vsm: &Name, before: &Option<String>, now: &Option<String>) {
    match now {
        Some(problem) if now != before => {
            tracing::warn!(%vsm, %problem, "who is in charge of a storage machine cannot be read, nothing is switched");
        }
        None if before.is_some() => {
            tracing::warn!(%vsm, "who is in charge of a storage machine can be read again")
        }
        _ => {}
    }
}

/// Whether a word that was found is one of the store's, and not older than what was saved.
fn is_ours(word: Charge, saved: u32) -> bool {
    word.epoch() > saved || (word.epoch() == saved && word.member().is_some())
}
