//! Numbers of the members of storage machines.

use std::collections::BTreeSet;

use fabric_common::maps::storage::MEMBERS;

use crate::model::Vsm;

/// Numbers the members by which several nodes mean the same ones. One who has a number keeps it.
pub(super) fn fill(vsm: &mut Vsm) {
    let mut nodes = vsm.members.iter().map(|member| &member.node);
    let first = nodes.next();
    let is_shared = nodes.any(|node| Some(node) != first);
    let mut taken: BTreeSet<u8> = vsm.members.iter().filter_map(|member| member.id).collect();
    if !is_shared && taken.is_empty() {
        return;
    }
    for member in vsm.members.iter_mut().filter(|member| member.id.is_none()) {
        let most = u8::try_from(MEMBERS).unwrap_or(u8::MAX);
        member.id = (1..=most).find(|id| taken.insert(*id));
    }
}
