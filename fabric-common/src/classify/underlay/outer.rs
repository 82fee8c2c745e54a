//! The outer headers of an underlay port, as far as they decide whose the packet is.

use crate::address::Address;
use crate::classify::read_macs;
use crate::maps::{Port, VtepAddress};
use crate::rewrite::fold;
use crate::wire::{
    ETH_HEADER, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_HEADER, IPV6_HEADER, MACS, PROTO_UDP, TPID_C, VID_MASK,
    VLAN_TAG,
};
use crate::{DropReason, Frame, Short};

/// A UDP packet to one of the tunnel ports.
pub(super) struct Outer {
    /// Offset of the UDP header.
    pub(super) udp: usize,
    /// Offset of the packet's end, as the IP header says.
    end: usize,
    /// Type of service or traffic class, with the congestion mark.
    pub(super) tos: u8,
    /// An IPv4 packet's header that must be verified.
    header: Option<Ipv4>,
    /// Who sent it.
    pub(super) source: Address,
    /// To whom.
    pub(super) address: VtepAddress,
    /// A first fragment.
    pub(super) fragment: bool,
}

struct Ipv4 {
    /// Offset.
    at: usize,
    /// Version and header length.
    version: u8,
    /// Ones' complement sum of the header without options.
    sum: u64,
}

/// `None` for anything but UDP to a tunnel port, addressed to this interface.
#[inline(always)]
pub(super) fn outer<F: Frame>(frame: &F, port: &Port) -> Result<Option<Outer>, Short> {
    if read_macs(frame, 0)?.destination() != port.mac {
        return Ok(None);
    }
    let mut kind = u16::from_be_bytes(frame.read(MACS)?);
    let (mut vlan, mut ip) = (0, ETH_HEADER);
    if kind == TPID_C {
        vlan = u16::from_be_bytes(frame.read(MACS + 2)?) & VID_MASK;
        ip = ETH_HEADER + VLAN_TAG;
        kind = u16::from_be_bytes(frame.read(MACS + VLAN_TAG)?);
    }
    let outer = match kind {
        ETHERTYPE_IPV4 => ipv4(frame, ip)?,
        ETHERTYPE_IPV6 => ipv6(frame, ip)?,
        _ => None,
    };
    let Some(mut outer) = outer else { return Ok(None) };
    let udp_port = u16::from_be_bytes(frame.read(outer.udp + 2)?);
    if udp_port == 0 || (udp_port != port.udp_port && udp_port != port.mpls_port) {
        return Ok(None);
    }
    outer.address.vlan = vlan;
    outer.address.slot = port.slot;
    outer.address.udp_port = udp_port;
    Ok(Some(outer))
}

#[inline(always)]
fn ipv4<F: Frame>(frame: &F, at: usize) -> Result<Option<Outer>, Short> {
    let header: [u8; IPV4_HEADER] = frame.read(at)?;
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
    // A later fragment has no UDP header; without its first one the host discards it.
    if version >> 4 != 4 || length < IPV4_HEADER || protocol != PROTO_UDP || (flags & 0x1f) | fragment != 0 {
        return Ok(None);
    }
    let [s0, s1, s2, s3, local @ ..] = addresses;
    Ok(Some(Outer {
        udp: at + length,
        end: at + usize::from(u16::from_be_bytes([total_high, total_low])),
        tos,
        header: Some(Ipv4 {
            at,
            version,
            sum: header
                .as_chunks()
                .0
                .iter()
                .map(|word| u64::from(u32::from_be_bytes(*word)))
                .sum(),
        }),
        source: Address::v4([s0, s1, s2, s3]),
        address: VtepAddress {
            local: Address::v4(local),
            ..VtepAddress::default()
        },
        fragment: flags & 0x20 != 0,
    }))
}

/// Extension headers, fragments among them, are the host's business: nobody who is configured sends them.
#[inline(always)]
fn ipv6<F: Frame>(frame: &F, at: usize) -> Result<Option<Outer>, Short> {
    let [version, class, _, _, high, low, next, _] = frame.read(at)?;
    if version >> 4 != 6 || next != PROTO_UDP {
        return Ok(None);
    }
    let source = Address::v6(frame.read(at + 8)?);
    let local = Address::v6(frame.read(at + 24)?);
    let udp = at + IPV6_HEADER;
    Ok(Some(Outer {
        udp,
        end: udp + usize::from(u16::from_be_bytes([high, low])),
        tos: class >> 4,
        header: None,
        source,
        address: VtepAddress {
            local,
            ..VtepAddress::default()
        },
        fragment: false,
    }))
}

impl Outer {
    /// Header checksum and the two lengths. The UDP checksum is not verified (RFC 7348 section 5 and RFC 6936 allow it).
    #[inline(always)]
    pub(super) fn check<F: Frame>(&self, frame: &F) -> Result<(), DropReason> {
        if let Some(header) = &self.header
            && checksum(frame, header, self.udp)? != 0xffff
        {
            return Err(DropReason::BadIpChecksum);
        }
        let udp = usize::from(u16::from_be_bytes(frame.read(self.udp + 4)?));
        if self.end != frame.len() || self.udp + udp != frame.len() {
            return Err(DropReason::BadLength);
        }
        Ok(())
    }
}

#[inline(always)]
fn checksum<F: Frame>(frame: &F, header: &Ipv4, udp: usize) -> Result<u16, Short> {
    let mut sum = header.sum;
    let options = header.at + IPV4_HEADER;
    // Not "udp > options": the verifier would remember the answer and follow both to the program's end.
    if header.version != 0x45 {
        sum += frame.sum(options, udp - options)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both halves are 32 bits at most after masking"
    )]
    let halves = ((sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32)) as u32;
    Ok(fold(halves))
}
