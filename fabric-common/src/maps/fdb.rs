//! Values of `FDB`.

/// Value of `FDB`: where a station is and when it was last heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbValue(pub u64);

impl FdbValue {
    const STATIC: u64 = 1 << 31;

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the mask is smaller than 32 bits")]
    const fn bits(self, from: u32, mask: u32) -> u32 {
        (self.0 >> from) as u32 & mask
    }

    /// An entry of the document: never aged, never moved.
    pub const fn fixed(segment: u32, next_hop: u32) -> Self {
        Self((segment as u64 >> 16) & 0xff | (next_hop as u64 & 0x7f_ffff) << 8 | Self::STATIC)
    }

    /// An address heard at `now`, a [`super::tick`].
    #[inline(always)]
    pub const fn learned(segment: u32, next_hop: u32, now: u32) -> Self {
        Self((segment as u64 >> 16) & 0xff | (next_hop as u64 & 0x7f_ffff) << 8 | (now as u64 & 0xffff) << 32)
    }

    /// True if the entry is usable and of this segment.
    #[inline(always)]
    pub const fn is_of(self, segment: u32) -> bool {
        self.next_hop() != 0 && self.segment_high() == (segment >> 16) & 0xff
    }

    /// Bits 16 to 23 of the segment.
    #[inline(always)]
    pub const fn segment_high(self) -> u32 {
        self.bits(0, 0xff)
    }

    /// Next hop id; 0 while the entry is being written.
    #[inline(always)]
    pub const fn next_hop(self) -> u32 {
        self.bits(8, 0x7f_ffff)
    }

    /// True for an entry of the document.
    #[inline(always)]
    pub const fn is_static(self) -> bool {
        self.0 & Self::STATIC != 0
    }

    /// Low 16 bits of the [`super::tick`] of the last frame.
    #[inline(always)]
    pub const fn last_seen(self) -> u32 {
        self.bits(32, 0xffff)
    }

    /// Moves since the station was last quiet, at most 15.
    #[inline(always)]
    pub const fn moves(self) -> u32 {
        self.bits(48, 0xf)
    }

    /// Low 12 bits of the [`super::tick`] of the last move.
    #[inline(always)]
    pub const fn moved_at(self) -> u32 {
        self.bits(52, 0xfff)
    }

    /// The same entry heard at `now`.
    #[inline(always)]
    pub const fn seen(self, now: u32) -> Self {
        Self(self.0 & !(0xffff << 32) | (now as u64 & 0xffff) << 32)
    }

    /// The same station behind another next hop.
    #[inline(always)]
    pub const fn moved(self, next_hop: u32, now: u32, moves: u32) -> Self {
        Self(
            self.0 & 0xff
                | (next_hop as u64 & 0x7f_ffff) << 8
                | (now as u64 & 0xffff) << 32
                | (moves as u64 & 0xf) << 48
                | (now as u64 & 0xfff) << 52,
        )
    }
}
