//! Storage machines that several nodes steer: follows who is in charge of them, and decides about those of which this node is
//! the steward.
//!
//! The steward is a node with members, if possible one without the member in charge: so a node that dies takes at most one of
//! the two with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::error::{Refusal, codes};
use crate::model::Name;
use crate::storage::{Candidate, Monitored, Progress, Watcher, Wish, nanoseconds};
use crate::store::etcd::{Charges, CopyReport, EtcdStore, Steward};

/// How often offices are looked after.
const LOOK: Duration = Duration::from_millis(250);
/// How often an office is renewed.
const RENEW: Duration = Duration::from_secs(1);
/// An office that nobody better has taken by then is taken by the node with the member in charge.
const VACANT: Duration = Duration::from_secs(1);
/// How long such a node stays in office before it looks for a better one.
const STAY: Duration = Duration::from_secs(5);
/// Pause after a store that does not answer, and after a decision that was refused.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a lag that changes is told; that a copy is complete or not is told at once.
const TELL: Duration = Duration::from_secs(1);

/// This node's part in deciding.
pub(in crate::agent) struct Council {
    store: Arc<EtcdStore>,
    watcher: Arc<Watcher>,
    offices: Mutex<BTreeMap<Name, Office>>,
    /// Something was heard that may concern offices.
    heard: Notify,
    told: Mutex<BTreeMap<Name, (CopyReport, Instant)>>,
}

struct Office {
    steward: Arc<Steward>,
    taken: Instant,
    renewed: Instant,
}

impl Council {
    pub(super) fn new(store: Arc<EtcdStore>, watcher: Arc<Watcher>) -> Arc<Self> {
        Arc::new(Self {
            store,
            watcher,
            offices: Mutex::default(),
            heard: Notify::new(),
            told: Mutex::default(),
        })
    }

    /// Starts to follow, to look after offices, and to carry wishes to the store.
    pub(super) fn spawn(self: &Arc<Self>, wishes: UnboundedReceiver<Wish>) -> Vec<JoinHandle<()>> {
        vec![
            tokio::spawn(follow(Arc::clone(self))),
            tokio::spawn(serve(Arc::clone(self))),
            tokio::spawn(fulfil(Arc::clone(self), wishes)),
        ]
    }

    /// Has the store decide, and follows it. Gives the epoch.
    ///
    /// # Errors
    /// When another decision or another steward was first, or the store does not answer; nothing is switched then.
    pub(super) async fn decide(&self, wish: &Wish) -> Result<u64, Refusal> {
        let steward = {
            let offices = self.offices.lock().await;
            offices.get(&wish.vsm).map(|office| Arc::clone(&office.steward))
        };
        let decided = match steward {
            Some(steward) => {
                let decision = wish.decision.clone();
                steward.switch(wish.before.as_ref(), decision, wish.beyond).await
            }
            None => Err(Refusal::new(
                codes::STALE_EPOCH,
                format!("this node does not decide about {} any more", wish.vsm),
            )
            .with_cure(format!("fabric storage show {}", wish.vsm))
            .unchanged()),
        };
        let refusal = match decided {
            Ok(owner) => {
                self.watcher.with(|board| board.obey(&wish.vsm, &owner));
                return Ok(owner.epoch);
            }
            Err(refusal) => refusal,
        };
        // An answer that was lost may have been a yes.
        if let Ok(Some(owner)) = self.store.owner(wish.vsm.as_str()).await {
            self.watcher.with(|board| board.obey(&wish.vsm, &owner));
        }
        self.watcher.with(|board| board.disappoint(&wish.vsm));
        Err(refusal)
    }

    /// Tells the other nodes how far the copies are that are made from a member here.
    pub(super) async fn tell_copies(&self, of: &Monitored, copies: &BTreeMap<String, Progress>) {
        let Some(epoch) = of.epoch else { return };
        let states = copies
            .iter()
            .map(|(member, progress)| (member.clone(), (progress.in_step, progress.lag)));
        let report = CopyReport {
            epoch,
            from: of.working.to_string(),
            copies: states.collect(),
        };
        let mut told = self.told.lock().await;
        if let Some((before, at)) = told.get(&of.vsm)
            && (*before == report || (same_but_lag(before, &report) && at.elapsed() < TELL))
        {
            return;
        }
        if self.store.report_copies(of.vsm.as_str(), &report).await.is_ok() {
            told.insert(of.vsm.clone(), (report, Instant::now()));
        }
    }

