//! How the packet core sees a frame.

use crate::DropReason;

/// The frame ends before the bytes that were asked for.
///
/// Zero-sized on purpose: a reason inside `Result<[u8; N], _>` makes LLVM split the array into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

/// There is no room in front of the frame for the tags that must be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHeadroom;

impl From<Short> for DropReason {
    #[inline(always)]
    fn from(_: Short) -> Self {
        Self::Truncated
    }
}

impl From<NoHeadroom> for DropReason {
    #[inline(always)]
    fn from(_: NoHeadroom) -> Self {
        Self::NoHeadroom
    }
}

/// A frame from its destination MAC on, without the frame check sequence.
///
/// Bytes are handed out by value, or borrowed so that the frame cannot grow meanwhile: no pointer is left dangling. Offsets are in
/// bytes from the present start of the frame.
pub trait Frame {
    /// Length in bytes, all fragments included.
    fn len(&self) -> usize;

    /// True for a frame without a byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// False if the kernel keeps the frame in several buffers: it cannot be cloned then.
    fn is_in_one_buffer(&self) -> bool;

    /// Reads `N` bytes in wire order.
    fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], Short>;

    /// Sums `len` bytes as big-endian words of 32 bits: the IPv4 options, from 4 to 40 bytes and a multiple of
    /// 4, which are the only part of a packet whose length the verifier must follow.
    fn sum(&self, at: usize, len: usize) -> Result<u64, Short>;

    /// The ones' complement sum of `N` bytes as big-endian words of 16 bits (RFC 1071). `N` is a multiple of 4 and at most
    /// 512.
    fn sum_of<const N: usize>(&self, at: usize) -> Result<u16, Short>;

    /// Writes `N` bytes in wire order.
    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<(), Short>;

    /// `N` bytes in place.
    fn peek<const N: usize>(&self, at: usize) -> Result<&[u8; N], Short>;

    /// `N` bytes in place, for several changes at the price of one comparison with the frame's end.
    fn window<const N: usize>(&mut self, at: usize) -> Result<&mut [u8; N], Short>;

    /// Copies `W` words from a table, keeping their bytes in memory order.
    fn copy<const W: usize>(&mut self, at: usize, words: &[u64; W]) -> Result<(), Short>;

    /// Moves the start of the frame: `by` > 0 adds that many bytes in front, `by` < 0 removes them.
    fn resize_head(&mut self, by: i32) -> Result<(), NoHeadroom>;

    /// To be called before places are written that were read already: the compiler would leave out comparisons with the frame's
    /// end that follow from earlier ones, and the verifier cannot. Behind it, write in the order of the places.
    fn look_again(&mut self);

    /// Takes away what is behind the first `len` bytes.
    fn cut_tail(&mut self, len: usize) -> Result<(), Short>;
}
