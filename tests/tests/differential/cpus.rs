//! Which CPU a test run is on.

use fabric_common::DropReason;
use fabric_common::maps::{Count, Direction};
use fabric_tests::frame::{Mac, eth};
use fabric_userspace::compile::twin::Outcome;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::both::Both;
use super::rare::{FAR, NEAR};

/// The CPUs that this thread may be on.
pub(crate) fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let cpus = 0..CpuSet::count();
    cpus.filter(|cpu| set.is_set(*cpu).unwrap()).collect()
}

/// The frames of one sender are handled in their order only if their CPU does not change.
pub(crate) fn stay_on(cpu: usize) {
    let mut one = CpuSet::new();
    one.set(cpu).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}

/// Every CPU counts in counters of its own; what is told is their sum, and clearing reaches all of them.
pub(crate) fn all_count(both: &mut Both, cpus: &[usize]) {
    let slot = both.port("eth1").slot;
    let dropped = |both: &Both| {
        let reason = DropReason::GroupSource as u8;
        both.kernel.datapath.dropped(slot, Direction::In, reason).unwrap()
    };
    both.kernel.datapath.clear_drops(slot).unwrap();
    both.begin();
    for cpu in cpus {
        stay_on(*cpu);
        let sent = both.frame("eth1", &eth(FAR, NEAR).word("counted"));
        assert!(matches!(sent, Outcome::Sent(_)), "{sent:?}");
        let forged = both.frame("eth1", &eth(FAR, Mac::BROADCAST).word("counted"));
        assert_eq!(forged, Outcome::Dropped(DropReason::GroupSource));
    }
    both.compare();
    assert_eq!(dropped(both), cpus.len() as u64);
    let [binding] = both.twin.counters.frames_in.keys().copied().collect::<Vec<_>>()[..] else {
        panic!("one binding has counted: {:?}", both.twin.counters.frames_in);
    };
    let datapath = &mut both.kernel.datapath;
    assert!(datapath.forwarded(binding).unwrap().frames >= cpus.len() as u64);
    datapath.clear_forwarded(binding).unwrap();
    datapath.clear_drops(slot).unwrap();
    assert_eq!(datapath.forwarded(binding).unwrap(), Count::default());
    assert_eq!(dropped(both), 0);
}
