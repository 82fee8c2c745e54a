//! The storage machines of this node as they are, and what is done to them round by round.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fabric_common::maps::storage::{Charge, Vsm};
use fabric_common::rewrite::{Inner, rewrite};
use fabric_common::wire::Macs;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::frames::{Ends, Segment, Tcp, is_at, nudge, who_has};
use super::judge::{Answers, Cause, CopyState, Member, Restoring, judge};
use super::monitor::Progress;
use super::socket::PacketSocket;
use super::spec::{MemberSpec, Spec};
use crate::compile::twin::HostFrame;
use crate::datapath::StorageTables;
use crate::error::{Refusal, codes};
use crate::model::{Name, ReplicationPolicy};

/// Nudges that go out in one round, so that a thousand clients do not all knock at the same moment.
const NUDGES_A_ROUND: usize = 64;
/// Clients answer such a segment once in half a second (`tcp_invalid_ratelimit`): who has not noticed is nudged once more.
const NUDGE_AGAIN: u64 = 700_000_000;
/// First source port of probes; a probe in flight keeps its port for itself.
const PROBE_PORTS: std::ops::Range<u16> = 32_768..36_864;
/// A connection that was heard of less than so many ticks ago (about seconds) is in use.
const RECENT: u32 = 60;
/// A member that keeps its ARP entry of the prober needs to hear of it this often.
const ASK_AGAIN: u64 = 1_000_000_000;

/// What the agent must know of a switch.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The storage machine.
    pub(crate) vsm: Name,
    /// The switch.
    pub(crate) switch: Switch,
}

/// What survives a reboot: who was in charge, so that an old copy is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Number of the last switch.
    pub(crate) epoch: u32,
    /// Member in charge.
    pub(crate) member: Name,
    /// Members that are kept out of use.
    #[serde(default)]
    pub(crate) drained: Vec<Name>,
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

/// Interface and frame.
type Outbound = (u32, Vec<u8>);

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
    next_probe: u64,
    asked: u64,
    probes: u32,
    /// Nudges on their way.
    waiting: VecDeque<Outbound>,
    /// When the same clients are nudged once more, and how.
    nudge_again: Option<(u64, Vec<Outbound>)>,
}

/// Everything that this node steers.
pub(crate) struct Board {
    tables: StorageTables,
    socket: PacketSocket,
    /// Interface behind each port slot.
    egress: BTreeMap<u16, u32>,
    pub(super) vsms: BTreeMap<Name, Watched>,
    events: UnboundedSender<Event>,
    /// Sends that the kernel refused.
    pub(super) unsent: AtomicU64,
}

