//! Telling a sender that his packet is larger than its way takes: "fragmentation needed" (RFC 792, RFC 1191 section 4) and
//! "packet too big" (RFC 4443 section 3.2).
//!
//! The message travels as the receiver's answer would: from his addresses, in the sender's own VLAN, by the way back to the
//! sender. So it needs no address of the fabric's. It is told of known unicast alone, and never of what RFC 1122 section
//! 3.2.2 and RFC 4443 section 2.4 except: errors, fragments but the first, groups, and senders that are no single host.

use crate::maps::{NextHop, TooBig};
use crate::rewrite::{Inner, fold, rewrite};
use crate::wire::{
    ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_HEADER, IPV6_HEADER, MACS, Macs, PROTO_TCP, PROTO_UDP, is_group,
};
use crate::{DropReason, Frame, Tables, flow};

/// Length of the header of either kind of message, in bytes.
const ICMP_HEADER: usize = 8;
/// Bytes of the packet that "fragmentation needed" repeats: the longest header and 64 bits behind it (RFC 792).
const QUOTE_4: usize = 68;
/// Bytes that "packet too big" repeats: as many as leave it no longer than every link must take (RFC 4443 section 2.4).
const QUOTE_6: usize = LEAST_MTU_6 - IPV6_HEADER - ICMP_HEADER;
/// Every IPv4 link takes so many bytes (RFC 791 section 3.2), and every IPv6 link so many (RFC 8200 section 5).
const LEAST_MTU_4: usize = 68;
const LEAST_MTU_6: usize = 1280;
/// Type of service of a message, internetwork control (RFC 1812 section 4.3.2.5).
const CONTROL: u8 = 0xc0;
const HOPS: u8 = 64;
/// Protocols (IANA).
const ICMP: u8 = 1;
const ICMP_6: u8 = 58;
const FRAGMENT: u8 = 44;
/// UDP-Lite, ESP, GRE, SCTP, DCCP, IPv4 and IPv6 in IPv6: what can follow an IPv6 header beside TCP and UDP and is no
/// extension, behind which an error could hide.
const UPPER_6: [u8; 7] = [136, 50, 47, 132, 33, 4, 41];

/// A message that is ready to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Slot of the port that leads back to the sender.
    pub slot: u16,
    /// Index in `COUNT_OUT`.
    pub path: u32,
    /// Length in bytes.
    pub len: usize,
}

/// Where the parts of the frame are.
struct Place {
    macs: Macs,
    /// The tenant's own tag, if he has one, and his EtherType.
    tags: [u8; 6],
    /// Their length, 2 or 6.
    tags_len: usize,
    /// Offset of the IP header.
    ip: usize,
    /// Largest IP packet that the way takes, in bytes.
    mtu: usize,
}

/// Makes a message to its sender out of a frame that was refused; `None` if he is not to be told. The frame may have been
/// changed then.
#[inline(always)]
pub fn tell<F: Frame, T: Tables>(frame: &mut F, ask: &TooBig, tables: &T) -> Option<Told> {
    let next_hop = tables.next_hop(ask.back).filter(|hop| leads_back(hop, ask))?;
    let path = tables.path(next_hop.path)?;
    let place = place(frame, ask)?;
    match place.kind() {
        ETHERTYPE_IPV4 => {
            let header = ask_4(frame, &place)?;
            tables.may_tell(ask.binding).then_some(())?;
            write_4(frame, ask, &place, header).ok()?;
        }
        ETHERTYPE_IPV6 => {
            let header = ask_6(frame, &place)?;
            tables.may_tell(ask.binding).then_some(())?;
            write_6(frame, ask, &place, header).ok()?;
        }
        _ => return None,
    }
    let len = rewrite(frame, Inner::PLAIN, place.macs.turned(), path).ok()?;
    Some(Told {
        slot: path.slot,
        path: next_hop.path,
        len,
    })
}

#[inline(always)]
fn leads_back(next_hop: &NextHop, ask: &TooBig) -> bool {
    next_hop.segment == ask.segment && next_hop.path != 0
}

