//! The storage machines of this node, and what may be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::judge::Cause;
use super::saved::Saved;
use super::socket::PacketSockets;
use super::spec::{PlaceSpec, Spec};
use super::tools::Tools;
use super::watched::Watched;
use super::wishes::Ask;
use crate::datapath::{StorageTables, ticks};
use crate::error::{Refusal, codes};
use crate::model::{Name, ReplicationPolicy};
use crate::store::etcd::Standing;

/// A connection that was heard of less than so long ago is in use.
const RECENT: Duration = Duration::from_secs(60);

/// What the agent must know.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The storage machine.
    pub(crate) vsm: Name,
    /// The switch; `None` if the word alone is to be written down.
    pub(crate) switch: Option<Switch>,
}

/// One switch, times in nanoseconds of the monotonic clock.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    pub(crate) epoch: u32,
    pub(crate) from: Option<Name>,
    pub(crate) to: Name,
    pub(crate) cause: Cause,
    /// The first frame past the limit did it, not the agent.
    pub(crate) in_path: bool,
    /// Last sign of life of the member before.
    pub(crate) heard: Option<u64>,
    /// When the agent knew.
    pub(crate) found: u64,
    /// When the word was written; for one in the path when it was seen.
    pub(crate) switched: u64,
    /// When the last nudge of the first round was sent.
    pub(crate) nudged: Option<u64>,
    pub(crate) nudges: u64,
    /// Wall clock of `switched`, RFC 3339.
    pub(crate) at: String,
}

/// A member in charge whose copies are watched.
#[derive(Clone, Debug)]
pub(crate) struct Monitored {
    pub(crate) vsm: Name,
    pub(crate) working: Name,
    /// QMP socket of its copying.
    pub(crate) socket: String,
    /// How the copies are made.
    pub(crate) policy: Option<ReplicationPolicy>,
    /// Where other nodes must hear of it: since which epoch it is in charge.
    pub(crate) epoch: Option<u64>,
}

/// Everything that this node steers.
pub(crate) struct Board {
    pub(super) tables: StorageTables,
    sockets: PacketSockets,
    /// Interface behind each port slot.
    egress: BTreeMap<u16, u32>,
    pub(super) vsms: BTreeMap<Name, Watched>,
    events: UnboundedSender<Event>,
    asks: UnboundedSender<Ask>,
    /// Sends that the kernel refused.
    pub(super) unsent: AtomicU64,
    /// What stood in the store, and when.
    pub(super) heard: Option<(BTreeMap<String, Standing>, u64)>,
}

impl Board {
    /// Nothing to watch yet.
    pub(crate) fn new(
        tables: StorageTables,
        sockets: PacketSockets,
        (events, asks): (UnboundedSender<Event>, UnboundedSender<Ask>),
    ) -> Self {
        Self {
            tables,
            sockets,
            egress: BTreeMap::new(),
            vsms: BTreeMap::new(),
            events,
            asks,
            unsent: AtomicU64::new(0),
            heard: None,
        }
    }

    /// Follows a document. Storage machines that stay keep their state, those that are new begin with what was saved.
    pub(crate) fn follow(
        &mut self,
        (specs, egress): (Vec<Spec>, BTreeMap<u16, u32>),
        saved: &BTreeMap<Name, Saved>,
        now: u64,
    ) {
        self.egress = egress;
        self.sockets
            .keep(|ifindex| self.egress.values().any(|used| *used == ifindex));
        let mut old = std::mem::take(&mut self.vsms);
        for spec in specs {
            let name = spec.name.clone();
            let spec = Arc::new(spec);
            let saved = saved.get(&name).filter(|saved| saved.is_of(&spec));
            let mut watched = old
                .remove(&name)
                .unwrap_or_else(|| Watched::new(Arc::clone(&spec), saved));
            watched.take(spec);
            if let Some(vsm) = self.tables.vsm(watched.spec.id) {
                watched.begin(vsm, saved);
            }
            self.vsms.insert(name, watched);
        }
        self.recall();
        self.round(now);
    }

    /// Whether there is anything to watch.
    pub(crate) fn is_idle(&self) -> bool {
        self.vsms.is_empty()
    }

    /// One round: listens, judges, switches, probes, nudges. In nanoseconds, how long until the next one is due.
    pub(crate) fn round(&mut self, now: u64) -> u64 {
        let mut pause = u64::MAX;
        let (vsms, tools) = self.parts();
        for watched in vsms.values_mut() {
            if let Some(vsm) = tools.tables.vsm(watched.spec.id) {
                pause = pause.min(watched.round(vsm, &tools, now));
            }
        }
        pause
    }

