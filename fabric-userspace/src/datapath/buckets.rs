//! A hash table of [`fabric_common::buckets`] from the agent's side: entering, moving, giving free.
//!
//! Moves go along a chain: the last entry into an empty slot, the one before it into the slot that it left, and so on.
//!
//! The agent is the only one that moves entries and gives slots free; XDP enters and changes values meanwhile. What
//! the agent takes out keeps its slot until [`BucketTable::release`], which is for after a grace period.

use fabric_common::buckets::{Bucket, Choices, SLOTS, Slot};

use super::mapped::Mapped;

/// Where the buckets are.
pub trait Memory {
    /// The bucket, if there is one with this number.
    fn bucket(&self, number: u32) -> Option<&Bucket>;
    /// Number of buckets, the stash included.
    fn buckets(&self) -> u32;
}

impl Memory for Mapped<Bucket> {
    fn bucket(&self, number: u32) -> Option<&Bucket> {
        self.shared(number)
    }

    fn buckets(&self) -> u32 {
        self.len()
    }
}

impl Memory for Vec<Bucket> {
    fn bucket(&self, number: u32) -> Option<&Bucket> {
        self.get(number as usize)
    }

    fn buckets(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }
}

/// A hash table.
#[derive(Debug)]
pub struct BucketTable<M> {
    buckets: M,
    seed: [u64; 2],
    mask: u32,
}

/// No room for a key, and none to be had by moving others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A slot by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    bucket: u32,
    slot: usize,
}

/// Entries that are looked at for a chain of moves. With 90 of 100 slots in use two of three buckets are full, and a
/// chain is all but certainly among the first hundred.
const CHAIN: usize = 512;

/// How often room is made for a key while XDP takes it away again.
const TRIES: usize = 4;

/// A slot on the way to an empty one.
#[derive(Clone, Copy, Debug)]
struct Step {
    place: Place,
    /// The step whose entry moves into this slot.
    from: Option<usize>,
}

impl<M: Memory> BucketTable<M> {
    /// A table of `mask` + 1 buckets, hashed with the secret `seed`. If there are more in `buckets`, they are its stash.
    pub fn new(buckets: M, seed: [u64; 2], mask: u32) -> Self {
        Self { buckets, seed, mask }
    }

    fn choices(&self, key: u64) -> Choices {
        Choices::of(key, self.seed, self.mask)
    }

    fn slots(&self, bucket: u32) -> &[Slot] {
        self.buckets.bucket(bucket).map_or(&[], |bucket| &bucket.slots)
    }

    /// The slots of `key`'s two buckets.
    fn both(&self, key: u64) -> impl Iterator<Item = &Slot> {
        let Choices { first, second, .. } = self.choices(key);
        let others = if second == first { &[] } else { self.slots(second) };
        self.slots(first).iter().chain(others)
    }

    /// All slots in which `key` can be, in the order in which readers look.
    fn all(&self, key: u64) -> impl Iterator<Item = &Slot> {
        self.both(key).chain(self.slots(self.choices(key).stash))
    }

    /// Number of slots, without the stash.
    pub fn capacity(&self) -> u64 {
        (u64::from(self.mask) + 1) * SLOTS as u64
    }

    /// The entries of `key`; more than one only after a race between two learners.
    pub fn find(&self, key: u64) -> impl Iterator<Item = &Slot> {
        self.all(key).filter(move |slot| slot.key.load() == key)
    }

