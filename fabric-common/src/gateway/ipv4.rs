//! IPv4 through a gateway (RFC 1812 section 5).

use super::onward::{check_source, next, passage, route_v4, send};
use super::{Seen, Way};
use crate::address::Address;
use crate::maps::gateway::{PrefixRoute, Routed};
use crate::rewrite::fold;
use crate::tell::is_host_v4;
use crate::wire::{ETHERTYPE_IPV4, IPV4_HEADER, PROTO_ICMP};
use crate::{DropReason, Frame, Tables};

/// Type and code.
const ECHO_REQUEST: u16 = 0x0800;

/// Routes the packet behind `seen.at`.
///
/// Packets with options are not: all that a router would have to do for them is dangerous or dead (RFC 7126 section 4).
#[inline(always)]
pub(super) fn route<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &mut Routed,
    seen: &Seen<'_>,
    tables: &T,
) -> Result<Way, DropReason> {
    let header: [u8; IPV4_HEADER] = frame.read(seen.at)?;
    check_header(frame, seen, &header)?;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let (source, destination) = ([s0, s1, s2, s3], [d0, d1, d2, d3]);
    if !is_host_v4(source) || !is_host_v4(destination) {
        return Err(DropReason::Martian);
    }
    let from = route_v4(tables, seen.irb, source);
    check_source(tables, ask, seen, (from, Address::v4(source)))?;
    let Some(to) = route_v4(tables, seen.irb, destination) else {
        ask.answer = Routed::NO_ROUTE;
        return Ok(Way::Answered(DropReason::NoRoute));
    };
    if to.kind == PrefixRoute::LOCAL {
        return local(frame, ask, seen, &header);
    }
    if is_link_local(source) || is_link_local(destination) {
        return Err(DropReason::Martian);
    }
    let [_, _, _, _, _, _, flags, _, ttl, ..] = header;
    if ttl <= 1 {
        ask.answer = Routed::TIME_EXCEEDED;
        return Ok(Way::Answered(DropReason::HopsExceeded));
    }
    let next = match next(tables, ask, seen.irb.vrf, (to, Address::v4(destination))) {
        Ok(next) => next,
        Err(way) => return Ok(way),
    };
    let passage = match passage(frame, ask, seen, &next, tables) {
        Ok(passage) => passage,
        Err((reason, mtu)) => {
            // "Don't fragment": only then does the sender want to know.
            if reason as u8 == DropReason::TooBig as u8 && flags & 0x40 != 0 {
                ask.answer = Routed::TOO_BIG;
                ask.mtu = mtu;
                return Ok(Way::Answered(reason));
            }
            return Err(reason);
        }
    };
    send(
        frame,
        ask,
        seen,
        (&next, &passage),
        ETHERTYPE_IPV4,
        |frame, at| age(frame, at, &header),
    )
}

/// No router sends these on (RFC 3927 section 2.7).
#[inline(always)]
const fn is_link_local([a, b, ..]: [u8; 4]) -> bool {
    a == 169 && b == 254
}

/// RFC 1812 section 5.2.2.
#[inline(always)]
fn check_header<F: Frame>(frame: &F, seen: &Seen<'_>, header: &[u8; IPV4_HEADER]) -> Result<(), DropReason> {
    let [version, _, high, low, ..] = *header;
    let total = usize::from(u16::from_be_bytes([high, low]));
    if version != 0x45 {
        let has_options = version >> 4 == 4 && version & 0xf > 5;
        return Err(if has_options {
            DropReason::NotRouted
        } else {
            DropReason::BadIpHeader
        });
    }
    let (words, _) = header.as_chunks();
    let sum = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    if fold(sum) != 0xffff || total < IPV4_HEADER || seen.at + total > frame.len() {
        return Err(DropReason::BadIpHeader);
    }
    Ok(())
}

/// A packet to the gateway itself. Its addresses answer an echo, and there is nothing else at them.
#[inline(always)]
fn local<F: Frame>(
    frame: &F,
    ask: &mut Routed,
    seen: &Seen<'_>,
    header: &[u8; IPV4_HEADER],
) -> Result<Way, DropReason> {
    let [_, _, _, _, _, _, flags, offset, _, protocol, ..] = *header;
    if flags & 0x3f | offset != 0 {
        return Err(DropReason::ForGateway);
    }
    if protocol != PROTO_ICMP {
        ask.answer = Routed::NO_PORT;
    } else if u16::from_be_bytes(frame.read(seen.at + IPV4_HEADER)?) == ECHO_REQUEST {
        ask.answer = Routed::ECHO;
    }
    Ok(Way::Answered(DropReason::ForGateway))
}

/// One hop less to live (RFC 1812 section 5.3.1), and the checksum follows (RFC 1624 section 3).
#[inline(always)]
fn age<F: Frame>(frame: &mut F, at: usize, header: &[u8; IPV4_HEADER]) -> Result<(), DropReason> {
    let [_, _, _, _, _, _, _, _, ttl, protocol, c0, c1, ..] = *header;
    let sum = u32::from(!u16::from_be_bytes([c0, c1]))
        + u32::from(!u16::from_be_bytes([ttl, protocol]))
        + u32::from(u16::from_be_bytes([ttl - 1, protocol]));
    frame.write(at + 8, [ttl - 1])?;
    frame.write(at + 10, (!fold(sum)).to_be_bytes())?;
    Ok(())
}
