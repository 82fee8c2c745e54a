//! The programs of gateways: routing, answering, asking.

use aya_ebpf::bindings::xdp_action::XDP_DROP;
use aya_ebpf::programs::XdpContext;
use fabric_common::address::Address;
use fabric_common::gateway::{Answered, Sort, Way, answer, ask, discover, resolve, route_v4, route_v6, sort};
use fabric_common::maps::gateway::{Ask, Routed};
use fabric_common::maps::{after, told_index};
use fabric_common::{DropReason, Frame as _};

use crate::counters::{bump, count};
use crate::emit::{copies, dropped, emit, go_on};
use crate::frame::XdpFrame;
use crate::maps::{AFTER, EGRESS, KernelTables, Own, ROUTED};

/// What the entry program has noted.
#[inline(always)]
fn routed<'a>() -> Option<&'a mut Routed> {
    // SAFETY: a per-CPU value that the entry program has just written; XDP on one CPU is not interrupted by XDP, and each
    // program takes the reference once.
    Some(unsafe { &mut *ROUTED.get_ptr_mut(0)? })
}

/// Tells frames apart, and routes those of IPv4.
#[inline(always)]
pub(crate) fn route_frame(ctx: &XdpContext, frame: &mut XdpFrame) -> u32 {
    let Some(ask) = routed() else {
        return XDP_DROP;
    };
    match sort(frame, ask) {
        Ok(Sort::V4) => {
            let way = route_v4(frame, ask, &KernelTables);
            leave(ctx, frame, ask, way)
        }
        Ok(Sort::V6) => go_on(ctx, ask.slot, after::ROUTE_V6),
        Ok(Sort::Resolution) => go_on(ctx, ask.slot, after::RESOLVE),
        Ok(Sort::Discovery) => go_on(ctx, ask.slot, after::DISCOVER),
        Err(reason) => dropped(ctx, ask.slot, reason),
    }
}

#[inline(always)]
pub(crate) fn route_v6_frame(ctx: &XdpContext, frame: &mut XdpFrame) -> u32 {
    let Some(ask) = routed() else {
        return XDP_DROP;
    };
    let way = route_v6(frame, ask, &KernelTables);
    leave(ctx, frame, ask, way)
}

#[inline(always)]
pub(crate) fn resolve_frame(ctx: &XdpContext, frame: &mut XdpFrame) -> u32 {
    let Some(ask) = routed() else {
        return XDP_DROP;
    };
    let way = resolve(frame, ask, &KernelTables);
    leave(ctx, frame, ask, way)
}

#[inline(always)]
pub(crate) fn discover_frame(ctx: &XdpContext, frame: &mut XdpFrame) -> u32 {
    let Some(ask) = routed() else {
        return XDP_DROP;
    };
    let way = discover(frame, ask, &KernelTables);
    leave(ctx, frame, ask, way)
}

/// Counts whatever becomes of the frame; then a message goes out, if there is one to send.
#[inline(always)]
fn leave(ctx: &XdpContext, frame: &mut XdpFrame, ask: &Routed, way: Result<Way, DropReason>) -> u32 {
    match way {
        Ok(Way::On(verdict)) => {
            emit(ctx, frame, ask.slot, verdict).unwrap_or_else(|reason| dropped(ctx, ask.slot, reason))
        }
        Ok(Way::Answered(reason)) => {
            let action = dropped(ctx, ask.slot, reason);
            if ask.answer != 0 {
                // SAFETY: the context is the program's own. It goes on here if there is no such program.
                unsafe { AFTER.tail_call(ctx, after::ANSWER) };
            }
            action
        }
        Err(reason) => dropped(ctx, ask.slot, reason),
    }
}

/// `None` if nothing is sent.
#[inline(always)]
pub(crate) fn answer_frame(frame: &mut XdpFrame) -> Option<u32> {
    let ask = routed()?;
    match answer(frame, ask, &KernelTables)? {
        Answered::Told(told) => {
            // `fabric_flood` must take it for complete.
            frame.clear_metadata().ok()?;
            let action = EGRESS.redirect(u32::from(told.slot), u64::from(XDP_DROP)).ok()?;
            count(Own::here().sent(told.path), told.len);
            bump(told_index(ask.slot));
            Some(action)
        }
        Answered::Asked(segment) => copies(frame, (segment, 0), (0, 1)).ok(),
    }
}

/// `None` if nobody is asked.
#[inline(always)]
pub(crate) fn ask_neighbour(frame: &mut XdpFrame) -> Option<u32> {
    let irb = u32::from_le_bytes(frame.read(0).ok()?);
    let at = |at| frame.read(at).map(u64::from_le_bytes);
    let words = [at(Ask::ADDRESS_AT).ok()?, at(Ask::ADDRESS_AT + 8).ok()?];
    match ask(frame, irb, Address::from_words(words), &KernelTables)? {
        Answered::Asked(segment) => copies(frame, (segment, 0), (0, 1)).ok(),
        Answered::Told(_) => None,
    }
}
