//! Entries of an MPLS label stack (RFC 3032 section 2.1): label 20 bits, traffic class 3, bottom of stack 1, time to live 8.

/// Length of an entry, in bytes.
pub const ENTRY: usize = 4;
/// Length of a pseudowire control word, in bytes (RFC 4385 section 3).
pub const CONTROL_WORD: usize = 4;
/// Labels below this have meanings of their own (RFC 3032 section 2.1) and never name a datacenter.
pub const FIRST: u32 = 16;
/// Labels below this fit an entry.
pub const COUNT: u32 = 1 << 20;
/// Time to live of a label that is pushed here.
pub const TTL: u8 = 255;
/// Traffic class of a frame that has left its shortest way once because a link is down. It is never turned aside again, so
/// that no set of failures can make it go round in circles.
pub const DEFLECTED: u8 = 1;

/// One entry in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u32);

impl Entry {
    /// `label` has 20 bits, `class` three.
    pub const fn new(label: u32, class: u8, bottom: bool, ttl: u8) -> Self {
        Self(label << 12 | (class as u32 & 7) << 9 | (bottom as u32) << 8 | ttl as u32)
    }

    /// From the bytes of a frame.
    #[inline(always)]
    pub const fn from_wire(bytes: [u8; ENTRY]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    /// The bytes of a frame.
    #[inline(always)]
    pub const fn to_wire(self) -> [u8; ENTRY] {
        self.0.to_be_bytes()
    }

    /// The label.
    #[inline(always)]
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class (RFC 5462).
    #[inline(always)]
    pub const fn class(self) -> u8 {
        (self.0 >> 9 & 7) as u8
    }

    /// True for the last entry of a stack.
    #[inline(always)]
    pub const fn is_bottom(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// The time to live.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest eight bits")]
    pub const fn ttl(self) -> u8 {
        self.0 as u8
    }

    /// One hop further on. The time to live must be at least 1.
    #[inline(always)]
    pub const fn aged(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// The same entry of a frame that leaves its shortest way.
    #[inline(always)]
    pub const fn deflected(self) -> Self {
        Self(self.0 & !(7 << 9) | (DEFLECTED as u32) << 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `003fc1ff` and its way through three transit nodes.
    #[test]
    fn an_entry_is_on_the_wire_as_rfc_3032_draws_it() {
        let entry = Entry::new(1020, 0, true, TTL);
        assert_eq!(entry.to_wire(), [0x00, 0x3f, 0xc1, 0xff]);
        assert_eq!(
            Entry::new(30_600, 0, false, TTL).to_wire(),
            [0x07, 0x78, 0x80, 0xff]
        );
        assert_eq!(entry.aged().to_wire(), [0x00, 0x3f, 0xc1, 0xfe]);
        assert_eq!(entry.deflected().to_wire(), [0x00, 0x3f, 0xc3, 0xff]);
        let read = Entry::from_wire([0xff, 0xff, 0xfe, 0x01]);
        assert_eq!(
            (read.label(), read.class(), read.is_bottom(), read.ttl()),
            (0xf_ffff, 7, false, 1)
        );
    }
}
