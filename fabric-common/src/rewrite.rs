//! Rewriting: the fabric's tags come off and the next hop's go on, in one move of the frame's start.

use crate::classify::Relay;
use crate::flow::Flow;
use crate::label::{CONTROL_WORD, ENTRY};
use crate::maps::Path;
use crate::wire::{IPV4_HEADER, IPV6_HEADER, MACS, Macs, UDP_HEADER, VLAN_TAG};
use crate::{DropReason, Frame, ecn};

/// Where the tenant's frame begins inside of what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Offset of the tenant's destination address.
    pub macs: usize,
    /// Offset of what follows the fabric's tags: the tenant's own tag or EtherType.
    pub body: usize,
}

impl Inner {
    /// A frame from a tenant: nothing of ours in it.
    pub const PLAIN: Self = Self { macs: 0, body: MACS };
}

/// Puts the stack of `path` in place of the one that ends at `inner.body`; the new length in bytes.
///
/// A frame too large for the egress is refused before a byte is changed.
#[inline(always)]
pub fn rewrite<F: Frame>(frame: &mut F, inner: Inner, macs: Macs, path: &Path) -> Result<usize, DropReason> {
    if path.has(Path::UNRESOLVED) {
        return Err(DropReason::NeighbourUnresolved);
    }
    let pre = path.pre as usize & 0x7f;
    let head = head(path);
    let len = frame.len() + head - inner.body;
    if len > path.max_len as usize {
        return Err(DropReason::TooBig);
    }
    if pre == 0 {
        tag(frame, inner, macs, path, head)?;
    } else {
        encapsulate(frame, inner, macs, path, head, len)?;
    }
    Ok(len)
}

/// Bytes in front of the tenant's own tag or EtherType.
#[inline(always)]
const fn head(path: &Path) -> usize {
    (path.pre as usize & 0x7f) + MACS + (path.post_len as usize & 0xf)
}

/// Bytes that the egress link takes of what follows the fabric's tags.
#[inline(always)]
pub fn room(path: &Path) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 127 + 12 + 15")]
    path.max_len.saturating_sub(head(path) as u16)
}

/// Leaves nothing but the tenant's frame.
///
/// For flooding: the kernel holds a copy against its egress's MTU before the program there can take tags off, and
/// leaves out silently what is larger (`is_valid_dst`).
#[inline(always)]
pub fn bare<F: Frame>(frame: &mut F, inner: Inner, macs: Macs) -> Result<(), DropReason> {
    open(frame, inner, macs, MACS)
}

#[inline(always)]
fn resize<F: Frame>(frame: &mut F, head: usize, body: usize) -> Result<(), DropReason> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "both are below 256"
    )]
    let by = head as i32 - body as i32;
    if by != 0 {
        frame.resize_head(by)?;
    }
    Ok(())
}

/// Tags between the tenant's addresses and EtherType, or none at all.
#[inline(always)]
fn tag<F: Frame>(
    frame: &mut F,
    inner: Inner,
    macs: Macs,
    path: &Path,
    head: usize,
) -> Result<(), DropReason> {
    open(frame, inner, macs, head)?;
    write_post(frame, MACS, path)
}

/// Moves the start of the frame so that what is at `inner.body` comes to `head`, behind the tenant's addresses.
#[inline(always)]
fn open<F: Frame>(frame: &mut F, inner: Inner, macs: Macs, head: usize) -> Result<(), DropReason> {
    if head != inner.body {
        resize(frame, head, inner.body)?;
        macs.to_wire(frame.window(0)?);
    }
    Ok(())
}

#[inline(always)]
fn write_post<F: Frame>(frame: &mut F, at: usize, path: &Path) -> Result<(), DropReason> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = path.post;
    match path.post_len {
        8 => frame.write(at, [a, b, c, d, e, f, g, h])?,
        4 => frame.write(at, [a, b, c, d])?,
        12 => {
            frame.write(at, [a, b, c, d, e, f, g, h])?;
            frame.write(at + 8, [i, j, k, l])?;
        }
        _ => {}
    }
    Ok(())
}

/// Outer headers in front of the tenant's addresses.
#[inline(always)]
fn encapsulate<F: Frame>(
    frame: &mut F,
    inner: Inner,
    macs: Macs,
    path: &Path,
    head: usize,
    len: usize,
) -> Result<(), DropReason> {
    let flow = if path.ip_at == 0 {
        Flow::NONE
    } else {
        Flow::of(frame, inner.body, macs)
    };
    resize(frame, head, inner.body)?;
    copy_template(frame, path)?;
    let pre = path.pre as usize & 0x7f;
    macs.to_wire(frame.window(pre)?);
    write_post(frame, pre + MACS, path)?;
    fix_outer(frame, path, len, flow)
}

