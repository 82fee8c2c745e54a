//! What is remembered of storage machines that are not watched any more.

use super::*;

/// `b` was in charge, told to stay so, when the storage machine was taken out of the document.
fn left_behind(shared: bool) -> BTreeMap<Name, Saved> {
    let known = Saved {
        member: name("b"),
        at: Some("edge1:eth3".to_owned()),
        manual: true,
        ..saved(4, shared)
    };
    board(None).saved(&[(name("vsm"), known)].into(), |_| false)
}

/// A document that is taken back, or that nobody confirmed: the preferred member has the old copy.
#[test]
fn a_storage_machine_that_comes_back_is_served_by_who_was_in_charge() {
    let kept = left_behind(false);
    assert_eq!(board(None).saved(&kept, |_| false), kept, "written down once");
    assert!(
        board(None).saved(&kept, |_| true).is_empty(),
        "another node decides"
    );
    let known = kept.get(&name("vsm"));
    let vsm = Vsm::default();
    let mut watched = Watched::new(spec("edge1:eth2", 0, false), known);
    watched.begin(&vsm, known);
    assert_eq!(working(&watched), Some("b"));
    let word = Charge(vsm.charge.load());
    assert_eq!((word.member(), word.epoch()), (Some(1), 5));
    assert_eq!(watched.to_save(known).map(|saved| saved.left), Some(0));
}

/// Somebody else may have got the name; what one node knew before others came to decide is old; and where all have the same data
/// no copy is.
#[test]
fn what_is_left_of_a_storage_machine_is_not_believed_of_another() {
    let moved = |shared| {
        let mut spec = (*spec("edge1:eth2", 0, shared)).clone();
        "edge1:eth7".clone_into(&mut spec.members[1].at);
        spec
    };
    let same = |shared| (*spec("edge1:eth2", 0, shared)).clone();
    let common = Spec {
        replication: None,
        ..same(false)
    };
    for (spec, was_shared, is_believed) in [
        (same(false), false, true),
        (same(false), true, true),
        (same(true), true, true),
        (same(true), false, false),
        (moved(false), false, false),
        (moved(true), true, false),
        (common, false, false),
    ] {
        let mut board = board(None);
        let is_shared = spec.shared.is_some();
        board.follow((vec![spec], BTreeMap::new()), &left_behind(was_shared), NOW);
        let is_manual = board.vsms[&name("vsm")].manual;
        assert_eq!(is_manual, is_believed, "{is_shared} {was_shared}");
    }
}

#[test]
fn of_storage_machines_that_have_left_the_last_ones_are_remembered() {
    let many = |left: u64| {
        let one = Saved {
            left,
            ..saved(4, false)
        };
        (name(&format!("vsm-{left}")), one)
    };
    let before: BTreeMap<Name, Saved> = (0..=1000).map(many).collect();
    let kept = board(None).saved(&before, |_| false);
    assert_eq!(kept.len(), 1000);
    assert_eq!(kept.get(&name("vsm-0")).map(|saved| saved.left), Some(1001));
    assert!(!kept.contains_key(&name("vsm-1")) && kept.contains_key(&name("vsm-2")));
}
