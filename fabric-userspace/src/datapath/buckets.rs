//! A hash table of [`fabric_common::buckets`] from the agent's side: entering, moving, giving free.
//!
//! Moves go along a chain: the last entry into an empty slot, the one before it into the slot that it left, and so on.
//!
//! The agent is the only one that moves entries and gives slots free; XDP enters and changes values meanwhile. What
//! the agent takes out keeps its slot until [`BucketTable::release`], which is for after a grace period. A slot of the table that
//! an entry leaves gets the next one of the chain at once, and is never free in between.
//!
//! So a program that has looked for a key in vain finds no slot free that was not so when it looked. What the agent enters
//! goes to the first slot that is free or the key's, in the order in which readers look: nothing that such a program enters
//! later is found before it. In the stash, whose slots become free at once, it enters nothing.

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
    kin: fn(u64, u64) -> Kin,
}

/// No room for a key, and none to be had by moving others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What the value of an entry says that it is to another one with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kin {
    /// Another one: keys do not tell everything.
    Stranger,
    /// The same, and XDP may have entered it.
    Learned,
    /// The same, and only the agent can have entered it.
    Fixed,
}

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
    /// A table of `mask` + 1 buckets, hashed with the secret `seed`. If there are more in `buckets`, they are its stash. `kin` is
    /// given two values, neither of which is 0: what the first one is to the second.
    pub fn new(buckets: M, seed: [u64; 2], mask: u32, kin: fn(u64, u64) -> Kin) -> Self {
        Self {
            buckets,
            seed,
            mask,
            kin,
        }
    }

    /// Whether an entry with the key of one that has `value` is the same, or may come to be: one without a value is about to get
    /// it from XDP, or never, because it was taken out.
    fn is_meant(&self, was: u64, value: u64) -> bool {
        was == 0 || (self.kin)(was, value) != Kin::Stranger
    }

    fn choices(&self, key: u64) -> Choices {
        Choices::of(key, self.seed, self.mask)
    }

    fn slots(&self, bucket: u32) -> &[Slot] {
        self.buckets.bucket(bucket).map_or(&[], |bucket| &bucket.slots)
    }

    /// The first slot of a key's two buckets that is `wanted`. Bucket by bucket, because this is what loading a table spends its
    /// time with: a chain of iterators asks at each slot which bucket it is in.
    fn first_of_both(
        &self,
        Choices { first, second, .. }: Choices,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Option<&Slot> {
        let in_one = |bucket| self.slots(bucket).iter().find(|slot| wanted(slot));
        in_one(first).or_else(|| in_one(second))
    }

    /// The slots of a key's two buckets.
    fn both(&self, Choices { first, second, .. }: Choices) -> impl Iterator<Item = &Slot> {
        let others = if second == first { &[] } else { self.slots(second) };
        self.slots(first).iter().chain(others)
    }

    /// All slots in which a key can be, in the order in which readers look.
    fn all(&self, choices: Choices) -> impl Iterator<Item = &Slot> {
        self.both(choices).chain(self.slots(choices.stash))
    }

    /// Number of slots, without the stash.
    pub fn capacity(&self) -> u64 {
        (u64::from(self.mask) + 1) * SLOTS as u64
    }

    /// The entries of `key`; more than one only after a race between two learners.
    pub fn find(&self, key: u64) -> impl Iterator<Item = &Slot> {
        self.all(self.choices(key))
            .filter(move |slot| slot.key.load() == key)
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
        for slot in [first, second]
            .into_iter()
            .filter_map(|bucket| self.slots(bucket).first())
        {
            prefetch(slot);
        }
    }

    /// Enters or replaces.
    ///
    /// # Errors
    /// When no chain of moves ends in an empty slot.
    pub fn set(&self, key: u64, value: u64) -> Result<(), Full> {
        let choices = self.choices(key);
        for _ in 0..TRIES {
            // XDP may take the slot before us, here or on the way.
            let seat = self
                .fixed(choices, key, value)
                .or_else(|| self.seat(choices, key, value));
            if let Some(slot) = seat.or_else(|| self.make_room(key).ok()) {
                slot.value.store(value);
                self.take_out_twins(choices, key, slot, value);
                return Ok(());
            }
        }
        Err(Full)
    }

    /// The slot of an entry that the agent has made: it is the first one for as long as it is there.
    fn fixed(&self, choices: Choices, key: u64, value: u64) -> Option<&Slot> {
        self.first_of_both(choices, |slot| {
            slot.key.load() == key
                && matches!(slot.value.load(), was if was != 0 && (self.kin)(was, value) == Kin::Fixed)
        })
    }

    /// The first slot of the table that is free, and the key's then, or that of an entry that is meant.
    fn seat(&self, choices: Choices, key: u64, value: u64) -> Option<&Slot> {
        self.first_of_both(choices, |slot| {
            let found = match slot.key.load() {
                0 => slot.key.compare_exchange(0, key),
                other => other,
            };
            found == 0 || found == key && self.is_meant(slot.value.load(), value)
        })
    }

    /// Twins would come to light when this one goes. One that XDP is about to give its value is found by the next sweep.
    fn take_out_twins(&self, choices: Choices, key: u64, slot: &Slot, value: u64) {
        let Choices { first, second, stash } = choices;
        // Looked at twice where both buckets are one: there is nothing left to take out then.
        for bucket in [first, second, stash] {
            for twin in self.slots(bucket) {
                if twin.key.load() == key && !std::ptr::eq(twin, slot) {
                    self.take_out_meant(twin, value);
                }
            }
        }
    }

    /// XDP may refresh the entry meanwhile.
    fn take_out_meant(&self, twin: &Slot, value: u64) {
        loop {
            let was = twin.value.load();
            if was == 0 || !self.is_meant(was, value) || Self::take_out(twin, was) {
                break;
            }
        }
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
        let (key, value) = (slot.key.load(), slot.value.load());
        let mut earlier = self.find(key).take_while(|other| !std::ptr::eq(*other, slot));
        value != 0
            && earlier.any(|other| matches!(other.value.load(), was if was != 0 && self.is_meant(was, value)))
    }

    /// Whether an entry is in the table once more, or XDP may be entering it. `not` are those that are known.
    fn has_twin(&self, key: u64, value: u64, not: [&Slot; 2]) -> bool {
        let mut others = self
            .find(key)
            .filter(|other| !not.iter().any(|known| std::ptr::eq(*other, *known)));
        others.any(|other| self.is_meant(other.value.load(), value))
    }

    /// Whether an entry may be moved. One without a value is about to get one, or to go; and one that XDP enters once more could
    /// come to lie behind that.
    fn is_movable(&self, slot: &Slot) -> bool {
        let value = slot.value.load();
        value != 0 && !self.has_twin(slot.key.load(), value, [slot; 2])
    }

    /// Moves entries, each to its other bucket, so that there is a slot for `key`, which has it then and no value.
    fn make_room(&self, key: u64) -> Result<&Slot, Full> {
        let Choices { first, second, .. } = self.choices(key);
        let chain = self.chain([first, second]).ok_or(Full)?;
        let slots: Vec<&Slot> = chain.iter().filter_map(|place| self.slot(*place)).collect();
        let (free, entries) = slots.split_first().ok_or(Full)?;
        let moved = entries.first().map_or(key, |slot| slot.key.load());
        if free.key.compare_exchange(0, moved) != 0 {
            return Err(Full);
        }
        let mut to = *free;
        for (at, from) in entries.iter().enumerate() {
            self.relocate(from, to)?;
            from.key
                .store(entries.get(at + 1).map_or(key, |next| next.key.load()));
            to = from;
        }
        Ok(to)
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
            if steps.len() < CHAIN && self.is_movable(self.slot(place)?) {
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

    /// Moves one entry into a slot that has its key already. The copy is there before the original goes: a reader in between
    /// finds one of them. What XDP changes meanwhile is copied again.
    fn relocate(&self, from: &Slot, to: &Slot) -> Result<(), Full> {
        loop {
            let value = from.value.load();
            // XDP may have begun to enter it since it was looked at.
            if value == 0 || self.has_twin(from.key.load(), value, [from, to]) {
                return Err(Full);
            }
            to.value.store(value);
            if Self::take_out(from, value) {
                return Ok(());
            }
        }
    }

    /// Moves what XDP put into the stash into the table, where others make room. Returns how many found a place.
    pub fn empty_stash(&self) -> u64 {
        let stash = self.mask + 1..self.buckets.buckets();
        let places = stash.flat_map(|bucket| (0..SLOTS).map(move |slot| Place { bucket, slot }));
        let moved = places.filter(|place| self.leaves_stash(*place));
        moved.count() as u64
    }

    fn leaves_stash(&self, place: Place) -> bool {
        let Some(from) = self.slot(place) else {
            return false;
        };
        let key = from.key.load();
        if key == 0 || !self.is_movable(from) {
            return false;
        }
        let room = self.make_room(key);
        let has_left = room.and_then(|to| self.relocate(from, to)).is_ok();
        if has_left {
            from.key.store(0);
        }
        has_left
    }
}

/// Asks for the cache line of a slot without waiting for it: a load holds up what comes behind it as soon as the processor's
/// window is full, after a few keys.
#[cfg(target_arch = "x86_64")]
fn prefetch(slot: &Slot) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction is a hint and reads nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(slot).cast()) };
}

/// No such hint is stable here: a load.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch(slot: &Slot) {
    std::hint::black_box(slot.key.load());
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
