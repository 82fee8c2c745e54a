//! Whether the links can carry the tenants' largest frames with the fabric's tags.

use std::collections::BTreeMap;

use fabric_common::maps::own;
use fabric_common::wire::{ETH_HEADER, VLAN_TAG};

use super::input::SegmentInput;
use super::node::{Way, Wire};
use super::path::stack;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};

/// The largest frame of each port that is too small.
#[derive(Default)]
pub(super) struct Budget {
    short: BTreeMap<IfName, Need>,
}

struct Need {
    tenant: Name,
    /// The tenant's frame, in bytes.
    frame: u32,
    /// What is added, in words, and its bytes.
    added: (String, u32),
    sends: u32,
    /// What of `sends` is beyond the MTU.
    slack: u32,
}

impl Budget {
    pub(super) fn add(&mut self, input: &SegmentInput) {
        let own_tag = if input.own == own::UNTAGGED { 0 } else { VLAN_TAG };
        let frame = input.mtu + bytes(ETH_HEADER + own_tag);
        for leg in &input.legs {
            let added = added(&leg.way);
            let sends = leg.way.max_frame();
            let total = frame + added;
            let known = self.short.get(&leg.way.port).map_or(0, Need::total);
            if total > sends && total > known {
                let need = Need {
                    tenant: input.tenant.clone(),
                    frame,
                    added: (words(&leg.way), added),
                    sends,
                    slack: leg.way.slack(),
                };
                self.short.insert(leg.way.port.clone(), need);
            }
        }
    }

    /// # Errors
    /// A port is too small; the cure is large enough for all tenants.
    pub(super) fn verdict(self) -> Result<(), Refusal> {
        match self.short.iter().next() {
            Some((port, need)) => Err(need.refusal(port)),
            None => Ok(()),
        }
    }
}

impl Need {
    fn total(&self) -> u32 {
        self.frame + self.added.1
    }

    fn refusal(&self, port: &IfName) -> Refusal {
        let (added, total, sends, slack) = (&self.added.0, self.total(), self.sends, self.slack);
        let sentence = format!(
            "{port} cannot carry {}'s frames: {} + {added} = {total} bytes, \
             {port} sends at most {sends} (MTU {} + {slack})",
            self.tenant,
            self.frame,
            sends - slack,
        );
        let cure = format!("ip link set {port} mtu {}", total - slack);
        Refusal::new(codes::MTU_TOO_SMALL, sentence)
            .with_cure(cure)
            .unchanged()
    }
}

fn added(way: &Way) -> u32 {
    bytes(match &way.wire {
        Wire::Trunk { .. } => 2 * VLAN_TAG,
        Wire::Vxlan(vxlan) => stack(vxlan),
    })
}

fn words(way: &Way) -> String {
    match &way.wire {
        Wire::Trunk { .. } => "S 4 + C 4".to_owned(),
        Wire::Vxlan(vxlan) if vxlan.vlan == 0 => "VXLAN 8 + UDP 8 + IPv4 20 + Ethernet 14".to_owned(),
        Wire::Vxlan(vxlan) => {
            format!("VXLAN 8 + UDP 8 + IPv4 20 + Ethernet 14 + VLAN {} 4", vxlan.vlan)
        }
    }
}

fn bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