    /// The storage machines, and what is used on them.
    pub(super) fn parts(&mut self) -> (&mut BTreeMap<Name, Watched>, Tools<'_>) {
        let tools = Tools {
            tables: &self.tables,
            sockets: &self.sockets,
            egress: &self.egress,
            events: &self.events,
            asks: &self.asks,
            unsent: &self.unsent,
        };
        (&mut self.vsms, tools)
    }

    pub(super) fn find(&mut self, name: &Name) -> Result<&mut Watched, Refusal> {
        self.vsms.get_mut(name).ok_or_else(|| {
            Refusal::new(
                codes::UNKNOWN_STORAGE,
                format!("this node steers no storage machine {name}"),
            )
            .with_cure("fabric storage list")
            .unchanged()
        })
    }

    /// Puts a member in charge.
    ///
    /// # Errors
    /// It is unknown, in charge already, down or stale; the last two not with `force`.
    pub(crate) fn switch(&mut self, name: &Name, to: &Name, force: bool) -> Result<Switch, Refusal> {
        let now = super::nanoseconds();
        self.find(name)?;
        let (vsms, tools) = self.parts();
        if let Some(watched) = vsms.get_mut(name)
            && let Some(vsm) = tools.tables.vsm(watched.spec.id)
        {
            // Another CPU's frame may be switching as well: who may serve is known when it has been seen.
            for _ in 0..8 {
                watched.observe(vsm, &tools, now);
                watched.may_switch_to(to, force)?;
                let place = watched.member(to)?.place;
                if let Some(done) = watched.switch(vsm, place, Cause::Manual, &tools, now) {
                    watched.manual = true;
                    return Ok(done);
                }
            }
        }
        Err(Refusal::new(
            codes::BUG,
            format!("storage machine {name} could not be switched"),
        ))
    }

    /// Takes a member out of use; another one takes over if it was in charge.
    ///
    /// # Errors
    /// It is unknown, or nobody could take over.
    pub(crate) fn drain(&mut self, name: &Name, member: &Name) -> Result<(), Refusal> {
        let now = super::nanoseconds();
        self.observe(name, now);
        let watched = self.find(name)?;
        let next = watched.may_drain(member, now)?;
        watched.drain(member, next.is_some())?;
        self.round(now);
        Ok(())
    }

    /// A frame may have switched since the last round. What is taken away for a change of the tables stays as it was.
    fn observe(&mut self, name: &Name, now: u64) {
        let (vsms, tools) = self.parts();
        if let Some(watched) = vsms.get_mut(name)
            && watched.held.is_none()
            && let Some(vsm) = tools.tables.vsm(watched.spec.id)
        {
            watched.observe(vsm, &tools, now);
        }
    }

    /// Makes every known client look at its connection, as after a switch. A healthy one goes on.
    ///
    /// # Errors
    /// The storage machine is unknown.
    pub(crate) fn nudge(&mut self, name: &Name) -> Result<u64, Refusal> {
        let now = super::nanoseconds();
        self.find(name)?;
        let (vsms, tools) = self.parts();
        let Some(watched) = vsms.get_mut(name) else {
            return Ok(0);
        };
        let nudges = watched.fill_nudges(&tools);
        watched.send_nudges(&tools, now);
        Ok(nudges)
    }

    /// Takes a member back into use, or all of them, and lets the preferred one take over again when it is well.
    ///
    /// # Errors
    /// It is unknown.
    pub(crate) fn restore(&mut self, name: &Name, member: Option<&Name>) -> Result<(), Refusal> {
        let now = super::nanoseconds();
        let watched = self.find(name)?;
        watched.restore(member)?;
        self.round(now);
        Ok(())
    }

    /// Connections of clients to a storage machine that were seen within the last minute; `now` is the data path's tick.
    pub(super) fn flows(&self, watched: &Watched, now: u32) -> u64 {
        let recent = |place: &PlaceSpec| {
            let records = self.tables.flows(place.place);
            records
                .filter(|record| record.read().is_some() && record.age(now) < ticks(RECENT))
                .count()
        };
        let all: usize = watched.spec.places.iter().map(recent).sum();
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// Whether there is no storage machine.
    pub(crate) fn is_empty(&self) -> bool {
        self.vsms.is_empty()
    }

    /// Members of this node whose copies are watched.
    pub(crate) fn monitors(&self) -> Vec<Monitored> {
        let copied = self
            .vsms
            .values()
            .filter(|watched| watched.spec.replication.is_some());
        copied
            .filter_map(|watched| {
                let working = watched.in_charge()?;
                let spec = watched
                    .spec
                    .members
                    .iter()
                    .find(|spec| spec.name == working.name && spec.is_here)?;
                Some(Monitored {
                    vsm: watched.spec.name.clone(),
                    working: working.name.clone(),
                    socket: spec.monitor.clone()?,
                    policy: watched.spec.replication,
                    epoch: watched.shared.is_some().then(|| watched.charge.epoch().into()),
                })
            })
            .collect()
    }
}
