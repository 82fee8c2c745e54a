use fabric_common::wire::{TPID_I, TPID_S};

use super::Stack;

impl Stack {
    /// VLAN of a backbone, and the I-SID behind it with priority 0: customer addresses follow (IEEE 802.1Q clause 9.7).
    pub(in crate::compile) fn itag(self, b_vid: u16, i_sid: u32) -> Self {
        self.add(&TPID_S.to_be_bytes())
            .add(&b_vid.to_be_bytes())
            .add(&TPID_I.to_be_bytes())
            .add(&(i_sid & 0xff_ffff).to_be_bytes())
    }
}
