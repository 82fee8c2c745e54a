//! Keys and indexes of the maps.

use crate::address::Address;

/// Which way a frame was going when it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Dropped, or passed to the host, by the program of the ingress port.
    In = 0,
    /// A flooded copy dropped on its way out.
    Out = 1,
}

/// Index in `COUNT_IN`, `COUNT_OUT` and `COUNT_DROPS`. Each CPU has `1 << bits` counters in a row, in which no other counts, so
/// that none writes to a cache line of another.
#[inline(always)]
pub const fn count_index(cpu: u32, bits: u8, counter: u32) -> u32 {
    cpu << bits | counter
}

/// A counter of `COUNT_DROPS`; reason 0 counts frames passed to the host.
#[inline(always)]
pub const fn drop_index(slot: u16, direction: Direction, reason: u8) -> u32 {
    ((slot as u32) << 7) | ((direction as u32) << 6) | (reason as u32 & 63)
}

/// The slot of a counter of `COUNT_DROPS`.
#[inline(always)]
pub const fn drop_slot(index: u32) -> u32 {
    index >> 7
}

/// The counter in `COUNT_DROPS` of messages to senders whose frames came by a port: no dropped copy has reason 0.
#[inline(always)]
pub const fn told_index(slot: u16) -> u32 {
    drop_index(slot, Direction::Out, 0)
}

/// Index in `ACCESS`.
#[inline(always)]
pub const fn access_index(slot: u16, vid: u16) -> u32 {
    ((slot as u32) << 12) | (vid as u32 & 0xfff)
}

/// Slot of the port that an index in `ACCESS` belongs to.
#[inline(always)]
pub const fn access_slot(index: u32) -> u16 {
    (index >> 12 & 0xffff) as u16
}

/// Key of `TAGS`: S-VID and C-VID behind an outer VLAN, 0 for none.
#[inline(always)]
pub const fn tag_key(slot: u16, vlan: u16, s_vid: u16, c_vid: u16) -> u64 {
    (slot as u64) << 36 | (vlan as u64 & 0xfff) << 24 | (s_vid as u64 & 0xfff) << 12 | (c_vid as u64 & 0xfff)
}

/// Key of `TAGS`: a datacenter's label with the S-VID and C-VID behind it. Both are 0 for the label alone: a relay, or the
/// mark that it ends here.
#[inline(always)]
pub const fn label_key(line: u32, label: u32, s_vid: u16, c_vid: u16) -> u64 {
    1 << 60
        | (line as u64 & 0xff) << 44
        | (label as u64 & 0xf_ffff) << 24
        | (s_vid as u64 & 0xfff) << 12
        | (c_vid as u64 & 0xfff)
}

/// Key of `TAGS`: the line inside of an outer VLAN of a port.
#[inline(always)]
pub const fn line_key(slot: u16, vlan: u16) -> u64 {
    2 << 60 | (slot as u64) << 36 | (vlan as u64 & 0xfff) << 24
}

/// Key of `TAGS`: an I-SID in a VLAN of the backbone, perhaps inside of the link's own VLAN; 0 for none.
#[inline(always)]
pub const fn i_sid_key(slot: u16, vlan: u16, b_vid: u16, i_sid: u32) -> u64 {
    3 << 60
        | (slot as u64) << 48
        | (vlan as u64 & 0xfff) << 36
        | (b_vid as u64 & 0xfff) << 24
        | (i_sid as u64 & 0xff_ffff)
}

/// Key of `TAGS`: a VLAN that names a segment in the whole fabric.
#[inline(always)]
pub const fn global_vlan_key(slot: u16, vid: u16) -> u64 {
    4 << 60 | (slot as u64) << 36 | (vid as u64 & 0xfff)
}

/// True for a key of [`line_key`].
pub const fn is_line_key(key: u64) -> bool {
    key >> 60 == 2
}

/// The line of a key of [`label_key`].
pub const fn label_line(key: u64) -> Option<u32> {
    if key >> 60 == 1 {
        Some((key >> 44) as u32 & 0xff)
    } else {
        None
    }
}

/// The slot of a key of [`tag_key`], [`i_sid_key`] or [`global_vlan_key`].
pub const fn tag_slot(key: u64) -> u16 {
    let shift = if key >> 60 == 3 { 48 } else { 36 };
    (key >> shift & 0x1ff) as u16
}

/// What is outside of a segment's own numbers in a key of `TAGS`: the port with its outer VLANs, or the line with its label.
pub const fn tag_way(key: u64) -> u64 {
    let bits = match key >> 60 {
        4 => 12,
        _ => 24,
    };
    key >> bits << bits
}

/// Port and remote end of a key of `TUNNEL_KEYS`, without the VNI.
pub const fn tunnel_way(key: u64) -> u64 {
    key & !(0xff_ffff << 32)
}

/// True for a key of [`tag_key`].
pub const fn is_tag_key(key: u64) -> bool {
    key >> 60 == 0
}

/// Index in `ROUTES`.
#[inline(always)]
pub const fn route_index(line: u32, site: u8) -> u32 {
    (line & 0xff) << 8 | site as u32
}

/// Key of `TUNNEL_KEYS`. VNI 0, which no segment has, marks a VTEP that is configured at all. `slot` < 128.
#[inline(always)]
pub const fn tunnel_key(slot: u16, remote: Address, vni: u32) -> u64 {
    remote.fold() as u64 | (vni as u64 & 0xff_ffff) << 32 | (slot as u64 & 0x7f) << 56
}

/// Key of `TUNNEL_KEYS` for MPLS in UDP.
#[inline(always)]
pub const fn mpls_key(slot: u16, remote: Address) -> u64 {
    tunnel_key(slot, remote, 0) | 1 << 63
}

/// Key of `FDB`: the address and the low 16 bits of the segment; the value has the other bits.
#[inline(always)]
pub const fn fdb_key(segment: u32, mac: u64) -> u64 {
    mac | (segment as u64) << 48
}
