//! Hash tables of 64-byte buckets, one cache line each, in memory that user space maps.
//!
//! A key has two buckets of four slots. XDP claims an empty slot with one compare-and-exchange on its key,
//! so that learning needs no agent. Where both buckets are full it takes one in the [`STASH`] behind the table, and
//! the agent, which can move others, makes room in the table. The agent writes and clears slots through its mapping. A key is visible
//! before its value, and a value is cleared before its key: value 0 means "not there".
//!
//! Who changes a value changes it from what he has read, so that of two writers one loses and knows. Only the
//! agent gives slots free. What a program may change stays, without a value, until no program runs any more that
//! may have found it; only an entry that is moved leaves its slot at once: in the table to the entry that gets it next, in
//! the stash to anyone. So a reader looks at the key once more behind the value.

use crate::shared::SharedU64;
use crate::tables::{Table, Tables};

/// Slots of one bucket.
pub const SLOTS: usize = 4;

/// Buckets behind those of the FDB for what found its own two full. A power of two.
pub const STASH: u32 = 256;

/// One entry; key 0 is an empty slot.
#[derive(Default)]
#[repr(C)]
pub struct Slot {
    /// The key.
    pub key: SharedU64,
    /// The value, 0 while the entry is being written or removed.
    pub value: SharedU64,
}

/// One cache line of entries.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Bucket {
    /// The entries.
    pub slots: [Slot; SLOTS],
}

/// The two buckets of a key. They may be the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Looked at first.
    pub first: u32,
    /// Looked at when the key is not in the first.
    pub second: u32,
    /// Looked at last, in tables that have a [`STASH`].
    pub stash: u32,
}

impl Choices {
    /// Buckets of `key` in a table of `mask` + 1 buckets, at most 2^24.
    ///
    /// Multiplication by a secret odd number keeps a tenant from crafting addresses that collide.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps at most 24 bits")]
    pub const fn of(key: u64, seed: [u64; 2], mask: u32) -> Self {
        let mut hash = (key ^ seed[0]).wrapping_mul(seed[1] | 1);
        hash ^= hash >> 32;
        hash = hash.wrapping_mul(seed[0] | 1);
        Self {
            first: (hash >> 40) as u32 & mask,
            second: (hash >> 16) as u32 & mask,
            stash: mask + 1 + ((hash >> 8) as u32 & (STASH - 1)),
        }
    }
}

/// The slot and value of `key` for which `accept` is true.
#[inline(always)]
pub fn find<T: Tables>(
    tables: &T,
    table: Table,
    key: u64,
    accept: impl Fn(u64) -> bool,
) -> Option<(&Slot, u64)> {
    let choices = Choices::of(key, tables.seed(), tables.mask(table));
    // No closure: on BPF it would be a function of its own, and what it captures would live on the stack.
    if let Some(found) = find_in(tables.bucket(table, choices.first)?, key, &accept) {
        return Some(found);
    }
    if let Some(found) = find_in(tables.bucket(table, choices.second)?, key, &accept) {
        return Some(found);
    }
    if table != Table::Fdb {
        return None;
    }
    find_in(tables.bucket(table, choices.stash)?, key, &accept)
}

#[inline(always)]
fn find_in<'t>(bucket: &'t Bucket, key: u64, accept: &impl Fn(u64) -> bool) -> Option<(&'t Slot, u64)> {
    for slot in &bucket.slots {
        if slot.key.load() == key {
            let value = slot.value.load();
            // The slot may have become another key's between the two.
            if slot.key.load() == key && accept(value) {
                return Some((slot, value));
            }
        }
    }
    None
}

/// What became of [`claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The entry is in the table.
    Placed,
    /// Another CPU took the slot meanwhile, perhaps for the same key.
    Lost,
    /// All its buckets are full.
    Full,
}

/// Enters a key that is not in the table.
#[inline(always)]
pub fn claim<T: Tables>(tables: &T, table: Table, key: u64, value: u64) -> Claim {
    let choices = Choices::of(key, tables.seed(), tables.mask(table));
    let Some(slot) = empty_slot(tables, table, choices.first)
        .or_else(|| empty_slot(tables, table, choices.second))
        .or_else(|| empty_slot(tables, table, choices.stash))
    else {
        return Claim::Full;
    };
    if slot.key.compare_exchange(0, key) != 0 {
        return Claim::Lost;
    }
    // The agent may have entered the same key meanwhile, as a static one: that stays.
    if slot.value.compare_exchange(0, value) != 0 {
        return Claim::Lost;
    }
    if slot.key.load() != key {
        // It may even have moved that entry, and the slot is another key's.
        slot.value.compare_exchange(value, 0);
        return Claim::Lost;
    }
    Claim::Placed
}

#[inline(always)]
fn empty_slot<T: Tables>(tables: &T, table: Table, bucket: u32) -> Option<&Slot> {
    tables
        .bucket(table, bucket)?
        .slots
        .iter()
        .find(|slot| slot.key.load() == 0)
}
