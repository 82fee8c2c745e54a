//! A VNI behind IP and UDP (RFC 7348).

use fabric_common::maps::{Binding, Path, Tunnel, tunnel_key};
use fabric_common::wire::VXLAN_FLAG_VNI;

use super::Number;
use crate::compile::input::SegmentInput;
use crate::compile::node::{Underlay, Way};
use crate::compile::path::on;
use crate::compile::stack::Stack;

/// A VXLAN link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Vxlan {
    pub(in crate::compile) underlay: Underlay,
    pub(in crate::compile) strict: bool,
    /// The other end is no node of the fabric.
    pub(in crate::compile) foreign: bool,
}

impl Number for Vxlan {
    fn path(&self, way: &Way, input: &SegmentInput, segment: u32) -> Path {
        let stack = self.underlay.stack(&way.facts).vxlan(input.vni);
        stack.on(Path {
            flags: self.underlay.unresolved(),
            ..on(way, segment)
        })
    }

    fn key(&self, slot: u16, input: &SegmentInput) -> u64 {
        tunnel_key(slot, self.underlay.remote_word(), input.vni)
    }

    fn tunnel(&self, slot: u16, binding: Binding) -> Option<Tunnel> {
        Some(Tunnel {
            strict: u32::from(self.strict),
            ..self.underlay.tunnel(slot, binding)
        })
    }

    fn is_foreign(&self) -> bool {
        self.foreign
    }

    fn underlay(&self) -> Option<&Underlay> {
        Some(&self.underlay)
    }
}

impl Stack {
    /// VXLAN header (RFC 7348 section 5).
    pub(in crate::compile) fn vxlan(self, vni: u32) -> Self {
        self.add(&[VXLAN_FLAG_VNI, 0, 0, 0])
            .add(&(vni << 8).to_be_bytes())
    }
}
