//! "Packet too big" (RFC 4443 section 3.2).

use super::ipv4::sum;
use super::{HOPS, ICMP_HEADER, Place, make_room};
use crate::rewrite::fold;
use crate::wire::{IPV6_HEADER, PROTO_ICMPV6 as ICMP, PROTO_TCP, PROTO_UDP};
use crate::{DropReason, Frame};

/// Every link takes so many bytes (RFC 8200 section 5).
const LEAST_MTU: usize = 1280;
/// Bytes of the packet that the message repeats: as many as leave it no longer than that (RFC 4443 section 2.4).
pub(crate) const QUOTE: usize = LEAST_MTU - IPV6_HEADER - ICMP_HEADER;
/// The fragment header (RFC 8200 section 4.5).
const FRAGMENT: u8 = 44;
/// UDP-Lite, ESP, GRE, SCTP, DCCP, IPv4 and IPv6 (IANA): what can follow the header beside TCP and UDP and is no extension,
/// behind which an error could hide.
const UPPER: [u8; 7] = [136, 50, 47, 132, 33, 4, 41];

/// The header of a packet whose sender is to be told.
#[inline(always)]
pub(super) fn eligible<F: Frame>(frame: &F, place: &Place, mtu: usize) -> Option<[u8; IPV6_HEADER]> {
    let header: [u8; IPV6_HEADER] = frame.read(place.ip).ok()?;
    let [version, _, _, _, high, low, ..] = header;
    let total = IPV6_HEADER + usize::from(u16::from_be_bytes([high, low]));
    let too_big = mtu >= LEAST_MTU && total > mtu && place.ip + total <= frame.len();
    if !too_big || version >> 4 != 6 {
        return None;
    }
    may_hear(frame, place.ip, &header)?;
    Some(header)
}

/// `None` for a packet whose sender is told of no error (RFC 4443 section 2.4).
#[inline(always)]
pub(crate) fn may_hear<F: Frame>(frame: &F, at: usize, header: &[u8; IPV6_HEADER]) -> Option<()> {
    let [_, _, _, _, _, _, next, _, addresses @ ..] = *header;
    let [a, b, c, d] = words(addresses);
    if !is_host([a, b]) || !is_host([c, d]) || (a, b) == (c, d) {
        return None;
    }
    let (next, at) = if next == FRAGMENT {
        let [next, _, high, low] = frame.read(at + IPV6_HEADER).ok()?;
        if u16::from_be_bytes([high, low]) & !7 != 0 {
            return None;
        }
        (next, at + IPV6_HEADER + 8)
    } else {
        (next, at + IPV6_HEADER)
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
    is_no_error.then_some(())
}

/// Both addresses, two words each.
#[inline(always)]
pub(crate) fn words(addresses: [u8; 32]) -> [u64; 4] {
    let (words, _) = addresses.as_chunks();
    [0, 1, 2, 3].map(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)))
}

/// An address of a single host: no group, not "unspecified", not the host itself (RFC 4291 section 2.4).
#[inline(always)]
pub(crate) const fn is_host([high, low]: [u64; 2]) -> bool {
    high >> 56 != 0xff && (high != 0 || low > 1)
}

/// Puts the message in place of the packet with this header.
#[inline(always)]
pub(super) fn write<F: Frame>(
    frame: &mut F,
    place: &Place,
    mtu: usize,
    header: [u8; IPV6_HEADER],
) -> Result<(), DropReason> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "not above `TooBig::room`, 16 bits"
    )]
    let mtu = (mtu as u16).to_be_bytes();
    let [_, _, _, _, _, _, _, _, addresses @ ..] = header;
    let [a, b, c, d] = words(addresses);
    let ends = ([c, d], [a, b]);
    let quoted = sum_of_quote(frame, place.ip)?;
    write_error::<F, QUOTE>(frame, place, ends, (&[2, 0, 0, 0, 0, 0, mtu[0], mtu[1]], quoted))
}

/// The sum of the first `QUOTE` bytes of a packet.
#[inline(always)]
pub(crate) fn sum_of_quote<F: Frame>(frame: &F, at: usize) -> Result<u32, DropReason> {
    /// Pieces that the kernel sums in one go.
    const PIECE: usize = 512;
    Ok(u32::from(frame.sum_of::<PIECE>(at)?)
        + u32::from(frame.sum_of::<PIECE>(at + PIECE)?)
        + u32::from(frame.sum_of::<{ QUOTE - 2 * PIECE }>(at + 2 * PIECE)?))
}

/// Puts a message in place of a packet of at least `REPEATED` bytes, which it repeats and whose sum is `quoted`. `ends` are its
/// source and destination, `icmp` its header with checksum 0.
#[inline(always)]
pub(crate) fn write_error<F: Frame, const REPEATED: usize>(
    frame: &mut F,
    place: &Place,
    ends: ([u64; 2], [u64; 2]),
    (icmp, quoted): (&[u8; ICMP_HEADER], u32),
) -> Result<(), DropReason> {
    const HEAD: usize = IPV6_HEADER + ICMP_HEADER;
    let at = make_room::<F, HEAD, REPEATED>(frame, place)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most 1240")]
    let length = (ICMP_HEADER + REPEATED) as u16;
    write_header(frame, at, ends, (length, HOPS))?;
    let mut icmp = *icmp;
    let sum = pseudo(ends, length) + sum(&icmp) + quoted;
    [icmp[2], icmp[3]] = (!fold(sum)).to_be_bytes();
    frame.write(at + IPV6_HEADER, icmp)?;
    Ok(())
}

/// A header of ICMPv6 with so many bytes behind it, and hops to live.
#[inline(always)]
pub(crate) fn write_header<F: Frame>(
    frame: &mut F,
    at: usize,
    (source, destination): ([u64; 2], [u64; 2]),
    (length, hops): (u16, u8),
) -> Result<(), DropReason> {
    let [l0, l1] = length.to_be_bytes();
    let ([a, b], [c, d]) = (source, destination);
    frame.write(at, [0x60, 0, 0, 0, l0, l1, ICMP, hops])?;
    for (place, word) in [(8, a), (16, b), (24, c), (32, d)] {
        frame.write(at + place, word.to_be_bytes())?;
    }
    Ok(())
}

/// Sum of the pseudo header of ICMPv6 (RFC 8200 section 8.1).
#[inline(always)]
pub(crate) fn pseudo((source, destination): ([u64; 2], [u64; 2]), length: u16) -> u32 {
    let ([a, b], [c, d]) = (source, destination);
    let halves = |word: u64| -> u32 { sum(&word.to_be_bytes()) };
    halves(a) + halves(b) + halves(c) + halves(d) + u32::from(length) + u32::from(ICMP)
}
