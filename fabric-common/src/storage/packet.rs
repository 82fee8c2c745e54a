//! What a frame to or from a storage machine says of its sender's state.
//!
//! Numbers as they stand in the frame, no answers and no addresses: each answer is a branch that the verifier follows to the end
//! of the program, and a structure of a hundred bytes would be copied byte by byte in BPF.

use crate::address::Address;
use crate::flow::payload;
use crate::maps::storage::ClientFlow;
use crate::wire::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_HEADER, IPV6_HEADER, PROTO_ICMP, PROTO_ICMPV6,
    PROTO_TCP, TPID_C,
};
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
    /// Of a TCP segment.
    flags: u8,
    /// Bytes of data in a TCP segment; not 0 for an ARP request.
    data: u16,
    /// Port that a TCP segment comes from.
    from_port: u16,
    /// Where the IP header of a TCP segment is; 0 for other frames.
    ip_at: usize,
    is_v6: bool,
    /// That a packet was not delivered; the fabric says so as well in its receiver's name, see [`crate::tell`].
    is_error: bool,
}

/// RFC 792, and RFC 4443 section 3.2.
const UNREACHABLE: u8 = 3;
const PACKET_TOO_BIG: u8 = 2;

impl Packet {
    /// Nothing known.
    const OTHER: Self = Self {
        flags: 0,
        data: 0,
        from_port: 0,
        ip_at: 0,
        is_v6: false,
        is_error: false,
    };

    /// Reads the frame whose own tag or EtherType is at `body`. What ends too early says nothing.
    #[inline(always)]
    pub(super) fn read<F: Frame>(frame: &F, body: usize) -> Self {
        match payload(frame, body) {
            Ok((ETHERTYPE_IPV4, at)) => ipv4(frame, at),
            Ok((ETHERTYPE_IPV6, at)) => ipv6(frame, at),
            Ok((ETHERTYPE_ARP, at)) => arp(frame, at),
            Ok(_) | Err(Short) => Ok(Self::OTHER),
        }
        .unwrap_or(Self::OTHER)
    }

    /// Whether its receiver must answer: a TCP segment that must be acknowledged, or an ARP request.
    #[inline(always)]
    pub(super) const fn wants_answer(&self) -> bool {
        (self.data != 0 || self.flags & (flag::SYN | flag::FIN) != 0) && self.flags & flag::RST == 0
    }

    /// Whether its sender serves. With a TCP `port`, which is not 0 then, only what comes from there tells: who serves at another
    /// one does not serve here. What resets or ends a connection is sent by the kernel of a machine whose server is gone.
    #[inline(always)]
    pub(super) const fn is_alive(&self, port: u64) -> bool {
        self.flags & (flag::RST | flag::FIN) == 0
            && !self.is_error
            && (port == 0 || self.from_port as u64 == port)
    }

    /// Whether it ends a connection with the service at TCP port `port`, which is not 0.
    #[inline(always)]
    pub(super) const fn ends_service(&self, port: u64) -> bool {
        self.flags & (flag::RST | flag::FIN) != 0 && self.from_port as u64 == port
    }

    /// The TCP connection that a client's segment belongs to. `mac` is his, `next_hop` the way back to him.
    #[inline(always)]
    pub(super) fn flow<F: Frame>(
        &self,
        frame: &F,
        body: usize,
        mac: u64,
        next_hop: u32,
    ) -> Result<ClientFlow, Short> {
        if self.ip_at == 0 {
            return Err(Short);
        }
        let at = self.ip_at;
        let (client, server, ports_at) = if self.is_v6 {
            let ends = (frame.read(at + 8)?, frame.read(at + 24)?);
            (Address::v6(ends.0), Address::v6(ends.1), at + IPV6_HEADER)
        } else {
            let ends = (frame.read(at + 12)?, frame.read(at + 16)?);
            (Address::v4(ends.0), Address::v4(ends.1), at + IPV4_HEADER)
        };
        let is_tagged = u16::from_be_bytes(frame.read(body)?) == TPID_C;
        Ok(ClientFlow {
            client_port: u16::from_be_bytes(frame.read(ports_at)?),
            server_port: u16::from_be_bytes(frame.read(ports_at + 2)?),
            tci: u16::from_be_bytes(frame.read(body + 2)?),
            is_tagged,
            client,
            server,
            mac,
            next_hop,
        })
    }
}

/// RFC 826: operation 1 is a request and 2 an answer; others are as odd and even.
#[inline(always)]
fn arp<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let operation = u16::from_be_bytes(frame.read(at + 6)?);
    Ok(Packet {
        data: operation & 1,
        ..Packet::OTHER
    })
}

/// Headers with options and fragments are no sign of anything.
#[inline(always)]
fn ipv4<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let [version, _, l0, l1, _, _, f0, f1] = frame.read(at)?;
    let [_, protocol] = frame.read(at + 8)?;
    if version == 0x45 && protocol == PROTO_ICMP {
        return error(frame, at + IPV4_HEADER, UNREACHABLE);
    }
    if version != 0x45 || protocol != PROTO_TCP || (f0 & 0x3f) | f1 != 0 {
        return Ok(Packet::OTHER);
    }
    let len = u16::from_be_bytes([l0, l1]).wrapping_sub(20);
    Ok(Packet {
        ip_at: at,
        ..tcp(frame, at + IPV4_HEADER, len)?
    })
}

#[inline(always)]
fn ipv6<F: Frame>(frame: &F, at: usize) -> Result<Packet, Short> {
    let [_, _, _, _, l0, l1, next, _] = frame.read(at)?;
    if next == PROTO_ICMPV6 {
        return error(frame, at + IPV6_HEADER, PACKET_TOO_BIG);
    }
    if next != PROTO_TCP {
        return Ok(Packet::OTHER);
    }
    Ok(Packet {
        ip_at: at,
        is_v6: true,
        ..tcp(frame, at + IPV6_HEADER, u16::from_be_bytes([l0, l1]))?
    })
}

/// A message of ICMP, of which those of one kind are errors.
#[inline(always)]
fn error<F: Frame>(frame: &F, at: usize, kind: u8) -> Result<Packet, Short> {
    let [found] = frame.read(at)?;
    Ok(Packet {
        is_error: found == kind,
        ..Packet::OTHER
    })
}

/// `len` is that of header and data.
#[inline(always)]
fn tcp<F: Frame>(frame: &F, at: usize, len: u16) -> Result<Packet, Short> {
    let [p0, p1, .., offset, flags]: [u8; 14] = frame.read(at)?;
    Ok(Packet {
        // A header that claims to be longer than the segment leaves something as well; what is forged here hurts its sender alone.
        data: len.wrapping_sub(u16::from(offset >> 4) * 4),
        flags,
        from_port: u16::from_be_bytes([p0, p1]),
        ..Packet::OTHER
    })
}

/// Where a flow is noted: a tenant can make his own flows collide, and gains nothing.
#[inline(always)]
pub(super) const fn hash(flow: &ClientFlow) -> u32 {
    let ports = (flow.client_port as u32) << 16 | flow.server_port as u32;
    (flow.client.fold() ^ ports).wrapping_mul(0x9e37_79b1) >> 16
}
