//! One CPU for everything that is random.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

pub(crate) use fabric_tests::random::{Random, seed};

/// The frames of one sender are handled in their order only if their CPU does not change.
pub(crate) fn stay_on_one_cpu() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let last = (0..CpuSet::count())
        .rev()
        .find(|cpu| allowed.is_set(*cpu).unwrap());
    let mut one = CpuSet::new();
    one.set(last.unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}
