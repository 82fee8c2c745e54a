//! Congestion marks across a tunnel (RFC 6040), bit by bit as Linux handles them (`include/net/inet_ecn.h`).

use crate::flow::payload;
use crate::rewrite::fold;
use crate::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::{DropReason, Frame};

/// The ECN bits of an IPv4 type of service or an IPv6 traffic class (RFC 3168 section 5).
pub const MASK: u8 = 3;
/// The flow does not know ECN.
const NOT_CAPABLE: u8 = 0;
/// ECT(1).
const CAPABLE_1: u8 = 1;
/// ECT(0).
const CAPABLE_0: u8 = 2;
/// Congestion experienced.
const CONGESTED: u8 = 3;

/// The bits of the outer header for a frame with these bits. A mark that is already there is the tenant's business, the
/// underlay begins without (`INET_ECN_encapsulate`).
#[inline(always)]
pub const fn outside(inside: u8) -> u8 {
    if inside == CONGESTED { CAPABLE_0 } else { inside }
}

/// What a frame with the bits `inside` has after a tunnel that arrived with the bits `outside`; `None` drops it: its
/// flow could not be told of the congestion otherwise (RFC 6040 section 4.2, `INET_ECN_decapsulate`).
#[inline(always)]
pub const fn inside(outside: u8, inside: u8) -> Option<u8> {
    match (outside, inside) {
        (CONGESTED, NOT_CAPABLE) => None,
        (CONGESTED, _) => Some(CONGESTED),
        (CAPABLE_1, CAPABLE_0) => Some(CAPABLE_1),
        _ => Some(inside),
    }
}

/// Tells the tenant's frame, whose own tag or EtherType is at `body`, what the underlay has marked in `tos`. Frames that
/// are not IP have no place for it and pass, as in Linux.
#[inline(always)]
pub fn deliver<F: Frame>(frame: &mut F, tos: u8, body: usize) -> Result<(), DropReason> {
    // "Not capable" and ECT(0) change nothing inside.
    if tos & 1 == 0 {
        return Ok(());
    }
    match payload(frame, body) {
        Ok((ETHERTYPE_IPV4, at)) => ipv4(frame, tos & MASK, at),
        Ok((ETHERTYPE_IPV6, at)) => ipv6(frame, tos & MASK, at),
        _ => Ok(()),
    }
}

/// Bytes are read and written as a whole, as in [`crate::flow`]. What is too short for its own header, or of another
/// version, is the tenant's business.
#[inline(always)]
fn ipv4<F: Frame>(frame: &mut F, outside: u8, at: usize) -> Result<(), DropReason> {
    let Ok([version, tos, rest @ .., high, low]) = frame.read::<12>(at) else {
        return Ok(());
    };
    if version >> 4 != 4 {
        return Ok(());
    }
    let mark = inside(outside, tos & MASK).ok_or(DropReason::EcnNotCapable)?;
    let new = (tos & !MASK) | mark;
    // RFC 1624 equation 3; the other byte of the 16-bit field is the same in both.
    let sum = u32::from(!u16::from_be_bytes([high, low])) + u32::from(!u16::from(tos)) + u32::from(new);
    let [high, low] = (!fold(sum)).to_be_bytes();
    let [a, b, c, d, e, f, g, h] = rest;
    frame.write(at, [version, new, a, b, c, d, e, f, g, h, high, low])?;
    Ok(())
}

#[inline(always)]
fn ipv6<F: Frame>(frame: &mut F, outside: u8, at: usize) -> Result<(), DropReason> {
    let Ok([version, class]) = frame.read::<2>(at) else {
        return Ok(());
    };
    if version >> 4 != 6 {
        return Ok(());
    }
    let mark = inside(outside, class >> 4 & MASK).ok_or(DropReason::EcnNotCapable)?;
    frame.write(at, [version, (class & !(MASK << 4)) | mark << 4])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{inside, outside};

    /// Rows: outer 0 to 3; columns: inner 0 to 3; 9 is "dropped". From the kernel's `vxlan_bridge_1d` selftest, and
    /// RFC 6040 figure 4 where that has no row.
    const DECAPSULATED: [[u8; 4]; 4] = [[0, 1, 2, 3], [0, 1, 1, 3], [0, 1, 2, 3], [9, 3, 3, 3]];

    #[test]
    fn marks_inside_and_outside_follow_the_kernel() {
        assert_eq!([0, 1, 2, 3].map(outside), [0, 1, 2, 2]);
        for (outer, row) in (0..).zip(DECAPSULATED) {
            for (inner, expected) in (0..).zip(row) {
                assert_eq!(
                    inside(outer, inner).unwrap_or(9),
                    expected,
                    "{outer} outside, {inner} inside"
                );
            }
        }
    }
}
