//! Whether the links can carry the tenants' largest frames with the fabric's tags.

use std::collections::BTreeMap;

use fabric_common::maps::own;
use fabric_common::wire::{ETH_HEADER, VLAN_TAG};

use super::far::Far;
use super::input::SegmentInput;
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
        let far = input.far.iter().flat_map(Far::ways);
        let inward = input.inward.iter().map(|inward| inward.way.as_ref());
        for way in input
            .legs
            .iter()
            .map(|leg| leg.way.as_ref())
            .chain(far)
            .chain(inward)
        {
            let added = way.stack.added;
            let sends = way.max_frame();
            let total = frame + added;
            let known = self.short.get(&way.port).map_or(0, Need::total);
            if total > sends && total > known {
                let need = Need {
                    tenant: input.tenant.clone(),
                    frame,
                    added: (way.stack.words.clone(), added),
                    sends,
                    slack: way.stack.slack,
                };
                self.short.insert(way.port.clone(), need);
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

fn bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
