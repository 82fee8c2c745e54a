//! What the tests of storage machines share.

use fabric_tests::storage::{Rig, RigOptions};

/// A rig whose members answer.
pub(crate) fn rig(options: &RigOptions) -> Rig {
    let rig = Rig::start(options).unwrap();
    rig.wait_all_up().unwrap();
    rig
}