#[inline(always)]
fn place<F: Frame>(frame: &F, ask: &TooBig) -> Option<Place> {
    let (macs_at, body) = (usize::from(ask.macs), usize::from(ask.body));
    let macs = Macs::from_wire(frame.read(macs_at).ok()?, frame.read(macs_at + 8).ok()?);
    if is_group(macs.destination()) || is_group(macs.source()) {
        return None;
    }
    let (_, ip) = flow::payload(frame, body).ok()?;
    let tags_len = ip - body;
    Some(Place {
        macs,
        tags: frame.read(body).ok()?,
        tags_len,
        ip,
        mtu: usize::from(ask.room).checked_sub(tags_len)?,
    })
}

impl Place {
    /// The EtherType behind the tag.
    #[inline(always)]
    const fn kind(&self) -> u16 {
        let [a, b, _, _, e, f] = self.tags;
        u16::from_be_bytes(if self.tags_len == 2 { [a, b] } else { [e, f] })
    }
}

/// The header of a packet whose sender is to be told.
#[inline(always)]
fn ask_4<F: Frame>(frame: &F, place: &Place) -> Option<[u8; IPV4_HEADER]> {
    let header: [u8; IPV4_HEADER] = frame.read(place.ip).ok()?;
    let [version, _, high, low, _, _, flags, offset, _, protocol, ..] = header;
    let total = usize::from(u16::from_be_bytes([high, low]));
    let too_big = place.mtu >= LEAST_MTU_4 && total > place.mtu && place.ip + total <= frame.len();
    // "Don't fragment", and no fragment but the first.
    if !too_big || flags & 0x40 == 0 || flags & 0x1f != 0 || offset != 0 {
        return None;
    }
    if version >> 4 != 4 || !is_intact_4(frame, place.ip, &header)? {
        return None;
    }
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let (source, destination) = ([s0, s1, s2, s3], [d0, d1, d2, d3]);
    if !is_host_4(source)
        || !is_host_4(destination)
        || u32::from_ne_bytes(source) == u32::from_ne_bytes(destination)
    {
        return None;
    }
    if protocol == ICMP {
        // With the code: of one byte before the end the verifier learns nothing (`find_good_pkt_pointers`).
        let [kind, _] = frame.read(place.ip + usize::from(version & 0xf) * 4).ok()?;
        // Echo, timestamp, information and address mask: requests and answers. All others are errors, or unknown.
        if !matches!(kind, 0 | 8 | 13..=18) {
            return None;
        }
    }
    Some(header)
}

/// Whether the header's checksum is right (RFC 1812 section 5.2.2).
#[inline(always)]
fn is_intact_4<F: Frame>(frame: &F, at: usize, header: &[u8; IPV4_HEADER]) -> Option<bool> {
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
const fn is_host_4([first, ..]: [u8; 4]) -> bool {
    first != 0 && first != 127 && first < 224
}

/// The header of a packet whose sender is to be told.
#[inline(always)]
fn ask_6<F: Frame>(frame: &F, place: &Place) -> Option<[u8; IPV6_HEADER]> {
    let header: [u8; IPV6_HEADER] = frame.read(place.ip).ok()?;
    let [version, _, _, _, high, low, next, _, addresses @ ..] = header;
    let total = IPV6_HEADER + usize::from(u16::from_be_bytes([high, low]));
    let too_big = place.mtu >= LEAST_MTU_6 && total > place.mtu && place.ip + total <= frame.len();
    if !too_big || version >> 4 != 6 {
        return None;
    }
    let [a, b, c, d] = words_6(addresses);
    if !is_host_6([a, b]) || !is_host_6([c, d]) || (a, b) == (c, d) {
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
        ICMP_6 => {
            let [kind, _] = frame.read(at).ok()?;
            kind >= 128
        }
        other => UPPER_6.contains(&other),
    };
    is_no_error.then_some(header)
}

/// Both addresses, two words each.
#[inline(always)]
fn words_6(addresses: [u8; 32]) -> [u64; 4] {
    let (words, _) = addresses.as_chunks();
    [0, 1, 2, 3].map(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)))
}

