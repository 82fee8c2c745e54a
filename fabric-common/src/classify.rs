//! Classification: which segment a frame belongs to, and where the tenant's frame begins in it.
//!
//! One file per port role. Each reads tags only as far as the role needs, and checks the tenant's addresses.

mod access;
mod global_vlan;
mod itag;
mod label;
mod pseudowire;
mod trunk;
mod underlay;

pub use access::access;
pub use label::{Labelled, Relay};
pub use pseudowire::pseudowire;
pub use trunk::trunk;
pub use underlay::{Underlay, underlay};

use crate::buckets::find;
use crate::flood::SEAL;
use crate::maps::{Binding, Port, own};
use crate::rewrite::Inner;
use crate::tables::Table;
use crate::wire::{Macs, RESERVED_GROUP, TPID_C, TPID_I, TPID_S, VID_MASK, is_group};
use crate::{DropReason, Frame, Short, Tables};

/// A frame whose segment is known.
pub struct Classified<'t> {
    /// The segment and its treatment.
    pub binding: &'t Binding,
    /// Where the tenant's frame begins.
    pub inner: Inner,
    /// The tenant's addresses.
    pub macs: Macs,
}

/// Offloads of a port that is not safe may hide tags.
#[inline(always)]
pub(crate) fn check_safe(port: &Port) -> Result<(), DropReason> {
    if port.has(Port::UNSAFE) {
        return Err(DropReason::PortUnsafe);
    }
    Ok(())
}

/// The binding of a key of [`Table::Tags`].
#[inline(always)]
fn bound<T: Tables>(tables: &T, key: u64) -> Option<&Binding> {
    let (_, id) = find(tables, Table::Tags, key, |value| value != 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "binding ids have 20 bits")]
    tables.binding(id as u32).filter(|binding| binding.segment() != 0)
}

/// The tenant's frame inside of one that arrived for `binding`.
#[inline(always)]
fn opened<'t, F: Frame>(
    frame: &F,
    port: &Port,
    binding: &'t Binding,
    inner: Inner,
) -> Result<Classified<'t>, DropReason> {
    let macs = read_macs(frame, inner.macs)?;
    checked(frame, port, Classified { binding, inner, macs })
}

/// The same frame, if a tenant may send it.
#[inline(always)]
fn checked<'t, F: Frame>(
    frame: &F,
    port: &Port,
    classified: Classified<'t>,
) -> Result<Classified<'t>, DropReason> {
    check_addresses(port, classified.macs)?;
    check_own(frame, classified.binding, classified.inner.body)?;
    Ok(classified)
}

#[inline(always)]
fn read_macs<F: Frame>(frame: &F, at: usize) -> Result<Macs, Short> {
    Ok(Macs::from_wire(frame.peek(at)?))
}

/// Addresses that no station may use or send to across the fabric.
#[inline(always)]
fn check_addresses(port: &Port, macs: Macs) -> Result<(), DropReason> {
    let source = macs.source();
    if is_group(source) && port.has(Port::DROP_GROUP_SOURCE) {
        return Err(DropReason::GroupSource);
    }
    if source == 0 {
        return Err(DropReason::ZeroSource);
    }
    if source == port.mac {
        return Err(DropReason::OwnSource);
    }
    if is_kept_local(macs.destination(), port.has(Port::TUNNEL_LLDP)) {
        return Err(DropReason::ReservedMac);
    }
    Ok(())
}

/// 01-80-C2-00-00-00 to 0F at an S-VLAN component (IEEE 802.1Q table 8-2; as the Linux 802.1ad bridge does):
/// STP and 0B, 0C, 0D, 0F are data, 0E by option, the others stay on their wire.
#[inline(always)]
const fn is_kept_local(destination: u64, tunnel_lldp: bool) -> bool {
    const FORWARDED: u64 = 0b1011_1000_0000_0001;
    const LLDP: u64 = 0x0e;
    if destination & !(0x0f << 40) != RESERVED_GROUP {
        return false;
    }
    let last = destination >> 40;
    FORWARDED & (1 << last) == 0 && !(last == LLDP && tunnel_lldp)
}

/// A complete frame must never look like a sealed copy.
const _: () = {
    let [a, b, c, d, e, f] = SEAL;
    assert!(is_kept_local(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]), true));
};

/// The tenant's outermost own tag at the start of the body: the VLAN to look up, and the offset behind it.
#[inline(always)]
fn own_vlan<F: Frame>(frame: &F, body: usize) -> Result<(u16, usize), DropReason> {
    match u16::from_be_bytes(frame.read(body)?) {
        TPID_C => {
            let vid = u16::from_be_bytes(frame.read(body + 2)?) & VID_MASK;
            Ok((vid, body + 4))
        }
        TPID_S | TPID_I => Err(DropReason::FabricTagFromTenant),
        _ => Ok((0, body)),
    }
}

#[inline(always)]
fn check_payload<F: Frame>(frame: &F, ethertype_at: usize) -> Result<(), DropReason> {
    match frame.len() {
        len if len < ethertype_at + 2 => Err(DropReason::Truncated),
        len if len == ethertype_at + 2 => Err(DropReason::HeaderOnly),
        _ => Ok(()),
    }
}

/// What arrives for a segment from elsewhere must carry the segment's own VLAN: at egress it could otherwise
/// enter a VLAN of the port that belongs to somebody else.
#[inline(always)]
fn check_own<F: Frame>(frame: &F, binding: &Binding, body: usize) -> Result<(), DropReason> {
    if binding.own() == own::ANY {
        return check_payload(frame, body);
    }
    if matches!(u16::from_be_bytes(frame.read(body)?), TPID_S | TPID_I) {
        return Err(DropReason::OwnVlanMismatch);
    }
    let (vid, ethertype_at) = own_vlan(frame, body)?;
    if u32::from(vid) != binding.own() {
        return Err(DropReason::OwnVlanMismatch);
    }
    check_payload(frame, ethertype_at)?;
    check_behind_priority_tag(frame, binding, ethertype_at)
}

/// A priority tag must not hide a VLAN: receivers take it off and look at the next tag (Linux `__netif_receive_skb_core`),
/// so the frame would enter a VLAN of the egress port that may belong to somebody else.
#[inline(always)]
fn check_behind_priority_tag<F: Frame>(
    frame: &F,
    binding: &Binding,
    ethertype_at: usize,
) -> Result<(), DropReason> {
    if binding.own() == own::UNTAGGED
        && matches!(
            u16::from_be_bytes(frame.read(ethertype_at)?),
            TPID_C | TPID_S | TPID_I
        )
    {
        return Err(DropReason::OwnVlanMismatch);
    }
    Ok(())
}
