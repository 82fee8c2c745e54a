//! The twin's frame and drop counters, by the indexes of the kernel's counter maps, so that both can be compared.

use std::collections::BTreeMap;

use fabric_common::maps::Count;

/// What a node counted; what it never counted is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// As `COUNT_IN`, by binding.
    pub frames_in: BTreeMap<u32, Count>,
    /// As `COUNT_OUT`, by path.
    pub frames_out: BTreeMap<u32, Count>,
    /// As `COUNT_DROPS`, by [`fabric_common::maps::drop_index`].
    pub drops: BTreeMap<u32, u64>,
}

impl Counters {
    pub(super) fn count_in(&mut self, binding: u32, len: usize) {
        count(self.frames_in.entry(binding).or_default(), len);
    }

    pub(super) fn count_out(&mut self, path: u32, len: usize) {
        count(self.frames_out.entry(path).or_default(), len);
    }

    pub(super) fn bump(&mut self, index: u32) {
        *self.drops.entry(index).or_default() += 1;
    }
}

fn count(count: &mut Count, len: usize) {
    count.frames += 1;
    count.bytes += len as u64;
}
