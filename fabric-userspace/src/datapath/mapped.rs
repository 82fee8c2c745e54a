//! Map memory in our address space: reading and writing without system calls.

use std::io;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use fabric_common::buckets::Bucket;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// An array map of `T`, mapped.
///
/// Every record is a whole number of 64-bit words, and its first word tells whether it is in use: a record
/// is published by writing that word last and withdrawn by clearing it first.
pub(crate) struct Mapped<T> {
    memory: NonNull<AtomicU64>,
    bytes: usize,
    len: u32,
    record: PhantomData<T>,
}

// SAFETY: the memory is shared with the kernel anyway and only touched by atomic word accesses.
unsafe impl<T> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Mapped<T> {}

impl<T> Mapped<T> {
    const WORDS: usize = size_of::<T>() / 8;

    /// Maps `len` records of the map behind `fd`.
    pub(super) fn new(fd: impl AsFd, len: u32) -> io::Result<Self> {
        const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 4096) };
        let bytes = (len as usize * size_of::<T>()).next_multiple_of(4096);
        let length = bytes.try_into().map_err(io::Error::other)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let memory = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, fd, 0) }?;
        Ok(Self {
            memory: memory.cast(),
            bytes,
            len,
            record: PhantomData,
        })
    }

    /// No records.
    pub(super) fn nothing() -> Self {
        Self {
            memory: NonNull::dangling(),
            bytes: 0,
            len: 0,
            record: PhantomData,
        }
    }

    /// For tests: `len` records of zeros, in memory of our own.
    #[cfg(test)]
    pub(super) fn zeros(len: u32) -> Self {
        let bytes = (len as usize * size_of::<T>()).next_multiple_of(4096);
        let length = bytes.try_into().expect("not 0");
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let memory =
            unsafe { nix::sys::mman::mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) };
        Self {
            memory: memory.expect("memory").cast(),
            bytes,
            len,
            record: PhantomData,
        }
    }

    /// Number of records.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    fn words(&self, index: u32) -> Option<&[AtomicU64]> {
        if index >= self.len {
            return None;
        }
        // SAFETY: `index` is below `len`, so the words lie inside of the mapping, which lives as long as self.
        Some(unsafe {
            std::slice::from_raw_parts(
                self.memory.as_ptr().add(index as usize * Self::WORDS),
                Self::WORDS,
            )
        })
    }

    /// The record in place, for types of shared words.
    pub(super) fn shared(&self, index: u32) -> Option<&T>
    where
        T: SharedRecord,
    {
        let words = self.words(index)?;
        // SAFETY: `T` is made of words that both sides access atomically, and any bits are a value of it.
        Some(unsafe { &*words.as_ptr().cast::<T>() })
    }
}

impl<T: aya::Pod> Mapped<T> {
    /// A copy of the record. While another process writes it the copy may be half old.
    pub(super) fn get(&self, index: u32) -> Option<T> {
        let words = self.words(index)?;
        let mut copy = std::mem::MaybeUninit::<T>::uninit();
        for (place, word) in words.iter().enumerate() {
            // SAFETY: `copy` has room for `WORDS` words.
            unsafe {
                copy.as_mut_ptr()
                    .cast::<u64>()
                    .add(place)
                    .write_unaligned(word.load(Ordering::Acquire))
            };
        }
        // SAFETY: all words were written and any bits are a value of a plain old data type.
        Some(unsafe { copy.assume_init() })
    }

    /// Writes the record so that its first word appears last. False if there is no such place.
    pub(super) fn publish(&self, index: u32, record: &T) -> bool {
        let Some(words) = self.words(index) else {
            return false;
        };
        let from = std::ptr::from_ref(record).cast::<u64>();
        for (place, word) in words.iter().enumerate().rev() {
            // SAFETY: `record` has `WORDS` words.
            word.store(unsafe { from.add(place).read_unaligned() }, Ordering::Release);
        }
        true
    }

    /// Clears the record, its first word first.
    pub(super) fn withdraw(&self, index: u32) {
        for word in self.words(index).unwrap_or_default() {
            word.store(0, Ordering::Release);
        }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        // SAFETY: the mapping was made by `new` with this length and nothing borrows from it any more.
        let _ = unsafe { munmap(self.memory.cast(), self.bytes) };
    }
}

/// Records whose fields are shared words.
///
/// # Safety
/// All fields must be accessed atomically, and any bits must be a value.
pub(super) unsafe trait SharedRecord {}
// SAFETY: made of `SharedU64`.
unsafe impl SharedRecord for Bucket {}
// SAFETY: made of `SharedU64`.
unsafe impl SharedRecord for fabric_common::maps::storage::Vsm {}
// SAFETY: made of `SharedU64`.
unsafe impl SharedRecord for fabric_common::maps::storage::FlowRecord {}
// SAFETY: made of `SharedU64`.
unsafe impl SharedRecord for fabric_common::maps::gateway::NeighbourBucket {}
// SAFETY: made of `SharedU32` and one integer that nobody reads.
unsafe impl SharedRecord for fabric_common::maps::Segment {}