impl Board {
    /// Nothing to watch yet.
    pub(crate) fn new(tables: StorageTables, socket: PacketSocket, events: UnboundedSender<Event>) -> Self {
        Self {
            tables,
            socket,
            egress: BTreeMap::new(),
            vsms: BTreeMap::new(),
            events,
            unsent: AtomicU64::new(0),
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
        let mut old = std::mem::take(&mut self.vsms);
        for spec in specs {
            let name = spec.name.clone();
            let spec = Arc::new(spec);
            let mut watched = old
                .remove(&name)
                .unwrap_or_else(|| Watched::new(Arc::clone(&spec), saved.get(&name)));
            watched.take(spec);
            if let Some(vsm) = self.tables.vsm(watched.spec.id) {
                watched.begin(vsm, saved.get(&name));
            }
            self.vsms.insert(name, watched);
        }
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
                watched.round(vsm, &tools, now);
            }
            pause = pause.min(watched.spec.interval / 2);
        }
        pause
    }

    /// The storage machines, and what is used on them.
    fn parts(&mut self) -> (&mut BTreeMap<Name, Watched>, Tools<'_>) {
        let tools = Tools {
            tables: &self.tables,
            socket: &self.socket,
            egress: &self.egress,
            events: &self.events,
            unsent: &self.unsent,
        };
        (&mut self.vsms, tools)
    }

    fn find(&mut self, name: &Name) -> Result<&mut Watched, Refusal> {
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
        let watched = self.find(name)?;
        watched.may_switch_to(to, force)?;
        let place = watched.member(to)?.place;
        watched.manual = true;
        self.switched(name, place, Cause::Manual, now)
    }

    fn switched(&mut self, name: &Name, place: u8, cause: Cause, now: u64) -> Result<Switch, Refusal> {
        let (vsms, tools) = self.parts();
        let done = vsms.get_mut(name).and_then(|watched| {
            let vsm = tools.tables.vsm(watched.spec.id)?;
            // Another CPU's frame may be switching as well.
            (0..8).find_map(|_| {
                watched.observe(vsm, &tools, now);
                watched.switch(vsm, place, cause, &tools, now)
            })
        });
        done.ok_or_else(|| {
            Refusal::new(
                codes::BUG,
                format!("storage machine {name} could not be switched"),
            )
        })
    }

    /// Takes a member out of use; another one takes over if it was in charge.
    ///
    /// # Errors
    /// It is unknown, or nobody could take over.
    pub(crate) fn drain(&mut self, name: &Name, member: &Name) -> Result<(), Refusal> {
        let now = super::nanoseconds();
        let watched = self.find(name)?;
        watched.member(member)?;
        let is_working = watched.in_charge().is_some_and(|working| working.name == *member);
        if is_working {
            let next = watched.judged(now).standby;
            if next.is_none() {
                let sentence =
                    format!("{member} is in charge of {name}, and no other member could take over now");
                return Err(Refusal::new(codes::MEMBER_DOWN, sentence)
                    .with_cure(format!("fabric storage show {name}"))
                    .unchanged());
            }
        }
        watched.member_mut(member)?.drained = true;
        watched.manual = false;
        self.round(now);
        Ok(())
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
        match member {
            Some(member) => {
                let member = watched.member_mut(member)?;
                member.drained = false;
                member.held_until = 0;
            }
            None => watched.members.iter_mut().for_each(|member| {
                member.drained = false;
                member.held_until = 0;
            }),
        }
        watched.manual = false;
        self.round(now);
        Ok(())
    }

    /// Connections of clients to a storage machine that were seen within the last minute; `now` is the data path's tick.
    pub(super) fn flows(&self, watched: &Watched, now: u32) -> u64 {
        let recent = |place: &(u32, u32)| {
            let records = self.tables.flows(place.0);
            records
                .filter(|record| record.read().is_some() && now.wrapping_sub(record.seen()) < RECENT)
                .count()
        };
        let all: usize = watched.spec.places.iter().map(recent).sum();
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// What should be written down.
    pub(crate) fn saved(&self) -> BTreeMap<Name, Saved> {
        let saved = |watched: &Watched| {
            let drained = watched.members.iter().filter(|member| member.drained);
            Some(Saved {
                epoch: watched.charge.epoch(),
                member: watched.in_charge()?.name.clone(),
                drained: drained.map(|member| member.name.clone()).collect(),
            })
        };
        let all = self.vsms.iter();
        all.filter_map(|(name, watched)| Some((name.clone(), saved(watched)?)))
            .collect()
    }

    /// Members whose copies are watched: storage machine, the member in charge and the QMP socket of its copying.
    pub(crate) fn monitors(&self) -> Vec<(Name, Name, String)> {
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
                    .find(|spec| spec.name == working.name)?;
                Some((
                    watched.spec.name.clone(),
                    working.name.clone(),
                    spec.monitor.clone()?,
                ))
            })
            .collect()
    }

    /// What the copying of the member in charge says of the copies, by member; `None` if nobody answered, which changes nothing:
    /// it may have died with complete copies.
    pub(crate) fn copies(
        &mut self,
        name: &Name,
        from: &Name,
        copies: Option<&BTreeMap<String, Progress>>,
        now: u64,
    ) {
        let (Some(watched), Some(copies)) = (self.vsms.get_mut(name), copies) else {
            return;
        };
        if watched.in_charge().is_none_or(|working| working.name != *from) {
            return;
        }
        let policy = watched.spec.replication;
        for member in watched.members.iter_mut().filter(|member| member.name != *from) {
            member.copy = copy_state(copies.get(member.name.as_str()), policy, member.copy, now);
        }
    }
}

