//! The outer Ethernet header of a link, with its VLAN tag but without an EtherType, which the next layer begins with.

use fabric_common::wire::TPID_C;

use super::Stack;

impl Stack {
    /// Addresses of an outer Ethernet header, and its VLAN; 0 for none.
    pub(in crate::compile) fn ethernet(to: [u8; 6], from: [u8; 6], vlan: u16) -> Self {
        let stack = Self::default().add(&to).add(&from);
        if vlan == 0 {
            return stack;
        }
        stack.add(&TPID_C.to_be_bytes()).add(&vlan.to_be_bytes())
    }
}
