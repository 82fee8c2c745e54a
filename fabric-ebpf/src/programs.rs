//! The entry points.

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::helpers::bpf_jiffies64;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use fabric_common::flood::is_sealed;
use fabric_common::pipeline::{Verdict, from_access, from_pseudowire, from_trunk, from_underlay};
use fabric_common::{DropReason, Tables};

use crate::copies::{finish_copy, refuse_copy};
use crate::emit::{dropped, emit};
use crate::frame::XdpFrame;
use crate::gateway::{
    answer_frame, ask_neighbour, discover_frame, resolve_frame, route_frame, route_v6_frame,
};
use crate::maps::{CLOCK, KernelTables};
use crate::tell::tell_sender;

/// The way of a frame through the function `$way`. As a parameter of a function it would be called through a function of its
/// own in BPF, where the verifier does not know any more where the frame ends.
macro_rules! run {
    ($ctx:expr, $way:ident) => {{
        let mut frame = XdpFrame::new($ctx);
        match KernelTables.port(frame.ingress_ifindex()) {
            Some(port) => {
                let verdict = $way(&mut frame, port, &KernelTables);
                leave($ctx, &mut frame, port.slot, verdict)
            }
            None => dropped($ctx, 0, DropReason::UnknownPort),
        }
    }};
}

/// Entry of tenant-facing ports.
#[xdp(frags)]
#[inline(always)]
fn fabric_access(ctx: XdpContext) -> u32 {
    run!(&ctx, from_access)
}

/// Entry of S+C tagged links.
#[xdp(frags)]
#[inline(always)]
fn fabric_trunk(ctx: XdpContext) -> u32 {
    run!(&ctx, from_trunk)
}

/// Entry of dedicated lines with labels.
#[xdp(frags)]
#[inline(always)]
fn fabric_pseudowire(ctx: XdpContext) -> u32 {
    run!(&ctx, from_pseudowire)
}

/// Entry of underlay ports.
#[xdp(frags)]
#[inline(always)]
fn fabric_underlay(ctx: XdpContext) -> u32 {
    run!(&ctx, from_underlay)
}

/// Counts whatever becomes of the frame.
#[inline(always)]
fn leave(ctx: &XdpContext, frame: &mut XdpFrame, slot: u16, verdict: Result<Verdict, DropReason>) -> u32 {
    verdict
        .and_then(|verdict| emit(ctx, frame, slot, verdict))
        .unwrap_or_else(|reason| dropped(ctx, slot, reason))
}

/// Goes on with a frame that an entry program has counted as too big: it becomes a message to its sender, or ends.
#[xdp(frags)]
fn fabric_tell(ctx: XdpContext) -> u32 {
    tell_sender(&mut XdpFrame::new(&ctx)).unwrap_or(XDP_DROP)
}

/// Goes on with a frame to a gateway, or to everybody in a segment that has one.
#[xdp(frags)]
fn fabric_route(ctx: XdpContext) -> u32 {
    route_frame(&ctx, &mut XdpFrame::new(&ctx))
}

/// Goes on with an IPv6 packet to the gateway.
#[xdp(frags)]
fn fabric_route_v6(ctx: XdpContext) -> u32 {
    route_v6_frame(&ctx, &mut XdpFrame::new(&ctx))
}

/// Goes on with ARP, and with what else is for everybody.
#[xdp(frags)]
fn fabric_resolve(ctx: XdpContext) -> u32 {
    resolve_frame(&ctx, &mut XdpFrame::new(&ctx))
}

/// Goes on with neighbour discovery.
#[xdp(frags)]
fn fabric_discover(ctx: XdpContext) -> u32 {
    discover_frame(&ctx, &mut XdpFrame::new(&ctx))
}

/// Makes a gateway's message out of a frame that ends there.
#[xdp(frags)]
fn fabric_answer(ctx: XdpContext) -> u32 {
    answer_frame(&mut XdpFrame::new(&ctx)).unwrap_or(XDP_DROP)
}

/// Asks for a gateway's neighbour; the agent runs it on a frame that says for which.
#[xdp(frags)]
fn fabric_ask(ctx: XdpContext) -> u32 {
    ask_neighbour(&mut XdpFrame::new(&ctx)).unwrap_or(XDP_DROP)
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
