//! Storage machines that several nodes steer: follows who is in charge of them, and decides about those of which this node is
//! the steward.
//!
//! The steward is a node with members, if possible one without the member in charge: so a node that dies takes at most one of
//! the two with it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::error::{Refusal, codes};
use crate::model::Name;
use crate::storage::{Ask, Candidate, Monitored, Progress, Right, Watcher, Wish, nanoseconds};
use crate::store::etcd::{Charges, CopyReport, EtcdStore, NodeReport, Steward};

/// How often offices are looked after.
const LOOK: Duration = Duration::from_millis(250);
/// How often an office is renewed.
const RENEW: Duration = Duration::from_secs(1);
/// An office that nobody better has taken by then is taken by the node with the member in charge.
const VACANT: Duration = Duration::from_secs(1);
/// How long such a node stays in office before it looks for a better one.
const STAY: Duration = Duration::from_secs(5);
/// Pause after a store that does not answer, and while there is nothing to ask for.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a lag that changes is told; that a copy is complete or not is told at once.
const TELL: Duration = Duration::from_secs(1);
/// How often it is told all the same: a node that was cut off may have written over it.
const REPEAT: Duration = Duration::from_secs(5);

/// This node's part in deciding.
pub(in crate::agent) struct Council {
    store: Arc<EtcdStore>,
    watcher: Arc<Watcher>,
    offices: Mutex<BTreeMap<Name, Office>>,
    /// Something was heard that may concern offices.
    heard: Notify,
    told: std::sync::Mutex<BTreeMap<Name, Told>>,
}

