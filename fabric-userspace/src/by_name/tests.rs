use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn name(number: u16) -> Name {
    Name::new(&format!("n{number}")).unwrap()
}

/// One step: `None` takes the name out.
type Step = (u16, Option<u8>);

/// Few names, so that steps meet; many steps, so that parts are split, emptied and joined.
fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec((0u16..600, proptest::option::weighted(0.6, any::<u8>())), 0..most)
}

/// Names in order, so that whole parts come and go.
fn runs() -> impl Strategy<Value = Vec<Step>> {
    let run = (0u16..600, 0u16..400, proptest::option::weighted(0.5, any::<u8>()));
    vec(run, 0..6).prop_map(|runs| {
        let run =
            |(first, count, value): (u16, u16, Option<u8>)| (first..first + count).map(move |at| (at, value));
        runs.into_iter().flat_map(run).collect()
    })
}

fn follow(map: &mut ByName<u8>, reference: &mut BTreeMap<Name, u8>, steps: &[Step]) {
    for (number, value) in steps {
        let name = name(*number);
        match value {
            Some(value) => assert_eq!(map.insert(name.clone(), *value), reference.insert(name, *value)),
            None => assert_eq!(map.remove(&name), reference.remove(&name)),
        }
    }
}

fn assert_same(map: &ByName<u8>, reference: &BTreeMap<Name, u8>) {
    assert_eq!(
        (map.len(), map.is_empty()),
        (reference.len(), reference.is_empty())
    );
    assert!(map.iter().eq(reference));
    assert!(map.values().eq(reference.values()));
    for number in 0..1000 {
        let name = name(number);
        assert_eq!(map.get(&name), reference.get(&name));
        assert_eq!(map.get(name.as_str()), reference.get(&name));
    }
    assert!(map.parts.iter().all(|part| (1..=MOST).contains(&part.len())));
    let is_large = |pair: &[Part<u8>]| pair[0].len() + pair[1].len() > MOST / 2;
    assert!(map.parts.windows(2).all(is_large));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_a_map(scattered in steps(2000), runs in runs(), last in steps(2000)) {
        let (mut map, mut reference) = (ByName::default(), BTreeMap::new());
        for steps in [scattered, runs, last] {
            follow(&mut map, &mut reference, &steps);
            assert_same(&map, &reference);
        }
        prop_assert!(map.iter().eq(&reference.clone().into_iter().collect::<ByName<u8>>()));
    }

    #[test]
    fn a_copy_keeps_what_it_had_and_the_differences_are_all(before in runs(), first in steps(2000), one in steps(40), other in runs()) {
        let (mut old, mut reference) = (ByName::default(), BTreeMap::new());
        follow(&mut old, &mut reference, &before);
        follow(&mut old, &mut reference, &first);
        for steps in [one, other] {
            let (mut new, mut changed) = (old.clone(), reference.clone());
            follow(&mut new, &mut changed, &steps);
            assert_same(&old, &reference);
            let names: std::collections::BTreeSet<&Name> = reference.keys().chain(changed.keys()).collect();
            let expected = names
                .into_iter()
                .map(|name| (name, reference.get(name), changed.get(name)))
                .filter(|(_, was, is)| was != is);
            prop_assert!(differences(&old, &new, |was, is| was == is).eq(expected));
        }
    }
}

#[test]
fn one_change_copies_one_part() {
    let old: ByName<u8> = (0..9999).map(|number| (name(number), 0)).collect();
    let mut new = old.clone();
    new.insert(name(5000), 1);
    new.remove(&name(7000));
    let is_shared = |part: &&Part<u8>| old.parts.iter().any(|known| Arc::ptr_eq(known, part));
    assert_eq!(new.parts.iter().filter(is_shared).count(), new.parts.len() - 2);
}
