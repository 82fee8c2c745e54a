//! Neighbour discovery (RFC 4861) at a gateway.

use super::arp::noted;
use super::onward::{self, blank, is_on_link_v6, read_v6, words};
use super::{Seen, Way, is_from_inside, to_everybody, way_back};
use crate::address::Address;
use crate::maps::gateway::{Irb, Routed};
use crate::pipeline::Verdict;
use crate::rewrite::{Inner, fold, rewrite};
use crate::tell::ipv4::sum;
use crate::tell::ipv6::{pseudo, write_header};
use crate::wire::{
    ETH_HEADER, ETHERTYPE_IPV6, IPV6_HEADER, Macs, PROTO_ICMPV6, VLAN_TAG, is_group, mac_octets, mac_word,
};
use crate::{DropReason, Frame, Tables};

/// The only hop limit of neighbour discovery: what has it comes from the segment itself (section 7.1).
const NEIGHBOURS_ONLY: u8 = 255;
/// Extension headers (RFC 8200 section 4) behind which hosts look for a message.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const OPTIONS: u8 = 60;
const ROUTER_SOLICITATION: u8 = 133;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// A message with the one option that it needs, in bytes.
const LENGTH: usize = 32;
/// The same without the option.
const BARE: usize = 24;
const FRAME: usize = ETH_HEADER + IPV6_HEADER + LENGTH;
/// "Solicited", and "override" what was known before (section 4.4).
const SOLICITED: u8 = 0x60;
const OVERRIDE: u8 = 0x20;

/// Whether the IPv6 packet at `at` is a message that a gateway takes part in.
#[inline(always)]
pub(super) fn is_discovery<F: Frame>(frame: &F, at: usize) -> bool {
    matches!(frame.read(at + 6), Ok([PROTO_ICMPV6, NEIGHBOURS_ONLY]))
        && matches!(
            frame.read(at + IPV6_HEADER),
            Ok([SOLICITATION | ADVERTISEMENT, 0])
        )
}

/// Whether the packet at `at`, which [`is_discovery`] has passed over, may tell its receivers that `address` is where it came from. Behind
/// an extension header they look for a message of neighbour discovery, but not in fragments (RFC 6980 section 5). Routers note where
/// somebody is who looks for them (section 6.2.6); a gateway does not do that.
#[inline(always)]
pub(super) fn may_forge<F: Frame>(frame: &F, at: usize, address: Address) -> bool {
    let Ok([kind, NEIGHBOURS_ONLY]) = frame.read(at + 6) else {
        return false;
    };
    match kind {
        HOP_BY_HOP | ROUTING | OPTIONS => true,
        PROTO_ICMPV6 => {
            matches!(frame.read(at + IPV6_HEADER), Ok([ROUTER_SOLICITATION]))
                && matches!(read_v6(frame, at + 8), Ok(source) if source == address)
        }
        _ => false,
    }
}

/// As [`super::arp::arp`]: a solicitation of the gateway's address is answered here, everything else is noted and goes on.
#[inline(always)]
pub(super) fn discover<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    tables: &T,
) -> Result<Way, DropReason> {
    let irb = seen.irb;
    let at = seen.at + IPV6_HEADER;
    let [_, _, _, _, high, low, _, _] = frame.read(seen.at)?;
    let (source, destination) = (read_v6(frame, seen.at + 8)?, read_v6(frame, seen.at + 24)?);
    let head: [u8; 8] = frame.read(at)?;
    let target = read_v6(frame, at + 8)?;
    let option = frame.read(at + BARE).unwrap_or_default();
    let is_solicitation = head[0] == SOLICITATION;
    let speaks_of = if is_solicitation { source } else { target };
    let has_v6 = irb.v6 != Address::default();
    if has_v6 && speaks_of == irb.v6 {
        // The gateway's own question at another node; whoever else says so forges it.
        if is_solicitation && seen.macs.source() == irb.mac && is_from_inside(tables, ask) {
            return to_everybody(frame, ask, seen.macs, tables);
        }
        return Err(DropReason::ForgedGateway);
    }
    let is_for_us = has_v6 && is_solicitation && target == irb.v6;
    let length = u16::from_be_bytes([high, low]);
    if is_intact((source, destination), length, (&head, target, &option)) {
        let kind = if is_solicitation { 1 } else { 2 };
        let mac = if usize::from(length) == LENGTH {
            link_address(option, kind)
        } else {
            0
        };
        if mac != 0 && mac == seen.macs.source() && is_on_link_v6(tables, ask, irb, speaks_of) {
            let wanted = is_for_us || ask.flooded == 0;
            onward::heard(tables, ask.irb, (speaks_of, mac), wanted);
        }
        if is_for_us {
            if is_group(seen.macs.source()) {
                return Err(DropReason::GroupSource);
            }
            return advertise(frame, ask, seen, source, tables);
        }
    } else if is_for_us {
        return Err(DropReason::BadIpHeader);
    }
    noted(to_everybody(frame, ask, seen.macs, tables))
}

