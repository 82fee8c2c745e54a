//! VTEP ports: VXLAN in IPv4 (RFC 7348), the only frames of such a port that are ours.

use super::{Classified, check_addresses, check_own, read_macs};
use crate::buckets::find;
use crate::maps::{Port, Tunnel, VtepAddress, tunnel_key};
use crate::rewrite::{Inner, fold};
use crate::tables::Table;
use crate::wire::{
    ETH_HEADER, ETHERTYPE_IPV4, IPV4_HEADER, MACS, PROTO_UDP, TPID_C, UDP_HEADER, VID_MASK, VLAN_TAG,
    VXLAN_FLAG_VNI, VXLAN_HEADER,
};
use crate::{DropReason, Frame, Short, Tables, ecn};

/// What an underlay port received.
pub enum Underlay<'t> {
    /// Traffic of the host itself.
    Host,
    /// A tenant's frame.
    Tenant(Classified<'t>),
}

/// The outer headers as far as they decide whose the packet is.
struct Outer {
    /// Offset of the IPv4 header.
    ip: usize,
    /// Offset of the UDP header.
    udp: usize,
    /// Bytes from the IPv4 header on, as the header says.
    total: usize,
    /// Version and header length.
    version: u8,
    /// Type of service, with the congestion mark.
    tos: u8,
    /// Ones' complement sum of the IPv4 header without options.
    sum: u64,
    source: [u8; 4],
    address: VtepAddress,
}

/// Classifies a frame of an underlay port.
#[inline(always)]
pub fn underlay<'t, F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &'t T,
) -> Result<Underlay<'t>, DropReason> {
    // What is too short for an outer header, or not for us, is the host's business, as everywhere else.
    let Ok(Some((outer, fragment))) = outer(frame, port) else {
        return Ok(Underlay::Host);
    };
    if fragment {
        // A first fragment must not be taken for a whole packet, and we do not reassemble.
        return if tables.is_vtep(&outer.address) {
            Err(DropReason::Fragment)
        } else {
            Ok(Underlay::Host)
        };
    }
    let vni = match vxlan_header(frame, outer.udp + UDP_HEADER) {
        Ok(header) => header,
        Err(Short) if tables.is_vtep(&outer.address) => return Err(DropReason::Truncated),
        Err(Short) => return Ok(Underlay::Host),
    };
    match tunnel(tables, port, &outer, vni.number) {
        Some(tunnel) => decapsulate(frame, port, tunnel, &outer, &vni).map(Underlay::Tenant),
        None if !tables.is_vtep(&outer.address) => Ok(Underlay::Host),
        None if !vni.valid => Err(DropReason::NoVniFlag),
        None if tunnel(tables, port, &outer, 0).is_some() => Err(DropReason::UnknownVni),
        None => Err(DropReason::UnknownVtep),
    }
}

/// `None` for anything but UDP to the VXLAN port, addressed to this interface; true for a fragment.
#[inline(always)]
fn outer<F: Frame>(frame: &F, port: &Port) -> Result<Option<(Outer, bool)>, Short> {
    let macs = read_macs(frame, 0)?;
    let (vlan, ip) = match u16::from_be_bytes(frame.read(MACS)?) {
        ETHERTYPE_IPV4 => (0, ETH_HEADER),
        TPID_C if u16::from_be_bytes(frame.read(MACS + VLAN_TAG)?) == ETHERTYPE_IPV4 => (
            u16::from_be_bytes(frame.read(MACS + 2)?) & VID_MASK,
            ETH_HEADER + VLAN_TAG,
        ),
        _ => return Ok(None),
    };
    let header: [u8; IPV4_HEADER] = frame.read(ip)?;
    let [
        version,
        tos,
        total_high,
        total_low,
        _,
        _,
        flags,
        fragment,
        _,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = header;
    let length = (version as usize & 0x0f) * 4;
    if macs.destination() != port.mac || version >> 4 != 4 || length < IPV4_HEADER || protocol != PROTO_UDP {
        return Ok(None);
    }
    let [s0, s1, s2, s3, local @ ..] = addresses;
    let udp = ip + length;
    let outer = Outer {
        ip,
        udp,
        total: usize::from(u16::from_be_bytes([total_high, total_low])),
        version,
        tos,
        sum: header
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from(u32::from_be_bytes(*word)))
            .sum(),
        source: [s0, s1, s2, s3],
        address: VtepAddress {
            local,
            vlan,
            slot: port.slot,
        },
    };
    if (flags & 0x1f) | fragment != 0 {
        // A later fragment has no UDP header; without its first one the host discards it.
        return Ok(None);
    }
    if u16::from_be_bytes(frame.read(udp + 2)?) != port.udp_port {
        return Ok(None);
    }
    Ok(Some((outer, flags & 0x20 != 0)))
}

struct VxlanHeader {
    valid: bool,
    reserved: bool,
    number: u32,
}

#[inline(always)]
fn vxlan_header<F: Frame>(frame: &F, at: usize) -> Result<VxlanHeader, Short> {
    let [flags, r1, r2, r3, v0, v1, v2, r4] = frame.read::<VXLAN_HEADER>(at)?;
    Ok(VxlanHeader {
        valid: flags & VXLAN_FLAG_VNI != 0,
        reserved: (flags & !VXLAN_FLAG_VNI) | r1 | r2 | r3 | r4 != 0,
        number: u32::from_be_bytes([0, v0, v1, v2]),
    })
}

/// The tunnel of a remote VTEP and VNI, if the packet came to the address that it belongs to.
#[inline(always)]
fn tunnel<'t, T: Tables>(tables: &'t T, port: &Port, outer: &Outer, vni: u32) -> Option<&'t Tunnel> {
    let key = tunnel_key(port.slot, outer.source, vni);
    let (_, id) = find(tables, Table::Tunnels, key, |value| value != 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "tunnel ids have 32 bits")]
    let tunnel = tables.tunnel(id as u32)?;
    let here = tunnel.slot == port.slot
        && tunnel.vlan == outer.address.vlan
        && u32::from_le_bytes(tunnel.local) == u32::from_le_bytes(outer.address.local);
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
    check_outer(frame, outer)?;
    let macs_at = outer.udp + UDP_HEADER + VXLAN_HEADER;
    let macs = read_macs(frame, macs_at)?;
    check_addresses(port, macs)?;
    let inner = Inner {
        macs: macs_at,
        body: macs_at + MACS,
    };
    check_own(frame, binding, inner.body)?;
    ecn::deliver(frame, outer.tos, inner.body)?;
    Ok(Classified { binding, inner, macs })
}

/// Header checksum and the two lengths. The UDP checksum is not verified (RFC 7348 section 5 allows it).
#[inline(always)]
fn check_outer<F: Frame>(frame: &F, outer: &Outer) -> Result<(), DropReason> {
    if checksum(frame, outer)? != 0xffff {
        return Err(DropReason::BadIpChecksum);
    }
    let udp = usize::from(u16::from_be_bytes(frame.read(outer.udp + 4)?));
    if outer.ip + outer.total != frame.len() || outer.udp + udp != frame.len() {
        return Err(DropReason::BadLength);
    }
    Ok(())
}

#[inline(always)]
fn checksum<F: Frame>(frame: &F, outer: &Outer) -> Result<u16, Short> {
    let mut sum = outer.sum;
    let options = outer.ip + IPV4_HEADER;
    // Not "udp > options": the verifier would remember the answer and follow both to the program's end.
    if outer.version != 0x45 {
        sum += frame.sum(options, outer.udp - options)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves are 32 bits at most after masking"
    )]
    let halves = ((sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32)) as u32;
    Ok(fold(halves))
}