/// Puts the outer headers of `path` in front of the datacenter's label, which goes on one hop older; the new length in bytes.
#[inline(always)]
pub fn relay<F: Frame>(frame: &mut F, onward: &Relay<'_>, path: &Path) -> Result<usize, DropReason> {
    if path.has(Path::UNRESOLVED) {
        return Err(DropReason::NeighbourUnresolved);
    }
    let Relay { at, entry, word, .. } = *onward;
    let pre = path.pre as usize & 0x7f;
    let len = frame.len() + pre - at;
    if len > path.max_len as usize {
        return Err(DropReason::TooBig);
    }
    let flow = if path.ip_at == 0 {
        Flow::NONE
    } else {
        inner_flow(frame, at + ENTRY + CONTROL_WORD)
    };
    resize(frame, pre, at)?;
    copy_template(frame, path)?;
    // The template was copied in words, over up to seven bytes behind it: the entry and the control word.
    let entry = if path.has(Path::DEFLECT) {
        entry.deflected()
    } else {
        entry
    };
    let ([a, b, c, d], [e, f, g, h]) = (entry.aged().to_wire(), word);
    frame.write(pre, [a, b, c, d, e, f, g, h])?;
    fix_outer(frame, path, len, flow)?;
    Ok(len)
}

/// The flow of the frame at `macs_at`, behind its S-tag and C-tag. What is too short for its headers has no flow.
#[inline(always)]
fn inner_flow<F: Frame>(frame: &F, macs_at: usize) -> Flow {
    // No closure: BPF would make it a function, whose return costs as much as a hundred instructions where the kernel guards returns.
    let Ok(macs) = frame.peek(macs_at) else {
        return Flow::NONE;
    };
    let macs = Macs::from_wire(macs);
    Flow::of(frame, macs_at + MACS + 2 * VLAN_TAG, macs)
}

/// Whole words: up to 7 bytes after the template are overwritten. They belong to the tenant's addresses, which
/// are written next.
#[inline(always)]
fn copy_template<F: Frame>(frame: &mut F, path: &Path) -> Result<(), DropReason> {
    let words = usize::from(path.pre).div_ceil(8);
    macro_rules! pair {
        ($at:literal) => {
            if words >= $at + 2 {
                frame.copy($at * 8, &[path.template[$at], path.template[$at + 1]])?;
            } else if words > $at {
                frame.copy($at * 8, &[path.template[$at]])?;
            }
        };
    }
    pair!(0);
    pair!(2);
    pair!(4);
    pair!(6);
    pair!(8);
    pair!(10);
    Ok(())
}

/// Lengths, congestion mark, checksum and source port of the outer IP and UDP headers (RFC 791, RFC 8200, RFC 768, RFC 6040,
/// RFC 7348 section 5, RFC 7510 section 3).
#[inline(always)]
fn fix_outer<F: Frame>(frame: &mut F, path: &Path, len: usize, flow: Flow) -> Result<(), DropReason> {
    if path.ip_at == 0 {
        return Ok(());
    }
    let at = path.ip_at as usize & 0x7f;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "not larger than `max_len`, 16 bits"
    )]
    let total = (len - at) as u16;
    let mark = if path.has(Path::NO_ECN) {
        0
    } else {
        ecn::outside(flow.ecn)
    };
    if path.has(Path::IPV6) {
        fix_ipv6(frame, at, total, mark, flow)
    } else {
        fix_ipv4(frame, path, at, total, mark, flow)
    }
}

#[inline(always)]
fn fix_ipv4<F: Frame>(
    frame: &mut F,
    path: &Path,
    at: usize,
    total: u16,
    mark: u8,
    flow: Flow,
) -> Result<(), DropReason> {
    let sum = path.ip_sum + u32::from(total) + u32::from(mark);
    let headers = frame.window::<{ IPV4_HEADER + UDP_HEADER }>(at)?;
    headers[1] |= mark;
    headers[2..4].copy_from_slice(&total.to_be_bytes());
    headers[10..12].copy_from_slice(&(!fold(sum)).to_be_bytes());
    headers[20..22].copy_from_slice(&flow.source_port().to_be_bytes());
    headers[24..26].copy_from_slice(&total.wrapping_sub(20).to_be_bytes());
    Ok(())
}

/// The UDP checksum stays 0, as RFC 6935 and RFC 6936 allow for tunnels.
#[inline(always)]
fn fix_ipv6<F: Frame>(frame: &mut F, at: usize, total: u16, mark: u8, flow: Flow) -> Result<(), DropReason> {
    #[expect(clippy::cast_possible_truncation, reason = "40")]
    let payload = total.wrapping_sub(IPV6_HEADER as u16).to_be_bytes();
    let headers = frame.window::<{ IPV6_HEADER + UDP_HEADER }>(at)?;
    headers[1] = mark << 4;
    headers[4..6].copy_from_slice(&payload);
    headers[40..42].copy_from_slice(&flow.source_port().to_be_bytes());
    headers[44..46].copy_from_slice(&payload);
    Ok(())
}

/// Ones' complement sum in 16 bits (RFC 1071).
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "folded twice, at most 16 bits are left"
)]
pub const fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}
