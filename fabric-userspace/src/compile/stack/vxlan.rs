use fabric_common::wire::VXLAN_FLAG_VNI;

use super::Stack;

impl Stack {
    /// VXLAN header (RFC 7348 section 5).
    pub(in crate::compile) fn vxlan(self, vni: u32) -> Self {
        self.add(&[VXLAN_FLAG_VNI, 0, 0, 0])
            .add(&(vni << 8).to_be_bytes())
    }
}
