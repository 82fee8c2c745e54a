//! Machines that come in the place of others, and who stands by.

use std::sync::Arc;

use fabric_common::maps::storage::{Charge, Vsm};

use super::board::Saved;
use super::judge::{Answers, CopyState};
use super::spec::{MemberSpec, Probed, SharedSpec, Spec, Way};
use super::watched::Watched;
use crate::model::{Isolated, Name, ReplicationPolicy};

const NOW: u64 = 1_000_000_000;

fn name(name: &str) -> Name {
    Name::new(name).expect("legal")
}

/// A storage machine with a copied member `a` at `at` and `b` at a place of its own, in this order.
fn spec(at: &str, place: u8, is_shared: bool) -> Arc<Spec> {
    let member = |called: &str, place, at: &str| MemberSpec {
        name: name(called),
        place,
        at: at.to_owned(),
        is_here: true,
        way: Way::Port(1),
        prober: [2, 0, 0, 0, 0, 1],
        monitor: None,
    };
    Arc::new(Spec {
        name: name("vsm"),
        id: 1,
        mac: "02:00:00:00:00:09".parse().expect("an address"),
        tcp_port: None,
        members: vec![member("a", place, at), member("b", 1, "edge1:eth3")],
        places: Vec::new(),
        probed: Probed {
            address: "10.0.0.9".parse().expect("an address"),
            source: None,
            vid: None,
        },
        interval: 5_000_000,
        limit: 17_500_000,
        hold_down: 0,
        wait_to_restore: 0,
        revertive: true,
        in_path: true,
        nudge: true,
        replication: Some(ReplicationPolicy::Sync),
        shared: is_shared.then(|| SharedSpec {
            may_decide: true,
            others: Vec::new(),
            edges: std::collections::BTreeSet::new(),
            isolated: Isolated::Keep,
        }),
    })
}

fn saved(epoch: u32, shared: bool) -> Saved {
    Saved {
        epoch,
        member: name("a"),
        at: Some("edge1:eth2".to_owned()),
        drained: Vec::new(),
        shared,
        manual: false,
    }
}

fn working(watched: &Watched) -> Option<&str> {
    watched.in_charge().map(|member| member.name.as_str())
}

#[test]
fn a_machine_under_the_name_of_the_one_in_charge_has_no_copy_and_is_not_in_charge() {
    for is_complete in [true, false] {
        let vsm = Vsm::default();
        let mut watched = Watched::new(spec("edge1:eth2", 0, false), None);
        watched.begin(&vsm, None);
        assert_eq!(working(&watched), Some("a"));
        for member in &mut watched.members {
            member.answers = Answers::Up(NOW);
            member.copy = CopyState::Current;
        }
        if !is_complete {
            watched.members[1].copy = CopyState::Stale { since: 1, lag: None };
        }
        watched.take(spec("edge1:eth2", 0, false));
        assert_eq!(working(&watched), Some("a"), "the same one");
        watched.take(spec("edge1:eth7", 0, false));
        assert_eq!(working(&watched), None);
        let member = watched.member(&name("a")).expect("a member");
        assert_eq!(
            (member.copy, member.answers),
            (CopyState::Stale { since: 0, lag: None }, Answers::Unknown)
        );
        let (to, _) = watched.judged(NOW).switch.expect("somebody");
        assert_eq!(to, 1, "b has data of the service, however old");
        // Somebody wants it all the same.
        watched.confirm(Some(0));
        assert_eq!(working(&watched), Some("a"));
    }
}

#[test]
fn what_was_written_down_of_one_machine_is_not_believed_of_another() {
    let vsm = Vsm::default();
    let mut watched = Watched::new(spec("edge1:eth7", 0, false), Some(&saved(4, false)));
    watched.begin(&vsm, Some(&saved(4, false)));
    let word = Charge(vsm.charge.load());
    assert_eq!((word.member(), word.epoch()), (Some(1), 5));
    assert_eq!(working(&watched), Some("b"));

    let vsm = Vsm::default();
    let mut same = Watched::new(spec("edge1:eth2", 0, false), Some(&saved(4, false)));
    same.begin(&vsm, Some(&saved(4, false)));
    assert_eq!(working(&same), Some("a"));
}

#[test]
fn a_number_that_was_given_to_another_machine_puts_it_in_charge_of_nothing() {
    for (at, expected) in [("edge1:eth2", Some("a")), ("edge3:eth2", None)] {
        for is_pinned in [true, false] {
            let vsm = Vsm::default();
            if is_pinned {
                vsm.charge.store(Charge::new(5, Some(0), None).0);
            }
            let mut watched = Watched::new(spec(at, 0, true), Some(&saved(5, true)));
            watched.begin(&vsm, Some(&saved(5, true)));
            assert_eq!(working(&watched), expected, "{at} {is_pinned}");
            let word = Charge(vsm.charge.load());
            assert_eq!(word.epoch(), 5);
            // With new tables nobody is served before the store has answered.
            let served = expected.filter(|_| is_pinned).map(|_| 0);
            assert_eq!(word.member(), served, "{at} {is_pinned}");
        }
    }
}

#[test]
fn nobody_stands_by_in_the_word_where_frames_are_not_to_switch() {
    for in_path in [true, false] {
        let vsm = Vsm::default();
        let spec = Arc::new(Spec {
            in_path,
            ..(*spec("edge1:eth2", 0, false)).clone()
        });
        let mut watched = Watched::new(spec, None);
        watched.begin(&vsm, None);
        watched.name_standby(&vsm, Some(1));
        let word = Charge(vsm.charge.load());
        assert_eq!((word.member(), word.standby()), (Some(0), in_path.then_some(1)));
    }
}
