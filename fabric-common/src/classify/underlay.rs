//! Underlay ports: VXLAN (RFC 7348) and MPLS in UDP (RFC 7510) over IPv4 and IPv6, the only frames of such a port that are ours.

mod outer;

use super::label::{Labelled, Relay, label};
use super::{Classified, check_safe, opened};
use crate::buckets::find;
use crate::maps::{Port, Tunnel, mpls_key, tunnel_key};
use crate::rewrite::Inner;
use crate::tables::Table;
use crate::wire::{MACS, UDP_HEADER, VXLAN_FLAG_VNI, VXLAN_HEADER};
use crate::{DropReason, Frame, Short, Tables, ecn};
use outer::{Outer, outer};

/// What an underlay port received.
pub enum Underlay<'t> {
    /// Traffic of the host itself.
    Host,
    /// A tenant's frame.
    Tenant(Classified<'t>),
    /// A labelled frame on its way to another datacenter.
    Relay(Relay<'t>),
}

/// Classifies a frame of an underlay port.
#[inline(always)]
pub fn underlay<'t, F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &'t T,
) -> Result<Underlay<'t>, DropReason> {
    // What is too short for an outer header, or not for us, is the host's business, as everywhere else.
    let Ok(Some(outer)) = outer(frame, port) else {
        return Ok(Underlay::Host);
    };
    // Not before: what is surely the host's would come without a fabric as well, and whoever cures the port may need it.
    check_safe(port)?;
    if outer.fragment {
        // A first fragment must not be taken for a whole packet, and we do not reassemble.
        return foreign(tables, port, &outer, DropReason::Fragment);
    }
    if outer.udp_port == port.mpls_port {
        return mpls(frame, port, &outer, tables);
    }
    vxlan(frame, port, &outer, tables)
}

/// Drops what is addressed to one of our tunnel ends; the rest is the host's.
#[inline(always)]
fn foreign<'t, T: Tables>(
    tables: &T,
    port: &Port,
    outer: &Outer,
    reason: DropReason,
) -> Result<Underlay<'t>, DropReason> {
    if tables.is_vtep(&outer.address(port)) {
        Err(reason)
    } else {
        Ok(Underlay::Host)
    }
}

#[inline(always)]
fn mpls<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    outer: &Outer,
    tables: &'t T,
) -> Result<Underlay<'t>, DropReason> {
    let Some(tunnel) = tunnel(tables, port, outer, mpls_key(port.slot, outer.source)) else {
        return foreign(tables, port, outer, DropReason::UnknownVtep);
    };
    outer.check(frame)?;
    match label(frame, port, (tunnel.line, outer.udp + UDP_HEADER), tables)? {
        Labelled::Here(classified) => Ok(Underlay::Tenant(classified)),
        Labelled::Relay(relay) => Ok(Underlay::Relay(relay)),
    }
}

#[inline(always)]
fn vxlan<'t, F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    outer: &Outer,
    tables: &'t T,
) -> Result<Underlay<'t>, DropReason> {
    let Ok(vni) = vxlan_header(frame, outer.udp + UDP_HEADER) else {
        return foreign(tables, port, outer, DropReason::Truncated);
    };
    let key = |number| tunnel_key(port.slot, outer.source, number);
    match tunnel(tables, port, outer, key(vni.number)) {
        Some(tunnel) => decapsulate(frame, port, tunnel, outer, &vni).map(Underlay::Tenant),
        None if !tables.is_vtep(&outer.address(port)) => Ok(Underlay::Host),
        None if !vni.valid => Err(DropReason::NoVniFlag),
        None if tunnel(tables, port, outer, key(0)).is_some() => Err(DropReason::UnknownVni),
        None => Err(DropReason::UnknownVtep),
    }
}

struct VxlanHeader {
    valid: bool,
    reserved: bool,
    number: u32,
}

#[inline(always)]
fn vxlan_header<F: Frame>(frame: &F, at: usize) -> Result<VxlanHeader, Short> {
    const VALID: u64 = (VXLAN_FLAG_VNI as u64) << 56;
    const NUMBER: u64 = 0xff_ffff << 8;
    let header = u64::from_be_bytes(frame.read::<VXLAN_HEADER>(at)?);
    Ok(VxlanHeader {
        valid: header & VALID != 0,
        reserved: header & !(VALID | NUMBER) != 0,
        number: ((header & NUMBER) >> 8) as u32,
    })
}

/// The tunnel behind a key, if the packet came from its other end, and to the address that it belongs to.
#[inline(always)]
fn tunnel<'t, T: Tables>(tables: &'t T, port: &Port, outer: &Outer, key: u64) -> Option<&'t Tunnel> {
    let (_, id) = find(tables, Table::Tunnels, key, |value| value != 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "tunnel ids have 32 bits")]
    let tunnel = tables.tunnel(id as u32)?;
    let here = tunnel.slot == port.slot
        && tunnel.vlan == outer.vlan
        && tunnel.local == outer.local
        && tunnel.remote == outer.source;
    here.then_some(tunnel)
}

#[inline(always)]
fn decapsulate<'t, F: Frame>(
    frame: &mut F,
    port: &Port,
    tunnel: &'t Tunnel,
    outer: &Outer,
    vxlan: &VxlanHeader,
) -> Result<Classified<'t>, DropReason> {
    if !vxlan.valid {
        return Err(DropReason::NoVniFlag);
    }
    if vxlan.reserved && tunnel.strict != 0 {
        return Err(DropReason::ReservedVxlanBits);
    }
    let binding = &tunnel.binding;
    if binding.segment() == 0 {
        return Err(DropReason::UnknownVni);
    }
    outer.check(frame)?;
    let macs = outer.udp + UDP_HEADER + VXLAN_HEADER;
    let inner = Inner {
        macs,
        body: macs + MACS,
    };
    let classified = opened(frame, port, binding, inner)?;
    ecn::deliver(frame, outer.tos, inner.body)?;
    Ok(classified)
}
