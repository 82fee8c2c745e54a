//! Whether the links can carry the tenants' largest frames with the fabric's tags.

use std::collections::BTreeMap;

use fabric_common::maps;
use fabric_common::wire::{ETH_HEADER, VLAN_TAG};

use super::far::Far;
use super::input::SegmentInput;
use super::node::Way;
use crate::budget::TENANT_MTU;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};

/// The largest frame of each port that is too small.
#[derive(Default)]
pub(super) struct Budget {
    short: BTreeMap<IfName, Need>,
    /// By link, the largest frame that has been let pass without a look at its segment. Where such frames pass already, one
    /// more segment is no reason to refuse a document.
    passing: BTreeMap<Name, u32>,
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
    /// The link, if the document gives it a smaller MTU than the port has.
    line: Option<Name>,
}

impl Budget {
    /// Goes on with what passes already.
    pub(super) fn after(passing: BTreeMap<Name, u32>) -> Self {
        Self {
            passing,
            ..Self::default()
        }
    }

    /// What passes now.
    pub(super) fn passing(&self) -> &BTreeMap<Name, u32> {
        &self.passing
    }

    /// The links by which the segment's frames leave.
    pub(super) fn add(&mut self, input: &SegmentInput) {
        let frame = frame(input.mtu, input.own);
        let far = input.far.iter().flat_map(Far::ways);
        let inward = input.inward.iter().map(|inward| inward.way.as_ref());
        let legs = input.legs.iter().map(|leg| leg.way.as_ref());
        for way in legs.chain(far).chain(inward) {
            self.way(&input.tenant, frame, way);
        }
    }

    /// A link by which frames of a segment pass.
    pub(super) fn pass(&mut self, tenant: &Name, own: u32, way: &Way) {
        let frame = frame(TENANT_MTU, own);
        let known = self.passing.entry(way.name.clone()).or_default();
        if frame + way.stack.added > *known {
            *known = frame + way.stack.added;
            self.way(tenant, frame, way);
        }
    }

    fn way(&mut self, tenant: &Name, frame: u32, way: &Way) {
        let (total, sends) = (frame + way.stack.added, way.max_frame());
        let known = self.short.get(&way.port).map_or(0, Need::total);
        // One that is gone is judged when it is there.
        let is_there = way.facts.ifindex != 0;
        if is_there && total > sends && total > known {
            let need = Need {
                tenant: tenant.clone(),
                frame,
                added: (way.stack.words.clone(), way.stack.added),
                sends,
                slack: way.stack.slack,
                line: (way.mtu() < way.facts.mtu).then(|| way.name.clone()),
            };
            self.short.insert(way.port.clone(), need);
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
        let mtu = sends - slack;
        let (limit, cure) = match &self.line {
            None => (
                format!("{port} sends at most {sends} (MTU {mtu} + {slack})"),
                format!("ip link set {port} mtu {}", total - slack),
            ),
            Some(line) => (
                format!("link {line} takes at most {sends} (its \"mtu\" {mtu} + {slack})"),
                format!(
                    "use a line that takes packets of {} bytes, and write that as \"mtu\" of {line}",
                    total - slack
                ),
            ),
        };
        let sentence = format!(
            "{port} cannot carry {}'s frames: {} + {added} = {total} bytes, {limit}",
            self.tenant, self.frame,
        );
        Refusal::new(codes::MTU_TOO_SMALL, sentence)
            .with_cure(cure)
            .unchanged()
    }
}

/// Bytes of a tenant's largest frame.
fn frame(mtu: u32, own: u32) -> u32 {
    let own_tag = if own == maps::own::UNTAGGED { 0 } else { VLAN_TAG };
    mtu + bytes(ETH_HEADER + own_tag)
}

fn bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
