//! What the nodes of a storage machine want the store to hold: the steward's decisions, and what it has lost or never knew.

use super::judge::Cause;
use super::shared::MILLISECOND;
use super::tools::Tools;
use super::watched::Watched;
use crate::model::Name;
use crate::store::etcd::{Decision, Owner, Standing};

/// A decision that has not come by then is asked for again.
const ASK_AGAIN: u64 = 1000 * MILLISECOND;
/// One that was refused is asked for again after so long.
const RETRY: u64 = 100 * MILLISECOND;
/// A store that knows less than we do for so long was restored from a backup.
pub(super) const RESTORED: u64 = 2000 * MILLISECOND;
/// A node without a past waits so long for one that knows who was in charge before the members were at several nodes.
const DEFERENCE: u64 = 1000 * MILLISECOND;

/// By which right a decision is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// The steward's.
    Office {
        /// Epochs up to here were used without the store.
        beyond: u64,
    },
    /// It was made already, with this epoch, and the store has lost it or never knew.
    Made {
        /// Its epoch.
        epoch: u64,
    },
}

/// What the store is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// A decision.
    Decision(Box<Wish>),
    /// To note that this node decides alone about a storage machine, or does not any more.
    Alone { vsm: Name, is_so: bool },
}

/// A decision that the store is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Nodes that may have decided alone before, if the store has no owner yet: one of them that has not told what it decided is
    /// waited for.
    pub(crate) awaits: Vec<Name>,
    pub(crate) vsm: Name,
    pub(crate) decision: Decision,
    /// The owner that it is made from.
    pub(crate) before: Option<Owner>,
    pub(crate) right: Right,
}

/// What an operator wants of a storage machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    manual: bool,
    drained: Vec<Name>,
}

impl Watched {
    fn wanted(&self) -> Wanted {
        Wanted {
            manual: self.manual,
            drained: self.drained().cloned().collect(),
        }
    }

    fn want(&mut self, wanted: &Wanted) {
        self.manual = wanted.manual;
        for member in &mut self.members {
            member.drained = wanted.drained.contains(&member.name);
        }
    }

    /// Something else is about to be wanted, and may not be decided.
    pub(super) fn begin_asking(&mut self) {
        if self.before_asking.is_none() {
            self.before_asking = Some(self.wanted());
        }
    }

    /// What an owner stands for is what is wanted.
    pub(super) fn want_as(&mut self, decision: &Decision) {
        let drained = decision.drained.iter();
        self.want(&Wanted {
            manual: decision.manual,
            drained: drained.filter_map(|name| Name::new(name).ok()).collect(),
        });
        self.before_asking = None;
    }

    /// This node decides alone now. What the store says of the time before is taken back, or it would be believed when other
    /// nodes come to decide again.
    pub(super) fn retire(&mut self, standing: &Standing, tools: &Tools<'_>, now: u64) {
        let owner = standing.owner.as_ref().filter(|owner| !owner.is_retired());
        let Some(owner) = owner.filter(|_| !self.is_contested) else {
            self.outdated = None;
            return;
        };
        // The store may be ahead of us: then other nodes decide, and the document says so soon.
        let since = *self.outdated.get_or_insert(now);
        if now >= since + RESTORED {
            self.outdated = Some(now);
            tools.wish(Wish {
                vsm: self.spec.name.clone(),
                decision: Decision::default(),
                before: Some(owner.clone()),
                awaits: Vec::new(),
                right: Right::Made {
                    epoch: owner.epoch + 1,
                },
            });
        }
    }

    /// It was decided here alone who is in charge, and no other node knows.
    pub(super) fn is_past(&self) -> bool {
        self.charge.epoch() == 0 && self.in_charge().is_some()
    }

    /// What the steward wants decided now.
    pub(super) fn wish(&mut self, now: u64) -> Option<Wish> {
        let shared = self
            .shared
            .as_ref()
            .filter(|shared| now >= shared.ask_from && shared.unreadable.is_none())?;
        let (place, cause) = self.judged(now).switch?;
        if shared.stored.as_ref().is_none_or(Owner::is_retired) {
            // Not before the store was read, nor before a node with a past has spoken.
            shared.unowned.filter(|since| now >= since + DEFERENCE)?;
        }
        let mut members = self.members.iter();
        let to = members.find(|member| member.place == place)?.name.clone();
        Some(self.wish_for(&to, cause, now))
    }

