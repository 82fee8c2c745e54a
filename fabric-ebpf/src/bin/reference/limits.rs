//! What no XDP forwarder can be faster than.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP};
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::bpf_xdp_adjust_head;
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, DevMap, ProgramArray};
use aya_ebpf::programs::XdpContext;

/// The one way out of these programs.
#[map]
static OUT: DevMap = DevMap::with_max_entries(1, 0);

/// Each entry is the index of the next one to look at; all are 0.
#[map]
static STEPS: Array<u32> = Array::with_max_entries(1024, 0);

/// Programs that `tail_called_tags` goes on with.
#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// The source, one hop, and nothing.
#[xdp]
fn discard(_ctx: XdpContext) -> u32 {
    XDP_DROP
}

/// A bare redirect: nothing is looked at.
#[xdp]
fn redirect(_ctx: XdpContext) -> u32 {
    OUT.redirect(0, 0).unwrap_or(XDP_ABORTED)
}

/// Two constant tags and a redirect.
#[xdp]
fn constant_tags(ctx: XdpContext) -> u32 {
    push::<8>(&ctx, 0).unwrap_or(XDP_ABORTED)
}

/// The same by a program that another one goes on with.
#[xdp]
fn tail_called_tags(ctx: XdpContext) -> u32 {
    // SAFETY: the context is the program's own. It goes on here if there is no such program.
    unsafe { NEXT.tail_call(&ctx, 0) };
    XDP_ABORTED
}

/// The same by a function of its own.
#[xdp]
fn called_tags(ctx: XdpContext) -> u32 {
    apart(ctx.as_ptr().cast())
}

#[inline(never)]
fn apart(md: *mut xdp_md) -> u32 {
    push::<8>(&XdpContext::new(md), 0).unwrap_or(XDP_ABORTED)
}

/// Constant tags behind as many look-ups, each with the answer of the one before, as a forwarder needs that knows its tenants: port,
/// VLAN, station, next hop, path.
#[xdp]
fn looked_up_tags(ctx: XdpContext) -> u32 {
    look_up(&ctx)
        .and_then(|slot| push::<8>(&ctx, slot))
        .unwrap_or(XDP_ABORTED)
}

/// Begins with what only the frame tells: whether its destination is a group.
#[inline(always)]
fn look_up(ctx: &XdpContext) -> Option<u32> {
    let start = ctx.data();
    // Of one byte LLVM would make "start >= end", from which the verifier learns nothing.
    if start.wrapping_add(12) > ctx.data_end() {
        return None;
    }
    // SAFETY: the addresses were just compared with the end of the frame.
    let mut index = u32::from(unsafe { *(start as *const u8) } & 1);
    for _ in 0..5 {
        index = *STEPS.get(index)?;
    }
    Some(index)
}

/// As many constant bytes as VXLAN over IPv4 has, and a redirect.
#[xdp]
fn constant_vxlan(ctx: XdpContext) -> u32 {
    push::<50>(&ctx, 0).unwrap_or(XDP_ABORTED)
}

/// The MAC addresses move to the front, then come constants.
#[inline(always)]
fn push<const N: usize>(ctx: &XdpContext, slot: u32) -> Option<u32> {
    let md = ctx.as_ptr().cast::<xdp_md>();
    let start = ctx.data();
    if start.wrapping_add(16) > ctx.data_end() {
        return None;
    }
    // SAFETY: the 16 bytes were just compared with the end of the frame.
    let (low, high) = unsafe {
        (
            (start as *const u64).read_unaligned(),
            ((start + 8) as *const u32).read_unaligned(),
        )
    };
    // SAFETY: the kernel passes a valid context.
    if unsafe { bpf_xdp_adjust_head(md, -(N as i32)) } != 0 {
        return None;
    }
    let start = ctx.data();
    if start.wrapping_add(64) > ctx.data_end() {
        return None;
    }
    // SAFETY: 64 bytes were just compared with the end of the frame, and N is at most 50.
    unsafe {
        (start as *mut u64).write_unaligned(low);
        ((start + 8) as *mut u32).write_unaligned(high);
        let mut at = 12;
        while at < 12 + N {
            ((start + at) as *mut u16).write_unaligned(0xa888);
            at += 2;
        }
    }
    OUT.redirect(slot, 0).ok()
}
