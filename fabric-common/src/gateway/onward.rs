//! What both families share: where a packet goes on, and its way into the other segment.

use super::{Seen, Way};
use crate::address::Address;
use crate::decide::{Copied, follow, may_flood, station, valid_next_hop};
use crate::maps::Path;
use crate::maps::gateway::{Irb, PrefixKey, PrefixRoute, Routed, neighbour_index};
use crate::pipeline::Verdict;
use crate::rewrite::{Inner, rewrite, room};
use crate::wire::{MACS, Macs, TPID_C, VLAN_TAG};
use crate::{DropReason, Frame, Tables, storage};

/// Bits of a key with an IPv4 address.
const V4_BITS: u32 = PrefixKey::TABLE_BITS + 32;
/// Bits of a key with an IPv6 address.
const V6_BITS: u32 = PrefixKey::TABLE_BITS + 128;

/// A packet whose next router or receiver is known.
pub(super) struct Next<'t> {
    /// Where it leaves.
    pub(super) irb: &'t Irb,
    /// Who gets it, on the way or at its end.
    pub(super) mac: u64,
}

/// The route to an IPv4 address.
#[inline(always)]
pub(super) fn route_v4<'t, T: Tables>(tables: &'t T, irb: &Irb, address: [u8; 4]) -> Option<&'t PrefixRoute> {
    tables.prefix(V4_BITS, &PrefixKey::v4(irb.vrf, address))
}

/// The route to an IPv6 address.
#[inline(always)]
pub(super) fn route_v6<'t, T: Tables>(tables: &'t T, irb: &Irb, address: Address) -> Option<&'t PrefixRoute> {
    tables.prefix(V6_BITS, &PrefixKey::v6(irb.vrf, address))
}

/// Whether an address is of the interface's own prefix, and not the gateway's.
#[inline(always)]
pub(super) fn is_on_link_v4<T: Tables>(tables: &T, ask: &Routed, irb: &Irb, address: [u8; 4]) -> bool {
    is_neighbour(route_v4(tables, irb, address), ask)
}

/// As [`is_on_link_v4`].
#[inline(always)]
pub(super) fn is_on_link_v6<T: Tables>(tables: &T, ask: &Routed, irb: &Irb, address: Address) -> bool {
    is_neighbour(route_v6(tables, irb, address), ask)
}

#[inline(always)]
fn is_neighbour(route: Option<&PrefixRoute>, ask: &Routed) -> bool {
    route.is_some_and(|route| route.irb == ask.irb && route.kind == PrefixRoute::CONNECTED)
}

/// A station has said what its MAC address is. It is noted if it is `wanted`; otherwise only one that is known already.
#[inline(always)]
pub(super) fn heard<T: Tables>(tables: &T, irb: u32, (address, mac): (Address, u64), wanted: bool) {
    let Some(bucket) = tables.neighbours(neighbour_index(irb, address, neighbour_seed(tables))) else {
        return;
    };
    if wanted || bucket.find(address).mac() != 0 {
        bucket.note(address, mac, tables.now());
    }
}

/// A packet has come from a station: if it is known, it is there.
#[inline(always)]
fn sent<T: Tables>(tables: &T, ask: &Routed, address: Address, mac: u64) {
    if let Some(bucket) = tables.neighbours(neighbour_index(ask.irb, address, neighbour_seed(tables))) {
        bucket.refresh(address, mac, tables.now());
    }
}

#[inline(always)]
fn neighbour_seed<T: Tables>(tables: &T) -> u64 {
    let [seed, _] = tables.seed();
    seed
}

/// Refuses a packet that cannot have come from this segment: its sender must be reached by the same interface (RFC 3704
/// section 2.2).
#[inline(always)]
pub(super) fn check_source<T: Tables>(
    tables: &T,
    ask: &Routed,
    seen: &Seen<'_>,
    (route, source): (Option<&PrefixRoute>, Address),
) -> Result<(), DropReason> {
    let route = route
        .filter(|route| route.irb == ask.irb && route.kind != PrefixRoute::LOCAL)
        .ok_or(DropReason::Martian)?;
    if route.kind == PrefixRoute::CONNECTED {
        sent(tables, ask, source, seen.macs.source());
    }
    Ok(())
}

