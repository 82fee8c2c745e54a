//! Storage machines and the agent: what the document says of them goes to the watcher, what happens there is told and kept.

mod council;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::cluster::Cluster;
use super::core::{Core, failed, side_file};
use super::metrics::Histogram;
use super::server::Shared;
use crate::api::{self, Act};
use crate::compile::Image;
use crate::datapath::StorageTables;
use crate::error::{Refusal, codes};
use crate::model::{Document, Health, Name, Vsm};
use crate::storage::{
    Ask, Board, Cause, Event, Monitor, Monitored, Move, PacketSockets, Progress, Saved, Switch, Watcher,
    Wish, nanoseconds, specs,
};
use crate::validate::{Valid, ValidVsm};
use council::Council;

/// How often the software that copies is asked how far it is.
const COPIES: Duration = Duration::from_millis(250);

/// The agent's hold on its storage machines.
pub(super) struct Storage {
    pub(super) watcher: Arc<Watcher>,
    /// What is to be found by the next agent.
    saved: BTreeMap<Name, Saved>,
    /// Whether it is on the disk.
    is_saved: bool,
    /// Taken by the task that listens.
    events: Option<UnboundedReceiver<Event>>,
    /// Taken by the council.
    asks: Option<UnboundedReceiver<Ask>>,
    /// There if nodes share a store.
    council: Option<Arc<Council>>,
    switch_times: [(&'static str, Histogram); 3],
}

fn cannot_watch(error: &std::io::Error) -> Refusal {
    Refusal::new(
        codes::FAILED,
        format!("storage machines cannot be watched: {error}"),
    )
    .with_cure("ulimit -n; ulimit -u")
    .unchanged()
}

/// For what is sent to storage machines.
///
/// # Errors
/// When the system refuses it.
pub(super) fn open_sockets() -> Result<PacketSockets, Refusal> {
    PacketSockets::open().map_err(|error| cannot_watch(&error))
}

impl Storage {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn open(
        saved: BTreeMap<Name, Saved>,
        sockets: PacketSockets,
        tables: StorageTables,
    ) -> Result<Self, Refusal> {
        let ((sender, events), (asker, asks)) = (unbounded_channel(), unbounded_channel());
        let board = Board::new(tables, sockets, (sender, asker));
        Ok(Self {
            watcher: Arc::new(Watcher::start(board).map_err(|error| cannot_watch(&error))?),
            saved,
            is_saved: true,
            events: Some(events),
            asks: Some(asks),
            council: None,
            switch_times: ["detect", "write", "nudge"].map(|phase| (phase, Histogram::default())),
        })
    }

    /// How long the parts of unplanned switches took.
    pub(super) fn switch_times(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.switch_times.iter().map(|(phase, times)| (*phase, times))
    }

    fn note_times(&mut self, switch: &Switch) {
        if switch.cause != Cause::Silent {
            return;
        }
        let ends = [
            (switch.heard, Some(switch.found)),
            (Some(switch.found), Some(switch.switched)),
            (Some(switch.switched), switch.nudged),
        ];
        for ((_, times), end) in self.switch_times.iter_mut().zip(ends) {
            if let (Some(begun), Some(ended)) = end {
                times.observe(Duration::from_nanos(ended.saturating_sub(begun)));
            }
        }
    }
}

impl Core {
    /// Watches over what the document in force has.
    pub(super) fn follow_storage(&mut self) {
        let plan = specs(&self.valid, self.here(), &self.image);
        let saved = &self.storage.saved;
        self.storage
            .watcher
            .with(|board| board.follow(plan, saved, nanoseconds()));
        self.save_storage();
    }

    /// Before the tables of `image` are written: see [`Board::hold`].
    pub(super) fn hold_storage(&mut self, valid: &Valid, image: &Image) {
        if Arc::ptr_eq(&self.image.node, &image.node) {
            return;
        }
        let (before, after) = (&self.image.node_ids().vsms, &image.node_ids().vsms);
        let stays = |vsm: &ValidVsm| {
            let (old, new) = (before.get(&vsm.name)?, after.get(&vsm.name)?);
            Some(Move {
                vsm: vsm.name.clone(),
                id: old.id,
                given_on: old.given_on(new).collect(),
                is_shared: vsm.is_shared(),
                is_leaving: false,
            })
        };
        let leaves = before.iter().filter(|(name, _)| !after.contains_key(*name));
        let leaves = leaves.map(|(name, old)| Move {
            vsm: name.clone(),
            id: old.id,
            given_on: old.members.values().copied().collect(),
            is_shared: true,
            is_leaving: true,
        });
        let moves: Vec<Move> = valid.storage().iter().filter_map(stays).chain(leaves).collect();
        self.storage
            .watcher
            .with(|board| board.hold(&moves, nanoseconds()));
    }

    /// Which storage machines `newest` has, refused here, otherwise than the document in force; none if it is in force.
    pub(super) fn contest_storage(&mut self, newest: &Document) {
        let contested = differing(&self.document().storage, &newest.storage);
        self.storage.watcher.with(|board| board.contest(&contested));
    }

    /// The newest document is in force here.
    pub(super) fn agree_on_storage(&mut self) {
        self.storage.watcher.with(|board| board.contest(&BTreeSet::new()));
    }

    /// What [`Self::hold_storage`] was for is not done.
    pub(super) fn release_storage(&mut self) {
        self.storage.watcher.with(Board::release);
    }

    /// Watches over nothing any more. What was seen last is written down now, since nothing is afterwards.
    pub(super) fn leave_storage(&mut self) {
        // After a start that is refused nothing is watched, which says nothing of what was.
        if !self.storage.watcher.with(|board| board.is_empty()) {
            self.write_storage_down();
        }
        let nothing = (Vec::new(), BTreeMap::new());
        self.storage
            .watcher
            .with(|board| board.follow(nothing, &BTreeMap::new(), nanoseconds()));
    }

    /// Writes down who is in charge, if that has changed.
    pub(super) fn save_storage(&mut self) {
        // Events of before the end come late, and the board is empty then.
        if !self.ended {
            self.write_storage_down();
        }
    }

    fn write_storage_down(&mut self) {
        // Nothing is watched until the store says what is in force, and that says nothing of what was.
        if self.cluster.as_ref().is_some_and(Cluster::has_left) {
            return;
        }
        // A document that waits to be confirmed may come back from.
        let is_final = self.pending.is_none();
        let is_known = |name: &Name| {
            let mut storage = self.valid.storage().iter();
            is_final && storage.any(|vsm| vsm.name == *name)
        };
        let now = self
            .storage
            .watcher
            .with(|board| board.saved(&self.storage.saved, is_known));
        if now == self.storage.saved {
            return;
        }
        self.storage.saved = now;
        self.storage.is_saved = false;
        if let Err(refusal) = self.save_storage_again() {
            tracing::error!(problem = %refusal.sentence, "who is in charge of storage machines could not be written down");
        }
    }

    /// Writes down what could not be written down before.
    ///
    /// # Errors
    /// When that fails again.
    pub(super) fn save_storage_again(&mut self) -> Result<(), Refusal> {
        if !self.storage.is_saved {
            self.store
                .set_durable_side_file(side_file::STORAGE, &self.storage.saved)?;
            self.storage.is_saved = true;
        }
        Ok(())
    }

    /// Connections of clients to a storage machine that this node steers.
    ///
    /// # Errors
    /// When the kernel's clock cannot be read.
    pub(super) fn clients_of(&mut self, name: &Name) -> Result<u64, Refusal> {
        let tick = self.plane.now().map_err(failed)?;
        Ok(self.storage.watcher.with(|board| board.flows_of(name, tick)))
    }

    /// The same for one that is to be removed.
    ///
    /// # Errors
    /// Also where another node knows of its clients.
    pub(super) fn clients_of_removed(&mut self, name: &Name) -> Result<u64, Refusal> {
        if let Some(vsm) = self.valid.storage().iter().find(|vsm| vsm.name == *name) {
            self.steers(vsm)?;
            let nodes = vsm.nodes();
            if let Some(other) = nodes.keys().find(|node| Some(**node) != self.here()) {
                let other = &self.valid.node(*other).name;
                let sentence =
                    format!("clients of storage machine {name} at node {other} are not known here");
                return Err(Refusal::new(codes::STORAGE_ELSEWHERE, sentence)
                    .with_cure(format!(
                        "look there: fabric storage show {name}; to remove it all the same: fabric storage remove {name} --force"
                    ))
                    .unchanged());
            }
        }
        self.clients_of(name)
    }

    /// Refuses what only the node can do that steers a storage machine.
    fn steers(&self, vsm: &ValidVsm) -> Result<(), Refusal> {
        let Some(node) = vsm.node().filter(|node| Some(*node) != self.here()) else {
            return Ok(());
        };
        let node = &self.valid.node(node).name;
        let sentence = format!("storage machine {} is steered by node {node}", vsm.name);
        Err(Refusal::new(codes::STORAGE_ELSEWHERE, sentence)
            .with_cure(format!("ask the agent of node {node}"))
            .unchanged())
    }

    /// Does what was asked to a storage machine.
    ///
    /// # Errors
    /// It is unknown, another node steers it, or the action is refused; nothing has changed then.
    pub(super) fn act_on_storage(&mut self, request: &api::StorageAct) -> Result<Acted, Refusal> {
        let name = &request.storage;
        let vsm = self.valid.storage().iter().find(|vsm| vsm.name == *name);
        let Some(vsm) = vsm else {
            return Err(Refusal::new(
                codes::UNKNOWN_STORAGE,
                format!("the fabric has no storage machine {name}"),
            )
            .with_cure("fabric storage list")
            .unchanged());
        };
        self.steers(vsm)?;
        let wish = self
            .storage
            .watcher
            .with(|board| board.wish_of(name, &request.act))?;
        if let Some((wish, council)) = wish.zip(self.storage.council.clone()) {
            return Ok(Acted::Wished(Box::new(wish), council));
        }
        let note = self.storage.watcher.with(|board| match &request.act {
            Act::Switch { to, force } => board
                .switch(name, to, *force)
                .map(|switch| format!("{to} is in charge of {name}, epoch {}", switch.epoch)),
            Act::Drain { member } => board.drain(name, member).map(|()| said(name, &request.act)),
            Act::Nudge => board
                .nudge(name)
                .map(|nudges| format!("nudged {nudges} connections of {name}")),
            Act::Restore { member } => board
                .restore(name, member.as_ref())
                .map(|()| said(name, &request.act)),
        })?;
        self.save_storage();
        Ok(Acted::Done(note))
    }
}

/// Names of those in which others may serve, or may be served, in one than in the other. How fast they are asked is nothing to
/// fall out about.
fn differing(old: &[Vsm], new: &[Vsm]) -> BTreeSet<Name> {
    // So it is after each document that is carried out.
    if old == new {
        return BTreeSet::new();
    }
    let who = |vsm: &Vsm| Vsm {
        health: Health::default(),
        ..vsm.clone()
    };
    let (old, new): (Vec<Vsm>, Vec<Vsm>) = (old.iter().map(who).collect(), new.iter().map(who).collect());
    let only = |some: &[Vsm], others: &[Vsm]| {
        let missing = some.iter().filter(|vsm| !others.contains(vsm));
        missing.map(|vsm| vsm.name.clone()).collect::<BTreeSet<_>>()
    };
    &only(&old, &new) | &only(&new, &old)
}

/// What came of an action on a storage machine.
pub(super) enum Acted {
    /// It is done.
    Done(String),
    /// The store has to decide it.
    Wished(Box<Wish>, Arc<Council>),
}

/// Does what was asked to a storage machine. The core is not held while a store decides.
///
/// # Errors
/// As [`Core::act_on_storage`]; and when the store decides otherwise or does not answer.
pub(super) async fn act(shared: &Shared, request: &api::StorageAct) -> Result<String, Refusal> {
    let acted = shared.core.lock().await.act_on_storage(request)?;
    let (wish, council) = match acted {
        Acted::Done(note) => return Ok(note),
        Acted::Wished(wish, council) => (wish, council),
    };
    let epoch = council.decide(&wish).await?;
    let (name, in_charge) = (&request.storage, &wish.decision.member);
    Ok(match &request.act {
        Act::Switch { .. } => format!("{in_charge} is in charge of {name}, epoch {epoch}"),
        Act::Drain { .. } | Act::Nudge | Act::Restore { .. } => said(name, &request.act),
    })
}

/// What was done, in one sentence.
fn said(name: &Name, act: &Act) -> String {
    match act {
        Act::Switch { to, .. } => format!("{to} is in charge of {name}"),
        Act::Drain { member } => format!("{member} of {name} is out of use"),
        Act::Nudge => format!("nudged the clients of {name}"),
        Act::Restore { member } => {
            let who = member.as_ref().map_or("all members".to_owned(), Name::to_string);
            format!("{who} of {name} may serve again")
        }
    }
}

/// Starts what listens to the watcher, and what asks for the state of the copies.
pub(super) async fn spawn(shared: &Shared) -> Vec<JoinHandle<()>> {
    let mut core = shared.core.lock().await;
    let watcher = Arc::clone(&core.storage.watcher);
    let store = core.cluster.as_ref().map(|cluster| Arc::clone(&cluster.store));
    let council = store.map(|store| Council::new(store, Arc::clone(&watcher)));
    core.storage.council.clone_from(&council);
    let mut tasks = Vec::new();
    if let Some((council, asks)) = council.as_ref().zip(core.storage.asks.take()) {
        tasks.extend(council.spawn(asks));
    }
    tasks.push(tokio::spawn(watch_copies(watcher, council)));
    if let Some(events) = core.storage.events.take() {
        tasks.push(tokio::spawn(listen(shared.clone(), events)));
    }
    tasks
}

async fn listen(shared: Shared, mut events: UnboundedReceiver<Event>) {
    while let Some(Event { vsm, switch }) = events.recv().await {
        let Some(switch) = switch else {
            shared.core.lock().await.save_storage();
            continue;
        };
        let from = switch.from.as_ref().map_or("-".to_owned(), Name::to_string);
        let begun = switch.heard.unwrap_or(switch.found);
        let detect_ms = Duration::from_nanos(switch.found.saturating_sub(begun)).as_secs_f64() * 1000.0;
        let by = if switch.in_path { "in-path" } else { "agent" };
        tracing::warn!(
            vsm = %vsm, %from, to = %switch.to, epoch = switch.epoch, cause = %switch.cause, by,
            detect_ms = format!("{detect_ms:.1}"), nudged = switch.nudges, "storage switched"
        );
        let mut core = shared.core.lock().await;
        core.storage.note_times(&switch);
        core.save_storage();
    }
}

/// What the software that copies said, with the monitor if it is still open.
type Said = std::io::Result<(Monitor, BTreeMap<String, Progress>)>;

/// Each on its own: one that takes its time, or hangs, keeps none of the others waiting.
async fn watch_copies(watcher: Arc<Watcher>, council: Option<Arc<Council>>) {
    let mut ticks = interval(COPIES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open: BTreeMap<String, Monitor> = BTreeMap::new();
    let mut asked: JoinSet<(String, Said)> = JoinSet::new();
    let mut under_way: BTreeSet<String> = BTreeSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let wanted = watcher.with(|board| board.monitors());
                let sockets: BTreeSet<String> = wanted.into_iter().map(|wanted| wanted.socket).collect();
                open.retain(|socket, _| sockets.contains(socket));
                for socket in sockets {
                    if under_way.insert(socket.clone()) {
                        let monitor = open.remove(&socket);
                        asked.spawn(async move {
                            let said = copies(monitor, &socket).await;
                            (socket, said)
                        });
                    }
                }
            }
            Some(Ok((socket, said))) = asked.join_next() => {
                under_way.remove(&socket);
                let copies = said.ok().map(|(monitor, copies)| {
                    open.insert(socket.clone(), monitor);
                    copies
                });
                take_copies(&watcher, council.as_ref(), &socket, copies.as_ref());
            }
        }
    }
}

fn take_copies(
    watcher: &Watcher,
    council: Option<&Arc<Council>>,
    socket: &str,
    copies: Option<&BTreeMap<String, Progress>>,
) {
    let wanted = watcher.with(|board| board.monitors());
    for wanted in wanted.into_iter().filter(|wanted| wanted.socket == socket) {
        let Monitored { vsm, working, .. } = &wanted;
        let are_lost = watcher.with(|board| board.copies(vsm, working, copies, nanoseconds()));
        let nothing = BTreeMap::new();
        let told = copies.or_else(|| are_lost.then_some(&nothing));
        if let Some((council, copies)) = council.zip(told) {
            council.tell_copies(&wanted, copies);
        }
    }
}

/// Asks through the monitor that is open, or through a new one; what fails is opened anew in the next round.
async fn copies(monitor: Option<Monitor>, socket: &str) -> Said {
    let mut monitor = match monitor {
        Some(monitor) => monitor,
        None => Monitor::open(socket).await?,
    };
    let copies = monitor.copies().await?;
    Ok((monitor, copies))
}
