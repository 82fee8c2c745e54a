//! A storage machine that several nodes steer: they follow one owner, and one of them, the steward, decides.
//!
//! Invariant: this node's word is never older than the newest owner that it has heard of, and names nobody but that owner's
//! member. Nothing here takes over by itself: nobody stands by in the word.

use std::time::Duration;

use fabric_common::maps::storage::{Charge, ClientFlow, Vsm};

use super::board::Saved;
use super::judge::Cause;
use super::tools::Tools;
use super::watched::Watched;
use crate::model::{Isolated, Name};
use crate::store::etcd::{Decision, Fence, Owner, PROOF, Standing};

const MILLISECOND: u64 = 1_000_000;
/// How often a node that only follows looks whether it still hears of the owner.
const LOOK: u64 = 250 * MILLISECOND;
/// A decision that has not come by then is asked for again.
const ASK_AGAIN: u64 = 1000 * MILLISECOND;
/// Members are given so long to learn who asks them now.
const PATIENCE: u64 = 1000 * MILLISECOND;
/// A node without a past waits so long for one that knows who was in charge before the members were at several nodes.
const DEFERENCE: u64 = 500 * MILLISECOND;
/// Clients are nudged once the new member's node has heard of it as well: an answer that its fence drops is not sent again.
const NUDGE_LATER: u64 = 4 * MILLISECOND;

/// What this node knows of it beside what it knows of one of its own.
pub(super) struct Shared {
    pub(super) fence: Fence,
    /// The store has no owner, since then.
    unowned: Option<u64>,
    /// Node that decides.
    pub(super) steward: Option<Name>,
    /// This node decides until then, if it does not hear otherwise.
    office: u64,
    /// No newer owner was there at that time.
    proved: u64,
    /// The store has answered.
    has_heard: bool,
    /// Nobody is served, because that is too long ago.
    is_stopped: bool,
    /// When a decision was asked for.
    wished: Option<u64>,
    /// Why, and when it was known.
    reason: Option<(Cause, u64)>,
}

/// A decision that the store is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) vsm: Name,
    pub(crate) decision: Decision,
    /// The owner that it was made from.
    pub(crate) before: Option<Owner>,
    /// Epochs up to here were used without the store.
    pub(crate) beyond: u64,
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
    fn new(now: u64) -> Self {
        Self {
            fence: Fence::default(),
            unowned: None,
            steward: None,
            office: 0,
            proved: now,
            has_heard: false,
            is_stopped: false,
            wished: None,
            reason: None,
        }
    }

    pub(super) fn is_in_office(&self, now: u64) -> bool {
        self.office > now
    }
}

impl Watched {
    /// The word that is there stays until an owner is heard of. One that this node wrote when it decided alone has an epoch of
    /// its own counting, which is worth nothing beside the store's.
    pub(super) fn begin_shared(&mut self, vsm: &Vsm, saved: Option<&Saved>) {
        if self.shared.is_none() {
            self.shared = Some(Shared::new(super::nanoseconds()));
            self.charge = Charge(vsm.charge.load());
            let saved = saved.filter(|saved| !saved.shared).map(|saved| &saved.member);
            if let Some(working) = self.alone.take().as_ref().or(saved) {
                let known = self.members.iter().find(|member| member.name == *working);
                self.charge = Charge::new(0, known.map(|member| member.place), None);
                vsm.charge.store(self.charge.0);
            }
        }
        // The owner may be a member that the document did not have before, or has no more.
        self.write_word(vsm);
    }

    /// Takes in what stands in the store; at `proved` nothing newer did.
    pub(super) fn hear(&mut self, vsm: &Vsm, standing: &Standing, proved: u64, tools: &Tools<'_>) {
        let now = super::nanoseconds();
        let Some(shared) = &mut self.shared else { return };
        shared.proved = shared.proved.max(proved);
        shared.has_heard = true;
        shared.steward = standing.steward.as_ref().and_then(|name| Name::new(name).ok());
        match &standing.owner {
            Some(owner) => self.obey(vsm, owner, tools),
            None => shared.unowned = shared.unowned.or(Some(now)),
        }
    }

    /// Follows an owner, unless a newer one is known.
    pub(super) fn obey(&mut self, vsm: &Vsm, owner: &Owner, tools: &Tools<'_>) {
        let now = super::nanoseconds();
        let before = self.charge;
        let Some(shared) = &mut self.shared else { return };
        if owner.epoch < u64::from(before.epoch()) || !shared.fence.hear(owner) {
            return;
        }
        shared.unowned = None;
        shared.wished = None;
        let reason = shared.reason.take();
        let from = self.in_charge().cloned();
        self.manual = owner.decision.manual;
        for member in &mut self.members {
            let name = member.name.as_str();
            member.drained = owner.decision.drained.iter().any(|drained| drained == name);
        }
        self.write_word(vsm);
        let is_other = from
            .as_ref()
            .is_none_or(|from| from.name.as_str() != owner.member);
        if is_other && before.epoch() != 0 && self.charge.member().is_some() {
            let named = Cause::named(&owner.decision.cause).unwrap_or(Cause::Removed);
            let (cause, found) = reason.unwrap_or((named, now));
            self.note_switch(from, cause, (false, found), tools);
        }
    }