/// An address of a single host: no group, not "unspecified", not the host itself (RFC 4291 section 2.4).
#[inline(always)]
const fn is_host_6([high, low]: [u64; 2]) -> bool {
    high >> 56 != 0xff && (high != 0 || low > 1)
}

#[inline(always)]
fn write_4<F: Frame>(
    frame: &mut F,
    ask: &TooBig,
    place: &Place,
    header: [u8; IPV4_HEADER],
) -> Result<(), DropReason> {
    const HEAD: usize = IPV4_HEADER + ICMP_HEADER;
    let quoted = frame.sum_of::<QUOTE_4>(place.ip)?;
    let at = make_room::<F, HEAD, QUOTE_4>(frame, ask, place)?;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    #[expect(clippy::cast_possible_truncation, reason = "96")]
    let [high, low] = ((HEAD + QUOTE_4) as u16).to_be_bytes();
    let mut ip = [
        0x45, CONTROL, high, low, 0, 0, 0, 0, HOPS, ICMP, 0, 0, d0, d1, d2, d3, s0, s1, s2, s3,
    ];
    let (words, _) = ip.as_chunks();
    let sum = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    [ip[10], ip[11]] = (!fold(sum)).to_be_bytes();
    // Not above `TooBig::room`, 16 bits.
    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    let mtu = place.mtu as u16;
    let [high, low] = (!fold(0x0304 + u32::from(mtu) + u32::from(quoted))).to_be_bytes();
    let [m0, m1] = mtu.to_be_bytes();
    frame.write(at, ip)?;
    frame.write(at + IPV4_HEADER, [3, 4, high, low, 0, 0, m0, m1])?;
    Ok(())
}

#[inline(always)]
fn write_6<F: Frame>(
    frame: &mut F,
    ask: &TooBig,
    place: &Place,
    header: [u8; IPV6_HEADER],
) -> Result<(), DropReason> {
    const HEAD: usize = IPV6_HEADER + ICMP_HEADER;
    /// Pieces that the kernel sums in one go.
    const PIECE: usize = 512;
    #[expect(clippy::cast_possible_truncation, reason = "1240")]
    const LENGTH: u16 = (ICMP_HEADER + QUOTE_6) as u16;
    let quoted = u32::from(frame.sum_of::<PIECE>(place.ip)?)
        + u32::from(frame.sum_of::<PIECE>(place.ip + PIECE)?)
        + u32::from(frame.sum_of::<{ QUOTE_6 - 2 * PIECE }>(place.ip + 2 * PIECE)?);
    let at = make_room::<F, HEAD, QUOTE_6>(frame, ask, place)?;
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
    let sum = both + u32::from(LENGTH) + u32::from(ICMP_6) + 0x0200 + u32::from(mtu) + quoted;
    let [high, low] = (!fold(sum)).to_be_bytes();
    let [m0, m1] = mtu.to_be_bytes();
    let [l0, l1] = LENGTH.to_be_bytes();
    let [a, b, c, d] = words_6(addresses);
    frame.write(at, [0x60, 0, 0, 0, l0, l1, ICMP_6, HOPS])?;
    for (place, word) in [(8, c), (16, d), (24, a), (32, b)] {
        frame.write(at + place, word.to_be_bytes())?;
    }
    frame.write(at + IPV6_HEADER, [2, 0, high, low, 0, 0, m0, m1])?;
    Ok(())
}

/// Leaves `QUOTE` bytes of the packet, with room for `HEAD` bytes in front and the tenant's addresses and tags before those;
/// offset of that room.
#[inline(always)]
fn make_room<F: Frame, const HEAD: usize, const QUOTE: usize>(
    frame: &mut F,
    ask: &TooBig,
    place: &Place,
) -> Result<usize, DropReason> {
    frame.cut_tail(place.ip + QUOTE)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "both are below 256"
    )]
    let by = (MACS + HEAD) as i32 - i32::from(ask.body);
    frame.resize_head(by)?;
    let (low, high) = place.macs.turned().to_wire();
    frame.write(0, low)?;
    frame.write(8, high)?;
    // Six bytes also where two are enough: what is too much is written over next.
    frame.write(MACS, place.tags)?;
    Ok(MACS + place.tags_len)
}