/// The MAC address in an option of this type; 0 for another.
#[inline(always)]
fn link_address([kind, length, a, b, c, d, e, f]: [u8; 8], wanted: u8) -> u64 {
    let mac = mac_word([a, b, c, d, e, f]);
    if kind == wanted && length == 1 && !is_group(mac) {
        mac
    } else {
        0
    }
}

/// Whether the checksum is right; messages of other lengths than the usual two are not taken.
#[inline(always)]
fn is_intact(
    (source, destination): (Address, Address),
    length: u16,
    (head, target, option): (&[u8; 8], Address, &[u8; 8]),
) -> bool {
    let [high, low] = words(target).map(u64::to_be_bytes);
    let option = match usize::from(length) {
        LENGTH => sum(option),
        BARE => 0,
        _ => return false,
    };
    let message = sum(head) + sum(&high) + sum(&low) + option;
    fold(pseudo((words(source), words(destination)), length) + message) == 0xffff
}

/// Answers the sender; or everybody, where somebody only wants to know whether the address is free (section 7.2.4).
#[inline(always)]
fn advertise<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    sender: Address,
    tables: &T,
) -> Result<Way, DropReason> {
    let len_in = frame.len();
    let (path, path_id) = way_back(tables, ask)?;
    let irb = seen.irb;
    let ours = words(irb.v6);
    let nobody = sender == Address::default();
    let (to, flags) = if nobody {
        ([0xff02 << 48, 1], OVERRIDE)
    } else {
        (words(sender), SOLICITED)
    };
    let macs = Macs::new(seen.macs.source(), irb.mac);
    write(frame, irb, (macs, [ours, to]), ([ADVERTISEMENT, flags, 2], ours))?;
    let len_out = rewrite(frame, Inner::PLAIN, macs, path)?;
    Ok(Way::On(Verdict::Unicast {
        slot: path.slot,
        binding: ask.binding,
        len_in,
        path: path_id,
        len_out,
    }))
}

/// Puts a solicitation of `target` in place of the frame, to the group of all whose addresses end as it does (RFC 4291 section
/// 2.7.1).
#[inline(always)]
pub(super) fn write_solicitation<F: Frame>(
    frame: &mut F,
    irb: &Irb,
    target: Address,
) -> Result<(), DropReason> {
    let [high, low] = words(target);
    let [_, _, _, _, _, x, y, z] = low.to_be_bytes();
    let group = [0xff02 << 48, 0x1_ff00_0000 | low & 0xff_ffff];
    let macs = Macs::new(mac_word([0x33, 0x33, 0xff, x, y, z]), irb.mac);
    let ours = words(irb.v6);
    write(
        frame,
        irb,
        (macs, [ours, group]),
        ([SOLICITATION, 0, 1], [high, low]),
    )
}

/// Addresses are two words in host order each.
#[inline(always)]
fn write<F: Frame>(
    frame: &mut F,
    irb: &Irb,
    (macs, [from, to]): (Macs, [[u64; 2]; 2]),
    ([kind, flags, option], target): ([u8; 3], [u64; 2]),
) -> Result<(), DropReason> {
    let at = blank::<F, FRAME, { FRAME + VLAN_TAG }>(frame, irb, macs, ETHERTYPE_IPV6)?;
    #[expect(clippy::cast_possible_truncation, reason = "32")]
    const SIZE: u16 = LENGTH as u16;
    write_header(frame, at, (from, to), (SIZE, 255))?;
    let [m0, m1, m2, m3, m4, m5] = mac_octets(irb.mac);
    let mut head = [kind, 0, 0, 0, flags, 0, 0, 0];
    let tail = [option, 1, m0, m1, m2, m3, m4, m5];
    let [high, low] = target.map(u64::to_be_bytes);
    let whole = pseudo((from, to), SIZE) + sum(&head) + sum(&high) + sum(&low) + sum(&tail);
    [head[2], head[3]] = (!fold(whole)).to_be_bytes();
    let at = at + IPV6_HEADER;
    frame.write(at, head)?;
    frame.write(at + 8, high)?;
    frame.write(at + 16, low)?;
    frame.write(at + BARE, tail)?;
    Ok(())
}
