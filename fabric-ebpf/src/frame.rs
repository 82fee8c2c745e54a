//! A frame in the kernel's buffer.

#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths and offsets of a frame are below 2^17"
)]

use core::mem;
use core::ptr::NonNull;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{
    bpf_csum_diff, bpf_xdp_adjust_head, bpf_xdp_adjust_meta, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
    bpf_xdp_load_bytes,
};
use aya_ebpf::programs::XdpContext;
use fabric_common::rewrite::fold;
use fabric_common::{Frame, NoHeadroom, Short};

/// Drivers put at least so many bytes of a longer frame into the first buffer: a shorter one has no others, and asking
/// for their length would cost as much as a look-up.
const LINEAR: usize = 1536;

/// The bytes between two pointers that the verifier knows.
///
/// The verifier accepts an access only after a comparison of *pointers* in the same function; a length would
/// be a plain number to it. Both pointers are read again after every call that may move the buffer.
pub(crate) struct XdpFrame {
    ctx: *mut xdp_md,
    data: usize,
    end: usize,
    len: usize,
}

impl XdpFrame {
    #[inline(always)]
    pub(crate) fn new(ctx: &XdpContext) -> Self {
        let md = ctx.as_ptr().cast::<xdp_md>();
        let (data, end) = (ctx.data(), ctx.data_end());
        let mut len = end - data;
        if len >= LINEAR {
            // SAFETY: the kernel passes a valid context.
            len = unsafe { bpf_xdp_get_buff_len(md) } as usize;
        }
        Self {
            ctx: md,
            data,
            end,
            len,
        }
    }

    #[inline(always)]
    pub(crate) fn ingress_ifindex(&self) -> u32 {
        // SAFETY: the kernel passes a valid context.
        unsafe { (*self.ctx).ingress_ifindex }
    }

    /// Only in a program that runs from a device map.
    #[inline(always)]
    pub(crate) fn egress_ifindex(&self) -> u32 {
        // SAFETY: the kernel passes a valid context.
        unsafe { (*self.ctx).egress_ifindex }
    }

    /// Whether the frame is longer than was taken for granted: other buffers follow a first one that is shorter than drivers make it.
    /// A program at the other end of a veth can cut the start off (`bpf_xdp_adjust_head`) and hand the rest on. So is one that the next
    /// program would take for shorter than it is, because what was taken off it here has left so little.
    #[inline(always)]
    pub(crate) fn hides_buffers(&self) -> bool {
        // SAFETY: the kernel passes a valid context.
        let len = unsafe { bpf_xdp_get_buff_len(self.ctx) } as usize;
        len != self.len || (len >= LINEAR && self.end - self.data < LINEAR)
    }

    #[inline(always)]
    fn reload(&mut self) {
        // SAFETY: the kernel passes a valid context.
        unsafe {
            self.data = (*self.ctx).data as usize;
            self.end = (*self.ctx).data_end as usize;
        }
    }

    #[inline(always)]
    fn at<T>(&self, at: usize) -> Result<*mut T, Short> {
        // `wrapping_add`: the sum may lie outside of the buffer until it has been compared.
        let start = self.data.wrapping_add(at);
        if start.wrapping_add(mem::size_of::<T>()) > self.end {
            return Err(Short);
        }
        Ok(start as *mut T)
    }

    /// The same for a reference. That it is not null is said here, or the program would ask, and the verifier follow both answers.
    #[inline(always)]
    fn present<T>(&self, at: usize) -> Result<NonNull<T>, Short> {
        // SAFETY: behind the start of the frame, which is no null pointer.
        Ok(unsafe { NonNull::new_unchecked(self.at(at)?) })
    }

    /// Puts `metadata` in front of the frame.
    #[inline(always)]
    pub(crate) fn push_metadata<M: Copy>(&mut self, metadata: M) -> Result<(), NoHeadroom> {
        let size = mem::size_of::<M>();
        // SAFETY: the kernel passes a valid context.
        if unsafe { bpf_xdp_adjust_meta(self.ctx, -(size as i32)) } != 0 {
            return Err(NoHeadroom);
        }
        self.reload();
        // SAFETY: the kernel passes a valid context.
        let start = unsafe { (*self.ctx).data_meta } as usize;
        if start.wrapping_add(size) > self.data {
            return Err(NoHeadroom);
        }
        // SAFETY: the bytes lie between `data_meta` and `data`, as just compared.
        unsafe { (start as *mut M).write_unaligned(metadata) };
        Ok(())
    }

    /// Whether anything stands in front of the frame.
    #[inline(always)]
    pub(crate) fn has_metadata(&self) -> bool {
        // SAFETY: the kernel passes a valid context.
        (unsafe { (*self.ctx).data_meta } as usize) < self.data
    }

    /// Takes away what stands in front of the frame: a sender at the other end of a veth can put it there.
    #[inline(always)]
    pub(crate) fn clear_metadata(&mut self) -> Result<(), NoHeadroom> {
        if !self.has_metadata() {
            return Ok(());
        }
        // SAFETY: the kernel passes a valid context.
        let size = self.data.wrapping_sub(unsafe { (*self.ctx).data_meta } as usize);
        // SAFETY: the kernel passes a valid context.
        if unsafe { bpf_xdp_adjust_meta(self.ctx, size as i32) } != 0 {
            return Err(NoHeadroom);
        }
        self.reload();
        Ok(())
    }

