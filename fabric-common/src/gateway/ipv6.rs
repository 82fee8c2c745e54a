//! IPv6 through a gateway (RFC 8200, RFC 4443).

use super::onward::{check_source, next, passage, read_v6, route_v6, send, words};
use super::{Seen, Way};
use crate::address::Address;
use crate::maps::gateway::{PrefixRoute, Routed};
use crate::tell::is_host_v6;
use crate::wire::{ETHERTYPE_IPV6, IPV6_HEADER, PROTO_ICMPV6};
use crate::{DropReason, Frame, Tables};

/// Type and code.
const ECHO_REQUEST: u16 = 0x8000;
const TCP: u8 = crate::wire::PROTO_TCP;
const UDP: u8 = crate::wire::PROTO_UDP;

/// Routes the packet behind `seen.at`.
#[inline(always)]
pub(super) fn route<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &mut Routed,
    seen: &Seen<'_>,
    tables: &T,
) -> Result<Way, DropReason> {
    let [version, _, _, _, high, low, protocol, hops] = frame.read(seen.at)?;
    let (source, destination) = (read_v6(frame, seen.at + 8)?, read_v6(frame, seen.at + 24)?);
    let payload = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 6 || seen.at + IPV6_HEADER + payload > frame.len() {
        return Err(DropReason::BadIpHeader);
    }
    if !is_routable(source) || !is_routable(destination) {
        return Err(DropReason::Martian);
    }
    let from = route_v6(tables, seen.irb, source);
    check_source(tables, ask, seen, (from, source))?;
    let Some(to) = route_v6(tables, seen.irb, destination) else {
        ask.answer = Routed::NO_ROUTE;
        return Ok(Way::Answered(DropReason::NoRoute));
    };
    if to.kind == PrefixRoute::LOCAL {
        return local(frame, ask, seen, protocol);
    }
    if hops <= 1 {
        ask.answer = Routed::TIME_EXCEEDED;
        return Ok(Way::Answered(DropReason::HopsExceeded));
    }
    let next = match next(tables, ask, seen.irb.vrf, (to, destination)) {
        Ok(next) => next,
        Err(way) => return Ok(way),
    };
    let passage = match passage(frame, ask, seen, &next, tables) {
        Ok(passage) => passage,
        Err((reason, mtu)) => {
            if reason as u8 == DropReason::TooBig as u8 {
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
        ETHERTYPE_IPV6,
        |frame, at| {
            frame.write(at + 7, [hops - 1])?;
            Ok(())
        },
    )
}

/// An address of a single host that is known beyond its link (RFC 4291 section 2.5.6).
#[inline(always)]
fn is_routable(address: Address) -> bool {
    let [high, low] = words(address);
    is_host_v6([high, low]) && high >> 54 != 0xfe80 >> 6
}

/// A packet to the gateway itself. Its addresses answer an echo, and there is nothing else at them.
#[inline(always)]
fn local<F: Frame>(frame: &F, ask: &mut Routed, seen: &Seen<'_>, protocol: u8) -> Result<Way, DropReason> {
    match protocol {
        TCP | UDP => ask.answer = Routed::NO_PORT,
        PROTO_ICMPV6 => {
            let kind = u16::from_be_bytes(frame.read(seen.at + IPV6_HEADER)?);
            if kind == ECHO_REQUEST {
                ask.answer = Routed::ECHO;
            }
        }
        _ => {}
    }
    Ok(Way::Answered(DropReason::ForGateway))
}