/// With `sync` a copy that is in step has every write that was acknowledged; otherwise it must have all of them.
fn copy_state(
    progress: Option<&Progress>,
    policy: Option<ReplicationPolicy>,
    before: CopyState,
    now: u64,
) -> CopyState {
    let is_complete = |progress: &&Progress| {
        progress.in_step && (policy == Some(ReplicationPolicy::Sync) || progress.lag == 0)
    };
    if progress.filter(is_complete).is_some() {
        return CopyState::Current;
    }
    let since = match before {
        CopyState::Stale { since, .. } => since,
        CopyState::Current => now,
    };
    CopyState::Stale {
        since,
        lag: progress.map(|progress| progress.lag),
    }
}

/// What a round works with.
struct Tools<'a> {
    tables: &'a StorageTables,
    socket: &'a PacketSocket,
    egress: &'a BTreeMap<u16, u32>,
    events: &'a UnboundedSender<Event>,
    unsent: &'a AtomicU64,
}

impl Tools<'_> {
    fn send(&self, ifindex: u32, frame: &[u8]) {
        if self.socket.send(ifindex, frame).is_err() {
            self.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Watched {
    fn new(spec: Arc<Spec>, saved: Option<&Saved>) -> Self {
        let mut watched = Self {
            members: Vec::new(),
            charge: Charge::default(),
            manual: false,
            last: None,
            switches: BTreeMap::new(),
            nudges: 0,
            next_probe: 0,
            asked: 0,
            probes: 0,
            waiting: VecDeque::new(),
            nudge_again: None,
            spec: Arc::clone(&spec),
        };
        watched.take(spec);
        for member in &mut watched.members {
            member.drained = saved.is_some_and(|saved| saved.drained.contains(&member.name));
        }
        watched
    }

    /// Members by the new order; who is known stays known.
    fn take(&mut self, spec: Arc<Spec>) {
        let mut old = std::mem::take(&mut self.members);
        for member in &spec.members {
            let known = old
                .iter()
                .position(|one| one.name == member.name && one.place == member.place);
            self.members.push(match known {
                Some(at) => old.swap_remove(at),
                None => Member {
                    // Until the software that copies says otherwise.
                    copy: match spec.replication {
                        Some(_) => CopyState::Stale { since: 0, lag: None },
                        None => CopyState::Current,
                    },
                    ..Member::new(member.name.clone(), member.place)
                },
            });
        }
        self.spec = spec;
    }

    /// Puts the first one in charge: who was it before, else the preferred one.
    fn begin(&mut self, vsm: &Vsm, saved: Option<&Saved>) {
        let charge = Charge(vsm.charge.load());
        if charge.epoch() == 0 {
            let before = saved.and_then(|saved| self.members.iter().find(|one| one.name == saved.member));
            let first = before.or(self.members.first());
            let epoch = saved.map_or(0, |saved| saved.epoch) + 1;
            if let Some(first) = first {
                let begun = Charge::new(epoch, Some(first.place), None);
                vsm.charge.compare_exchange(charge.0, begun.0);
            }
        }
        if self.charge.epoch() == 0 {
            self.charge = Charge(vsm.charge.load());
        }
    }

    pub(super) fn in_charge(&self) -> Option<&Member> {
        let place = self.charge.member()?;
        self.members
            .iter()
            .find(|member| usize::from(member.place) == place)
    }

    pub(super) fn member(&self, name: &Name) -> Result<&Member, Refusal> {
        self.members
            .iter()
            .find(|member| member.name == *name)
            .ok_or_else(|| self.no_member(name))
    }

    fn member_mut(&mut self, name: &Name) -> Result<&mut Member, Refusal> {
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

    fn may_switch_to(&self, to: &Name, force: bool) -> Result<(), Refusal> {
        let vsm = &self.spec.name;
        let member = self.member(to)?;
        if self.in_charge().is_some_and(|working| working.name == *to) {
            let sentence = format!("{to} is in charge of {vsm} already");
            return Err(Refusal::new(codes::BAD_STORAGE, sentence)
                .with_cure("none needed")
                .unchanged());
        }
        if force {
            return Ok(());
        }
        if let CopyState::Stale { lag, .. } = member.copy {
            let by = lag.map_or(String::new(), |lag| {
                format!(" by {}", crate::render::numbers::bytes(lag))
            });
            let sentence = format!("{to}'s copy is stale{by}: switching would lose acknowledged writes");
            let cure = format!(
                "wait until fabric storage show {vsm} says lag 0 B        (to lose the writes: --force)"
            );
            return Err(Refusal::new(codes::STALE_MEMBER, sentence)
                .with_cure(cure)
                .unchanged());
        }
        if !member.is_up() {
            let sentence = format!("{to} does not answer: {vsm} would stop");
            let cure = format!("fabric storage show {vsm}        (to switch all the same: --force)");
            return Err(Refusal::new(codes::MEMBER_DOWN, sentence)
                .with_cure(cure)
                .unchanged());
        }
        Ok(())
    }

    /// Whether somebody could take over now.
    pub(super) fn has_standby(&self, now: u64) -> bool {
        self.judged(now).standby.is_some()
    }

    fn judged(&self, now: u64) -> super::judge::Verdict {
        let place = self.in_charge().map(|member| member.place);
        let restoring = Restoring {
            revertive: self.spec.revertive && !self.manual,
            wait: self.spec.wait_to_restore,
        };
        judge(&self.members, place, restoring, now)
    }

    fn round(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        self.observe(vsm, tools, now);
        for member in &mut self.members {
            let unanswered = vsm.unanswered[usize::from(member.place) & 7].load();
            member.listen(unanswered, now, self.spec.limit);
        }
        let verdict = self.judged(now);
        match verdict.switch {
            Some((place, cause)) => {
                self.switch(vsm, place, cause, tools, now);
            }
            None => self.name_standby(vsm, verdict.standby),
        }
        if now >= self.next_probe {
            self.probe(vsm, tools, now);
            let due = self.next_probe + self.spec.interval;
            self.next_probe = if due > now { due } else { now + self.spec.interval };
        }
        self.send_nudges(tools, now);
    }

    /// A frame may have switched since the last round.
    fn observe(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        let charge = Charge(vsm.charge.load());
        if charge.epoch() == self.charge.epoch() {
            self.charge = charge;
            return;
        }
        let from = self.in_charge().cloned();
        self.charge = charge;
        self.note_switch(from, Cause::Silent, (true, now), tools);
    }

    fn name_standby(&mut self, vsm: &Vsm, standby: Option<u8>) {
        let standby = standby.filter(|_| self.spec.in_path);
        if self.charge.standby() == standby.map(usize::from) {
            return;
        }
        let place = self.in_charge().map(|member| member.place);
        let named = Charge::new(self.charge.epoch(), place, standby);
        if vsm.charge.compare_exchange(self.charge.0, named.0) == self.charge.0 {
            self.charge = named;
        }
    }

    /// The one write; `None` if somebody else wrote first.
    fn switch(&mut self, vsm: &Vsm, to: u8, cause: Cause, tools: &Tools<'_>, now: u64) -> Option<Switch> {
        let from = self.in_charge().cloned();
        // What was asked before may be answered by the member that is in charge now.
        vsm.unanswered[usize::from(to) & 7].store(0);
        let after = Charge::new(self.charge.epoch() + 1, Some(to), None);
        if vsm.charge.compare_exchange(self.charge.0, after.0) != self.charge.0 {
            return None;
        }
        self.charge = after;
        self.note_switch(from, cause, (false, now), tools);
        self.last.clone()
    }

    fn note_switch(
        &mut self,
        from: Option<Member>,
        cause: Cause,
        (in_path, found): (bool, u64),
        tools: &Tools<'_>,
    ) {
        let Some(to) = self.in_charge().map(|member| member.name.clone()) else {
            return;
        };
        let switched = super::nanoseconds();
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
        self.waiting.clear();
        let nudges = if self.spec.nudge {
            self.fill_nudges(tools)
        } else {
            0
        };
        let again = self.waiting.iter().cloned().collect();
        self.nudge_again = (nudges > 0).then_some((switched + NUDGE_AGAIN, again));
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
            at: humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string(),
        });
        self.send_nudges(tools, switched);
        if self.waiting.is_empty() {
            self.tell(tools);
        }
    }

    fn tell(&self, tools: &Tools<'_>) {
        if let Some(switch) = &self.last {
            // Nobody listens when the agent ends.
            let _ = tools.events.send(Event {
                vsm: self.spec.name.clone(),
                switch: switch.clone(),
            });
        }
    }

    /// Asks every member. What is unanswered counts from the first probe on.
    fn probe(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        let spec = Arc::clone(&self.spec);
        let ask = spec.tcp_port.is_none() || spec.probed.source.is_none() || now >= self.asked + ASK_AGAIN;
        if ask {
            self.asked = now;
        }
        self.probes = self.probes.wrapping_add(1);
        for member in &mut self.members {
            let Some(target) = spec.members.iter().find(|one| one.name == member.name) else {
                continue;
            };
            vsm.unanswered[usize::from(member.place) & 7].compare_exchange(0, now);
            member.probed = true;
            let ends = Ends {
                to: spec.mac.octets(),
                from: target.port_mac,
                vid: spec.probed.vid,
            };
            if ask {
                let frame = who_has(ends, spec.probed.address, spec.probed.source);
                tools.send(target.ifindex, &frame);
                let known = spec
                    .probed
                    .source
                    .and_then(|source| is_at(ends, source, spec.probed.address));
                if let Some(frame) = known {
                    tools.send(target.ifindex, &frame);
                }
            }
            connect(&spec, target, ends, self.probes, tools);
        }
        vsm.probed_at.store(now);
    }

    fn fill_nudges(&mut self, tools: &Tools<'_>) -> u64 {
        let server = self.spec.mac.octets();
        let mac = fabric_common::wire::mac_word(server);
        let mut sequence = self.probes.wrapping_mul(0x9e37_79b1) ^ self.charge.epoch();
        for (place, segment) in &self.spec.places {
            for flow in tools.tables.flows(*place).filter_map(|record| record.read()) {
                sequence = sequence.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
                let Some(path) = tools.tables.path(flow.next_hop, *segment) else {
                    continue;
                };
                let (Some(ifindex), Some(frame)) =
                    (tools.egress.get(&path.slot), nudge(&flow, server, sequence))
                else {
                    continue;
                };
                let mut frame = HostFrame::new(&frame);
                let macs = macs(flow.mac, mac);
                if rewrite(&mut frame, Inner::PLAIN, macs, &path).is_ok() {
                    self.waiting.push_back((*ifindex, frame.bytes().to_vec()));
                }
            }
        }
        u64::try_from(self.waiting.len()).unwrap_or(0)
    }

    fn send_nudges(&mut self, tools: &Tools<'_>, now: u64) {
        if let Some((_, frames)) = self.nudge_again.take_if(|(when, _)| now >= *when) {
            // Those of the moment of the switch: a connection that was opened since then needs none.
            self.waiting.extend(frames);
        }
        if self.waiting.is_empty() {
            return;
        }
        let count = self.waiting.len().min(NUDGES_A_ROUND);
        for (ifindex, frame) in self.waiting.drain(..count) {
            tools.send(ifindex, &frame);
            self.nudges += 1;
        }
        if self.waiting.is_empty()
            && let Some(last) = &mut self.last
            && last.nudged.is_none()
        {
            last.nudged = Some(super::nanoseconds());
            self.tell(tools);
        }
    }
}

/// Destination and source of a frame as the rewriting room takes them.
fn macs(destination: u64, source: u64) -> Macs {
    let [a, b, c, d, e, f, _, _] = destination.to_le_bytes();
    let [g, h, i, j, k, l, _, _] = source.to_le_bytes();
    Macs::from_wire([a, b, c, d, e, f, g, h], [i, j, k, l])
}

/// Tries a connection, and takes the try before back, so that no server keeps it.
fn connect(spec: &Spec, target: &MemberSpec, ends: Ends, number: u32, tools: &Tools<'_>) {
    let (Some(port), Some(source)) = (spec.tcp_port, spec.probed.source) else {
        return;
    };
    let tcp = |number: u32| {
        let ports = u32::from(PROBE_PORTS.end - PROBE_PORTS.start);
        let from_port = PROBE_PORTS.start + u16::try_from(number % ports).unwrap_or(0);
        Tcp {
            from: source.into(),
            to: spec.probed.address,
            from_port,
            to_port: port,
            sequence: number.wrapping_mul(0x9e37_79b1),
        }
    };
    let before = tcp(number.wrapping_sub(1));
    let before = Tcp {
        sequence: before.sequence.wrapping_add(1),
        ..before
    };
    for (tcp, segment) in [(before, Segment::Abandon), (tcp(number), Segment::Open)] {
        if let Some(frame) = tcp.frame(ends, segment) {
            tools.send(target.ifindex, &frame);
        }
    }
}
