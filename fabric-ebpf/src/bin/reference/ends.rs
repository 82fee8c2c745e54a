//! The two ends of the line: where frames come from, and where they are counted.

use aya_ebpf::bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS};
use aya_ebpf::bindings::{TC_ACT_SHOT, xdp_md};
use aya_ebpf::helpers::{bpf_skb_load_bytes, bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::macros::{classifier, map, xdp};
use aya_ebpf::maps::{Array, DevMap, PerCpuArray};
use aya_ebpf::programs::{TcContext, XdpContext};
use aya_ebpf::{EbpfContext as _, bindings::__sk_buff};
use fabric_common::reference::{Arrived, SAMPLE_EVERY, Source, Vary, station};

#[map]
static SOURCE: Array<Source> = Array::with_max_entries(1, 0);
/// Where the source sends to, by [`Source::line`].
#[map]
static LINES: DevMap = DevMap::with_max_entries(64, 0);
#[map]
static STATE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
#[map]
static ARRIVED: PerCpuArray<Arrived> = PerCpuArray::with_max_entries(1, 0);

/// Run with live frames. The header is written anew each time: a page that a device has altered comes back altered.
#[xdp]
fn source(ctx: XdpContext) -> u32 {
    send(&ctx).unwrap_or(XDP_ABORTED)
}

#[inline(always)]
fn send(ctx: &XdpContext) -> Option<u32> {
    let source = SOURCE.get(0)?;
    let start = ctx.data();
    if start.wrapping_add(64) > ctx.data_end() {
        return None;
    }
    for (place, word) in source.header.iter().enumerate() {
        // SAFETY: the 64 bytes were just compared with the end of the frame.
        unsafe { (start as *mut u64).add(place).write_unaligned(*word) };
    }
    if start.wrapping_add(80) <= ctx.data_end() {
        for (place, word) in source.more.iter().enumerate() {
            // SAFETY: the 80 bytes were just compared with the end of the frame.
            unsafe { (start as *mut u64).add(8 + place).write_unaligned(*word) };
        }
    }
    if start.wrapping_add(112) <= ctx.data_end() {
        for (place, word) in source.rest.iter().enumerate() {
            // SAFETY: the 112 bytes were just compared with the end of the frame.
            unsafe { (start as *mut u64).add(10 + place).write_unaligned(*word) };
        }
    }
    if source.vary != Vary::NONE {
        let state = STATE.get_ptr_mut(0)?;
        // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
        let number = unsafe {
            *state = if source.vary == Vary::SOURCE {
                (*state).wrapping_add(1)
            } else {
                // Knuth's MMIX generator; its high bits are good.
                (*state)
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407)
            };
            if source.vary == Vary::SOURCE {
                *state
            } else {
                ((*state >> 32) * u64::from(source.stations)) >> 32
            }
        };
        let mac = station(number);
        let at = if source.vary == Vary::SOURCE { 6 } else { 0 };
        // SAFETY: twelve bytes at most, within the 64 that were compared.
        unsafe { ((start + at) as *mut [u8; 6]).write_unaligned(mac) };
    }
    LINES.redirect(source.line, 0).ok()
}

/// Lets everything in: a veth takes redirects only when its peer has a program.
#[xdp]
fn pass(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

/// Counts what comes by XDP.
#[xdp]
fn sink(ctx: XdpContext) -> u32 {
    if let Some(kept) = arrived() {
        let md = ctx.as_ptr().cast::<xdp_md>();
        // SAFETY: the kernel passes a valid context.
        kept.length = unsafe { bpf_xdp_get_buff_len(md) } as u32;
        // SAFETY: the kernel passes a valid context, and the buffers have the length that is passed.
        let failed = unsafe {
            bpf_xdp_load_bytes(md, 0, kept.head.as_mut_ptr().cast(), 64)
                | bpf_xdp_load_bytes(
                    md,
                    kept.length.wrapping_sub(64),
                    kept.tail.as_mut_ptr().cast(),
                    64,
                )
        };
        if failed != 0 {
            kept.length = 0;
        }
    }
    XDP_DROP
}

/// Counts what comes as a socket buffer.
#[classifier]
fn sink_skb(ctx: TcContext) -> i32 {
    if let Some(kept) = arrived()
        && keep_skb(ctx.as_ptr().cast(), kept) != 0
    {
        kept.length = 0;
    }
    TC_ACT_SHOT
}

/// The stack has taken the outer tag off the bytes; it belongs behind the addresses.
#[inline(always)]
fn keep_skb(skb: *mut __sk_buff, kept: &mut Arrived) -> i64 {
    // SAFETY: the kernel passes a valid context.
    let (length, tagged, tpid, tci) = unsafe {
        (
            (*skb).len,
            (*skb).vlan_present != 0,
            (*skb).vlan_proto,
            (*skb).vlan_tci,
        )
    };
    let load = |at: u32, to: *mut u8, count: u32| {
        // SAFETY: the kernel passes a valid context, and all callers have room for `count` bytes.
        unsafe { bpf_skb_load_bytes(skb.cast(), at, to.cast(), count) }
    };
    let (head, tail) = (kept.head.as_mut_ptr(), kept.tail.as_mut_ptr());
    if !tagged {
        kept.length = length;
        return load(0, head, 64) | load(length.wrapping_sub(64), tail, 64);
    }
    kept.length = length + 4;
    // SAFETY: offsets within the 64 bytes.
    let failed = unsafe {
        head.add(12).cast::<u16>().write_unaligned(tpid as u16);
        head.add(14).cast::<u16>().write_unaligned((tci as u16).to_be());
        load(0, head, 12) | load(12, head.add(16), 48)
    };
    if length < 64 {
        kept.tail = kept.head;
        return failed;
    }
    failed | load(length - 64, tail, 64)
}

/// Counts a frame, and says where it is to be kept if it is its turn.
#[inline(always)]
fn arrived() -> Option<&'static mut Arrived> {
    // SAFETY: a per-CPU value, and a sink on one CPU is not interrupted by a sink.
    let arrived = unsafe { &mut *ARRIVED.get_ptr_mut(0)? };
    arrived.frames += 1;
    (arrived.frames % SAMPLE_EVERY == 1).then_some(arrived)
}
