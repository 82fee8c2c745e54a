//! From a verdict to an action, counting.

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::bindings::{BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS};
use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::bpf_loop;
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::debug;
use fabric_common::flood::{Metadata, Unsent, seal};
use fabric_common::maps::gateway::Routed;
use fabric_common::maps::{Direction, TooBig, after, drop_index};
use fabric_common::pipeline::Verdict;
use fabric_common::{DropReason, Tables as _};

use crate::counters::{add, bump, count};
use crate::frame::XdpFrame;
use crate::maps::{AFTER, EGRESS, FLOOD, FLOOD_SEQUENCE, KernelTables, Own, ROUTED, TOO_BIG};

#[inline(always)]
pub(crate) fn emit(
    ctx: &XdpContext,
    frame: &mut XdpFrame,
    slot: u16,
    verdict: Verdict,
) -> Result<u32, DropReason> {
    match verdict {
        Verdict::Pass => {
            bump(drop_index(slot, Direction::In, 0));
            Ok(XDP_PASS)
        }
        Verdict::Unicast {
            slot: egress,
            binding,
            len_in,
            path,
            len_out,
        } => {
            // `fabric_flood` will see this frame too, and must take it for what it is: complete.
            frame.clear_metadata()?;
            let action = EGRESS
                .redirect(u32::from(egress), u64::from(XDP_DROP))
                .map_err(|_| DropReason::EgressGone)?;
            let own = Own::here();
            count(own.forwarded(binding), len_in);
            count(own.sent(path), len_out);
            Ok(action)
        }
        Verdict::TooBig(ask) => Ok(too_big(ctx, slot, ask)),
        Verdict::Flood {
            segment,
            horizon,
            binding,
            len_in,
            from,
            turns,
        } => {
            let action = copies(frame, (segment, horizon), (from, turns))?;
            count(Own::here().forwarded(binding), len_in);
            Ok(action)
        }
        Verdict::Route(ask) => Ok(to_gateway(ctx, slot, ask)),
    }
}

/// Goes on with the gateway's program.
#[inline(always)]
fn to_gateway(ctx: &XdpContext, slot: u16, ask: Routed) -> u32 {
    if let Some(place) = ROUTED.get_ptr_mut(0) {
        // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
        unsafe { *place = ask };
    }
    go_on(ctx, slot, after::ROUTE)
}

/// Goes on with a program of gateways. Where it is missing there are no gateways.
#[inline(always)]
pub(crate) fn go_on(ctx: &XdpContext, slot: u16, program: u32) -> u32 {
    // SAFETY: the context is the program's own. It goes on here if there is no such program.
    unsafe { AFTER.tail_call(ctx, program) };
    dropped(ctx, slot, DropReason::StaleNextHop)
}

/// A copy for every member of a segment, but for the port slot `from`, 0 for none. With `turns`, 0 or 1, the kernel makes one for that
/// port as well, and `fabric_flood` chooses.
#[inline(always)]
pub(crate) fn copies(
    frame: &mut XdpFrame,
    (segment, horizon): (u32, u32),
    (from, turns): (u16, u32),
) -> Result<u32, DropReason> {
    // The kernel would clone the first buffer and say of the copy that others follow (`xdpf_clone`).
    if frame.hides_buffers() {
        return Err(DropReason::FloodTooBig);
    }
    let metadata = Metadata::new(
        (segment, horizon),
        from,
        (next_sequence(), KernelTables.switches()),
        seal(frame)?,
    );
    frame.push_metadata(metadata)?;
    let action = flood(segment, turns)?;
    count_unsent(segment, from);
    Ok(action)
}

/// The drop is counted here, whatever comes of the message: that is another program's business, so that this one stays small.
#[inline(always)]
fn too_big(ctx: &XdpContext, slot: u16, ask: TooBig) -> u32 {
    let action = dropped(ctx, slot, DropReason::TooBig);
    if let Some(place) = TOO_BIG.get_ptr_mut(0) {
        // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
        unsafe { *place = ask };
        // SAFETY: the context is the program's own. It goes on here if there is no such program.
        unsafe { AFTER.tail_call(ctx, after::TELL) };
    }
    action
}

#[inline(always)]
fn flood(segment: u32, turns: u32) -> Result<u32, DropReason> {
    // SAFETY: an inner map lives until the programs that found it have ended (RCU).
    let list = unsafe { FLOOD.get(&segment) }.ok_or(DropReason::NoReceiver)?;
    // A broadcast takes no fallback action in its flags.
    let flags = BPF_F_BROADCAST | (BPF_F_EXCLUDE_INGRESS * (1 - turns));
    list.redirect(0, u64::from(flags))
        .map_err(|_| DropReason::EgressGone)
}

#[inline(always)]
fn count_unsent(segment: u32, ingress: u16) {
    let Some(mut walk) = Unsent::of(&KernelTables, segment, ingress) else {
        return;
    };
    let step: unsafe extern "C" fn(u32, *mut Unsent) -> i64 = count_unsent_at;
    // SAFETY: the kernel calls the function with a number and with this pointer, while this frame of the stack lives.
    // Linux 5.17. Unrolled, so many rounds are more than the verifier follows.
    unsafe {
        bpf_loop(
            Unsent::SLOTS,
            step as *mut c_void,
            (&raw mut walk).cast::<c_void>(),
            0,
        )
    };
}

/// One round of `bpf_loop`; not 0 ends it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer rounds than slots"
)]
unsafe extern "C" fn count_unsent_at(round: u32, walk: *mut Unsent) -> i64 {
    // SAFETY: the pointer that `count_unsent` has given.
    let walk = unsafe { &mut *walk };
    let slot = round as u16 + 1;
    let copies = walk.at(&KernelTables, slot);
    if copies != 0 {
        add(
            drop_index(slot, Direction::Out, DropReason::LinkDown as u8),
            copies,
        );
    }
    i64::from(walk.is_done())
}

#[inline(always)]
fn next_sequence() -> u32 {
    let Some(sequence) = FLOOD_SEQUENCE.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
    unsafe {
        *sequence = (*sequence).wrapping_add(1);
        *sequence
    }
}

/// Counts a frame that ends here. With the agent's `--log-drops` it is logged as well; otherwise the level is a
/// constant below `debug`, and the verifier takes the code out.
#[inline(always)]
pub(crate) fn dropped(ctx: &XdpContext, slot: u16, reason: DropReason) -> u32 {
    debug!(ctx, "dropped slot={} reason={}", slot, reason as u8);
    bump(drop_index(slot, Direction::In, reason as u8));
    XDP_DROP
}
