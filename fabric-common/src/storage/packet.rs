//! What a frame to or from a storage machine says of its sender's state.

use crate::address::Address;
use crate::flow::payload;
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, PROTO_TCP, TPID_C};
use crate::{Frame, Short};

/// Bits of the TCP header's flags (RFC 9293 section 3.1).
mod flag {
    pub(super) const FIN: u8 = 1;
    pub(super) const SYN: u8 = 2;
    pub(super) const RST: u8 = 4;
}

/// A frame as far as liveness goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Its receiver must answer: a TCP segment that must be acknowledged, or an ARP request.
    pub(super) wants_answer: bool,
    /// It resets or ends a TCP connection, as the kernel of a machine does whose server is gone.
    ends: bool,
    /// The TCP connection.
    pub(super) flow: Option<TcpFlow>,
    /// The tag control information of the tenant's own tag.
    pub(super) tci: u16,
    /// Whether there is such a tag.
    pub(super) is_tagged: bool,
}

/// The ends of a TCP connection, ports in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TcpFlow {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
}

impl TcpFlow {
    /// Where the flow is noted: a tenant can make his own flows collide, and gains nothing.
    #[inline(always)]
    pub(super) const fn hash(&self) -> u32 {
        let ports = (self.source_port as u32) << 16 | self.destination_port as u32;
        (self.source.fold() ^ ports).wrapping_mul(0x9e37_79b1) >> 16
    }
}

impl Packet {
    /// Nothing known.
    pub(super) const OTHER: Self = Self {
        wants_answer: false,
        ends: false,
        flow: None,
        tci: 0,
        is_tagged: false,
    };

    /// Reads the frame whose own tag or EtherType is at `body`.
    #[inline(always)]
    pub(super) fn read<F: Frame>(frame: &F, body: usize) -> Result<Self, Short> {
        let is_tagged = u16::from_be_bytes(frame.read(body)?) == TPID_C;
        let tci = if is_tagged {
            u16::from_be_bytes(frame.read(body + 2)?)
        } else {
            0
        };
        let packet = match payload(frame, body)? {
            (ETHERTYPE_IPV4, at) => ipv4(frame, at)?,
            (ETHERTYPE_IPV6, at) => ipv6(frame, at)?,
            (ETHERTYPE_ARP, at) => arp(frame, at)?,
            _ => Self::OTHER,
        };
        Ok(Self {
            tci,
            is_tagged,
            ..packet
        })
    }

    /// Whether its sender serves. With `tcp_only` only TCP tells.
    #[inline(always)]
    pub(super) const fn is_alive(&self, tcp_only: bool) -> bool {
        !self.ends && (!tcp_only || self.flow.is_some())
    }
}

/// RFC 826: operation 1 is a request.
#[inline(always)]
fn arp<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let operation = u16::from_be_bytes(frame.read(at + 6)?);
    Ok(Packet {
        wants_answer: operation == 1,
        ..Packet::OTHER
    })
}

/// Headers with options and fragments are no sign of anything.
#[inline(always)]
fn ipv4<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let header: [u8; 20] = frame.read(at)?;
    let [
        version,
        _,
        l0,
        l1,
        _,
        _,
        f0,
        f1,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = header;
    if version != 0x45 || protocol != PROTO_TCP || (f0 & 0x3f) | f1 != 0 {
        return Ok(Packet::OTHER);
    }
    let payload = u16::from_be_bytes([l0, l1]).saturating_sub(20);
    let ends = (Address::v4([s0, s1, s2, s3]), Address::v4([d0, d1, d2, d3]));
    tcp(frame, at + 20, payload, ends)
}

#[inline(always)]
fn ipv6<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let [_, _, _, _, l0, l1, next, _] = frame.read(at)?;
    if next != PROTO_TCP {
        return Ok(Packet::OTHER);
    }
    let ends = (
        Address::v6(frame.read(at + 8)?),
        Address::v6(frame.read(at + 24)?),
    );
    tcp(frame, at + 40, u16::from_be_bytes([l0, l1]), ends)
}

/// `len` is that of header and data.
#[inline(always)]
fn tcp<F: Frame>(
    frame: &F,
    at: usize,
    len: u16,
    (source, destination): (Address, Address),
) -> Result<Packet, Short> {
    let header: [u8; 16] = frame.read(at)?;
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, flags, _, _] = header;
    let data = len.saturating_sub(u16::from(offset >> 4) * 4);
    Ok(Packet {
        wants_answer: (data > 0 || flags & (flag::SYN | flag::FIN) != 0) && flags & flag::RST == 0,
        ends: flags & (flag::RST | flag::FIN) != 0,
        flow: Some(TcpFlow {
            source,
            destination,
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
        }),
        ..Packet::OTHER
    })
}
