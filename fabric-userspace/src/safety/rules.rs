//! The checks as pure functions of the facts.

mod attach;
mod filter;
mod host;
mod offload;
mod state;

use super::facts::PortFacts;
use super::{Check, mtu};

pub(super) use attach::{LARGEST_SINGLE_BUFFER_MTU, no_native_sentence, take_other_off};

/// Every check that applies to the port, in the order in which people read them.
pub fn judge(facts: &PortFacts) -> Vec<Check> {
    let rows = [
        Some(attach::native_xdp(facts)),
        Some(attach::no_other_program(facts)),
        Some(offload::vlan_tags_visible(facts)),
        filter::takes_every_frame(facts),
        offload::peer_receives_redirects(facts),
        offload::tcp_checksums(facts),
        offload::no_aggregation(facts),
        Some(mtu::check(facts)),
        Some(attach::ifindex_in_range(facts)),
        attach::takes_metadata(facts),
        Some(state::link_up(facts)),
        state::no_master(facts),
        host::not_needed_by_host(facts),
    ];
    rows.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
