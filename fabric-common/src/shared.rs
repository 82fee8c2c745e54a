//! Words that XDP on every CPU and the agent change at the same time.

#[cfg(not(target_arch = "bpf"))]
mod word {
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    /// A word of 64 bits in memory shared between CPUs and with user space.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct SharedU64(AtomicU64);

    impl SharedU64 {
        /// Reads the word; what was written before it is visible.
        #[inline]
        pub fn load(&self) -> u64 {
            self.0.load(Ordering::Acquire)
        }

        /// Writes the word after all earlier writes.
        #[inline]
        pub fn store(&self, value: u64) {
            self.0.store(value, Ordering::Release);
        }

        /// Writes `new` if the word is `old`; returns what the word was.
        #[inline]
        pub fn compare_exchange(&self, old: u64, new: u64) -> u64 {
            match self
                .0
                .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(was) | Err(was) => was,
            }
        }
    }

    /// A counter of 32 bits in memory shared between CPUs and with user space.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct SharedU32(AtomicU32);

    impl SharedU32 {
        /// Reads the counter.
        #[inline]
        pub fn load(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }

        /// Sets the counter.
        #[inline]
        pub fn store(&self, value: u32) {
            self.0.store(value, Ordering::Relaxed);
        }

        /// Adds, wrapping at 2^32; returns what the counter was.
        #[inline]
        pub fn add(&self, by: u32) -> u32 {
            self.0.fetch_add(by, Ordering::Relaxed)
        }
    }
}

#[cfg(target_arch = "bpf")]
mod word {
    use core::cell::UnsafeCell;
    use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

    // `AtomicU64::load` crashes bpf-linker and `compare_exchange` does not exist on this target: volatile
    // accesses, which BPF performs as single loads and stores, and the intrinsics stand in.

    /// A word of 64 bits in memory shared between CPUs and with user space.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct SharedU64(UnsafeCell<u64>);

    // SAFETY: all accesses are single aligned 64-bit loads, stores or atomic instructions.
    unsafe impl Sync for SharedU64 {}

    impl SharedU64 {
        /// Reads the word.
        #[inline(always)]
        pub fn load(&self) -> u64 {
            // SAFETY: the pointer comes from a live reference.
            unsafe { self.0.get().read_volatile() }
        }

        /// Writes the word.
        #[inline(always)]
        pub fn store(&self, value: u64) {
            // SAFETY: the pointer comes from a live reference.
            unsafe { self.0.get().write_volatile(value) }
        }

        /// Writes `new` if the word is `old`; returns what the word was.
        #[inline(always)]
        pub fn compare_exchange(&self, old: u64, new: u64) -> u64 {
            // SAFETY: the pointer comes from a live reference.
            unsafe {
                atomic_cxchg::<u64, { AtomicOrdering::AcqRel }, { AtomicOrdering::Relaxed }>(
                    self.0.get(),
                    old,
                    new,
                )
                .0
            }
        }
    }

    /// A counter of 32 bits in memory shared between CPUs and with user space.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct SharedU32(UnsafeCell<u32>);

    // SAFETY: all accesses are single aligned 32-bit loads, stores or atomic instructions.
    unsafe impl Sync for SharedU32 {}

    impl SharedU32 {
        /// Reads the counter.
        #[inline(always)]
        pub fn load(&self) -> u32 {
            // SAFETY: the pointer comes from a live reference.
            unsafe { self.0.get().read_volatile() }
        }

        /// Sets the counter.
        #[inline(always)]
        pub fn store(&self, value: u32) {
            // SAFETY: the pointer comes from a live reference.
            unsafe { self.0.get().write_volatile(value) }
        }

        /// Adds, wrapping at 2^32; returns what the counter was.
        #[inline(always)]
        pub fn add(&self, by: u32) -> u32 {
            // SAFETY: the pointer comes from a live reference.
            unsafe { atomic_xadd::<u32, u32, { AtomicOrdering::Relaxed }>(self.0.get(), by) }
        }
    }
}

pub use word::{SharedU32, SharedU64};
