//! Load, moves and collisions, in memory.

use std::collections::HashMap;

use fabric_common::buckets::{Bucket, Choices, STASH};

use super::{BucketTable, Kin};

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3211];

fn table(buckets: u32) -> BucketTable<Vec<Bucket>> {
    let memory = (0..buckets + STASH).map(|_| Bucket::default()).collect();
    BucketTable::new(memory, SEED, buckets - 1, |_, _| Kin::Fixed)
}

/// xorshift64*, so that a failure comes again.
fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn get(table: &BucketTable<Vec<Bucket>>, key: u64) -> Vec<u64> {
    table.find(key).map(|slot| slot.value.load()).collect()
}

#[test]
fn nothing_fails_below_90_percent_and_every_entry_is_found_once() {
    let table = table(1 << 12);
    let wanted = table.capacity() * 9 / 10;
    let mut state = 1;
    let keys: Vec<u64> = (0..wanted).map(|_| random(&mut state) | 1).collect();
    for (value, key) in (1..).zip(&keys) {
        assert_eq!(table.set(*key, value), Ok(()), "entry {value} of {wanted}");
    }
    for (value, key) in (1..).zip(&keys) {
        assert_eq!(get(&table, *key), [value]);
    }
    assert_eq!(table.iter().count() as u64, wanted);
}

#[test]
fn a_full_table_says_so_and_keeps_what_it_has() {
    let table = table(64);
    let mut state = 2;
    let mut kept = HashMap::new();
    for value in 1..=table.capacity() + 100 {
        let key = random(&mut state) | 1;
        if table.set(key, value).is_ok() {
            kept.insert(key, value);
        }
    }
    assert!(kept.len() as u64 > table.capacity() * 9 / 10 && kept.len() as u64 <= table.capacity());
    assert!(kept.iter().all(|(key, value)| get(&table, *key) == [*value]));
}

/// As XDP does it.
fn learn(table: &BucketTable<Vec<Bucket>>, key: u64, value: u64) -> bool {
    let Some(slot) = table.all(table.choices(key)).find(|slot| slot.key.load() == 0) else {
        return false;
    };
    slot.key.store(key);
    slot.value.store(value);
    true
}

#[test]
fn all_that_is_learned_below_90_percent_finds_a_place_in_the_table() {
    let table = table(1 << 14);
    let mut state = 3;
    let keys: Vec<u64> = (0..table.capacity() * 9 / 10)
        .map(|_| random(&mut state) | 1)
        .collect();
    for (number, key) in (1..).zip(&keys) {
        assert!(learn(&table, *key, number), "entry {number}");
        if number % 256 == 0 {
            table.empty_stash();
        }
    }
    table.empty_stash();
    assert!(keys.iter().all(|key| {
        table
            .both(table.choices(*key))
            .any(|slot| slot.key.load() == *key)
    }));
    assert!((1..).zip(&keys).all(|(value, key)| get(&table, *key) == [value]));
    assert_eq!(table.empty_stash(), 0);
}

#[test]
fn a_slot_is_not_used_again_before_it_is_released() {
    let table = table(1);
    for key in 1..=4 {
        table.set(key, key).unwrap();
    }
    let slot = table.find(2).next().unwrap();
    assert!(!BucketTable::<Vec<Bucket>>::take_out(slot, 7));
    assert!(BucketTable::<Vec<Bucket>>::take_out(slot, 2));
    assert!(table.set(9, 9).is_err());
    let left = table.without_value();
    table.release(&left);
    assert_eq!(table.set(9, 9), Ok(()));
    assert_eq!(get(&table, 2), [0u64; 0]);
}

#[test]
fn what_is_entered_again_is_not_released() {
    let table = table(1);
    table.set(5, 50).unwrap();
    let slot = table.find(5).next().unwrap();
    assert!(BucketTable::<Vec<Bucket>>::take_out(slot, 50));
    let left = table.without_value();
    table.set(5, 51).unwrap();
    table.release(&left);
    assert_eq!(get(&table, 5), [51]);
}

#[test]
fn a_twin_is_seen_and_goes_when_its_key_is_set() {
    let table = table(64);
    let slots: Vec<_> = table.both(table.choices(77)).collect();
    for (slot, value) in slots.iter().zip([1u64, 2]) {
        slot.key.store(77);
        slot.value.store(value);
    }
    assert!(!table.is_shadowed(slots[0]) && table.is_shadowed(slots[1]));
    table.set(77, 9).unwrap();
    assert_eq!(get(&table, 77), [9, 0]);
}

/// Keys have sixteen bits of the segment: the other tenant's entry is no twin, and neither goes nor keeps this one from moving.
#[test]
fn another_tenants_entry_with_the_same_key_is_no_twin() {
    let memory = (0..64 + STASH).map(|_| Bucket::default()).collect();
    let kin = |was, value| match (was ^ value) & 0xff {
        0 => Kin::Fixed,
        _ => Kin::Stranger,
    };
    let table: BucketTable<Vec<Bucket>> = BucketTable::new(memory, SEED, 63, kin);
    for value in [0x101, 0x102] {
        table.set(77, value).unwrap();
    }
    assert_eq!(get(&table, 77), [0x101, 0x102]);
    assert!(
        table
            .find(77)
            .all(|slot| !table.is_shadowed(slot) && table.is_movable(slot))
    );
    table.set(77, 0x202).unwrap();
    assert_eq!(get(&table, 77), [0x101, 0x202]);
}

/// Families of addresses that a tenant would try who knows the hash but not its secret: one after the other, in steps
/// of any power of two, and all patterns of eight neighbouring bits. Under no secret are they worse than random ones.
#[test]
fn no_family_of_addresses_collides_more_than_random_ones() {
    const BUCKETS: u32 = 1 << 10;
    let mut state = 4;
    for _ in 0..200 {
        let seed = [random(&mut state), random(&mut state)];
        for shift in 0..=36 {
            let mut load = vec![0u32; BUCKETS as usize];
            for number in 0..4096u64 {
                let choices = Choices::of((number << shift) & 0xffff_ffff_ffff | 7 << 48, seed, BUCKETS - 1);
                load[choices.first as usize] += 1;
                load[choices.second as usize] += 1;
            }
            let worst = load.iter().max().copied().unwrap_or_default();
            // Eight on average; of 1024 random loads one in a million runs has more than 32.
            assert!(
                worst <= 64,
                "shift {shift}, seed {seed:x?}: {worst} in one bucket"
            );
        }
    }
}
