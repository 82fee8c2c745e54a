//! Storage machines: the frame itself takes the standby when the member in charge is silent, and only the member in charge may
//! speak (`docs/architecture.md` section 14, US 10,560,283 column 22).
//!
//! The one exception to "nothing above layer 2 decides": whether a frame is a sign of life, or wants an answer, is told by its
//! IP and TCP headers. Where it goes within the segment's storage machine depends on it; that it stays in the segment does not.

mod packet;

use crate::maps::storage::{Charge, MEMBERS, Vsm, flow_index, probe};
use crate::maps::{Binding, NextHop};
use crate::shared::SharedU64;
use crate::{DropReason, Frame, Tables};

use packet::{Packet, hash};

/// Marks the address of a sender that has a fixed place somewhere else: whatever it says, it is nobody's probe.
pub const MISPLACED: u64 = 1 << 63;

/// A frame with a storage machine's address as its source: it must come from the member in charge. Returns why it ends. `to` is
/// its destination, and 0 for the address of the port that it came by, which answers a probe.
///
/// Whoever sends it, it is noted as a sign of life of that member. The answer to a probe that crosses the fabric passes the
/// fences of all nodes up to the one that asked, and ends there.
///
/// A function of its own in BPF: most frames have nothing to do with storage machines, and inline it costs all of them
/// registers. Such a function takes five words and returns one.
#[inline(never)]
pub fn speaks<F: Frame, T: Tables>(
    frame: &F,
    body: usize,
    tables: &T,
    binding: &Binding,
    (next_hop, to): (&NextHop, u64),
) -> Option<DropReason> {
    match heard(frame, body, tables, binding, (next_hop, to)) {
        // The answer to a probe is no frame of the service.
        Ok(_) if to == 0 => Some(DropReason::ProbeAnswer),
        Ok(true) => None,
        Ok(false) => Some(DropReason::Fenced),
        Err(reason) => Some(reason),
    }
}

/// Whether the sender is in charge.
#[inline(always)]
fn heard<F: Frame, T: Tables>(
    frame: &F,
    body: usize,
    tables: &T,
    binding: &Binding,
    (next_hop, to): (&NextHop, u64),
) -> Result<bool, DropReason> {
    let place = tables.vsm_place(next_hop.path).ok_or(DropReason::StaleNextHop)?;
    let vsm = tables.vsm(place.vsm).ok_or(DropReason::StaleNextHop)?;
    let packet = Packet::read(frame, body);
    let port = vsm.tcp_port.load();
    let is_alive = packet.is_alive(port);
    let charge = word(tables, vsm);
    let own = binding.learn();
    let prober = vsm.prober.load();
    let is_ours = probe::is_of(to, prober);
    if let Some(member) = probe::member(to, prober)
        && (is_ours || probe::asker(to) & place.askers != 0)
    {
        if place.sources[member & (MEMBERS - 1)] != own {
            return Err(DropReason::ForgedVsm);
        }
        if !is_ours {
            return Ok(true);
        }
        lives(&vsm.unanswered[member & (MEMBERS - 1)], is_alive);
        return Err(DropReason::ProbeAnswer);
    }
    // What learns nothing does not come here.
    if let Some(member) = charge.member()
        && place.sources[member & (MEMBERS - 1)] == own
    {
        let since = &vsm.unanswered[member & (MEMBERS - 1)];
        lives(since, is_alive);
        if packet.ends_service(port) {
            return in_doubt(tables, vsm, charge, since);
        }
        return Ok(true);
    }
    let mut members = place.sources.iter().zip(&vsm.unanswered);
    let (_, since) = members
        .find(|(known, _)| **known == own)
        .ok_or(DropReason::ForgedVsm)?;
    lives(since, is_alive);
    Ok(false)
}

/// Who is in charge: nobody once the word has run out.
#[inline(always)]
fn word<T: Tables>(tables: &T, vsm: &Vsm) -> Charge {
    let until = vsm.served_until.load();
    if until != 0 && tables.nanoseconds() > until {
        return Charge(0);
    }
    Charge(vsm.charge.load())
}

#[inline(always)]
fn lives(since: &SharedU64, is_alive: bool) {
    if is_alive && since.load() != 0 {
        since.store(0);
    }
}

