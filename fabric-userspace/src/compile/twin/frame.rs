//! A frame in host memory for the packet core. It grows and shrinks only as far as the kernel lets an XDP frame.

use fabric_common::rewrite::fold;
use fabric_common::{Frame, NoHeadroom, Short};

/// A frame in a buffer of the host, with room in front of it as a driver leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFrame {
    buffer: Vec<u8>,
    /// Where the frame begins in `buffer`.
    start: usize,
}

impl HostFrame {
    /// Bytes that an XDP frame can grow: the headroom of 256 bytes, less what the kernel keeps there for itself
    /// (`xdp_frame`, 40 bytes).
    pub const HEADROOM: usize = 256 - 40;

    /// A frame with the usual room in front.
    pub fn new(bytes: &[u8]) -> Self {
        Self::with_headroom(bytes, Self::HEADROOM)
    }

    /// A frame that can grow by `headroom` bytes.
    pub fn with_headroom(bytes: &[u8], headroom: usize) -> Self {
        let mut buffer = vec![0; headroom];
        buffer.extend_from_slice(bytes);
        Self {
            buffer,
            start: headroom,
        }
    }

    /// From the destination address on.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(super) fn takes_metadata(&self, size: usize) -> bool {
        self.start >= size
    }

    fn span(&self, at: usize, len: usize) -> Result<std::ops::Range<usize>, Short> {
        let from = self.start.checked_add(at).ok_or(Short)?;
        let to = from.checked_add(len).ok_or(Short)?;
        if to > self.buffer.len() {
            Err(Short)
        } else {
            Ok(from..to)
        }
    }
}

impl Frame for HostFrame {
    fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn is_in_one_buffer(&self) -> bool {
        true
    }

    fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], Short> {
        let bytes = self.buffer.get(self.span(at, N)?).ok_or(Short)?;
        bytes.try_into().map_err(|_| Short)
    }

    fn sum(&self, at: usize, len: usize) -> Result<u64, Short> {
        let bytes = self.buffer.get(self.span(at, len)?).ok_or(Short)?;
        let (words, rest) = bytes.as_chunks();
        if len > 40 || !rest.is_empty() {
            return Err(Short);
        }
        Ok(words
            .iter()
            .map(|word| u64::from(u32::from_be_bytes(*word)))
            .sum())
    }

    fn sum_of<const N: usize>(&self, at: usize) -> Result<u16, Short> {
        let bytes = self.buffer.get(self.span(at, N)?).ok_or(Short)?;
        let (words, _) = bytes.as_chunks();
        Ok(fold(
            words
                .iter()
                .map(|word| u32::from(u16::from_be_bytes(*word)))
                .sum(),
        ))
    }

    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<(), Short> {
        let span = self.span(at, N)?;
        self.buffer.get_mut(span).ok_or(Short)?.copy_from_slice(&bytes);
        Ok(())
    }

    fn peek<const N: usize>(&self, at: usize) -> Result<&[u8; N], Short> {
        let bytes = self.buffer.get(self.span(at, N)?).ok_or(Short)?;
        bytes.try_into().map_err(|_| Short)
    }

    fn window<const N: usize>(&mut self, at: usize) -> Result<&mut [u8; N], Short> {
        let span = self.span(at, N)?;
        let bytes = self.buffer.get_mut(span).ok_or(Short)?;
        bytes.try_into().map_err(|_| Short)
    }

    fn copy<const W: usize>(&mut self, at: usize, words: &[u64; W]) -> Result<(), Short> {
        let span = self.span(at, W * 8)?;
        let (chunks, _) = self.buffer.get_mut(span).ok_or(Short)?.as_chunks_mut::<8>();
        for (chunk, word) in chunks.iter_mut().zip(words) {
            *chunk = word.to_ne_bytes();
        }
        Ok(())
    }

    fn resize_head(&mut self, by: i32) -> Result<(), NoHeadroom> {
        let by = isize::try_from(by).map_err(|_| NoHeadroom)?;
        let start = self.start.checked_add_signed(-by).ok_or(NoHeadroom)?;
        // The kernel leaves at least an Ethernet header (`bpf_xdp_adjust_head`).
        if start + 14 > self.buffer.len() {
            return Err(NoHeadroom);
        }
        self.start = start;
        Ok(())
    }

    fn look_again(&mut self) {}

    fn cut_tail(&mut self, len: usize) -> Result<(), Short> {
        // The kernel leaves at least an Ethernet header (`bpf_xdp_adjust_tail`).
        if len > self.len() || len < 14 {
            return Err(Short);
        }
        self.buffer.truncate(self.start + len);
        Ok(())
    }
}
