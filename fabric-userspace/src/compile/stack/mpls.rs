use fabric_common::label::{CONTROL_WORD, DEFLECTED, Entry, TTL};
use fabric_common::maps::Path;
use fabric_common::wire::ETHERTYPE_MPLS;

use super::Stack;

impl Stack {
    /// EtherType of a label stack on a line.
    pub(in crate::compile) fn mpls(self) -> Self {
        self.add(&ETHERTYPE_MPLS.to_be_bytes())
    }

    /// A label in UDP: nobody reads an ECN mark of the outer header at the other end.
    pub(in crate::compile) fn without_ecn(self) -> Self {
        self.flag(Path::NO_ECN)
    }

    /// The link's own label outside of a datacenter's; 0 for none.
    pub(in crate::compile) fn transport(self, label: u32) -> Self {
        if label == 0 {
            return self;
        }
        self.add(&Entry::new(label, 0, false, TTL).to_wire())
    }

    /// A datacenter's label and the control word of a pseudowire, without sequence numbers (RFC 4385 section 3). The frame
    /// leaves its shortest way or not.
    pub(in crate::compile) fn datacenter(self, label: u32, deflected: bool) -> Self {
        let class = if deflected { DEFLECTED } else { 0 };
        self.add(&Entry::new(label, class, true, TTL).to_wire())
            .add(&[0; CONTROL_WORD])
    }
}
