//! "Packet too big" (RFC 4443 section 3.2).

use super::{HOPS, ICMP_HEADER, Place, make_room};
use crate::maps::TooBig;
use crate::rewrite::fold;
use crate::wire::{IPV6_HEADER, PROTO_TCP, PROTO_UDP};
use crate::{DropReason, Frame};

/// Every link takes so many bytes (RFC 8200 section 5).
const LEAST_MTU: usize = 1280;
/// Bytes of the packet that the message repeats: as many as leave it no longer than that (RFC 4443 section 2.4).
const QUOTE: usize = LEAST_MTU - IPV6_HEADER - ICMP_HEADER;
/// Protocol number of ICMPv6 (RFC 4443 section 1).
const ICMP: u8 = 58;
/// The fragment header (RFC 8200 section 4.5).
const FRAGMENT: u8 = 44;
/// UDP-Lite, ESP, GRE, SCTP, DCCP, IPv4 and IPv6 (IANA): what can follow the header beside TCP and UDP and is no extension,
/// behind which an error could hide.
const UPPER: [u8; 7] = [136, 50, 47, 132, 33, 4, 41];

/// The header of a packet whose sender is to be told.
#[inline(always)]
pub(super) fn eligible<F: Frame>(frame: &F, place: &Place) -> Option<[u8; IPV6_HEADER]> {
    let header: [u8; IPV6_HEADER] = frame.read(place.ip).ok()?;
    let [version, _, _, _, high, low, next, _, addresses @ ..] = header;
    let total = IPV6_HEADER + usize::from(u16::from_be_bytes([high, low]));
    let too_big = place.mtu >= LEAST_MTU && total > place.mtu && place.ip + total <= frame.len();
    if !too_big || version >> 4 != 6 {
        return None;
    }
    let [a, b, c, d] = words(addresses);
    if !is_host([a, b]) || !is_host([c, d]) || (a, b) == (c, d) {
        return None;
    }
    let (next, at) = if next == FRAGMENT {
        let [next, _, high, low] = frame.read(place.ip + IPV6_HEADER).ok()?;
        if u16::from_be_bytes([high, low]) & !7 != 0 {
            return None;
        }
        (next, place.ip + IPV6_HEADER + 8)
    } else {
        (next, place.ip + IPV6_HEADER)
    };
    let is_no_error = match next {
        PROTO_TCP | PROTO_UDP => true,
        // Errors are below 128 (RFC 4443 section 2.1).
        ICMP => {
            let [kind, _] = frame.read(at).ok()?;
            kind >= 128
        }
        other => UPPER.contains(&other),
    };
    is_no_error.then_some(header)
}

/// Both addresses, two words each.
#[inline(always)]
fn words(addresses: [u8; 32]) -> [u64; 4] {
    let (words, _) = addresses.as_chunks();
    [0, 1, 2, 3].map(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)))
}

/// An address of a single host: no group, not "unspecified", not the host itself (RFC 4291 section 2.4).
#[inline(always)]
const fn is_host([high, low]: [u64; 2]) -> bool {
    high >> 56 != 0xff && (high != 0 || low > 1)
}

/// Puts the message in place of the packet with this header.
#[inline(always)]
pub(super) fn write<F: Frame>(
    frame: &mut F,
    ask: &TooBig,
    place: &Place,
    header: [u8; IPV6_HEADER],
) -> Result<(), DropReason> {
    const HEAD: usize = IPV6_HEADER + ICMP_HEADER;
    /// Pieces that the kernel sums in one go.
    const PIECE: usize = 512;
    #[expect(clippy::cast_possible_truncation, reason = "1240")]
    const LENGTH: u16 = (ICMP_HEADER + QUOTE) as u16;
    let quoted = u32::from(frame.sum_of::<PIECE>(place.ip)?)
        + u32::from(frame.sum_of::<PIECE>(place.ip + PIECE)?)
        + u32::from(frame.sum_of::<{ QUOTE - 2 * PIECE }>(place.ip + 2 * PIECE)?);
    let at = make_room::<F, HEAD, QUOTE>(frame, ask, place)?;
    let [_, _, _, _, _, _, _, _, addresses @ ..] = header;
    let (halves, _) = addresses.as_chunks();
    let both: u32 = halves
        .iter()
        .map(|half| u32::from(u16::from_be_bytes(*half)))
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "not above `TooBig::room`, 16 bits"
    )]
    let mtu = place.mtu as u16;
    // The pseudo header has the length and the protocol (RFC 8200 section 8.1).
    let sum = both + u32::from(LENGTH) + u32::from(ICMP) + 0x0200 + u32::from(mtu) + quoted;
    let [high, low] = (!fold(sum)).to_be_bytes();
    let [m0, m1] = mtu.to_be_bytes();
    let [l0, l1] = LENGTH.to_be_bytes();
    let [a, b, c, d] = words(addresses);
    frame.write(at, [0x60, 0, 0, 0, l0, l1, ICMP, HOPS])?;
    for (place, word) in [(8, c), (16, d), (24, a), (32, b)] {
        frame.write(at + place, word.to_be_bytes())?;
    }
    frame.write(at + IPV6_HEADER, [2, 0, high, low, 0, 0, m0, m1])?;
    Ok(())
}