/// The interface and neighbour that a route leads to. If the neighbour is not known, `ask` says that it must be asked for.
#[inline(always)]
pub(super) fn next<'t, T: Tables>(
    tables: &'t T,
    ask: &mut Routed,
    vrf: u32,
    (route, destination): (&PrefixRoute, Address),
) -> Result<Next<'t>, Way> {
    let stale = Way::Answered(DropReason::StaleNextHop);
    let Some(irb) = tables.irb(route.irb).filter(|irb| irb.vrf == vrf) else {
        return Err(stale);
    };
    let target = if route.kind == PrefixRoute::VIA {
        route.via
    } else {
        destination
    };
    let index = neighbour_index(route.irb, target, neighbour_seed(tables));
    let Some(bucket) = tables.neighbours(index) else {
        return Err(stale);
    };
    let mac = bucket.find(target).mac();
    if mac != 0 {
        return Ok(Next { irb, mac });
    }
    if bucket.ask(target, tables.now()) {
        ask.answer = Routed::SOLICIT;
        ask.out = route.irb;
        ask.target = target;
    }
    Err(Way::Answered(DropReason::NeighbourUnknown))
}

/// The way of the packet behind `seen.at` into the segment of `next`. Nothing of the frame is changed yet.
pub(super) enum Passage<'t> {
    /// To one place.
    Path(&'t Path, u32),
    /// Nobody knows where its receiver is.
    Everywhere,
}

/// Finds the way; the error is the reason, and the MTU in bytes if the packet is too big for it.
#[inline(always)]
pub(super) fn passage<'t, F: Frame, T: Tables>(
    frame: &F,
    ask: &Routed,
    seen: &Seen<'_>,
    next: &Next<'_>,
    tables: &'t T,
) -> Result<Passage<'t>, (DropReason, u32)> {
    let binding = &next.irb.leaving;
    let Some(id) = station(tables, binding.segment(), next.mac) else {
        let copy = Copied {
            len: frame.len() - seen.at + head(next.irb) + MACS,
            in_one_buffer: frame.is_in_one_buffer(),
        };
        may_flood(tables, binding.segment(), copy, None).map_err(|reason| (reason, 0))?;
        return Ok(Passage::Everywhere);
    };
    let stale = (DropReason::StaleNextHop, 0);
    let mut next_hop = valid_next_hop(tables, binding, id).ok_or(stale)?;
    if next_hop.is_gateway() {
        return Err(stale);
    }
    if next_hop.is_vsm() {
        // The client is nudged where he is: by the way that his packets come, and in their tag.
        let id = storage::steer(
            frame,
            usize::from(ask.body),
            tables,
            ask.back,
            (next_hop, seen.macs.source() | storage::MISPLACED),
        );
        next_hop = valid_next_hop(tables, binding, id).ok_or((DropReason::NoMember, 0))?;
    }
    // Out by the port of entry is no turning round: it is another segment, or another station.
    let (path, path_id) = follow(tables, (0, true), binding, next_hop).map_err(|reason| (reason, 0))?;
    let room = u32::from(room(path));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "4 and 2 bytes, and a frame's length"
    )]
    let (head, packet) = (head(next.irb) as u32, (frame.len() - seen.at) as u32);
    if packet + head > room {
        return Err((DropReason::TooBig, room.saturating_sub(head)));
    }
    Ok(Passage::Path(path, path_id))
}

/// Bytes between the addresses and the packet in frames of the interface's segment.
#[inline(always)]
const fn head(irb: &Irb) -> usize {
    if irb.own() == crate::maps::own::UNTAGGED {
        2
    } else {
        2 + VLAN_TAG
    }
}

/// Sends the packet on, one hop older: that is what `age` writes at the offset of the IP header. `kind` is its EtherType.
#[inline(always)]
pub(super) fn send<F: Frame>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    (next, passage): (&Next<'_>, &Passage<'_>),
    kind: u16,
    age: impl FnOnce(&mut F, usize) -> Result<(), DropReason>,
) -> Result<Way, DropReason> {
    let len_in = frame.len();
    let macs = Macs::new(next.mac, next.irb.mac);
    let at = put_head(frame, ask, seen, (next.irb, macs), kind)?;
    age(frame, at)?;
    let verdict = match *passage {
        Passage::Path(path, path_id) => {
            let len_out = rewrite(frame, Inner::PLAIN, macs, path)?;
            Verdict::Unicast {
                slot: path.slot,
                binding: ask.binding,
                len_in,
                path: path_id,
                len_out,
            }
        }
        Passage::Everywhere => Verdict::Flood {
            segment: next.irb.segment(),
            horizon: 0,
            binding: ask.binding,
            len_in,
            from: 0,
            turns: 1,
        },
    };
    Ok(Way::On(verdict))
}

