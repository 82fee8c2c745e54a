//! The entry points.

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::helpers::bpf_jiffies64;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use fabric_common::flood::is_sealed;
use fabric_common::maps::Port;
use fabric_common::pipeline::{Verdict, from_access, from_pseudowire, from_trunk, from_underlay};
use fabric_common::{DropReason, Tables};

use crate::copies::{finish_copy, refuse_copy};
use crate::emit::{dropped, emit};
use crate::frame::XdpFrame;
use crate::maps::{CLOCK, KernelTables};
use crate::tell::tell_sender;

/// Entry of tenant-facing ports.
#[xdp(frags)]
fn fabric_access(ctx: XdpContext) -> u32 {
    run(&ctx, |frame, port| from_access(frame, port, &KernelTables))
}

/// Entry of S+C tagged links.
#[xdp(frags)]
fn fabric_trunk(ctx: XdpContext) -> u32 {
    run(&ctx, |frame, port| from_trunk(frame, port, &KernelTables))
}

/// Entry of dedicated lines with labels.
#[xdp(frags)]
fn fabric_pseudowire(ctx: XdpContext) -> u32 {
    run(&ctx, |frame, port| from_pseudowire(frame, port, &KernelTables))
}

/// Entry of underlay ports.
#[xdp(frags)]
fn fabric_underlay(ctx: XdpContext) -> u32 {
    run(&ctx, |frame, port| from_underlay(frame, port, &KernelTables))
}

#[inline(always)]
fn run(ctx: &XdpContext, way: impl Fn(&mut XdpFrame, &Port) -> Result<Verdict, DropReason>) -> u32 {
    let mut frame = XdpFrame::new(ctx);
    let (slot, outcome) = match KernelTables.port(frame.ingress_ifindex()) {
        Some(port) => {
            let verdict = way(&mut frame, port);
            (
                port.slot,
                verdict.and_then(|verdict| emit(ctx, &mut frame, port.slot, verdict)),
            )
        }
        None => (0, Err(DropReason::UnknownPort)),
    };
    outcome.unwrap_or_else(|reason| dropped(ctx, slot, reason))
}

/// Goes on with a frame that an entry program has counted as too big: it becomes a message to its sender, or ends.
#[xdp(frags)]
fn fabric_tell(ctx: XdpContext) -> u32 {
    tell_sender(&mut XdpFrame::new(&ctx)).unwrap_or(XDP_DROP)
}

/// Gives a flooded copy the tags of its destination, and lets pass what is complete.
///
/// A port's queue keeps the program of its first frame for all (`bq_enqueue`), so every way to a port has this one: without it
/// a copy behind a complete frame would leave as it came, and with it only for copies a complete frame behind a copy would not.
#[xdp(frags, map = "devmap")]
fn fabric_flood(ctx: XdpContext) -> u32 {
    let mut frame = XdpFrame::new(&ctx);
    let done = match frame.has_metadata() {
        true => finish_copy(&mut frame),
        false if is_sealed(&frame) => refuse_copy(&frame),
        false => Ok(()),
    };
    match done {
        Ok(()) => XDP_PASS,
        Err(()) => XDP_DROP,
    }
}

/// Writes down the kernel's tick counter; the agent runs it to learn the age of FDB entries.
#[xdp]
fn fabric_clock(_ctx: XdpContext) -> u32 {
    // SAFETY: the helper has no arguments.
    let jiffies = unsafe { bpf_jiffies64() };
    match CLOCK.set(0, jiffies, 0) {
        Ok(()) => XDP_PASS,
        Err(_) => XDP_DROP,
    }
}
