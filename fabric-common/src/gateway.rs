//! Gateways: packets from one segment of a tenant to another one, by prefix (US 10,560,283 claims 9, 24 and 42).
//!
//! An optional service on top of layer 2. A frame is classified, learned and decided as any other; only what is addressed to the
//! gateway, and what is for everybody in a segment that has one, comes here, in a program of its own. Here its IP header decides,
//! and nothing else than an interface of the same gateway leads to another segment.
//!
//! Every node that has the segment has its gateway, with the same addresses: packets are routed where they enter, and never
//! travel to a gateway between nodes. For the same reason an answer of a neighbour goes on to everybody, because the node that
//! has asked may be another one.

mod answer;
mod arp;
mod ipv4;
mod ipv6;
mod nd;
mod onward;

use crate::address::Address;
use crate::decide::{Copied, Ingress};
use crate::flow::payload;
use crate::maps::gateway::{Irb, Routed};
use crate::maps::{NextHop, Path};
use crate::pipeline::Verdict;
use crate::rewrite::{Inner, bare};
use crate::wire::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, MACS, Macs, TPID_C, TPID_S, VID_MASK, is_group,
};
use crate::{DropReason, Frame, Tables, decide};

pub use answer::{Answered, answer, ask};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It goes on.
    On(Verdict),
    /// It ends with this reason, and `answer` of the [`Routed`] says what is sent instead; [`answer()`] makes that.
    Answered(DropReason),
}

/// A frame that a gateway has to look at.
struct Seen<'t> {
    irb: &'t Irb,
    macs: Macs,
    /// Offset of what follows the tenant's EtherType.
    at: usize,
}

/// Which program a frame is for: each of them alone fills a program's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// An IPv4 packet to the gateway, for [`route_v4`].
    V4,
    /// An IPv6 packet to the gateway, for [`route_v6`].
    V6,
    /// ARP, and what else is for everybody, for [`resolve`].
    Resolution,
    /// Neighbour discovery, for [`discover`].
    Discovery,
}

/// Tells frames apart.
#[inline(always)]
pub fn sort<F: Frame>(frame: &F, ask: &Routed) -> Result<Sort, DropReason> {
    let (kind, at) = payload(frame, usize::from(ask.body))?;
    match (kind, ask.flooded) {
        (ETHERTYPE_IPV4, 0) => Ok(Sort::V4),
        (ETHERTYPE_IPV6, _) if nd::is_discovery(frame, at) => Ok(Sort::Discovery),
        (ETHERTYPE_IPV6, 0) => Ok(Sort::V6),
        (ETHERTYPE_ARP, _) => Ok(Sort::Resolution),
        (_, 0) => Err(DropReason::NotRouted),
        (TPID_C | TPID_S, _) if hides_resolution(frame, at)? => Err(DropReason::ForgedGateway),
        _ => Ok(Sort::Resolution),
    }
}

/// Whether what forges the gateway may be behind a second tag, whose control information is at `at`. Of one that names no VLAN
/// receivers go on with what is behind it (Linux `__netif_receive_skb_core`).
#[inline(always)]
fn hides_resolution<F: Frame>(frame: &F, at: usize) -> Result<bool, DropReason> {
    let [a, b, c, d] = frame.read(at)?;
    let (control, kind) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ok(control & VID_MASK == 0 && matches!(kind, ETHERTYPE_ARP | ETHERTYPE_IPV6 | TPID_C | TPID_S))
}

/// Routes an IPv4 packet.
#[inline(always)]
pub fn route_v4<F: Frame, T: Tables>(frame: &mut F, ask: &mut Routed, tables: &T) -> Result<Way, DropReason> {
    let (_, seen) = look(frame, ask, tables)?;
    check_sender(&seen)?;
    ipv4::route(frame, ask, &seen, tables)
}

/// Routes an IPv6 packet.
#[inline(always)]
pub fn route_v6<F: Frame, T: Tables>(frame: &mut F, ask: &mut Routed, tables: &T) -> Result<Way, DropReason> {
    let (_, seen) = look(frame, ask, tables)?;
    check_sender(&seen)?;
    ipv6::route(frame, ask, &seen, tables)
}