/// What ends a connection of the service may be the last words of a machine whose server was killed.
///
/// A client that hears them connects anew while nobody serves yet, is refused, and waits for a second or more before he tries
/// again. One that hears nothing is nudged after the switch. Only while the agent asks, because it makes good what was withheld
/// wrongly.
#[inline(always)]
fn in_doubt<T: Tables>(tables: &T, vsm: &Vsm, charge: Charge, since: &SharedU64) -> Result<bool, DropReason> {
    let now = tables.nanoseconds();
    if charge.standby().is_none() || now < vsm.trusted_until.load() || !is_probed(vsm, now) {
        return Ok(true);
    }
    since.compare_exchange(0, now);
    vsm.withheld_at.compare_exchange(0, now);
    Err(DropReason::Withheld)
}

/// The next hop of a frame to a storage machine: to the member in charge, or to the standby if that one is silent. 0 when
/// nobody is in charge. `source` is the sender's address, with [`MISPLACED`], and `back` the next hop to him: of what a gateway
/// has brought, both are those of the segment that it came from. Another node's probe goes to the member that is asked, whoever
/// is in charge.
///
/// A function of its own in BPF, as [`speaks`].
#[inline(never)]
pub fn steer<F: Frame, T: Tables>(
    frame: &F,
    body: usize,
    tables: &T,
    back: u32,
    (next_hop, source): (&NextHop, u64),
) -> u32 {
    let Some(place) = tables.vsm_place(next_hop.path) else {
        return 0;
    };
    let Some(vsm) = tables.vsm(place.vsm) else {
        return 0;
    };
    let prober = vsm.prober.load();
    // Ours do not come from outside, and what has no asker's number is a tenant's.
    let plain = source & !MISPLACED;
    let node = probe::asker(plain);
    if let Some(member) = probe::member(plain, prober)
        && node & (place.askers | probe::askers_with(prober)) != 0
    {
        if node & place.askers != 0 && plain == source {
            return place.next_hops[member & (MEMBERS - 1)];
        }
        // The next node would take it for a probe of ours, or of the node that it names.
        return 0;
    }
    let packet = Packet::read(frame, body);
    // What is for another port than the service's says nothing of the service: a closed port is answered with a reset.
    let port = vsm.tcp_port.load();
    let mut concerns = port == 0;
    if let Ok(flow) = packet.flow(frame, body, source & !MISPLACED, back)
        && (port == 0 || flow.server_port as u64 == port)
    {
        concerns = true;
        if let Some(record) = tables.flow(flow_index(next_hop.path, hash(&flow))) {
            record.note(&flow, tables.now());
        }
    }
    let wants_answer = concerns && packet.wants_answer();
    in_charge(tables, vsm, wants_answer).map_or(0, |member| place.next_hops[member & (MEMBERS - 1)])
}

#[inline(always)]
fn in_charge<T: Tables>(tables: &T, vsm: &Vsm, wants_answer: bool) -> Option<usize> {
    let charge = word(tables, vsm);
    let member = charge.member()?;
    let waiting = &vsm.unanswered[member & (MEMBERS - 1)];
    let since = waiting.load();
    if since == 0 {
        if wants_answer {
            waiting.compare_exchange(0, tables.nanoseconds());
        }
        return Some(member);
    }
    if charge.standby().is_none() || !is_silent(vsm, since, tables.nanoseconds()) {
        return Some(member);
    }
    let after = charge.taken_over();
    let was = vsm.charge.compare_exchange(charge.0, after.0);
    // The agent or another CPU may have been quicker.
    let now = if was == charge.0 { after } else { Charge(was) };
    now.member()
}

/// Probes every few milliseconds prove a short silence; without them only a client's unanswered frame does, and an answer may
/// take its time: a delayed acknowledgement (RFC 1122 section 4.2.3.2: less than 0.5 s). Without them the agent may be gone, and
/// nobody has watched the copies since: where there are some, no silence is long enough.
#[inline(always)]
fn is_silent(vsm: &Vsm, since: u64, now: u64) -> bool {
    let limit = if is_probed(vsm, now) {
        &vsm.probe_limit
    } else {
        &vsm.silence_limit
    };
    now.saturating_sub(since) > limit.load()
}

#[inline(always)]
fn is_probed(vsm: &Vsm, now: u64) -> bool {
    now.saturating_sub(vsm.probed_at.load()) < vsm.probe_limit.load()
}