    /// What this node knows and the store does not.
    pub(super) fn put_back(&mut self, now: u64) -> Option<Wish> {
        let epoch = self.epoch();
        let shared = self.shared.as_ref()?;
        let stored = shared.stored.as_ref().map_or(0, |owner| owner.epoch);
        // Who decided alone before is the only one who knows. All others wait whether the store is late.
        let is_past = self.is_past();
        let is_due = if is_past {
            shared.unowned.is_some()
        } else {
            stored < epoch && shared.behind.is_some_and(|since| now >= since + RESTORED)
        };
        if !is_due || !shared.has_heard || shared.unreadable.is_some() || now < shared.ask_from {
            return None;
        }
        let newest = shared.fence.newest().filter(|owner| owner.epoch == epoch);
        let decision = match newest {
            Some(owner) => owner.decision.clone(),
            None => self.decision(&self.in_charge()?.name.clone(), Cause::Removed),
        };
        let before = shared.stored.clone();
        if let Some(shared) = &mut self.shared {
            shared.ask_from = now + ASK_AGAIN;
        }
        Some(Wish {
            vsm: self.spec.name.clone(),
            decision,
            before,
            awaits: Vec::new(),
            right: Right::Made {
                epoch: if is_past { stored + 1 } else { epoch },
            },
        })
    }

    fn decision(&self, to: &Name, cause: Cause) -> Decision {
        Decision {
            member: to.to_string(),
            at: self.spec.at(to).unwrap_or_default().to_owned(),
            cause: cause.to_string(),
            drained: self.drained().map(Name::to_string).collect(),
            manual: self.manual,
        }
    }

    /// Asks for a decision: all that is decided about a storage machine is decided together.
    pub(super) fn wish_for(&mut self, to: &Name, cause: Cause, now: u64) -> Wish {
        let decision = self.decision(to, cause);
        let beyond = self.epoch();
        let mut before = None;
        if let Some(shared) = &mut self.shared {
            shared.ask_from = now + ASK_AGAIN;
            shared.reason = Some((cause, now));
            before.clone_from(&shared.stored);
        }
        Wish {
            vsm: self.spec.name.clone(),
            decision,
            awaits: match &before {
                Some(owner) if !owner.is_retired() => Vec::new(),
                _ => self.others(),
            },
            before,
            right: Right::Office { beyond },
        }
    }

    fn others(&self) -> Vec<Name> {
        let shared = self.spec.shared.as_ref();
        shared.map_or_else(Vec::new, |shared| shared.others.clone())
    }

    /// Has the store note whether this node decides alone. Who comes to decide with it later waits for what it has to say.
    pub(super) fn tell_alone(&mut self, is_so: bool, tools: &Tools<'_>, now: u64) {
        if self.told_alone == Some(is_so) || now < self.tell_from {
            return;
        }
        self.tell_from = now + ASK_AGAIN;
        tools.ask(Ask::Alone {
            vsm: self.spec.name.clone(),
            is_so,
        });
    }

    /// What this node wants decided has to wait for another one.
    pub(super) fn wait(&mut self, now: u64) {
        if let Some(shared) = &mut self.shared {
            shared.ask_from = now + ASK_AGAIN;
        }
    }

    /// A decision was not made; it may be asked for again.
    pub(super) fn disappoint(&mut self, now: u64) {
        if let Some(shared) = &mut self.shared {
            shared.ask_from = now + RETRY;
            shared.reason = None;
            // What was asked for by hand is not done by itself later.
            let decided = shared.fence.newest().map(|owner| owner.decision.clone());
            match (decided, self.before_asking.take()) {
                (Some(decided), _) => self.want_as(&decided),
                (None, Some(before)) => self.want(&before),
                (None, None) => {}
            }
        }
    }
}