    /// All entries in use.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        (0..self.buckets.buckets())
            .flat_map(|bucket| self.slots(bucket))
            .filter(|slot| slot.key.load() != 0)
    }

    /// Looks where [`Self::set`] will look. Done for several keys first, the processor waits for memory once for all of them.
    pub fn fetch(&self, key: u64) {
        // The stash is small, and at hand anyway.
        let Choices { first, second, .. } = self.choices(key);
        for bucket in [first, second] {
            std::hint::black_box(self.slots(bucket).first().map(|slot| slot.key.load()));
        }
    }

    /// Enters or replaces; `same` tells which of the entries with this key is meant.
    ///
    /// # Errors
    /// When no chain of moves ends in an empty slot.
    pub fn set(&self, key: u64, value: u64, same: impl Fn(u64) -> bool) -> Result<(), Full> {
        if self.replace(key, value, &same) {
            return Ok(());
        }
        for _ in 0..TRIES {
            if self.claim(key, value) {
                // XDP may have entered the same key meanwhile, where readers look first.
                self.replace(key, value, &same);
                return Ok(());
            }
            // XDP may have taken the slot before us, here or on the way.
            let _ = self.make_room(key);
        }
        Err(Full)
    }

    /// Gives the first of the entries that are meant this value, and clears the others. False if there is none.
    fn replace(&self, key: u64, value: u64, same: impl Fn(u64) -> bool) -> bool {
        // One without a value is about to get it: from XDP, which loses it then, or never, because it was taken out.
        let is_meant = |was| was == 0 || same(was);
        let mut found = self.find(key).filter(|slot| is_meant(slot.value.load()));
        let Some(slot) = found.next() else {
            return false;
        };
        slot.value.store(value);
        // Twins would come to light when this one goes.
        found.for_each(|twin| twin.value.store(0));
        true
    }

    fn claim(&self, key: u64, value: u64) -> bool {
        let claimed = self
            .both(key)
            .find(|slot| slot.key.load() == 0 && slot.key.compare_exchange(0, key) == 0);
        if let Some(slot) = claimed {
            slot.value.store(value);
        }
        claimed.is_some()
    }

    /// Takes an entry out if it still has this value. Its slot is given free by [`Self::release`].
    pub fn take_out(slot: &Slot, value: u64) -> bool {
        slot.value.compare_exchange(value, 0) == value
    }

    /// Removes an entry of a table that XDP only reads: the value goes first, and readers look at the key again.
    pub fn clear(slot: &Slot) {
        slot.value.store(0);
        slot.key.store(0);
    }

    /// Places of keys without a value: taken out, or in the middle of being entered.
    pub fn without_value(&self) -> Vec<Place> {
        let places =
            (0..self.buckets.buckets()).flat_map(|bucket| (0..SLOTS).map(move |slot| Place { bucket, slot }));
        let is_left = |slot: &Slot| slot.key.load() != 0 && slot.value.load() == 0;
        places
            .filter(|place| self.slot(*place).is_some_and(is_left))
            .collect()
    }

    /// Gives slots of [`Self::without_value`] free that still have none. Only when every program that was running
    /// then has ended: what was being entered has its value now, and nobody writes to a slot that he found before.
    pub fn release(&self, places: &[Place]) {
        for slot in places.iter().filter_map(|place| self.slot(*place)) {
            if slot.value.load() == 0 {
                slot.key.store(0);
            }
        }
    }

    /// True if readers find another entry with this slot's key before this one.
    pub fn is_shadowed(&self, slot: &Slot) -> bool {
        let key = slot.key.load();
        let mut earlier = self.all(key).take_while(|other| !std::ptr::eq(*other, slot));
        earlier.any(|other| other.key.load() == key && other.value.load() != 0)
    }

    /// Moves entries, each to its other bucket, so that a slot for `key` becomes empty: which one.
    fn make_room(&self, key: u64) -> Result<Place, Full> {
        let Choices { first, second, .. } = self.choices(key);
        let chain = self.chain([first, second]).ok_or(Full)?;
        for pair in chain.windows(2) {
            if let [to, from] = pair {
                self.relocate(*from, *to)?;
            }
        }
        chain.last().copied().ok_or(Full)
    }

    /// The shortest chain of moves: an empty slot, the slot whose entry goes there, and so on to a slot of `buckets`.
    fn chain(&self, buckets: [u32; 2]) -> Option<Vec<Place>> {
        let mut steps: Vec<Step> = Vec::with_capacity(CHAIN);
        let places = |bucket| (0..SLOTS).map(move |slot| Place { bucket, slot });
        steps.extend(
            buckets
                .into_iter()
                .flat_map(places)
                .map(|place| Step { place, from: None }),
        );
        let mut at = 0;
        while at < steps.len() {
            let place = steps.get(at)?.place;
            let key = self.slot(place)?.key.load();
            if key == 0 {
                return Some(path(&steps, at));
            }
            // An entry without value is about to get one, or to go: it cannot be moved.
            if steps.len() < CHAIN && self.slot(place)?.value.load() != 0 {
                let other = self.other(key, place.bucket);
                steps.extend(places(other).map(|place| Step {
                    place,
                    from: Some(at),
                }));
            }
            at += 1;
        }
        None
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        self.slots(place.bucket).get(place.slot)
    }

    fn other(&self, key: u64, bucket: u32) -> u32 {
        let Choices { first, second, .. } = self.choices(key);
        if first == bucket { second } else { first }
    }

    /// Moves one entry. The copy is there before the original goes: a reader in between finds one of them. What XDP
    /// changes meanwhile is copied again.
    fn relocate(&self, from: Place, to: Place) -> Result<(), Full> {
        let (Some(from), Some(to)) = (self.slot(from), self.slot(to)) else {
            return Err(Full);
        };
        let key = from.key.load();
        if from.value.load() == 0 {
            return Err(Full);
        }
        if to.key.compare_exchange(0, key) != 0 {
            return Err(Full);
        }
        loop {
            let value = from.value.load();
            to.value.store(value);
            if Self::take_out(from, value) {
                break;
            }
        }
        from.key.store(0);
        Ok(())
    }

    /// Moves what XDP put into the stash into the table, where others make room. Returns how many found a place.
    pub fn empty_stash(&self) -> u64 {
        let stash = self.mask + 1..self.buckets.buckets();
        let places = stash.flat_map(|bucket| (0..SLOTS).map(move |slot| Place { bucket, slot }));
        let moved = places.filter(|place| self.leaves_stash(*place));
        moved.count() as u64
    }

    fn leaves_stash(&self, place: Place) -> bool {
        let key = self.slot(place).map_or(0, |slot| slot.key.load());
        if key == 0 {
            return false;
        }
        let room = self.make_room(key);
        room.and_then(|room| self.relocate(place, room)).is_ok()
    }
}

/// From the last step back to the first.
fn path(steps: &[Step], last: usize) -> Vec<Place> {
    std::iter::successors(steps.get(last), |step| steps.get(step.from?))
        .map(|step| step.place)
        .collect()
}

// The file is also compiled as part of tests/fdb_model, from where this one would be looked for elsewhere.
#[cfg(test)]
#[path = "buckets/tests.rs"]
mod tests;