/// Leaves the packet with new addresses, the other segment's tag with the priority that it came with, and the EtherType in front of
/// it; its offset.
#[inline(always)]
fn put_head<F: Frame>(
    frame: &mut F,
    ask: &Routed,
    seen: &Seen<'_>,
    (irb, macs): (&Irb, Macs),
    kind: u16,
) -> Result<usize, DropReason> {
    let [t0, t1, p, _] = frame.read(usize::from(ask.body))?;
    let priority = if u16::from_be_bytes([t0, t1]) == TPID_C {
        p & 0xf0
    } else {
        0
    };
    let at = MACS + head(irb);
    // Also if it need not move: behind this call the verifier knows the frame anew.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "both are below 512"
    )]
    frame.resize_head(at as i32 - seen.at as i32)?;
    let [k0, k1] = kind.to_be_bytes();
    write_macs(frame, macs)?;
    if irb.own() == crate::maps::own::UNTAGGED {
        frame.write(MACS, [k0, k1])?;
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "12 bits")]
        let [v0, v1] = (irb.own() as u16).to_be_bytes();
        let [t0, t1] = TPID_C.to_be_bytes();
        frame.write(MACS, [t0, t1, priority | v0 & 0x0f, v1, k0, k1])?;
    }
    Ok(at)
}

/// Tags alone leave the addresses as they are if the frame's start need not move; here they are others.
#[inline(always)]
pub(super) fn put_macs<F: Frame>(frame: &mut F, path: &Path, macs: Macs) -> Result<(), DropReason> {
    if path.pre == 0 {
        write_macs(frame, macs)?;
    }
    Ok(())
}

#[inline(always)]
pub(super) fn write_macs<F: Frame>(frame: &mut F, macs: Macs) -> Result<(), DropReason> {
    macs.to_wire(frame.window(0)?);
    Ok(())
}

/// Room in front of a frame that is larger than any message of the gateway's, less the shortest packet.
const LIFT: i32 = 64;

/// Makes a frame of the interface's segment with nothing behind its EtherType yet, `UNTAGGED` bytes long or, with the segment's tag,
/// `TAGGED`; the offset of what is to be written.
#[inline(always)]
pub(super) fn blank<F: Frame, const UNTAGGED: usize, const TAGGED: usize>(
    frame: &mut F,
    irb: &Irb,
    macs: Macs,
    kind: u16,
) -> Result<usize, DropReason> {
    frame.resize_head(LIFT)?;
    let [k0, k1] = kind.to_be_bytes();
    if irb.own() == crate::maps::own::UNTAGGED {
        frame.cut_tail(UNTAGGED)?;
        write_macs(frame, macs)?;
        frame.write(MACS, [k0, k1])?;
        return Ok(MACS + 2);
    }
    frame.cut_tail(TAGGED)?;
    write_macs(frame, macs)?;
    #[expect(clippy::cast_possible_truncation, reason = "12 bits")]
    let [v0, v1] = (irb.own() as u16).to_be_bytes();
    let [t0, t1] = TPID_C.to_be_bytes();
    frame.write(MACS, [t0, t1, v0, v1, k0, k1])?;
    Ok(MACS + 2 + VLAN_TAG)
}

/// An IPv6 address of a packet.
#[inline(always)]
pub(super) fn read_v6<F: Frame>(frame: &F, at: usize) -> Result<Address, DropReason> {
    let words = [frame.read(at)?, frame.read(at + 8)?];
    Ok(Address::from_words(words.map(u64::from_le_bytes)))
}

/// An IPv6 address as two words in host order.
#[inline(always)]
pub(super) const fn words(address: Address) -> [u64; 2] {
    let [high, low] = address.words();
    [high.swap_bytes(), low.swap_bytes()]
}
