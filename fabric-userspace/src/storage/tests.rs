//! Machines that come in the place of others, and copies that are heard of.

mod acts;
mod left;
mod standby;

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_common::maps::storage::{Charge, Vsm};
use tokio::sync::mpsc::unbounded_channel;

use super::board::Board;
use super::judge::{Answers, Cause, CopyState};
use super::monitor::Progress;
use super::moves::Move;
use super::saved::Saved;
use super::socket::PacketSockets;
use super::spec::{MemberSpec, Probed, SharedSpec, Spec, Way};
use super::watched::Watched;
use crate::datapath::StorageTables;
use crate::model::{Isolated, Name, ReplicationPolicy};
use crate::store::etcd::{CopyReport, Standing};

pub(super) const NOW: u64 = 1_000_000_000;

fn name(name: &str) -> Name {
    Name::new(name).expect("legal")
}

/// A storage machine with a copied member `a` at `at` and `b` at a place of its own, in this order.
pub(super) fn spec(at: &str, place: u8, is_shared: bool) -> Arc<Spec> {
    let member = |called: &str, place, at: &str| MemberSpec {
        name: name(called),
        place,
        at: at.to_owned(),
        is_here: true,
        way: Way::Port(1),
        prober: [2, 0, 0, 0, 0, 1],
        monitor: Some("/run/copies.qmp".to_owned()),
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
        left: 0,
    }
}

/// A board without tables, with `watched` as `vsm`.
pub(super) fn board(watched: Option<Watched>) -> Board {
    let (events, asks) = (unbounded_channel().0, unbounded_channel().0);
    let mut board = Board::new(StorageTables::none(), PacketSockets::to_nowhere(), (events, asks));
    board.vsms.extend(watched.map(|watched| (name("vsm"), watched)));
    board
}

/// The same with tables, in which `watched` has begun.
pub(super) fn board_with(mut watched: Watched, word: Charge) -> Board {
    let mut board = board(None);
    board.tables = StorageTables::new();
    let vsm = board.tables.vsm(1).expect("a place");
    vsm.charge.store(word.0);
    watched.begin(vsm, None);
    board.vsms.insert(name("vsm"), watched);
    board
}

/// A storage machine with `a`, `b` and `c`, which all live and have all data.
pub(super) fn three() -> Watched {
    let mut spec = (*spec("edge1:eth2", 0, false)).clone();
    let third = MemberSpec {
        name: name("c"),
        place: 2,
        at: "edge1:eth4".to_owned(),
        ..spec.members[1].clone()
    };
    spec.members.push(third);
    let mut watched = Watched::new(Arc::new(spec), None);
    for member in &mut watched.members {
        member.answers = Answers::Up(NOW);
        member.copy = CopyState::Current;
    }
    watched
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
        assert!(matches!(
            member.copy,
            CopyState::Stale {
                since: 1..,
                lag: None
            }
        ));
        assert_eq!(member.answers, Answers::Unknown);
        let (to, _) = watched.judged(NOW).switch.expect("somebody");
        assert_eq!(to, 1, "b has data of the service, however old");
        // Somebody wants it all the same.
        watched.confirm(Some(0));
        assert_eq!(working(&watched), Some("a"));
    }
}

#[test]
fn a_copy_counts_as_complete_where_data_are_shared_or_somebody_says_so() {
    let mut watched = Watched::new(spec("edge1:eth2", 0, false), None);
    watched.begin(&Vsm::default(), None);
    let complete = |watched: &Watched| {
        let complete = watched
            .members
            .iter()
            .filter(|one| one.copy == CopyState::Current);
        complete.map(|one| one.name.to_string()).collect::<Vec<_>>()
    };
    let with = |change: fn(&mut Spec)| {
        let mut spec = spec("edge1:eth2", 0, false);
        change(Arc::get_mut(&mut spec).expect("the only one"));
        spec
    };
    assert!(complete(&watched).is_empty());
    watched.take(with(|spec| spec.replication = None));
    assert_eq!(complete(&watched), ["a", "b"]);
    // Nobody has said of the copy that there is one.
    watched.take(with(|_| ()));
    assert_eq!(complete(&watched), ["a"]);
    // Nobody would say that it is not complete any more.
    watched.members[1].copy = CopyState::Current;
    watched.take(with(|_| ()));
    assert_eq!(complete(&watched), ["a", "b"]);
    watched.take(with(|spec| spec.members[0].monitor = None));
    assert_eq!(complete(&watched), ["a"]);
}

