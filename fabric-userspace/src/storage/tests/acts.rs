//! What an operator asks for.

use super::*;
use crate::api::Act;
use crate::error::codes;
use crate::storage::shared::PROVED;

const A: Charge = Charge::new(1, Some(0), Some(1));

fn at(board: &Board) -> (Option<usize>, u32) {
    let word = Charge(board.tables.vsm(1).expect("a place").charge.load());
    (word.member(), word.epoch())
}

/// The one that is asked for has not had what clients have written since.
#[test]
fn a_member_that_a_frame_has_made_stale_meanwhile_is_not_put_in_charge() {
    let mut board = board_with(three(), A);
    let vsm = board.tables.vsm(1).expect("a place");
    vsm.charge.store(A.taken_over().0);
    let refused = board.switch(&name("vsm"), &name("c"), false).expect_err("stale");
    assert_eq!(refused.code, codes::STALE_MEMBER);
    assert_eq!(at(&board), (Some(1), 2));
    assert!(!board.vsms[&name("vsm")].manual);
    board.switch(&name("vsm"), &name("c"), true).expect("forced");
    assert_eq!(at(&board), (Some(2), 3));
    assert!(board.vsms[&name("vsm")].manual);
}

/// A member that a frame has put in charge is drained as one in charge: not if nobody could take over.
#[test]
fn a_member_that_a_frame_has_put_in_charge_is_not_drained_without_another_one() {
    let mut board = board_with(three(), A);
    let vsm = board.tables.vsm(1).expect("a place");
    vsm.charge.store(A.taken_over().0);
    let refused = board.drain(&name("vsm"), &name("b")).expect_err("in charge");
    assert_eq!(refused.code, codes::MEMBER_DOWN);
}

/// It would go back to the preferred one otherwise, which somebody has just taken the service from.
#[test]
fn the_service_stays_where_it_was_told_to_when_another_member_is_drained() {
    let mut board = board_with(three(), A);
    board.switch(&name("vsm"), &name("b"), false).expect("well");
    for member in &mut board.vsms.get_mut(&name("vsm")).expect("there").members {
        member.copy = CopyState::Current;
    }
    board.drain(&name("vsm"), &name("c")).expect("out of use");
    assert_eq!(at(&board), (Some(1), 2));
    assert!(board.vsms[&name("vsm")].manual);
    board.drain(&name("vsm"), &name("b")).expect("out of use");
    assert_eq!(at(&board), (Some(0), 3));
    assert!(!board.vsms[&name("vsm")].manual);
}

#[test]
fn what_other_nodes_are_told_of_a_drained_member_keeps_the_service_where_it_is() {
    let known = Saved {
        manual: true,
        ..saved(5, true)
    };
    let mut watched = Watched::new(spec("edge1:eth2", 0, true), Some(&known));
    let mut board = board(None);
    board.tables = StorageTables::new();
    let vsm = board.tables.vsm(1).expect("a place");
    vsm.charge.store(Charge::new(5, Some(0), None).0);
    watched.begin(vsm, Some(&known));
    board.vsms.insert(name("vsm"), watched);
    board.set_office(&name("vsm"), std::time::Duration::from_nanos(PROVED));
    let drain = Act::Drain { member: name("b") };
    let wish = board
        .wish_of(&name("vsm"), &drain)
        .expect("allowed")
        .expect("shared");
    assert_eq!((wish.decision.member.as_str(), wish.decision.manual), ("a", true));
    assert_eq!(wish.decision.drained, ["b"]);
}