/// What the other nodes were told of copies.
#[derive(Default)]
struct Told {
    last: Option<(CopyReport, Instant)>,
    /// Something is on its way.
    is_telling: bool,
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
            told: std::sync::Mutex::default(),
        })
    }

    /// Starts to follow, to look after offices, and to carry wishes to the store.
    pub(super) fn spawn(self: &Arc<Self>, asks: UnboundedReceiver<Ask>) -> Vec<JoinHandle<()>> {
        vec![
            tokio::spawn(follow(Arc::clone(self))),
            tokio::spawn(serve(Arc::clone(self))),
            tokio::spawn(fulfil(Arc::clone(self), asks)),
        ]
    }

    /// Has the store decide, and follows it. Gives the epoch.
    ///
    /// # Errors
    /// When another decision or another steward was first, or the store does not answer; nothing is switched then.
    pub(super) async fn decide(&self, wish: &Wish) -> Result<u64, Refusal> {
        let (vsm, before, decision) = (wish.vsm.as_str(), wish.before.as_ref(), wish.decision.clone());
        let decided = match wish.right {
            Right::Made { epoch } => self.store.put_back(vsm, before, decision, epoch).await,
            Right::Office { beyond } => match (self.awaited(wish).await, self.steward(&wish.vsm).await) {
                (Err(refusal), _) => Err(refusal),
                (Ok(Some(node)), _) => {
                    self.watcher.with(|board| {
                        board.disappoint(&wish.vsm);
                        board.wait(&wish.vsm);
                    });
                    return Err(waits(&wish.vsm, &node));
                }
                (Ok(None), Some(steward)) => steward.switch(before, decision, beyond).await,
                (Ok(None), None) => Err(not_in_office(&wish.vsm)),
            },
        };
        let refusal = match decided {
            Ok(owner) => {
                self.watcher.with(|board| board.obey(&wish.vsm, &owner));
                return Ok(owner.epoch);
            }
            Err(refusal) => refusal,
        };
        // An answer that was lost may have been a yes.
        if let Ok(stands) = self.store.owner(vsm).await {
            let is_as_read = stands == wish.before;
            if let Some(owner) = stands {
                self.watcher.with(|board| board.obey(&wish.vsm, &owner));
            }
            if is_as_read && refusal.code == codes::STALE_EPOCH {
                // The owner is not what was in the way.
                self.leave(&wish.vsm).await;
            }
        }
        self.watcher.with(|board| board.disappoint(&wish.vsm));
        Err(refusal)
    }

    /// A node that decided alone and has not told what. The store has no owner then, and whoever was put in charge could be another
    /// one than the machine that this node serves by itself.
    async fn awaited(&self, wish: &Wish) -> Result<Option<String>, Refusal> {
        if wish.awaits.is_empty() {
            return Ok(None);
        }
        let alone = self.store.decides_alone(wish.vsm.as_str()).await?;
        Ok(alone.filter(|node| wish.awaits.iter().any(|name| name.as_str() == node)))
    }

    /// Has the store note whether this node decides alone.
    async fn set_alone(&self, vsm: &Name, is_so: bool) {
        // If it does not answer it is asked again.
        if self.store.set_alone(vsm.as_str(), is_so).await.is_ok() {
            self.watcher.with(|board| board.told_alone(vsm, is_so));
        }
    }

    async fn steward(&self, name: &Name) -> Option<Arc<Steward>> {
        let offices = self.offices.lock().await;
        offices.get(name).map(|office| Arc::clone(&office.steward))
    }

    /// Gives an office up.
    async fn leave(&self, name: &Name) {
        let office = self.offices.lock().await.remove(name);
        self.watcher.with(|board| board.set_office(name, Duration::ZERO));
        if let Some(office) = office {
            office.steward.resign().await;
        }
    }

    /// Tells the other nodes how far the copies are that are made from a member here. Waits for nothing: a store that does not
    /// answer must not keep the agent from asking for the state of other copies.
    pub(super) fn tell_copies(self: &Arc<Self>, of: &Monitored, copies: &BTreeMap<String, Progress>) {
        let Some(epoch) = of.epoch else { return };
        let states = copies
            .iter()
            .map(|(member, progress)| (member.clone(), (progress.is_in_step(of.policy), progress.lag)));
        let report = CopyReport {
            epoch,
            from: of.working.to_string(),
            copies: states.collect(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry(of.vsm.clone()).or_default();
        if told.is_telling || told.last.as_ref().is_some_and(|last| is_known(last, &report)) {
            return;
        }
        told.is_telling = true;
        let (council, vsm) = (Arc::clone(self), of.vsm.clone());
        tokio::spawn(async move {
            let is_told = council.store.report_copies(vsm.as_str(), &report).await.is_ok();
            let mut told = council.told.lock().unwrap_or_else(PoisonError::into_inner);
            let told = told.entry(vsm).or_default();
            told.is_telling = false;
            if is_told {
                told.last = Some((report, Instant::now()));
            }
        });
    }

    async fn look_after_offices(self: &Arc<Self>, vacant: &mut BTreeMap<Name, Instant>) {
        let candidates = self.watcher.with(|board| board.candidates());
        let is_candidate = |name: &Name| candidates.iter().any(|candidate| candidate.vsm == *name);
        let gone: Vec<Name> = {
            let offices = self.offices.lock().await;
            offices
                .keys()
                .filter(|name| !is_candidate(name))
                .cloned()
                .collect()
        };
        for name in gone {
            self.leave(&name).await;
        }
        vacant.retain(|name, _| is_candidate(name));
        // At once: the store may take its time with each.
        let mut all = JoinSet::new();
        for candidate in candidates {
            let name = candidate.vsm.clone();
            let is_ours = self.offices.lock().await.contains_key(&name);
            let is_free = candidate
                .steward
                .as_ref()
                .is_none_or(|steward| steward.as_str() == self.store.by());
            if is_ours || !candidate.is_in_touch || !is_free {
                vacant.remove(&name);
            } else {
                let since = *vacant.entry(name.clone()).or_insert_with(Instant::now);
                if candidate.is_working_here && since.elapsed() < VACANT {
                    continue;
                }
            }
            let council = Arc::clone(self);
            if is_ours {
                all.spawn(async move { council.stay(&candidate).await });
            } else if candidate.is_in_touch && is_free {
                all.spawn(async move { council.take(&name).await });
            }
        }
        while all.join_next().await.is_some() {}
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
        self.leave(name).await;
    }

    /// Whether another node lives that has members and would decide.
    async fn has_other(&self, candidate: &Candidate) -> bool {
        let reports = self.store.reports().await.unwrap_or_default();
        is_left_to_other(candidate, &reports)
    }
}

/// One that has refused a document may not decide about what that changes: the office would go to and fro.
fn is_left_to_other(candidate: &Candidate, reports: &[NodeReport]) -> bool {
    let mut able = reports.iter().filter(|report| report.refused.is_none());
    able.any(|report| candidate.others.iter().any(|other| other.as_str() == report.node))
}

fn waits(vsm: &Name, node: &str) -> Refusal {
    let sentence = format!("node {node} decided alone about {vsm} and has not told yet who is in charge");
    let cure = format!(
        "start the agent of node {node}        (to decide without it: fabric storage switch {vsm} --to MEMBER --force)"
    );
    Refusal::new(codes::STORAGE_ELSEWHERE, sentence)
        .with_cure(cure)
        .unchanged()
}

fn not_in_office(vsm: &Name) -> Refusal {
    let sentence = format!("this node does not decide about {vsm} any more");
    Refusal::new(codes::STALE_EPOCH, sentence)
        .with_cure(format!("fabric storage show {vsm}"))
        .unchanged()
}

/// Whether it was told already, or is too little to be told now.
fn is_known((before, at): &(CopyReport, Instant), report: &CopyReport) -> bool {
    (before == report && at.elapsed() < REPEAT) || (same_but_lag(before, report) && at.elapsed() < TELL)
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
        if council.watcher.with(|board| board.is_empty()) {
            // Each reading is one from a majority, and there may be thousands of nodes without a storage machine.
            charges = Charges::new(Arc::clone(&council.store));
            sleep(PAUSE).await;
            continue;
        }
        match charges.next().await {
            Ok((all, at)) => {
                let ago = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let proved = nanoseconds().saturating_sub(ago);
                council.watcher.with(|board| board.hear(all, proved));
                if charges.went_back() {
                    council.watcher.with(|board| board.tell_again());
                }
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

async fn fulfil(council: Arc<Council>, mut asks: UnboundedReceiver<Ask>) {
    while let Some(ask) = asks.recv().await {
        let council = Arc::clone(&council);
        tokio::spawn(async move {
            let wish = match ask {
                Ask::Decision(wish) => wish,
                Ask::Alone { vsm, is_so } => return council.set_alone(&vsm, is_so).await,
            };
            if let Err(refusal) = council.decide(&wish).await {
                tracing::warn!(vsm = %wish.vsm, to = wish.decision.member, problem = %refusal.sentence, "storage not switched");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::RefusedRevision;

    fn report(node: &str, has_refused: bool) -> NodeReport {
        NodeReport {
            schema: "fabric/1".to_owned(),
            node: node.to_owned(),
            instance: node.to_owned(),
            version: "0.1.0".to_owned(),
            layout: 1,
            confirmed: 0,
            revision: 4,
            refused: has_refused.then(|| RefusedRevision {
                revision: 5,
                code: "no-such-port".to_owned(),
                reason: "eth9 is not there".to_owned(),
            }),
            ports: Vec::new(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn an_office_is_left_to_a_node_with_members_that_has_refused_nothing() {
        let candidate = Candidate {
            vsm: Name::new("vsm").expect("legal"),
            steward: None,
            is_working_here: true,
            is_in_touch: true,
            others: vec![Name::new("edge2").expect("legal")],
        };
        for (reports, expected) in [
            (vec![report("edge1", false), report("edge3", false)], false),
            (vec![report("edge1", false), report("edge2", false)], true),
            (vec![report("edge1", false), report("edge2", true)], false),
        ] {
            assert_eq!(is_left_to_other(&candidate, &reports), expected, "{reports:?}");
        }
    }
}
