//! "Fragmentation needed" (RFC 792, RFC 1191 section 4).

use super::{HOPS, ICMP_HEADER, Place, make_room};
use crate::rewrite::fold;
use crate::wire::{IPV4_HEADER, PROTO_ICMP as ICMP};
use crate::{DropReason, Frame};

/// Bytes of the packet that the message repeats: the longest header and 64 bits behind it (RFC 792).
const QUOTE: usize = 68;
/// Every link takes so many bytes (RFC 791 section 3.2).
const LEAST_MTU: usize = 68;
/// Type of service of a message, internetwork control (RFC 1812 section 4.3.2.5).
const CONTROL: u8 = 0xc0;

/// The header of a packet whose sender is to be told.
#[inline(always)]
pub(super) fn eligible<F: Frame>(frame: &F, place: &Place, mtu: usize) -> Option<[u8; IPV4_HEADER]> {
    let header: [u8; IPV4_HEADER] = frame.read(place.ip).ok()?;
    let [version, _, high, low, _, _, flags, ..] = header;
    let total = usize::from(u16::from_be_bytes([high, low]));
    let too_big = mtu >= LEAST_MTU && total > mtu && place.ip + total <= frame.len();
    // "Don't fragment".
    if !too_big || flags & 0x40 == 0 {
        return None;
    }
    if version >> 4 != 4 || !is_intact(frame, place.ip, &header)? {
        return None;
    }
    may_hear(frame, place.ip, &header)?;
    Some(header)
}

/// `None` for a packet whose sender is told of no error (RFC 1122 section 3.2.2).
#[inline(always)]
pub(crate) fn may_hear<F: Frame>(frame: &F, at: usize, header: &[u8; IPV4_HEADER]) -> Option<()> {
    let [version, _, _, _, _, _, flags, offset, _, protocol, ..] = *header;
    // No fragment but the first.
    if flags & 0x1f != 0 || offset != 0 {
        return None;
    }
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let (source, destination) = ([s0, s1, s2, s3], [d0, d1, d2, d3]);
    if !is_host(source)
        || !is_host(destination)
        || u32::from_ne_bytes(source) == u32::from_ne_bytes(destination)
    {
        return None;
    }
    if protocol == ICMP {
        // With the code: of one byte before the end the verifier learns nothing (`find_good_pkt_pointers`).
        let [kind, _] = frame.read(at + usize::from(version & 0xf) * 4).ok()?;
        // Echo, timestamp, information and address mask: requests and answers. All others are errors, or unknown.
        if !matches!(kind, 0 | 8 | 13..=18) {
            return None;
        }
    }
    Some(())
}

/// Whether the header's checksum is right (RFC 1812 section 5.2.2).
#[inline(always)]
fn is_intact<F: Frame>(frame: &F, at: usize, header: &[u8; IPV4_HEADER]) -> Option<bool> {
    let [version, ..] = *header;
    let length = usize::from(version & 0xf) * 4;
    let (words, _) = header.as_chunks();
    let mut sum: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_be_bytes(*word)))
        .sum();
    if length < IPV4_HEADER {
        return None;
    }
    if version != 0x45 {
        sum += frame.sum(at + IPV4_HEADER, length - IPV4_HEADER).ok()?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 15 words of 32 bits: the halves have 32"
    )]
    let halves = ((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32)) as u32;
    Some(fold(halves) == 0xffff)
}

/// An address of a single host: not 0, of the host itself, of a group or reserved (RFC 1812 section 5.3.7).
#[inline(always)]
pub(crate) const fn is_host([first, ..]: [u8; 4]) -> bool {
    first != 0 && first != 127 && first < 224
}

/// Puts the message in place of the packet with this header.
#[inline(always)]
pub(super) fn write<F: Frame>(
    frame: &mut F,
    place: &Place,
    mtu: usize,
    header: [u8; IPV4_HEADER],
) -> Result<(), DropReason> {
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    // Not above `TooBig::room`, 16 bits.
    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    let [m0, m1] = (mtu as u16).to_be_bytes();
    let ends = ([d0, d1, d2, d3], [s0, s1, s2, s3]);
    write_error::<F, QUOTE>(frame, place, ends, [3, 4, 0, 0, 0, 0, m0, m1])
}

/// Puts a message in place of a packet of at least `QUOTE` bytes, which it repeats. `ends` are its source and destination, `icmp`
/// its header with checksum 0.
#[inline(always)]
pub(crate) fn write_error<F: Frame, const QUOTE: usize>(
    frame: &mut F,
    place: &Place,
    (source, destination): ([u8; 4], [u8; 4]),
    icmp: [u8; ICMP_HEADER],
) -> Result<(), DropReason> {
    const HEAD: usize = IPV4_HEADER + ICMP_HEADER;
    let quoted = frame.sum_of::<QUOTE>(place.ip)?;
    let at = make_room::<F, HEAD, QUOTE>(frame, place)?;
    let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (source, destination);
    #[expect(clippy::cast_possible_truncation, reason = "at most 96")]
    let [high, low] = ((HEAD + QUOTE) as u16).to_be_bytes();
    let mut ip = [
        0x45, CONTROL, high, low, 0, 0, 0, 0, HOPS, ICMP, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3,
    ];
    [ip[10], ip[11]] = (!fold(sum(&ip))).to_be_bytes();
    let mut icmp = icmp;
    [icmp[2], icmp[3]] = (!fold(sum(&icmp) + u32::from(quoted))).to_be_bytes();
    frame.write(at, ip)?;
    frame.write(at + IPV4_HEADER, icmp)?;
    Ok(())
}

/// Sum of an even number of bytes as big-endian words of 16 bits.
#[inline(always)]
pub(crate) fn sum<const N: usize>(bytes: &[u8; N]) -> u32 {
    let (words, _) = bytes.as_chunks();
    words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum()
}
