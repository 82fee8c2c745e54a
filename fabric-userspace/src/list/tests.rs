use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index as Place;

use super::*;

/// Where items are taken out, how many, and what comes in their place.
type Step = (Place, usize, Vec<u32>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (any::<Place>(), 0usize..3, vec(any::<u32>(), 0..3));
    let many = (any::<Place>(), 0usize..400, vec(any::<u32>(), 0..400));
    vec(prop_oneof![3 => one, 1 => many], 0..60)
}

fn assert_same(list: &List<u32>, reference: &[u32]) {
    assert_eq!(
        (list.len(), list.is_empty()),
        (reference.len(), reference.is_empty())
    );
    assert!(list.iter().eq(reference));
    assert_eq!(list.last(), reference.last());
    for at in 0..reference.len() {
        assert_eq!((list.get(at), list[at]), (reference.get(at), reference[at]));
    }
    assert_eq!(list.get(reference.len()), None);
    assert!(
        list.parts
            .iter()
            .all(|part| (1..=MOST).contains(&part.items.len()))
    );
    let is_large = |pair: &[Part<u32>]| pair[0].items.len() + pair[1].items.len() > MOST / 2;
    assert!(list.parts.windows(2).all(is_large));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_is_a_list_and_a_copy_keeps_what_it_had(first in vec(any::<u32>(), 0..1000), steps in steps()) {
        let (mut list, mut reference) = (first.iter().copied().collect::<List<u32>>(), first);
        assert_same(&list, &reference);
        for (at, out, others) in steps {
            let begin = at.index(reference.len() + 1);
            let range = begin..(begin + out).min(reference.len());
            prop_assert!(list.range(range.clone()).eq(&reference[range.clone()]));
            let (old, before) = (list.clone(), reference.clone());
            list.splice(range.clone(), others.clone());
            reference.splice(range, others);
            assert_same(&list, &reference);
            prop_assert!(old.iter().eq(&before));
            prop_assert_eq!(list == old, reference == before);
        }
    }
}

#[test]
fn one_change_copies_one_part_or_two() {
    let old: List<u32> = (0..9999).collect();
    for range in [0..0, 5000..5001, 9999..9999] {
        let mut new = old.clone();
        new.splice(range, vec![1]);
        let is_new = |part: &&Part<u32>| {
            !old.parts
                .iter()
                .any(|known| Arc::ptr_eq(&known.items, &part.items))
        };
        assert!(new.parts.iter().filter(is_new).count() <= 2);
    }
}
