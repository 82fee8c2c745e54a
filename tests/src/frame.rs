//! Frames written the way the specification writes them, from the outside in.
//!
//! ```
//! use fabric_tests::frame::eth;
//!
//! let happy = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").svlan(100).cvlan(200).vlan(10).pcp(5).word("Happy");
//! assert_eq!(happy[12..22], [0x88, 0xa8, 0, 100, 0x81, 0, 0, 200, 0x81, 0]);
//! assert_eq!(happy[22..24], [0xa0, 10]);
//!
//! let outer = eth("02:00:00:01:10:1a", "02:00:00:01:10:10").vlan(100).ipv4([192, 0, 2, 1], [192, 0, 2, 2]);
//! let vxlan = outer.udp(50_000, 4789).vxlan(10_001).append(&happy);   // lengths and checksums follow
//! ```
//!
//! The bytes are right after every step. `raw`, `set` and `cut` make them wrong on purpose.

mod diff;
mod headers;
mod layers;
mod mac;

use std::fmt;
use std::ops::Deref;

pub use diff::{Expected, diff, hex_dump};
pub use layers::{Layer, Layers, layers, stack};
pub use mac::{Mac, mac};

use headers::Open;

/// EtherTypes the tests speak of.
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// Customer VLAN tag.
    pub const C_TAG: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// MPLS unicast.
    pub const MPLS: u16 = 0x8847;
    /// Service VLAN tag.
    pub const S_TAG: u16 = 0x88a8;
    /// IEEE local experimental 1: what test frames carry.
    pub const TEST: u16 = 0x88b5;
    /// Backbone service instance tag (802.1ah).
    pub const I_TAG: u16 = 0x88e7;
}

/// The checksum of RFC 1071 over an even number of bytes.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    !words.fold(0, |sum: u16, word| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// The smallest Ethernet frame without FCS.
pub const MIN_FRAME: usize = 60;

/// A frame under construction and, at any moment, its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
    open: Vec<Open>,
    typed: bool,
    last_tag: Option<usize>,
}

/// Begins a frame; the destination stands first, as on the wire.
pub fn eth(destination: impl Into<Mac>, source: impl Into<Mac>) -> Frame {
    let bytes = [destination.into().octets(), source.into().octets()].concat();
    Frame {
        bytes,
        open: Vec::new(),
        typed: false,
        last_tag: None,
    }
}

impl Frame {
    /// Arbitrary bytes as a frame.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            open: Vec::new(),
            typed: true,
            last_tag: None,
        }
    }

    /// The fabric's outer tag, 0x88a8.
    #[must_use]
    pub fn svlan(self, vid: u16) -> Self {
        self.tag(ether_type::S_TAG, vid)
    }

    /// The fabric's inner tag, 0x8100.
    #[must_use]
    pub fn cvlan(self, vid: u16) -> Self {
        self.tag(ether_type::C_TAG, vid)
    }

    /// The tenant's own tag, 0x8100: the same bytes as [`Frame::cvlan`], another meaning.
    #[must_use]
    pub fn vlan(self, vid: u16) -> Self {
        self.tag(ether_type::C_TAG, vid)
    }

    /// Any tag: protocol identifier and the 16 bits after it.
    #[must_use]
    pub fn tag(mut self, tpid: u16, tci: u16) -> Self {
        self.last_tag = Some(self.bytes.len() + 2);
        self.raw(tpid.to_be_bytes()).raw(tci.to_be_bytes())
    }

    /// Priority of the last tag, 0 to 7.
    #[must_use]
    pub fn pcp(self, priority: u8) -> Self {
        self.or_into_tag(u16::from(priority & 7) << 13)
    }

    /// Drop eligible indicator of the last tag.
    #[must_use]
    pub fn dei(self) -> Self {
        self.or_into_tag(1 << 12)
    }

    /// The EtherType that ends the Ethernet header.
    #[must_use]
    pub fn ethertype(mut self, ether_type: u16) -> Self {
        self.typed = true;
        self.raw(ether_type.to_be_bytes())
    }

    /// Bytes after the headers; without an EtherType before, 0x88b5 is put in.
    #[must_use]
    pub fn payload(self, bytes: impl AsRef<[u8]>) -> Self {
        let typed = if self.typed {
            self
        } else {
            self.ethertype(ether_type::TEST)
        };
        typed.raw(bytes)
    }

    /// The payload of the figures' frames: a word in ASCII and zeros up to 46 bytes.
    #[must_use]
    pub fn word(self, word: &str) -> Self {
        let mut payload = word.as_bytes().to_vec();
        payload.resize(payload.len().max(46), 0);
        self.payload(payload)
    }

    /// Bytes just as they are; no EtherType is put in.
    #[must_use]
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(bytes.as_ref());
        self.refresh();
        self
    }

    /// A whole frame inside this one, behind [`Frame::vxlan`] or a control word.
    #[must_use]
    pub fn append(self, inner: &Frame) -> Self {
        self.raw(inner)
    }

    /// Zeros up to `length` bytes; outside of IP, as an Ethernet card pads: lengths inside stay.
    #[must_use]
    pub fn pad(mut self, length: usize) -> Self {
        self.bytes.resize(self.bytes.len().max(length), 0);
        self
    }

    /// The first `length` bytes, headers left as they are: a truncated frame.
    #[must_use]
    pub fn cut(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self
    }

    /// Overwrites bytes at `at`, as far as the frame goes; checksums are not repaired. The last step: whatever is added
    /// afterwards writes lengths and checksums anew.
    #[must_use]
    pub fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        for (target, byte) in self.bytes.iter_mut().skip(at).zip(bytes) {
            *target = *byte;
        }
        self
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn or_into_tag(mut self, bits: u16) -> Self {
        let at = self.last_tag.unwrap_or(self.bytes.len());
        for (target, byte) in self.bytes.iter_mut().skip(at).zip(bits.to_be_bytes()) {
            *target |= byte;
        }
        self
    }

    fn refresh(&mut self) {
        headers::refresh(&mut self.bytes, &self.open);
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {} bytes\n{}",
            stack(self),
            self.len(),
            hex_dump(self)
        )
    }
}