    async fn look_after_offices(&self, vacant: &mut BTreeMap<Name, Instant>) {
        let candidates = self.watcher.with(|board| board.candidates());
        self.offices
            .lock()
            .await
            .retain(|name, _| candidates.iter().any(|candidate| candidate.vsm == *name));
        vacant.retain(|name, _| candidates.iter().any(|candidate| candidate.vsm == *name));
        for candidate in candidates {
            let name = candidate.vsm.clone();
            let is_ours = self.offices.lock().await.contains_key(&name);
            if is_ours {
                vacant.remove(&name);
                self.stay(&candidate).await;
                continue;
            }
            let is_free = candidate
                .steward
                .as_ref()
                .is_none_or(|steward| steward.as_str() == self.store.by());
            if !candidate.is_in_touch || !is_free {
                vacant.remove(&name);
                continue;
            }
            let since = *vacant.entry(name.clone()).or_insert_with(Instant::now);
            if !candidate.is_working_here || since.elapsed() >= VACANT {
                self.take(&name).await;
            }
        }
    }

    async fn take(&self, name: &Name) {
        let Ok(Some(steward)) = Steward::take(Arc::clone(&self.store), name.as_str()).await else {
            return;
        };
        tracing::info!(vsm = %name, "this node decides about a storage machine");
        let (now, proof) = (Instant::now(), steward.proof());
        let office = Office {
            steward: Arc::new(steward),
            taken: now,
            renewed: now,
        };
        self.offices.lock().await.insert(name.clone(), office);
        self.watcher.with(|board| board.set_office(name, proof));
    }

    /// Renews an office, or leaves it to a better one.
    async fn stay(&self, candidate: &Candidate) {
        let name = &candidate.vsm;
        let (steward, taken) = {
            let mut offices = self.offices.lock().await;
            let Some(office) = offices.get_mut(name) else {
                return;
            };
            if office.renewed.elapsed() < RENEW {
                return;
            }
            office.renewed = Instant::now();
            (Arc::clone(&office.steward), office.taken)
        };
        // A lease may outlive its key: what counts is whose name stands there, once that has been heard.
        let stands = candidate.steward.as_ref().map(Name::as_str);
        let is_lost = stands != Some(self.store.by()) && (stands.is_some() || taken.elapsed() >= VACANT);
        let is_settled = taken.elapsed() >= STAY;
        let is_better_elsewhere = candidate.is_working_here && is_settled && self.has_other(candidate).await;
        let is_ours = !is_lost && !is_better_elsewhere && steward.renew().await.unwrap_or(true);
        if is_ours {
            self.watcher.with(|board| board.set_office(name, steward.proof()));
            return;
        }
        self.offices.lock().await.remove(name);
        self.watcher.with(|board| board.set_office(name, Duration::ZERO));
        steward.resign().await;
    }

    /// Whether another node lives that has members.
    async fn has_other(&self, candidate: &Candidate) -> bool {
        let reports = self.store.reports().await.unwrap_or_default();
        let mut nodes = reports.into_iter().map(|report| report.node);
        nodes.any(|node| candidate.others.iter().any(|other| other.as_str() == node))
    }
}

fn same_but_lag(before: &CopyReport, now: &CopyReport) -> bool {
    let states = |report: &CopyReport| -> Vec<(String, bool, bool)> {
        let copies = report.copies.iter();
        copies
            .map(|(member, (in_step, lag))| (member.clone(), *in_step, *lag == 0))
            .collect()
    };
    (before.epoch, &before.from) == (now.epoch, &now.from) && states(before) == states(now)
}

async fn follow(council: Arc<Council>) {
    let mut charges = Charges::new(Arc::clone(&council.store));
    let mut told = String::new();
    loop {
        match charges.next().await {
            Ok((all, at)) => {
                let ago = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let proved = nanoseconds().saturating_sub(ago);
                council.watcher.with(|board| board.hear(all, proved));
                council.heard.notify_one();
                told.clear();
            }
            Err(refusal) => {
                if refusal.sentence != told {
                    tracing::warn!(problem = %refusal.sentence, "who is in charge of storage machines is not heard, traffic stays");
                }
                told = refusal.sentence;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(council: Arc<Council>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut vacant = BTreeMap::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = council.heard.notified() => {}
        }
        council.look_after_offices(&mut vacant).await;
    }
}

async fn fulfil(council: Arc<Council>, mut wishes: UnboundedReceiver<Wish>) {
    while let Some(wish) = wishes.recv().await {
        let council = Arc::clone(&council);
        tokio::spawn(async move {
            if let Err(refusal) = council.decide(&wish).await {
                tracing::warn!(vsm = %wish.vsm, to = wish.decision.member, problem = %refusal.sentence, "storage not switched");
            }
        });
    }
}
