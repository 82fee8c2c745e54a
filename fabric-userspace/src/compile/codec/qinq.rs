//! S-tag and C-tag in front of the tenant's EtherType (IEEE 802.1ad).

use fabric_common::maps::Path;
use fabric_common::wire::TPID_C;

use crate::compile::node::Way;
use crate::compile::path::on;

/// How frames with S-tag and C-tag begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Tags {
    /// EtherType of the S-tag.
    pub(in crate::compile) tpid: u16,
    /// The link's VLAN in front of it; 0 for none.
    pub(in crate::compile) vlan: u16,
}

/// S-tag and C-tag, both with priority 0, perhaps behind the link's VLAN.
pub(in crate::compile) fn tagged(way: &Way, tags: Tags, pair: (u16, u16), segment: u32) -> Path {
    let inner = both(tags.tpid, pair);
    let mut post = [0; 16];
    let post_len = if tags.vlan == 0 {
        post[..8].copy_from_slice(&inner);
        8
    } else {
        post[..2].copy_from_slice(&TPID_C.to_be_bytes());
        post[2..4].copy_from_slice(&tags.vlan.to_be_bytes());
        post[4..12].copy_from_slice(&inner);
        12
    };
    Path {
        post_len,
        post,
        ..on(way, segment)
    }
}

pub(super) fn both(tpid: u16, (s_vid, c_vid): (u16, u16)) -> [u8; 8] {
    let [t0, t1] = tpid.to_be_bytes();
    let [s0, s1] = s_vid.to_be_bytes();
    let [u0, u1] = TPID_C.to_be_bytes();
    let [c0, c1] = c_vid.to_be_bytes();
    [t0, t1, s0, s1, u0, u1, c0, c1]
}
