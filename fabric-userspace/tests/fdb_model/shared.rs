//! In place of `fabric-common/src/shared.rs`: words whose accesses wait for their turn.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::schedule::{access, is_blind, loaded};

#[derive(Debug, Default)]
#[repr(transparent)]
pub struct SharedU64(AtomicU64);

impl SharedU64 {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub fn load(&self) -> u64 {
        access(self.address(), false);
        loaded(self.address(), self.0.load(SeqCst))
    }

    pub fn store(&self, value: u64) {
        access(self.address(), true);
        self.0.store(value, SeqCst);
    }

    pub fn compare_exchange(&self, old: u64, new: u64) -> u64 {
        access(self.address(), true);
        if is_blind(self.address()) {
            self.0.store(new, SeqCst);
            return old;
        }
        match self.0.compare_exchange(old, new, SeqCst, SeqCst) {
            Ok(was) | Err(was) => was,
        }
    }
}
