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
    /// Length that the UDP header says, in bytes.
    udp_len: u16,
    /// Type of service or traffic class, with the congestion mark.
    pub(super) tos: u8,
    /// An IPv4 packet's header that must be verified.
    header: Option<Ipv4>,
    /// Who sent it.
    pub(super) source: Address,
    /// To whom.
    pub(super) local: Address,
    /// In which VLAN, 0 for untagged.
    pub(super) vlan: u16,
    /// To which port.
    pub(super) udp_port: u16,
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
    let [port_high, port_low, len_high, len_low] = frame.read(outer.udp + 2)?;
    let udp_port = u16::from_be_bytes([port_high, port_low]);
    if udp_port == 0 || (udp_port != port.udp_port && udp_port != port.mpls_port) {
        return Ok(None);
    }
    outer.vlan = vlan;
    outer.udp_port = udp_port;
    outer.udp_len = u16::from_be_bytes([len_high, len_low]);
    Ok(Some(outer))
}

/// The header in words: read as bytes, each would be loaded and put together again by itself.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "fields of 8 to 32 bits")]
fn ipv4<F: Frame>(frame: &F, at: usize) -> Result<Option<Outer>, Short> {
    const LATER_FRAGMENT: u64 = 0x1fff;
    const MORE_FRAGMENTS: u64 = 0x2000;
    let local: [u8; 4] = frame.read(at + 16)?;
    let first = u64::from_be_bytes(frame.read(at)?);
    let second = u64::from_be_bytes(frame.read(at + 8)?);
    let (version, protocol) = ((first >> 56) as u8, (second >> 48) as u8);
    let length = (version as usize & 0x0f) * 4;
    // A later fragment has no UDP header; without its first one the host discards it.
    if version >> 4 != 4 || length < IPV4_HEADER || protocol != PROTO_UDP || first & LATER_FRAGMENT != 0 {
        return Ok(None);
    }
    let halves = |word: u64| (word >> 32) + (word & 0xffff_ffff);
    Ok(Some(Outer {
        udp: at + length,
        end: at + usize::from((first >> 32) as u16),
        tos: (first >> 48) as u8,
        header: Some(Ipv4 {
            at,
            version,
            sum: halves(first) + halves(second) + u64::from(u32::from_be_bytes(local)),
        }),
        source: Address::v4((second as u32).to_be_bytes()),
        local: Address::v4(local),
        vlan: 0,
        udp_port: 0,
        udp_len: 0,
        fragment: first & MORE_FRAGMENTS != 0,
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
    // Nobody's own, and perhaps what stands for an address of IPv4.
    if source.is_group() || local.is_group() {
        return Ok(None);
    }
    let udp = at + IPV6_HEADER;
    Ok(Some(Outer {
        udp,
        end: udp + usize::from(u16::from_be_bytes([high, low])),
        tos: class >> 4,
        header: None,
        source,
        local,
        vlan: 0,
        udp_port: 0,
        udp_len: 0,
        fragment: false,
    }))
}

impl Outer {
    /// Key of `VTEPS`. Made where it is needed: the rest of the packet's headers stay in registers then.
    #[inline(always)]
    pub(super) fn address(&self, port: &Port) -> VtepAddress {
        VtepAddress {
            local: self.local,
            vlan: self.vlan,
            slot: port.slot,
            udp_port: self.udp_port,
            reserved: 0,
        }
    }

    /// Header checksum and the two lengths. The UDP checksum is not verified (RFC 7348 section 5 and RFC 6936 allow it).
    #[inline(always)]
    pub(super) fn check<F: Frame>(&self, frame: &F) -> Result<(), DropReason> {
        if let Some(header) = &self.header
            && checksum(frame, header, self.udp)? != 0xffff
        {
            return Err(DropReason::BadIpChecksum);
        }
        if self.end != frame.len() || self.udp + usize::from(self.udp_len) != frame.len() {
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
