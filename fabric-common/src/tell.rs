//! Telling a sender that his packet is larger than its way takes: "fragmentation needed" (RFC 792, RFC 1191 section 4) and
//! "packet too big" (RFC 4443 section 3.2).
//!
//! The message travels as the receiver's answer would: from his addresses, in the sender's own VLAN, by the way back to the
//! sender. So it needs no address of the fabric's. It is told of known unicast alone, and never of what RFC 1122 section
//! 3.2.2 and RFC 4443 section 2.4 except: errors, fragments but the first, groups, and senders that are no single host.

pub(crate) mod ipv4;
pub(crate) mod ipv6;

use crate::decide::station;
use crate::maps::{NextHop, TooBig};
use crate::rewrite::{Inner, rewrite};
use crate::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, MACS, Macs, is_group};
use crate::{DropReason, Frame, Tables, flow};

pub(crate) use ipv4::is_host as is_host_v4;
pub(crate) use ipv6::is_host as is_host_v6;

/// Length of the header of either kind of message, in bytes.
const ICMP_HEADER: usize = 8;
pub(crate) const HOPS: u8 = 64;

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
pub(crate) struct Place {
    pub(crate) macs: Macs,
    /// The tenant's own tag, if he has one, and his EtherType.
    pub(crate) tags: [u8; 6],
    /// Their length, 2 or 6.
    pub(crate) tags_len: usize,
    /// Offset of the IP header.
    pub(crate) ip: usize,
}

/// Makes a message to its sender out of a frame that was refused; `None` if he is not to be told. The frame may have been
/// changed then.
#[inline(always)]
pub fn tell<F: Frame, T: Tables>(frame: &mut F, ask: &TooBig, tables: &T) -> Option<Told> {
    let next_hop = tables.next_hop(ask.back).filter(|hop| leads_back(hop, ask))?;
    let path = tables.path(next_hop.path)?;
    let place = Place::of(frame, usize::from(ask.macs), usize::from(ask.body))?;
    if is_group(place.macs.destination()) || is_group(place.macs.source()) {
        return None;
    }
    // Where a segment has two members the other one gets what is for an unknown station too; in that one's name nobody speaks.
    if ask.is_direct == 0 && station(tables, ask.segment, place.macs.destination()).is_none() {
        return None;
    }
    let mtu = usize::from(ask.room).checked_sub(place.tags_len)?;
    match place.kind() {
        ETHERTYPE_IPV4 => {
            let header = ipv4::eligible(frame, &place, mtu)?;
            tables.may_tell(ask.binding).then_some(())?;
            ipv4::write(frame, &place, mtu, header).ok()?;
        }
        ETHERTYPE_IPV6 => {
            let header = ipv6::eligible(frame, &place, mtu)?;
            tables.may_tell(ask.binding).then_some(())?;
            ipv6::write(frame, &place, mtu, header).ok()?;
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

impl Place {
    /// Of a frame with the tenant's addresses and what follows the fabric's tags at these offsets.
    #[inline(always)]
    pub(crate) fn of<F: Frame>(frame: &F, macs_at: usize, body: usize) -> Option<Self> {
        let macs = Macs::from_wire(frame.peek(macs_at).ok()?);
        let (_, ip) = flow::payload(frame, body).ok()?;
        Some(Self {
            macs,
            tags: frame.read(body).ok()?,
            tags_len: ip - body,
            ip,
        })
    }

    /// The EtherType behind the tag.
    #[inline(always)]
    pub(crate) const fn kind(&self) -> u16 {
        let [a, b, _, _, e, f] = self.tags;
        u16::from_be_bytes(if self.tags_len == 2 { [a, b] } else { [e, f] })
    }
}

/// Leaves `QUOTE` bytes of the packet, with room for `HEAD` bytes in front and the tenant's addresses and tags before those;
/// offset of that room.
#[inline(always)]
fn make_room<F: Frame, const HEAD: usize, const QUOTE: usize>(
    frame: &mut F,
    place: &Place,
) -> Result<usize, DropReason> {
    frame.cut_tail(place.ip + QUOTE)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "both are below 256"
    )]
    let by = (MACS + HEAD) as i32 - (place.ip - place.tags_len) as i32;
    frame.resize_head(by)?;
    place.macs.turned().to_wire(frame.window(0)?);
    // Six bytes also where two are enough: what is too much is written over next.
    frame.write(MACS, place.tags)?;
    Ok(MACS + place.tags_len)
}