    /// Brings the word to the newest owner.
    fn write_word(&mut self, vsm: &Vsm) {
        let Some(shared) = &self.shared else { return };
        if let Some(owner) = shared.fence.newest() {
            let member = self
                .members
                .iter()
                .find(|member| shared.fence.admits(member.name.as_str()));
            let place = member.map(|member| member.place);
            let epoch = u32::try_from(owner.epoch).unwrap_or(u32::MAX);
            self.charge = Charge::new(epoch, place, None);
        }
        let word = if shared.is_stopped {
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
        self.stop_if_isolated(vsm, now);
        if !self
            .shared
            .as_ref()
            .is_some_and(|shared| shared.is_in_office(now))
        {
            self.send_nudges(tools, now);
            let due = self
                .nudges_due()
                .map(|due| due.saturating_sub(now).max(MILLISECOND));
            return due.unwrap_or(LOOK).min(LOOK);
        }
        self.listen(vsm, now);
        if let Some(wish) = self.wish(now) {
            // Nobody listens when the agent ends.
            let _ = tools.wishes.send(wish);
        }
        self.probe_if_due(vsm, tools, now);
        self.send_nudges(tools, now);
        self.spec.interval / 2
    }

    /// See [`Isolated::Stop`].
    fn stop_if_isolated(&mut self, vsm: &Vsm, now: u64) {
        let policy = self.spec.shared.as_ref().map(|spec| spec.isolated);
        let Some(shared) = &mut self.shared else { return };
        let limit = u64::try_from(PROOF.as_nanos()).unwrap_or(u64::MAX);
        let is_stopped = policy == Some(Isolated::Stop) && now.saturating_sub(shared.proved) > limit;
        if is_stopped == shared.is_stopped {
            return;
        }
        shared.is_stopped = is_stopped;
        tracing::warn!(vsm = %self.spec.name, is_stopped, "a storage machine whose owner cannot be asked for");
        self.write_word(vsm);
    }

    /// What the steward wants decided now.
    fn wish(&mut self, now: u64) -> Option<Wish> {
        let shared = self.shared.as_ref()?;
        if shared.wished.is_some_and(|at| now < at + ASK_AGAIN) {
            return None;
        }
        let owned = shared.fence.newest().map_or(0, |owner| owner.epoch);
        let verdict = self.judged(now);
        let (place, cause) = match verdict.switch {
            Some(switch) => switch,
            // Who is in charge here is not known to the store: it is new, or older than we are.
            None if owned == 0 || owned < u64::from(self.charge.epoch()) => {
                (u8::try_from(self.charge.member()?).ok()?, Cause::Removed)
            }
            None => return None,
        };
        if owned == 0 && self.charge.member().is_none() {
            // Not before the store was read, nor before a node with a past has spoken.
            shared.unowned.filter(|since| now >= since + DEFERENCE)?;
        }
        let to = self
            .members
            .iter()
            .find(|member| member.place == place)?
            .name
            .clone();
        Some(self.wish_for(&to, cause, now))
    }

    /// Asks for a decision: all that is decided about a storage machine is decided together.
    pub(super) fn wish_for(&mut self, to: &Name, cause: Cause, now: u64) -> Wish {
        let drained = self.members.iter().filter(|member| member.drained);
        let decision = Decision {
            member: to.to_string(),
            cause: cause.to_string(),
            drained: drained.map(|member| member.name.to_string()).collect(),
            manual: self.manual,
        };
        let beyond = u64::from(self.charge.epoch());
        let mut before = None;
        if let Some(shared) = &mut self.shared {
            shared.wished = Some(now);
            shared.reason = Some((cause, now));
            before = shared.fence.newest().cloned();
        }
        Wish {
            vsm: self.spec.name.clone(),
            decision,
            before,
            beyond,
        }
    }

    /// A decision was not made; the next round may ask again.
    pub(super) fn disappoint(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.wished = None;
            shared.reason = None;
            // What was asked for by hand is not done by itself later.
            if let Some(owner) = shared.fence.newest() {
                self.manual = owner.decision.manual;
                for member in &mut self.members {
                    let name = member.name.as_str();
                    member.drained = owner.decision.drained.iter().any(|drained| drained == name);
                }
            }
        }
    }

    /// This node decides for so long, or no more.
    pub(super) fn set_office(&mut self, vsm: &Vsm, proof: Duration, now: u64) {
        let Some(shared) = &mut self.shared else { return };
        let was = shared.is_in_office(now);
        shared.office = now + u64::try_from(proof.as_nanos()).unwrap_or(0);
        if was || !shared.is_in_office(now) {
            return;
        }
        shared.wished = None;
        self.next_probe = now;
        self.asked = 0;
        for member in &mut self.members {
            vsm.unanswered[usize::from(member.place) & 7].store(0);
            member.ask_anew(now + PATIENCE);
        }
    }

    pub(super) fn candidate(&self, now: u64) -> Option<Candidate> {
        let shared = self.shared.as_ref()?;
        let spec = self.spec.shared.as_ref().filter(|spec| spec.may_decide)?;
        let limit = u64::try_from(PROOF.as_nanos()).unwrap_or(u64::MAX);
        Some(Candidate {
            vsm: self.spec.name.clone(),
            steward: shared.steward.clone(),
            is_working_here: self
                .in_charge()
                .is_some_and(|working| self.is_here(&working.name)),
            is_in_touch: shared.has_heard && now.saturating_sub(shared.proved) < limit,
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
