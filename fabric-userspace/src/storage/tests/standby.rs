//! Who stands by in the word.

use super::*;

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

/// A probe that is long underway would let a frame switch long after the last one who watched the copies.
#[test]
fn nobody_stands_by_in_the_word_where_copies_may_break_unseen_before_a_member_is_dead() {
    const SECOND: u64 = 1_000_000_000;
    for (limit, replication, stands_by) in [
        (2 * SECOND, Some(ReplicationPolicy::Sync), true),
        (2 * SECOND + 1, Some(ReplicationPolicy::Sync), false),
        (2 * SECOND + 1, None, true),
    ] {
        let vsm = Vsm::default();
        let spec = Arc::new(Spec {
            limit,
            replication,
            ..(*spec("edge1:eth2", 0, false)).clone()
        });
        let mut watched = Watched::new(spec, None);
        watched.begin(&vsm, None);
        watched.name_standby(&vsm, Some(1));
        let standby = Charge(vsm.charge.load()).standby();
        assert_eq!(standby.is_some(), stands_by, "{limit} {replication:?}");
    }
}
