//! Storage machines: the frame itself takes the standby when the member in charge is silent, and only the member in charge may
//! speak (DESIGN "Storage continuity", US 10,560,283 column 22).
//!
//! The one exception to "nothing above layer 2 decides": whether a frame is a sign of life, or wants an answer, is told by its
//! IP and TCP headers. Where it goes within the segment's storage machine depends on it; that it stays in the segment does not.

mod packet;

use crate::maps::storage::{Charge, ClientFlow, MEMBERS, Vsm, VsmPlace, flow_index};
use crate::maps::{Binding, NextHop, Port};
use crate::rewrite::Inner;
use crate::wire::Macs;
use crate::{DropReason, Frame, Tables};

use packet::Packet;

/// A frame with a storage machine's address as its source: it must come from the member in charge.
///
/// Whoever sends it, it is noted as a sign of life of that member. Answers to the agent's probes end here.
#[inline(always)]
pub fn speaks<F: Frame, T: Tables>(
    frame: &F,
    (inner, macs): (Inner, Macs),
    port: &Port,
    tables: &T,
    (binding, next_hop): (&Binding, &NextHop),
) -> Result<(), DropReason> {
    let place = tables.vsm_place(next_hop.path).ok_or(DropReason::StaleNextHop)?;
    let vsm = tables.vsm(place.vsm).ok_or(DropReason::StaleNextHop)?;
    let charge = Charge(vsm.charge.load());
    let member = member_at(place, charge, binding.learn()).ok_or(DropReason::ForgedVsm)?;
    let packet = Packet::read(frame, inner.body).unwrap_or(Packet::OTHER);
    let since = &vsm.unanswered[member & (MEMBERS - 1)];
    if packet.is_alive(vsm.tcp_only.load() != 0) && since.load() != 0 {
        since.store(0);
    }
    if macs.destination() == port.mac {
        return Err(DropReason::ProbeAnswer);
    }
    if charge.member() != Some(member) {
        return Err(DropReason::Fenced);
    }
    Ok(())
}

/// Several members may be behind one next hop; the one in charge is meant then.
#[inline(always)]
fn member_at(place: &VsmPlace, charge: Charge, next_hop: u32) -> Option<usize> {
    if next_hop == 0 {
        return None;
    }
    if let Some(member) = charge.member()
        && place.next_hops[member & (MEMBERS - 1)] == next_hop
    {
        return Some(member);
    }
    place.next_hops.iter().position(|known| *known == next_hop)
}

/// The next hop of a frame to a storage machine: to the member in charge, or to the standby if that one is silent.
#[inline(always)]
pub fn steer<'t, F: Frame, T: Tables>(
    frame: &F,
    (inner, macs): (Inner, Macs),
    tables: &'t T,
    (binding, next_hop): (&Binding, &NextHop),
) -> Result<&'t NextHop, DropReason> {
    let place = tables.vsm_place(next_hop.path).ok_or(DropReason::StaleNextHop)?;
    let vsm = tables.vsm(place.vsm).ok_or(DropReason::StaleNextHop)?;
    let packet = Packet::read(frame, inner.body).unwrap_or(Packet::OTHER);
    if let Some(flow) = packet.flow {
        let index = flow_index(next_hop.path, flow.hash());
        if let Some(record) = tables.flow(index) {
            let client = ClientFlow {
                client_port: flow.source_port,
                server_port: flow.destination_port,
                tci: packet.tci,
                is_tagged: packet.is_tagged,
                client: flow.source,
                server: flow.destination,
                mac: macs.source(),
                next_hop: binding.learn(),
            };
            record.note(&client, tables.now());
        }
    }
    let member = in_charge(tables, vsm, packet.wants_answer).ok_or(DropReason::NoMember)?;
    tables
        .next_hop(place.next_hops[member & (MEMBERS - 1)])
        .filter(|hop| hop.segment == binding.segment())
        .ok_or(DropReason::StaleNextHop)
}

#[inline(always)]
fn in_charge<T: Tables>(tables: &T, vsm: &Vsm, wants_answer: bool) -> Option<usize> {
    let charge = Charge(vsm.charge.load());
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
/// take its time: a delayed acknowledgement (RFC 1122 section 4.2.3.2: less than 0.5 s).
#[inline(always)]
fn is_silent(vsm: &Vsm, since: u64, now: u64) -> bool {
    let short = vsm.probe_limit.load();
    let is_probed = now.saturating_sub(vsm.probed_at.load()) < short;
    let limit = if is_probed {
        short
    } else {
        vsm.silence_limit.load()
    };
    now.saturating_sub(since) > limit
}
