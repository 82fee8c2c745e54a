//! One storage machine as it is, and what is done to it round by round.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fabric_common::maps::storage::{Charge, Vsm};
use fabric_common::rewrite::{Inner, rewrite};
use fabric_common::wire::Macs;
use tokio::sync::mpsc::UnboundedSender;

use super::board::{Event, Saved, Switch};
use super::frames::{Ends, Segment, Tcp, is_at, nudge, who_has};
use super::judge::{Answers, Cause, CopyState, Member, Restoring, Verdict, judge};
use super::socket::PacketSocket;
use super::spec::{MemberSpec, Spec};
use crate::compile::twin::HostFrame;
use crate::datapath::StorageTables;
use crate::error::{Refusal, codes};
use crate::model::Name;

/// Nudges that go out in one round, so that a thousand clients do not all knock at the same moment.
const NUDGES_A_ROUND: usize = 64;
/// Clients answer such a segment once in half a second (`tcp_invalid_ratelimit`): who has not noticed is nudged once more.
const NUDGE_AGAIN: u64 = 700_000_000;
/// First source port of probes; a probe in flight keeps its port for itself.
const PROBE_PORTS: std::ops::Range<u16> = 32_768..36_864;
/// A member that keeps its ARP entry of the prober needs to hear of it this often.
const ASK_AGAIN: u64 = 1_000_000_000;

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

/// What a round works with.
pub(super) struct Tools<'a> {
    pub(super) tables: &'a StorageTables,
    pub(super) socket: &'a PacketSocket,
    pub(super) egress: &'a BTreeMap<u16, u32>,
    pub(super) events: &'a UnboundedSender<Event>,
    pub(super) unsent: &'a AtomicU64,
}

impl Tools<'_> {
    fn send(&self, ifindex: u32, frame: &[u8]) {
        if self.socket.send(ifindex, frame).is_err() {
            self.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Watched {
    pub(super) fn new(spec: Arc<Spec>, saved: Option<&Saved>) -> Self {
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
    pub(super) fn take(&mut self, spec: Arc<Spec>) {
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
    pub(super) fn begin(&mut self, vsm: &Vsm, saved: Option<&Saved>) {
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

    pub(super) fn may_switch_to(&self, to: &Name, force: bool) -> Result<(), Refusal> {
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

    pub(super) fn judged(&self, now: u64) -> Verdict {
        let place = self.in_charge().map(|member| member.place);
        let restoring = Restoring {
            revertive: self.spec.revertive && !self.manual,
            wait: self.spec.wait_to_restore,
        };
        judge(&self.members, place, restoring, now)
    }

    pub(super) fn round(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
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
        self.resolve_doubt(vsm, tools, now);
        if now >= self.next_probe {
            self.probe(vsm, tools, now);
            let due = self.next_probe + self.spec.interval;
            self.next_probe = if due > now { due } else { now + self.spec.interval };
        }
        self.send_nudges(tools, now);
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
        if !self.waiting.is_empty() {
            self.waiting.clear();
            if self.last.as_ref().is_some_and(|last| last.nudged.is_none()) {
                self.tell(tools);
            }
        }
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
            at: crate::wall::stamp(),
        });
        self.send_nudges(tools, switched);
        if nudges == 0 {
            self.tell(tools);
        }
    }

    /// Once of each switch: after its last nudge, or before the next switch takes its place.
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

    pub(super) fn fill_nudges(&mut self, tools: &Tools<'_>) -> u64 {
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

    pub(super) fn send_nudges(&mut self, tools: &Tools<'_>, now: u64) {
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
