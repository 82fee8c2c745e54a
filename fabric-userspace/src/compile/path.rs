//! Paths: egress port, and what is put on a frame there.

use fabric_common::maps::{Binding, Path};
use fabric_common::wire::{TPID_C, TPID_S};

use super::PortFacts;
use super::node::{Backbone, Labels, Tags, Vxlan, Way};

/// The frame as it is: delivery at an access port.
pub(super) fn plain(slot: u16, facts: &PortFacts, segment: u32) -> Path {
    Path {
        slot,
        max_len: max_len(facts.max_frame()),
        segment,
        ..Path::default()
    }
}

fn on(way: &Way, segment: u32) -> Path {
    Path {
        max_len: max_len(way.max_frame()),
        ..plain(way.slot, &way.facts, segment)
    }
}

/// S-tag and C-tag, both with priority 0, perhaps behind the link's VLAN.
pub(super) fn tagged(way: &Way, tags: Tags, pair: (u16, u16), segment: u32) -> Path {
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

fn both(tpid: u16, (s_vid, c_vid): (u16, u16)) -> [u8; 8] {
    let [t0, t1] = tpid.to_be_bytes();
    let [s0, s1] = s_vid.to_be_bytes();
    let [u0, u1] = TPID_C.to_be_bytes();
    let [c0, c1] = c_vid.to_be_bytes();
    [t0, t1, s0, s1, u0, u1, c0, c1]
}

/// Outer Ethernet, VLAN of the underlay if there is one, IP, UDP and VXLAN.
pub(super) fn encapsulated(way: &Way, vxlan: &Vxlan, vni: u32, segment: u32) -> Path {
    let stack = vxlan.underlay.stack(&way.facts).vxlan(vni);
    stack.on(Path {
        flags: vxlan.underlay.unresolved(),
        ..on(way, segment)
    })
}

/// Outer Ethernet, the link's VLAN if there is one, B-TAG and I-TAG.
pub(super) fn in_backbone(way: &Way, backbone: &Backbone, i_sid: u32, segment: u32) -> Path {
    let stack = backbone.ethernet.stack().itag(backbone.b_vid, i_sid);
    stack.on(on(way, segment))
}

/// The VLAN that names the segment in the whole fabric, with priority 0.
pub(super) fn in_global_vlan(way: &Way, vid: u16, segment: u32) -> Path {
    let mut post = [0; 16];
    post[..2].copy_from_slice(&TPID_C.to_be_bytes());
    post[2..4].copy_from_slice(&vid.to_be_bytes());
    Path {
        post_len: 4,
        post,
        ..on(way, segment)
    }
}

/// A datacenter's label, and S-tag and C-tag inside.
pub(super) fn labelled(
    way: &Way,
    labels: &Labels,
    (label, pair): (u32, (u16, u16)),
    deflected: bool,
    segment: u32,
) -> Path {
    let mut post = [0; 16];
    post[..8].copy_from_slice(&both(TPID_S, pair));
    let stack = labels.stack(&way.facts).datacenter(label, deflected);
    stack.on(Path {
        post_len: 8,
        post,
        flags: labels.unresolved(),
        ..on(way, segment)
    })
}

/// What carries a frame on that only passes by its label.
pub(super) fn onward(way: &Way, labels: &Labels, deflected: bool) -> Path {
    let turned = if deflected { Path::DEFLECT } else { 0 };
    labels.stack(&way.facts).on(Path {
        flags: labels.unresolved() | turned,
        segment: Binding::RELAY | labels.line << 24,
        ..on(way, 0)
    })
}

/// The path for frames of at most so many bytes.
pub(super) fn limited(path: Path, bytes: Option<u32>) -> Path {
    Path {
        max_len: bytes.map_or(path.max_len, |bytes| path.max_len.min(max_len(bytes))),
        ..path
    }
}

fn max_len(bytes: u32) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// FNV-1a of everything in the path: the same in every version of this program, unlike the hashes of `std`.
pub(super) fn fingerprint(path: &Path) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend(path.slot.to_le_bytes());
    bytes.extend(path.max_len.to_le_bytes());
    bytes.extend([path.pre, path.post_len, path.ip_at, path.flags]);
    bytes.extend(path.ip_sum.to_le_bytes());
    bytes.extend(path.segment.to_le_bytes());
    bytes.extend(path.post);
    path.template
        .iter()
        .for_each(|word| bytes.extend(word.to_ne_bytes()));
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
