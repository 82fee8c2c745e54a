//! Rewriting: the fabric's tags come off and the next hop's go on, in one move of the frame's start.

use crate::maps::Path;
use crate::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, MACS, Macs, PROTO_TCP, PROTO_UDP, TPID_C};
use crate::{DropReason, Frame};

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
    if path.flags & Path::UNRESOLVED != 0 {
        return Err(DropReason::NeighbourUnresolved);
    }
    let pre = path.pre as usize & 0x7f;
    let head = pre + MACS + (path.post_len as usize & 0xf);
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
    if head != inner.body {
        resize(frame, head, inner.body)?;
        let (low, high) = macs.to_wire();
        frame.write(0, low)?;
        frame.write(8, high)?;
    }
    write_post(frame, MACS, path)
}

#[inline(always)]
fn write_post<F: Frame>(frame: &mut F, at: usize, path: &Path) -> Result<(), DropReason> {
    match path.post_len {
        8 => frame.write(at, path.post)?,
        4 => {
            let [a, b, c, d, ..] = path.post;
            frame.write(at, [a, b, c, d])?;
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
        0
    } else {
        entropy(frame, inner, macs)
    };
    resize(frame, head, inner.body)?;
    copy_template(frame, path)?;
    let pre = path.pre as usize & 0x7f;
    let (low, high) = macs.to_wire();
    frame.write(pre, low)?;
    frame.write(pre + 8, high)?;
    write_post(frame, pre + MACS, path)?;
    fix_ipv4(frame, path, len, flow)
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

/// Lengths, checksum and source port of the outer IPv4 and UDP headers (RFC 791, RFC 768, RFC 7348 section 5).
#[inline(always)]
fn fix_ipv4<F: Frame>(frame: &mut F, path: &Path, len: usize, flow: u16) -> Result<(), DropReason> {
    if path.ip_at == 0 {
        return Ok(());
    }
    let at = path.ip_at as usize & 0x7f;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "not larger than `max_len`, 16 bits"
    )]
    let total = (len - at) as u16;
    frame.write(at + 2, total.to_be_bytes())?;
    frame.write(at + 10, (!fold(path.ip_sum + u32::from(total))).to_be_bytes())?;
    frame.write(at + 20, flow.to_be_bytes())?;
    frame.write(at + 24, total.wrapping_sub(20).to_be_bytes())?;
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

/// Source port of the flow, 49152 to 65535 (RFC 7348 section 5): a hash of the addresses and, where the
/// frame is IP, of the addresses and ports there, so that non-IP flows are spread as well.
#[inline(always)]
pub fn entropy<F: Frame>(frame: &F, inner: Inner, macs: Macs) -> u16 {
    let (low, high) = macs.to_wire();
    let hash = mix(u64::from_le_bytes(low)) ^ u64::from(u32::from_le_bytes(high));
    let hash = mix(hash ^ flow_words(frame, inner.body).unwrap_or(0));
    0xc000 | ((hash >> 48) as u16 & 0x3fff)
}

#[inline(always)]
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 32)
}

#[inline(always)]
fn flow_words<F: Frame>(frame: &F, body: usize) -> Result<u64, crate::Short> {
    let mut at = body;
    let mut kind = u16::from_be_bytes(frame.read(at)?);
    if kind == TPID_C {
        at += 4;
        kind = u16::from_be_bytes(frame.read(at)?);
    }
    match kind {
        ETHERTYPE_IPV4 => ipv4_flow(frame, at + 2),
        ETHERTYPE_IPV6 => ipv6_flow(frame, at + 2),
        _ => Ok(0),
    }
}

/// One read of the whole header: the compiler would drop the later one of two comparisons with the frame's end
/// that it can derive from each other, and the verifier cannot.
#[inline(always)]
fn ipv4_flow<F: Frame>(frame: &F, at: usize) -> Result<u64, crate::Short> {
    let header: [u8; 20] = frame.read(at)?;
    let [
        version,
        _,
        _,
        _,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = header;
    let hash = mix(u64::from_le_bytes(addresses));
    // Only the first fragment has ports: a fragmented flow must not be torn apart.
    let whole = (fragment_high & 0x3f) | fragment_low == 0;
    if version == 0x45 && whole && (protocol == PROTO_TCP || protocol == PROTO_UDP) {
        return Ok(hash ^ u64::from(u32::from_le_bytes(frame.read(at + 20)?)));
    }
    Ok(hash)
}

#[inline(always)]
fn ipv6_flow<F: Frame>(frame: &F, at: usize) -> Result<u64, crate::Short> {
    let header: [u8; 40] = frame.read(at)?;
    let [_, _, _, _, _, _, next, _, addresses @ ..] = header;
    let hash = addresses
        .as_chunks()
        .0
        .iter()
        .fold(0, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    if next == PROTO_TCP || next == PROTO_UDP {
        return Ok(hash ^ u64::from(u32::from_le_bytes(frame.read(at + 40)?)));
    }
    Ok(hash)
}
