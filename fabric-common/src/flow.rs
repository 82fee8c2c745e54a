//! What the outer headers of a tunnel say of the frame inside: which flow it belongs to, and its congestion mark.

use crate::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Macs, PROTO_TCP, PROTO_UDP, TPID_C};
use crate::{Frame, Short, ecn};

/// The flow of a tenant's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    hash: u64,
    /// The two ECN bits of an IP header; 0, "does not know ECN", for other frames (RFC 3168 section 5).
    pub ecn: u8,
}

/// What the network and transport headers add to a [`Flow`].
#[derive(Clone, Copy, Default)]
struct Network {
    words: u64,
    ecn: u8,
}

impl Flow {
    /// For headers that carry no flow.
    pub const NONE: Self = Self { hash: 0, ecn: 0 };

    /// The flow of the frame whose own tag or EtherType is at `body`: a hash of the addresses and, where the frame is
    /// IP, of the addresses and ports there, so that non-IP flows are spread as well.
    #[inline(always)]
    pub fn of<F: Frame>(frame: &F, body: usize, macs: Macs) -> Self {
        let (low, high) = macs.words();
        let hash = mix(low) ^ u64::from(high);
        let network = network(frame, body).unwrap_or_default();
        Self {
            hash: mix(hash ^ network.words),
            ecn: network.ecn,
        }
    }

    /// The UDP source port, 49152 to 65535 (RFC 7348 section 5).
    #[inline(always)]
    pub const fn source_port(self) -> u16 {
        0xc000 | ((self.hash >> 48) as u16 & 0x3fff)
    }
}

#[inline(always)]
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 32)
}

/// The EtherType behind at most one own tag, and the offset of what follows it.
#[inline(always)]
pub(crate) fn payload<F: Frame>(frame: &F, body: usize) -> Result<(u16, usize), Short> {
    let kind = u16::from_be_bytes(frame.read(body)?);
    if kind == TPID_C {
        return Ok((u16::from_be_bytes(frame.read(body + 4)?), body + 6));
    }
    Ok((kind, body + 2))
}

#[inline(always)]
fn network<F: Frame>(frame: &F, body: usize) -> Result<Network, Short> {
    match payload(frame, body)? {
        (ETHERTYPE_IPV4, at) => ipv4(frame, at),
        (ETHERTYPE_IPV6, at) => ipv6(frame, at),
        _ => Ok(Network::default()),
    }
}

/// One read of the whole header: the compiler would drop the later one of two comparisons with the frame's end
/// that it can derive from each other, and the verifier cannot.
#[inline(always)]
fn ipv4<F: Frame>(frame: &F, at: usize) -> Result<Network, Short> {
    let header: [u8; 20] = frame.read(at)?;
    let [
        version,
        tos,
        _,
        _,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = header;
    let hash = mix(u64::from_le_bytes(addresses));
    // Only the first fragment has ports: a fragmented flow must not be torn apart.
    let whole = (fragment_high & 0x3f) | fragment_low == 0;
    let ports = if version == 0x45 && whole {
        ports(frame, protocol, at + 20)
    } else {
        0
    };
    Ok(Network {
        words: hash ^ ports,
        ecn: tos & ecn::MASK,
    })
}

#[inline(always)]
fn ipv6<F: Frame>(frame: &F, at: usize) -> Result<Network, Short> {
    let header: [u8; 40] = frame.read(at)?;
    let [_, class, _, _, _, _, next, _, addresses @ ..] = header;
    let hash = addresses
        .as_chunks()
        .0
        .iter()
        .fold(0, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    Ok(Network {
        words: hash ^ ports(frame, next, at + 40),
        ecn: class >> 4 & ecn::MASK,
    })
}

#[inline(always)]
fn ports<F: Frame>(frame: &F, protocol: u8, at: usize) -> u64 {
    if protocol != PROTO_TCP && protocol != PROTO_UDP {
        return 0;
    }
    frame
        .read(at)
        .map_or(0, |ports| u64::from(u32::from_le_bytes(ports)))
}
