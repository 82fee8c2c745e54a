//! ARP (RFC 826) at a gateway.

use super::{Seen, Way, is_from_inside, onward, to_everybody, way_back};
use crate::address::Address;
use crate::maps::gateway::{Irb, Routed};
use crate::maps::own;
use crate::pipeline::Verdict;
use crate::rewrite::{Inner, rewrite};
use crate::wire::{ETH_HEADER, ETHERTYPE_ARP, Macs, VLAN_TAG, is_group, mac_octets, mac_word};
use crate::{DropReason, Frame, Tables};

/// Length of a packet about IPv4 on Ethernet, in bytes.
const LENGTH: usize = 28;
/// Shortest frame in bytes, without frame check sequence (IEEE 802.3 clause 3.2.7).
const SHORTEST: usize = 60;
const BROADCAST: u64 = Macs::MASK;
/// Ethernet, IPv4, and the lengths of their addresses.
const HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// The type of other IEEE 802 networks, which Linux takes on Ethernet as well (`arp_process`).
const IEEE_802: u8 = 6;
/// Operations.
const REQUEST: [u8; 2] = [0, 1];
const REPLY: [u8; 2] = [0, 2];

/// A request for the gateway's address is answered here; everything else is noted and goes on, because the gateway of another node
/// may wait for it.
#[inline(always)]
pub(super) fn arp<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    tables: &T,
) -> Result<Way, DropReason> {
    let irb = seen.irb;
    let packet: [u8; LENGTH] = frame.read(seen.at)?;
    let [h0, h1, h2, h3, h4, h5, o0, o1, rest @ ..] = packet;
    let [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        s0,
        s1,
        s2,
        s3,
        _,
        _,
        _,
        _,
        _,
        _,
        t0,
        t1,
        t2,
        t3,
    ] = rest;
    let hardware = if h1 == IEEE_802 { HEAD[1] } else { h1 };
    if [h0, hardware, h2, h3, h4, h5] != HEAD {
        return to_everybody(frame, ask, seen.macs, tables);
    }
    let (mac, sender, target) = (
        mac_word([m0, m1, m2, m3, m4, m5]),
        [s0, s1, s2, s3],
        [t0, t1, t2, t3],
    );
    let is_gateways = u32::from_ne_bytes(sender) == u32::from_ne_bytes(irb.v4) && irb.v4[0] != 0;
    if is_gateways || mac == irb.mac {
        // The gateway's own question at another node; whoever else says so forges it.
        if is_gateways && mac == irb.mac && seen.macs.source() == irb.mac && is_from_inside(tables, ask) {
            return to_everybody(frame, ask, seen.macs, tables);
        }
        return Err(DropReason::ForgedGateway);
    }
    let is_for_us = u32::from_ne_bytes(target) == u32::from_ne_bytes(irb.v4) && irb.v4[0] != 0;
    if mac == seen.macs.source()
        && mac != 0
        && !is_group(mac)
        && onward::is_on_link_v4(tables, ask, irb, sender)
    {
        onward::heard(
            tables,
            ask.irb,
            (Address::v4(sender), mac),
            is_for_us || ask.flooded == 0,
        );
    }
    if is_for_us && [o0, o1] == REQUEST {
        if mac == 0 {
            return Err(DropReason::ZeroSource);
        }
        if is_group(mac) {
            return Err(DropReason::GroupSource);
        }
        return reply(frame, ask, seen, (mac, sender), tables);
    }
    noted(to_everybody(frame, ask, seen.macs, tables))
}

/// What was for the gateway has reached it, also if there is nobody else.
#[inline(always)]
pub(super) fn noted(onward: Result<Way, DropReason>) -> Result<Way, DropReason> {
    match onward {
        Err(DropReason::NoReceiver) => Err(DropReason::ForGateway),
        other => other,
    }
}

/// Makes the answer out of the request.
#[inline(always)]
fn reply<F: Frame, T: Tables>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    (mac, sender): (u64, [u8; 4]),
    tables: &T,
) -> Result<Way, DropReason> {
    let len_in = frame.len();
    let (path, path_id) = way_back(tables, ask)?;
    let macs = Macs::new(mac, seen.irb.mac);
    write(frame, seen.irb, (REPLY, macs), (mac, sender))?;
    let len_out = rewrite(frame, Inner::PLAIN, macs, path)?;
    Ok(Way::On(Verdict::Unicast {
        slot: path.slot,
        binding: ask.binding,
        len_in,
        path: path_id,
        len_out,
    }))
}

/// Puts a request for `target` in place of the frame.
#[inline(always)]
pub(super) fn write_request<F: Frame>(frame: &mut F, irb: &Irb, target: [u8; 4]) -> Result<(), DropReason> {
    let macs = Macs::new(BROADCAST, irb.mac);
    write(frame, irb, (REQUEST, macs), (0, target))
}

#[inline(always)]
fn write<F: Frame>(
    frame: &mut F,
    irb: &Irb,
    (operation, macs): ([u8; 2], Macs),
    (mac, target): (u64, [u8; 4]),
) -> Result<(), DropReason> {
    // Shorter frames are filled up with zeros (IEEE 802.3 clause 4.2.3.3).
    let at = onward::blank::<F, SHORTEST, SHORTEST>(frame, irb, macs, ETHERTYPE_ARP)?;
    let [h0, h1, h2, h3, h4, h5] = HEAD;
    let [o0, o1] = operation;
    let ([m0, m1, m2, m3, m4, m5], [s0, s1, s2, s3]) = (mac_octets(irb.mac), irb.v4);
    let ([n0, n1, n2, n3, n4, n5], [t0, t1, t2, t3]) = (mac_octets(mac), target);
    let packet: [u8; LENGTH] = [
        h0, h1, h2, h3, h4, h5, o0, o1, m0, m1, m2, m3, m4, m5, s0, s1, s2, s3, n0, n1, n2, n3, n4, n5, t0,
        t1, t2, t3,
    ];
    frame.write(at, packet)?;
    frame.write(at + LENGTH, [0; SHORTEST - LENGTH - ETH_HEADER - VLAN_TAG])?;
    if irb.own() == own::UNTAGGED {
        frame.write(SHORTEST - VLAN_TAG, [0; VLAN_TAG])?;
    }
    Ok(())
}
