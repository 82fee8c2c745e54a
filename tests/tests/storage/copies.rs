//! The copy of a working storage machine (FIG 12, line 1200) and the client that must not notice its death. Here the take-over
//! is done by hand; what matters is that nothing acknowledged is lost, and that the tools which say so can say otherwise.

use std::time::Duration;

use fabric_tests::storage::{Disk, Load, Member, Mirror, Record, Target, VOLUME, fill};
use fabric_tests::wait::{PATIENCE, until_true};

use super::pair::Pair;

/// What the client writes before and after the take-over.
const SOME: u64 = 300;
const LONG: Duration = Duration::from_secs(20);

/// Both members run; `mirrored` or not.
fn members(pair: &Pair, mirrored: bool) -> [Member; 2] {
    let start = |number: usize| {
        let folder = pair.folder(["working", "protecting"][number]);
        Member::start(&pair.members[number], &folder, VOLUME).unwrap()
    };
    let members = [start(0), start(1)];
    if mirrored {
        let mirror = Mirror::start(&members[0], pair.peer()).unwrap();
        mirror.wait_ready(&members[0], LONG).unwrap();
    }
    members
}

/// Writes, kills the working member with `kill -9`, takes over, and writes on.
fn survive(pair: &Pair, working: &mut Member, target: &Target) -> Record {
    let load = Load::write(&pair.client, target, 1).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    working.kill_hard().unwrap();
    pair.take_over();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    println!(
        "{} writes acknowledged, the longest stall {:?}, {} sessions broken",
        record.answered.len(),
        record.longest_stall().length(),
        record.breaks.len()
    );
    record
}

/// FIG 12, a copy with every write: the client's NBD session goes on and no acknowledged write is missing.
#[test]
fn no_acknowledged_write_is_lost_with_the_working_member() {
    nothing_is_lost(&Pair::start(1));
}

/// FIG 13, claims 40 and 57: the protecting member, and with it the far end of the copy, is in another datacenter.
#[test]
fn no_acknowledged_write_is_lost_with_the_working_member_of_another_datacenter() {
    nothing_is_lost(&Pair::start(2));
}

fn nothing_is_lost(pair: &Pair) {
    let [mut working, protecting] = members(pair, true);
    let record = survive(pair, &mut working, &Target::tcp(pair.service(10_809)));
    assert_eq!(record.io_errors, []);
    assert!(!record.breaks.is_empty());
    let verdict = record.verify(protecting.volume()).unwrap();
    assert!(
        verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
        "{verdict:?}"
    );
}

/// The same without the copy: the check sees what is missing.
#[test]
fn without_the_copy_the_loss_is_seen() {
    let pair = Pair::start(1);
    let [mut working, protecting] = members(&pair, false);
    let record = survive(&pair, &mut working, &Target::tcp(pair.service(10_809)));
    let verdict = record.verify(protecting.volume()).unwrap();
    let lost = u64::try_from(verdict.lost.len()).unwrap();
    assert!(lost >= SOME && lost < verdict.acknowledged, "{verdict:?}");
}

/// The same over iSCSI: tgt on both members with the same names, qemu with libiscsi as the client.
#[test]
fn an_iscsi_session_goes_on_with_the_other_member() {
    let pair = Pair::start(1);
    let [working, protecting] = members(&pair, true);
    let [mut working, protecting] = [working, protecting].map(|member| member.with_iscsi().unwrap());
    let disk = Disk::iscsi(&pair.client, &pair.folder("client"), pair.service(3260), 1).unwrap();
    let record = survive(&pair, &mut working, &disk.target());
    assert_eq!(record.io_errors, []);
    let verdict = record.verify(protecting.volume()).unwrap();
    assert!(
        verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
        "{verdict:?}"
    );
}

/// The copy says how far it is, ends when the peer dies, and can be made anew; what was written meanwhile comes along.
#[test]
fn a_copy_that_broke_is_seen_and_made_anew() {
    let pair = Pair::start(1);
    let [working, mut protecting] = members(&pair, false);
    let load = Load::write(&pair.client, &Target::tcp(pair.service(10_809)), 1).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let mirror = Mirror::start(&working, pair.peer()).unwrap();
    mirror.wait_ready(&working, LONG).unwrap();
    let state = mirror.state(&working).unwrap().unwrap();
    assert!(state.ready && state.lag_bytes < 1 << 20, "{state:?}");
    protecting.kill_hard().unwrap();
    let ended = || Ok(mirror.state(&working)?.is_none());
    until_true(PATIENCE, "the copy to end", ended).unwrap();
    load.wait_answers(SOME, LONG).unwrap();

    let protecting = Member::start(&pair.members[1], &pair.folder("protecting"), VOLUME).unwrap();
    mirror.resync(&working).unwrap();
    mirror.wait_ready(&working, LONG).unwrap();
    let record = load.stop().unwrap();
    assert_eq!(record.io_errors, []);
    let lost = |member: &Member| record.verify(member.volume()).unwrap().lost;
    assert_eq!((lost(&working), lost(&protecting)), (vec![], vec![]));
}

/// What the fabric's nudge is for: a reader whose request was taken by a machine that is gone has nothing to send again. It
/// waits, though the other machine is there under the same address and answers whoever asks anew.
#[test]
fn a_reader_whose_request_was_taken_waits_for_ever() {
    let pair = Pair::start(1);
    let [mut working, protecting] = members(&pair, false);
    for member in [&working, &protecting] {
        fill(member.volume(), 7, 64).unwrap();
    }
    let target = Target::tcp(pair.service(10_809));
    let load = Load::read(&pair.client, &target, 7, 64).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    working.freeze().unwrap();
    assert!(load.wait_answers(SOME, Duration::from_millis(200)).is_err());
    pair.take_over();
    let answered = load.answered();
    let anew = Load::read(&pair.client, &target, 7, 64).unwrap();
    anew.wait_answers(SOME, LONG).unwrap();
    assert!(load.wait_answers(1, Duration::from_secs(1)).is_err());
    assert!(anew.stop().unwrap().wrong.is_empty());
    let record = load.stop().unwrap();
    assert_eq!((record.answered.len() as u64, record.breaks.len()), (answered, 0));
    assert!(record.pending.is_some());
}

/// A server that takes its time is waited for, and every answer is checked.
#[test]
fn a_reader_waits_for_its_answer_and_checks_it() {
    let pair = Pair::start(1);
    let folder = pair.folder("working");
    let mut member = Member::start(&pair.members[0], &folder, VOLUME).unwrap();
    fill(member.volume(), 7, 64).unwrap();
    let target = Target::tcp(pair.service(10_809));
    let load = Load::read(&pair.client, &target, 7, 64).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    member.freeze().unwrap();
    assert!(load.wait_answers(SOME, Duration::from_millis(300)).is_err());
    member.thaw().unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    assert!(record.longest_stall().length() >= Duration::from_millis(250));
    assert_eq!((&record.wrong[..], record.breaks.len()), (&[][..], 0));

    // Blocks of another run are not what it expects.
    let other = Load::read(&pair.client, &target, 8, 64).unwrap();
    other.wait_answers(1, LONG).unwrap();
    assert!(!other.stop().unwrap().wrong.is_empty());
}
