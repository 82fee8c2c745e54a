//! One VLAN a segment, the same in the whole fabric.

use fabric_common::maps::{Path, global_vlan_key};
use fabric_common::wire::TPID_C;

use super::Number;
use crate::compile::input::SegmentInput;
use crate::compile::node::Way;
use crate::compile::path::on;

/// The VLAN alone, with priority 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GlobalVlan;

impl Number for GlobalVlan {
    fn path(&self, way: &Way, input: &SegmentInput, segment: u32) -> Path {
        let mut post = [0; 16];
        post[..2].copy_from_slice(&TPID_C.to_be_bytes());
        post[2..4].copy_from_slice(&input.global_vid.to_be_bytes());
        Path {
            post_len: 4,
            post,
            ..on(way, segment)
        }
    }

    fn key(&self, slot: u16, input: &SegmentInput) -> u64 {
        global_vlan_key(slot, input.global_vid)
    }
}
