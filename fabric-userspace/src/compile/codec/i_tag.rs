//! An I-SID in a VLAN of a backbone (IEEE 802.1ah).

use fabric_common::maps::{Path, i_sid_key};
use fabric_common::wire::{TPID_I, TPID_S};

use super::Number;
use crate::compile::input::SegmentInput;
use crate::compile::node::{Ethernet, Way};
use crate::compile::path::on;
use crate::compile::stack::Stack;

/// How frames with an I-TAG begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Backbone {
    /// Ethernet from end to end.
    pub(in crate::compile) ethernet: Ethernet,
    /// The backbone's VLAN.
    pub(in crate::compile) b_vid: u16,
}

impl Number for Backbone {
    fn path(&self, way: &Way, input: &SegmentInput, segment: u32) -> Path {
        let stack = self.ethernet.stack().itag(self.b_vid, input.i_sid);
        stack.on(on(way, segment))
    }

    fn key(&self, slot: u16, input: &SegmentInput) -> u64 {
        i_sid_key(slot, self.ethernet.vlan, self.b_vid, input.i_sid)
    }

    fn ethernet(&self) -> Option<&Ethernet> {
        Some(&self.ethernet)
    }
}

impl Stack {
    /// VLAN of a backbone, and the I-SID behind it with priority 0: customer addresses follow (IEEE 802.1Q clause 9.7).
    pub(in crate::compile) fn itag(self, b_vid: u16, i_sid: u32) -> Self {
        self.add(&TPID_S.to_be_bytes())
            .add(&b_vid.to_be_bytes())
            .add(&TPID_I.to_be_bytes())
            .add(&(i_sid & 0xff_ffff).to_be_bytes())
    }
}
