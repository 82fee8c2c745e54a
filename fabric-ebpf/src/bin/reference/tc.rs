//! The same work by tc programs and the kernel's helpers for tags and tunnels.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{__sk_buff, TC_ACT_SHOT, bpf_tunnel_key};
use aya_ebpf::helpers::{bpf_redirect, bpf_skb_set_tunnel_key, bpf_skb_vlan_pop, bpf_skb_vlan_push};
use aya_ebpf::macros::{classifier, map};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::TcContext;
use fabric_common::reference::TcOut;

#[map]
static TC_OUT: Array<TcOut> = Array::with_max_entries(1, 0);

#[classifier]
fn tc_redirect(ctx: TcContext) -> i32 {
    go(&ctx, |_, _| 0)
}

/// An 802.1ad tag around an 802.1Q one.
#[classifier]
fn tc_push(ctx: TcContext) -> i32 {
    // SAFETY: the kernel passes a valid context.
    go(&ctx, |skb, out| unsafe {
        bpf_skb_vlan_push(skb, 0x8100u16.to_be(), out.inner)
            + bpf_skb_vlan_push(skb, 0x88a8u16.to_be(), out.outer)
    })
}

#[classifier]
fn tc_pop(ctx: TcContext) -> i32 {
    // SAFETY: the kernel passes a valid context.
    go(&ctx, |skb, _| unsafe {
        bpf_skb_vlan_pop(skb) + bpf_skb_vlan_pop(skb)
    })
}

/// To a VXLAN device that takes its header from metadata.
#[classifier]
fn tc_vxlan(ctx: TcContext) -> i32 {
    go(&ctx, |skb, out| {
        // SAFETY: plain integers, for which zeros are a value.
        let mut key: bpf_tunnel_key = unsafe { core::mem::zeroed() };
        key.tunnel_id = out.vni;
        key.tunnel_ttl = 64;
        key.__bindgen_anon_1.remote_ipv4 = out.remote;
        let size = core::mem::size_of::<bpf_tunnel_key>() as u32;
        /// `BPF_F_ZERO_CSUM_TX`.
        const NO_CHECKSUM: u64 = 1 << 1;
        // SAFETY: the kernel passes a valid context, and the key has the size that is passed.
        unsafe { bpf_skb_set_tunnel_key(skb, &mut key, size, NO_CHECKSUM) }
    })
}

#[inline(always)]
fn go(ctx: &TcContext, work: impl Fn(*mut __sk_buff, &TcOut) -> i64) -> i32 {
    let Some(out) = TC_OUT.get(0) else {
        return TC_ACT_SHOT;
    };
    if work(ctx.as_ptr().cast(), out) != 0 {
        return TC_ACT_SHOT;
    }
    // SAFETY: the helper takes plain integers.
    unsafe { bpf_redirect(out.ifindex, 0) as i32 }
}