/// No round for a tenth of a second, in which the member has answered a probe and then been asked something that takes its time.
#[test]
fn a_late_round_does_not_take_a_clients_question_for_silence() {
    let vsm = Vsm::default();
    let mut watched = Watched::new(spec("edge1:eth2", 0, false), None);
    watched.begin(&vsm, None);
    for member in &mut watched.members {
        member.ask(&vsm.unanswered[usize::from(member.place)], NOW);
    }
    vsm.probed_at.store(NOW);
    let is_up = |watched: &Watched| watched.member(&name("a")).expect("a member").is_up();
    vsm.unanswered[0].store(0);
    watched.listen(&vsm, NOW + 1_000_000);
    assert!(is_up(&watched));
    vsm.unanswered[0].store(NOW + 2_000_000);
    let late = NOW + 100_000_000;
    watched.listen(&vsm, late);
    assert!(is_up(&watched), "nobody has asked it since");
    assert_eq!(
        vsm.unanswered[0].load(),
        late,
        "a frame in the path is as patient"
    );
    // The probe of this round has the whole limit, and no more.
    vsm.probed_at.store(late);
    watched.listen(&vsm, late + 17_000_000);
    assert!(is_up(&watched));
    watched.listen(&vsm, late + 18_000_000);
    assert!(!is_up(&watched));

    // A probe that was sent before the pause and not answered says what it always did.
    let mut watched = Watched::new(spec("edge1:eth2", 0, false), None);
    watched.begin(&vsm, None);
    vsm.unanswered[0].store(0);
    for member in &mut watched.members {
        member.ask(&vsm.unanswered[usize::from(member.place)], NOW);
    }
    vsm.probed_at.store(NOW);
    watched.listen(&vsm, late);
    assert!(!is_up(&watched));
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

/// The word that `places` given on leaves of one, and the one that was there if it was changed.
fn left_of(word: Charge, places: &[u8], is_shared: bool) -> (Charge, Option<Charge>) {
    let vsm = Vsm::default();
    vsm.charge.store(word.0);
    let it = Move {
        vsm: name("vsm"),
        id: 1,
        given_on: places.iter().copied().collect(),
        is_shared,
        is_leaving: false,
    };
    let was = it.take_away(&vsm, || Charge(vsm.charge.load()));
    (Charge(vsm.charge.load()), was)
}

#[test]
fn a_place_that_is_given_on_is_taken_from_the_word() {
    let word = Charge::new(5, Some(0), Some(1));
    let nobody = Charge::new(5, None, None);
    let alone = Charge::new(5, Some(0), None);
    assert_eq!(left_of(word, &[], false), (word, None));
    assert_eq!(left_of(word, &[2], false), (word, None));
    assert_eq!(left_of(word, &[0], false), (nobody, Some(word)));
    assert_eq!(left_of(word, &[1], false), (alone, Some(word)));
    assert_eq!(left_of(word, &[0, 1], false), (nobody, Some(word)));
    // Where others decide as well no frame switches.
    assert_eq!(left_of(word, &[], true), (alone, Some(word)));
    assert_eq!(left_of(alone, &[], true), (alone, None));
    // A frame was quicker: it is its word that loses a member.
    let vsm = Vsm::default();
    vsm.charge.store(word.0);
    let it = Move {
        vsm: name("vsm"),
        id: 1,
        given_on: [1].into(),
        is_shared: false,
        is_leaving: false,
    };
    let mut reads = 0;
    let was = it.take_away(&vsm, || {
        reads += 1;
        let read = Charge(vsm.charge.load());
        if reads == 1 {
            vsm.charge.store(read.taken_over().0);
        }
        read
    });
    assert_eq!(was, Some(word.taken_over()));
    assert_eq!(Charge(vsm.charge.load()), Charge::new(6, None, None));
}

/// An agent that was killed after the word was taken away.
#[test]
fn who_was_in_charge_is_again_when_the_tables_were_not_changed_after_all() {
    for (at, charge, expected) in [
        ("edge1:eth2", Charge::new(4, None, None), Some("a")),
        ("edge1:eth7", Charge::new(4, None, None), None),
        // The data path had switched, to the machine that has gone.
        ("edge1:eth2", Charge::new(5, None, None), None),
    ] {
        let vsm = Vsm::default();
        vsm.charge.store(charge.0);
        let mut watched = Watched::new(spec(at, 0, false), Some(&saved(4, false)));
        watched.begin(&vsm, Some(&saved(4, false)));
        assert_eq!(working(&watched), expected, "{at} {charge:?}");
        assert_eq!(Charge(vsm.charge.load()).epoch(), charge.epoch());
    }
}

/// What is written down must not call a machine that came in the place of the one in charge by that one's name.
#[test]
fn the_one_that_was_in_charge_is_remembered_when_its_place_is_given_on() {
    let vsm = Vsm::default();
    let before = saved(4, false);
    let mut watched = Watched::new(spec("edge1:eth2", 0, false), Some(&before));
    watched.begin(&vsm, Some(&before));
    watched.members[1].drained = true;
    let known = watched.to_save(Some(&before)).expect("somebody");
    assert_eq!(known.epoch, 5);
    watched.take(spec("edge1:eth7", 0, false));
    let again = watched.to_save(Some(&known));
    assert_eq!(again.as_ref(), Some(&known));
    assert_eq!(known.drained, [name("b")]);
    // After a reboot: the tables are new.
    let mut watched = Watched::new(spec("edge1:eth7", 0, false), again.as_ref());
    watched.begin(&Vsm::default(), again.as_ref());
    assert_eq!(working(&watched), Some("b"));
}

/// Several nodes come to decide while the agent of the one that did alone is dead: what the data path did meanwhile counts.
#[test]
fn a_switch_that_nobody_saw_is_what_a_node_knows_when_others_come_to_decide() {
    for (word, expected) in [
        (Charge::new(4, Some(0), Some(1)), Some("a")),
        (Charge::new(5, Some(1), None), Some("b")),
        (Charge::new(5, None, None), None),
    ] {
        let vsm = Vsm::default();
        vsm.charge.store(word.0);
        let mut watched = Watched::new(spec("edge1:eth2", 0, true), Some(&saved(4, false)));
        watched.begin(&vsm, Some(&saved(4, false)));
        assert_eq!(working(&watched), expected, "{word:?}");
    }
}

/// While the member in charge lives and the software that copies is not heard of, nobody knows what its copies lack. If it is dead, it may
/// have died with complete copies.
#[test]
fn copies_that_nobody_tells_of_are_stale_as_long_as_their_source_lives() {
    const SECOND: u64 = 1_000_000_000;
    let complete = Progress {
        in_step: true,
        is_late: false,
        lag: 0,
    };
    let all = [("b".to_owned(), complete)].into();
    for lives in [true, false] {
        let vsm = Vsm::default();
        let mut watched = Watched::new(spec("edge1:eth2", 0, false), None);
        watched.begin(&vsm, None);
        watched.members[0].answers = Answers::Up(NOW);
        assert!(!watched.hear_copies(Some(&all), NOW));
        assert_eq!(watched.members[1].copy, CopyState::Current);
        if !lives {
            watched.members[0].answers = Answers::Down(NOW);
        }
        assert!(!watched.hear_copies(None, NOW + 2 * SECOND - 1));
        assert_eq!(watched.members[1].copy, CopyState::Current);
        let now = NOW + 2 * SECOND;
        assert_eq!(watched.hear_copies(None, now), lives);
        let stale = CopyState::Stale {
            since: now,
            lag: None,
        };
        assert_eq!(watched.members[1].copy == stale, lives);
        watched.members[0].answers = Answers::Up(now);
        assert!(!watched.hear_copies(Some(&all), now + 1));
        assert_eq!(watched.members[1].copy, CopyState::Current);
    }
}

/// Another node that decides would have switched, had the member in charge died.
#[test]
fn a_node_that_does_not_decide_waits_longer_for_the_software_that_copies() {
    const SECOND: u64 = 1_000_000_000;
    let vsm = Vsm::default();
    vsm.charge.store(Charge::new(5, Some(0), None).0);
    let mut watched = Watched::new(spec("edge1:eth2", 0, true), Some(&saved(5, true)));
    watched.begin(&vsm, Some(&saved(5, true)));
    assert_eq!(working(&watched), Some("a"));
    assert!(!watched.hear_copies(Some(&BTreeMap::new()), NOW));
    assert!(!watched.hear_copies(None, NOW + 10 * SECOND - 1));
    assert!(watched.hear_copies(None, NOW + 10 * SECOND));
}

/// A node that decided alone has not told yet, so nothing is decided; what was asked for is not done by the next decision.
#[test]
fn what_was_asked_for_and_refused_is_not_wanted_any_more() {
    let vsm = Vsm::default();
    let mut watched = Watched::new(spec("edge1:eth2", 0, true), None);
    watched.begin(&vsm, None);
    watched.members[0].drained = true;
    for _ in 0..2 {
        watched.begin_asking();
        watched.manual = true;
        watched.members[0].drained = false;
        watched.members[1].drained = true;
    }
    let wish = watched.wish_for(&name("a"), Cause::Manual, NOW);
    assert_eq!(
        (wish.decision.manual, wish.decision.drained),
        (true, vec!["b".to_owned()])
    );
    watched.disappoint(NOW);
    let wish = watched.wish_for(&name("a"), Cause::Silent, NOW);
    assert_eq!(
        (wish.decision.manual, wish.decision.drained),
        (false, vec!["a".to_owned()])
    );
    // What nobody asked for by hand is wanted as before.
    watched.disappoint(NOW);
    assert!(watched.members[0].drained && !watched.members[1].drained);
}

/// What was told of copies last stays in the store. It counts as long as there are copies, and software that would say otherwise.
#[test]
fn a_report_of_copies_that_nobody_tells_of_any_more_is_not_believed() {
    let stale = |copy: CopyState| matches!(copy, CopyState::Stale { .. });
    for (is_copied, is_monitored, is_in_step, is_stale) in [
        (true, true, true, false),
        (true, true, false, true),
        (true, false, true, true),
        (false, true, false, false),
    ] {
        let mut spec = (*spec("edge1:eth2", 0, true)).clone();
        spec.replication = spec.replication.filter(|_| is_copied);
        spec.members[0].monitor.take_if(|_| !is_monitored);
        let vsm = Vsm::default();
        vsm.charge.store(Charge::new(5, Some(0), None).0);
        let mut watched = Watched::new(Arc::new(spec), Some(&saved(5, true)));
        watched.begin(&vsm, Some(&saved(5, true)));
        assert_eq!(working(&watched), Some("a"));
        assert_eq!(stale(watched.members[1].copy), is_copied);

        let told = is_in_step.then(|| ("b".to_owned(), (true, 0)));
        let copies = CopyReport {
            epoch: 5,
            from: "a".to_owned(),
            copies: told.into_iter().collect(),
        };
        let standing = Standing {
            copies: Some(copies),
            ..Standing::default()
        };
        let mut board = board(Some(watched));
        board.hear(&[("vsm".to_owned(), standing)].into(), NOW);
        let copy = board.vsms[&name("vsm")].members[1].copy;
        assert_eq!(stale(copy), is_stale, "{is_copied} {is_monitored} {is_in_step}");
    }
}