    /// Takes the metadata away from in front of the frame.
    #[inline(always)]
    pub(crate) fn pop_metadata<M: Copy>(&mut self) -> Option<M> {
        let size = mem::size_of::<M>();
        // SAFETY: the kernel passes a valid context.
        let start = unsafe { (*self.ctx).data_meta } as usize;
        if start.wrapping_add(size) > self.data {
            return None;
        }
        // SAFETY: the bytes lie between `data_meta` and `data`, as just compared.
        let metadata = unsafe { (start as *const M).read_unaligned() };
        // SAFETY: the kernel passes a valid context.
        if unsafe { bpf_xdp_adjust_meta(self.ctx, size as i32) } != 0 {
            return None;
        }
        self.reload();
        Some(metadata)
    }
}

impl Frame for XdpFrame {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn is_in_one_buffer(&self) -> bool {
        self.end - self.data >= self.len
    }

    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], Short> {
        // SAFETY: `at` has compared the bytes with the end of the frame.
        Ok(unsafe { self.at::<[u8; N]>(at)?.read_unaligned() })
    }

    /// A copy on the stack has a fixed length: read in place, each length would be a way of its own through the
    /// rest of the program to the verifier.
    #[inline(always)]
    fn sum(&self, at: usize, len: usize) -> Result<u64, Short> {
        let mut words = [0u32; 16];
        // The helper takes no length of 0, and whatever is compared with `len` would teach the verifier where the
        // options end.
        let len = (len.wrapping_sub(4) & 0x3c) + 4;
        // SAFETY: the kernel passes a valid context, and `words` has room for `len` bytes.
        let read = unsafe { bpf_xdp_load_bytes(self.ctx, at as u32, words.as_mut_ptr().cast(), len as u32) };
        if read != 0 {
            return Err(Short);
        }
        Ok(words.iter().map(|word| u64::from(u32::from_be(*word))).sum())
    }

    /// The helper sums words in memory order; the sum of swapped words is the swapped sum (RFC 1071 section 2).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "an error is negative, a sum has 32 bits")]
    fn sum_of<const N: usize>(&self, at: usize) -> Result<u16, Short> {
        let bytes = self.at::<[u8; N]>(at)?.cast();
        // SAFETY: `at` has compared the bytes with the end of the frame; nothing is to be taken from the sum.
        let sum = unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, bytes, N as u32, 0) };
        if sum < 0 {
            Err(Short)
        } else {
            Ok(u16::from_be(fold(sum as u32)))
        }
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Result<(), Short> {
        // SAFETY: `at` has compared the bytes with the end of the frame.
        unsafe { self.at::<[u8; N]>(at)?.write_unaligned(bytes) };
        Ok(())
    }

    #[inline(always)]
    fn peek<const N: usize>(&self, at: usize) -> Result<&[u8; N], Short> {
        // SAFETY: as for `window`.
        Ok(unsafe { self.present(at)?.as_ref() })
    }

    #[inline(always)]
    fn window<const N: usize>(&mut self, at: usize) -> Result<&mut [u8; N], Short> {
        // SAFETY: `at` has compared the bytes with the end of the frame, and what it is borrowed from moves no buffer while
        // they are.
        Ok(unsafe { self.present(at)?.as_mut() })
    }

    #[inline(always)]
    fn copy<const W: usize>(&mut self, at: usize, words: &[u64; W]) -> Result<(), Short> {
        let to = self.at::<[u64; W]>(at)?.cast::<u64>();
        for (place, word) in words.iter().enumerate() {
            // SAFETY: `at` has compared all words with the end of the frame.
            unsafe { to.add(place).write_unaligned(*word) };
        }
        Ok(())
    }

    #[inline(always)]
    fn resize_head(&mut self, by: i32) -> Result<(), NoHeadroom> {
        // SAFETY: the kernel passes a valid context.
        if unsafe { bpf_xdp_adjust_head(self.ctx, -by) } != 0 {
            return Err(NoHeadroom);
        }
        self.len = self.len.wrapping_add_signed(by as isize);
        self.reload();
        Ok(())
    }

    /// Volatile: as plain reads they could be taken for those before.
    #[inline(always)]
    fn look_again(&mut self) {
        // SAFETY: the kernel passes a valid context.
        unsafe {
            self.data = (&raw const (*self.ctx).data).read_volatile() as usize;
            self.end = (&raw const (*self.ctx).data_end).read_volatile() as usize;
        }
    }

    #[inline(always)]
    fn cut_tail(&mut self, len: usize) -> Result<(), Short> {
        // SAFETY: the kernel passes a valid context.
        if unsafe { bpf_xdp_adjust_tail(self.ctx, len as i32 - self.len as i32) } != 0 {
            return Err(Short);
        }
        self.len = len;
        self.reload();
        Ok(())
    }
}
