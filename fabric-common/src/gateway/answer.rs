//! What a gateway says itself: echo replies, errors (RFC 792, RFC 1812 section 4.3, RFC 4443), and questions for neighbours.

use super::onward::{put_macs, words};
use super::{arp, interface, nd, way_back};
use crate::address::Address;
use crate::decide::{Copied, may_flood};
use crate::maps::gateway::{Irb, Routed};
use crate::rewrite::{Inner, fold, rewrite};
use crate::tell::{HOPS, Place, Told, ipv4, ipv6};
use crate::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_HEADER, IPV6_HEADER, MACS};
use crate::{DropReason, Frame, Tables};

/// Bytes of a packet that a message repeats: the header, and 64 bits behind it (RFC 792).
const QUOTE_V4: usize = IPV4_HEADER + 8;
/// As many as every sender needs to know what he has sent. Of larger packets, as many as [`ipv6::QUOTE`].
const QUOTE_V6: usize = IPV6_HEADER + 8;

/// A message that is ready to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// To the sender of the packet.
    Told(Told),
    /// To everybody in this segment; the tenant's frame alone, as floods are.
    Asked(u32),
}

/// Makes the message that `ask` wants out of the frame; `None` if nothing is to be sent. The frame may have been changed then.
///
/// So many a tick for each binding: whoever makes a gateway talk costs nobody else an answer.
#[inline(always)]
pub fn answer<F: Frame, T: Tables>(frame: &mut F, ask: &Routed, tables: &T) -> Option<Answered> {
    if ask.answer == Routed::SOLICIT {
        tables.may_tell(ask.binding).then_some(())?;
        return self::ask(frame, ask.out, ask.target, tables);
    }
    let irb = interface(tables, ask.irb, ask.segment()).ok()?;
    let place = Place::of(frame, usize::from(ask.macs), usize::from(ask.body))?;
    let (path, path_id) = way_back(tables, ask).ok()?;
    let macs = place.macs.turned();
    let inner = match (ask.answer, place.kind()) {
        (Routed::ECHO, kind) => {
            tables.may_tell(ask.binding).then_some(())?;
            match kind {
                ETHERTYPE_IPV4 => echo_v4(frame, &place),
                _ => echo_v6(frame, &place),
            }
            .ok()?;
            Inner {
                macs: usize::from(ask.macs),
                body: usize::from(ask.body),
            }
        }
        (_, ETHERTYPE_IPV4) => {
            error_v4(frame, ask, irb, &place, tables)?;
            Inner::PLAIN
        }
        (_, ETHERTYPE_IPV6) => {
            error_v6(frame, ask, irb, &place, tables)?;
            Inner::PLAIN
        }
        _ => return None,
    };
    let len = rewrite(frame, inner, macs, path).ok()?;
    put_macs(frame, path, macs).ok()?;
    Some(Answered::Told(Told {
        slot: path.slot,
        path: path_id,
        len,
    }))
}

/// Makes a question for a neighbour out of any frame of 34 bytes or more.
#[inline(always)]
pub fn ask<F: Frame, T: Tables>(frame: &mut F, irb: u32, target: Address, tables: &T) -> Option<Answered> {
    let irb = tables.irb(irb).filter(|irb| irb.vrf != 0)?;
    let copy = Copied {
        len: MACS,
        in_one_buffer: true,
    };
    may_flood(tables, irb.segment(), copy, None).ok()?;
    match target.as_v4() {
        Some(target) => arp::write_request(frame, irb, target),
        None => nd::write_solicitation(frame, irb, target),
    }
    .ok()?;
    Some(Answered::Asked(irb.segment()))
}