/// Answers ARP, or sends a frame on to everybody.
#[inline(always)]
pub fn resolve<F: Frame, T: Tables>(frame: &mut F, ask: &Routed, tables: &T) -> Result<Way, DropReason> {
    match look(frame, ask, tables)? {
        (ETHERTYPE_ARP, seen) => arp::arp(frame, ask, &seen, tables),
        (ETHERTYPE_IPV6, seen)
            if seen.irb.v6 != Address::default() && nd::may_forge(frame, seen.at, seen.irb.v6) =>
        {
            Err(DropReason::ForgedGateway)
        }
        (_, seen) => to_everybody(frame, ask, seen.macs, tables),
    }
}

/// Takes part in neighbour discovery.
#[inline(always)]
pub fn discover<F: Frame, T: Tables>(frame: &mut F, ask: &Routed, tables: &T) -> Result<Way, DropReason> {
    let (_, seen) = look(frame, ask, tables)?;
    nd::discover(frame, ask, &seen, tables)
}

/// Who sends to a gateway may have to be answered, also at a port where group addresses are taken as sources.
#[inline(always)]
fn check_sender(seen: &Seen<'_>) -> Result<(), DropReason> {
    if is_group(seen.macs.source()) {
        return Err(DropReason::GroupSource);
    }
    Ok(())
}

/// The frame, and its EtherType.
#[inline(always)]
fn look<'t, F: Frame, T: Tables>(
    frame: &F,
    ask: &Routed,
    tables: &'t T,
) -> Result<(u16, Seen<'t>), DropReason> {
    let irb = interface(tables, ask.irb, ask.segment())?;
    let macs_at = usize::from(ask.macs);
    let macs = Macs::from_wire(frame.peek(macs_at)?);
    let (kind, at) = payload(frame, usize::from(ask.body))?;
    Ok((kind, Seen { irb, macs, at }))
}

/// An interface, if it is that of `segment`.
#[inline(always)]
fn interface<T: Tables>(tables: &T, id: u32, segment: u32) -> Result<&Irb, DropReason> {
    tables
        .irb(id)
        .filter(|irb| irb.vrf != 0 && irb.segment() == segment)
        .ok_or(DropReason::StaleNextHop)
}

/// As the entry program would have done without a gateway.
#[inline(always)]
fn to_everybody<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    macs: Macs,
    tables: &T,
) -> Result<Way, DropReason> {
    let inner = Inner {
        macs: usize::from(ask.macs),
        body: usize::from(ask.body),
    };
    let len_in = frame.len();
    let copy = Copied {
        len: len_in + MACS - inner.body,
        in_one_buffer: frame.is_in_one_buffer(),
    };
    let from = Ingress {
        slot: ask.slot,
        horizon: ask.horizon(),
    };
    let turns = decide::may_flood(tables, ask.segment(), copy, Some(from))?;
    bare(frame, inner, macs)?;
    Ok(Way::On(Verdict::Flood {
        segment: ask.segment(),
        horizon: ask.horizon(),
        binding: ask.binding,
        len_in,
        from: ask.slot,
        turns,
    }))
}

/// Whether the frame came from another node of the fabric, whose gateway speaks with the same addresses.
#[inline(always)]
fn is_from_inside<T: Tables>(tables: &T, ask: &Routed) -> bool {
    back(tables, ask).is_some_and(NextHop::is_inside)
}

#[inline(always)]
fn back<'t, T: Tables>(tables: &'t T, ask: &Routed) -> Option<&'t NextHop> {
    tables
        .next_hop(ask.back)
        .filter(|next_hop| next_hop.segment == ask.segment() && !next_hop.decides())
}

/// The way back to the sender, and its index in `COUNT_OUT`.
#[inline(always)]
fn way_back<'t, T: Tables>(tables: &'t T, ask: &Routed) -> Result<(&'t Path, u32), DropReason> {
    let next_hop = back(tables, ask).filter(|next_hop| next_hop.path != 0);
    let id = next_hop.ok_or(DropReason::StaleNextHop)?.path;
    Ok((tables.path(id).ok_or(DropReason::StaleNextHop)?, id))
}