/// Turns a request into the reply (RFC 1812 section 4.3.3.6).
#[inline(always)]
fn echo_v4<F: Frame>(frame: &mut F, place: &Place) -> Result<(), DropReason> {
    let header: [u8; IPV4_HEADER] = frame.read(place.ip)?;
    let [a, b, c, d, e, f, g, h, _, i, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let mut reply = [
        a, b, c, d, e, f, g, h, HOPS, i, 0, 0, d0, d1, d2, d3, s0, s1, s2, s3,
    ];
    [reply[10], reply[11]] = (!fold(ipv4::sum(&reply))).to_be_bytes();
    let [_, _, high, low] = frame.read(place.ip + IPV4_HEADER)?;
    // Type 8 becomes 0 (RFC 1624 section 3).
    let sum = u32::from(!u16::from_be_bytes([high, low])) + u32::from(!0x0800_u16);
    let [high, low] = (!fold(sum)).to_be_bytes();
    frame.look_again();
    frame.write(place.ip, reply)?;
    frame.write(place.ip + IPV4_HEADER, [0, 0, high, low])?;
    Ok(())
}

/// As [`echo_v4`] (RFC 4443 section 4.2). The pseudo header has the same sum.
#[inline(always)]
fn echo_v6<F: Frame>(frame: &mut F, place: &Place) -> Result<(), DropReason> {
    let source: [u8; 16] = frame.read(place.ip + 8)?;
    let destination: [u8; 16] = frame.read(place.ip + 24)?;
    let [_, _, high, low] = frame.read(place.ip + IPV6_HEADER)?;
    // Type 128 becomes 129.
    let sum = u32::from(!u16::from_be_bytes([high, low])) + u32::from(!0x8000_u16) + u32::from(0x8100_u16);
    let [high, low] = (!fold(sum)).to_be_bytes();
    frame.look_again();
    frame.write(place.ip + 7, [HOPS])?;
    frame.write(place.ip + 8, destination)?;
    frame.write(place.ip + 24, source)?;
    frame.write(place.ip + IPV6_HEADER, [129, 0, high, low])?;
    Ok(())
}

#[inline(always)]
fn error_v4<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    irb: &Irb,
    place: &Place,
    tables: &T,
) -> Option<()> {
    let header: [u8; IPV4_HEADER] = frame.read(place.ip).ok()?;
    ipv4::may_hear(frame, place.ip, &header)?;
    tables.may_tell(ask.binding).then_some(())?;
    let [.., s0, s1, s2, s3, _, _, _, _] = header;
    let [m0, m1] = mtu(ask);
    let icmp = match ask.answer {
        Routed::TIME_EXCEEDED => [11, 0, 0, 0, 0, 0, 0, 0],
        Routed::NO_ROUTE => [3, 0, 0, 0, 0, 0, 0, 0],
        Routed::NO_PORT => [3, 3, 0, 0, 0, 0, 0, 0],
        Routed::TOO_BIG => [3, 4, 0, 0, 0, 0, m0, m1],
        _ => return None,
    };
    let ends = (irb.v4, [s0, s1, s2, s3]);
    ipv4::write_error::<F, QUOTE_V4>(frame, place, ends, icmp).ok()
}

#[inline(always)]
fn error_v6<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    irb: &Irb,
    place: &Place,
    tables: &T,
) -> Option<()> {
    let header: [u8; IPV6_HEADER] = frame.read(place.ip).ok()?;
    ipv6::may_hear(frame, place.ip, &header)?;
    tables.may_tell(ask.binding).then_some(())?;
    let [m0, m1] = mtu(ask);
    let icmp = match ask.answer {
        Routed::TIME_EXCEEDED => [3, 0, 0, 0, 0, 0, 0, 0],
        Routed::NO_ROUTE => [1, 0, 0, 0, 0, 0, 0, 0],
        Routed::NO_PORT => [1, 4, 0, 0, 0, 0, 0, 0],
        Routed::TOO_BIG => [2, 0, 0, 0, 0, 0, m0, m1],
        _ => return None,
    };
    let [_, _, _, _, _, _, _, _, addresses @ ..] = header;
    let [a, b, ..] = ipv6::words(addresses);
    let ends = (words(irb.v6), [a, b]);
    match ipv6::sum_of_quote(frame, place.ip) {
        Ok(quoted) => ipv6::write_error::<F, { ipv6::QUOTE }>(frame, place, ends, (&icmp, quoted)),
        Err(_) => {
            let quoted = u32::from(frame.sum_of::<QUOTE_V6>(place.ip).ok()?);
            ipv6::write_error::<F, QUOTE_V6>(frame, place, ends, (&icmp, quoted))
        }
    }
    .ok()
}

/// The MTU of a way is at most that of a link, 16 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "as said")]
const fn mtu(ask: &Routed) -> [u8; 2] {
    (ask.mtu as u16).to_be_bytes()
}
