//! The bytes that go in front of a frame.

use fabric_common::maps::Path;
use fabric_common::rewrite::fold;
use fabric_common::wire::{
    ETH_HEADER, ETHERTYPE_IPV4, IPV4_HEADER, PROTO_UDP, TPID_C, UDP_HEADER, VLAN_TAG, VXLAN_FLAG_VNI,
    VXLAN_HEADER,
};

use super::PortFacts;
use super::node::{Vxlan, Way};

/// Version 4 and a header of five words (RFC 791 section 3.1).
const VERSION_AND_LENGTH: u8 = 0x45;
/// Don't fragment: RFC 7348 section 4.3 forbids a VTEP to.
const DONT_FRAGMENT: [u8; 2] = [0x40, 0x00];
const TTL: u8 = 64;

/// The frame as it is: delivery at an access port.
pub(super) fn plain(slot: u16, facts: &PortFacts, segment: u32) -> Path {
    Path {
        slot,
        max_len: max_len(facts.max_frame()),
        segment,
        ..Path::default()
    }
}

/// S-tag and C-tag, both with priority 0.
pub(super) fn tagged(way: &Way, tpid: u16, (s_vid, c_vid): (u16, u16), segment: u32) -> Path {
    let [t0, t1] = tpid.to_be_bytes();
    let [s0, s1] = s_vid.to_be_bytes();
    let [u0, u1] = TPID_C.to_be_bytes();
    let [c0, c1] = c_vid.to_be_bytes();
    Path {
        post_len: 8,
        post: [t0, t1, s0, s1, u0, u1, c0, c1],
        ..plain(way.slot, &way.facts, segment)
    }
}

/// Outer Ethernet, VLAN of the underlay if there is one, IPv4, UDP and VXLAN. The data path fills in lengths,
/// header checksum and source port.
pub(super) fn encapsulated(way: &Way, vxlan: &Vxlan, vni: u32, segment: u32) -> Path {
    let header = ipv4_header(vxlan);
    let mut bytes = Vec::with_capacity(Path::TEMPLATE);
    bytes.extend(vxlan.neighbour.unwrap_or_default());
    bytes.extend(way.facts.mac);
    if vxlan.vlan != 0 {
        bytes.extend(TPID_C.to_be_bytes());
        bytes.extend(vxlan.vlan.to_be_bytes());
    }
    bytes.extend(ETHERTYPE_IPV4.to_be_bytes());
    bytes.extend(header);
    bytes.extend([0; 2]);
    bytes.extend(vxlan.udp_port.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend([VXLAN_FLAG_VNI, 0, 0, 0]);
    bytes.extend((vni << 8).to_be_bytes());
    Path {
        pre: byte(stack(vxlan)),
        ip_at: byte(stack(vxlan) - VXLAN_HEADER - UDP_HEADER - IPV4_HEADER),
        flags: if vxlan.neighbour.is_some() {
            0
        } else {
            Path::UNRESOLVED
        },
        ip_sum: u32::from(sum(&header)),
        template: words(&bytes),
        max_len: max_len(way.max_frame()),
        ..plain(way.slot, &way.facts, segment)
    }
}

/// Bytes that [`encapsulated`] puts in front of a frame.
pub(super) fn stack(vxlan: &Vxlan) -> usize {
    let tag = if vxlan.vlan == 0 { 0 } else { VLAN_TAG };
    ETH_HEADER + tag + IPV4_HEADER + UDP_HEADER + VXLAN_HEADER
}

fn ipv4_header(vxlan: &Vxlan) -> [u8; IPV4_HEADER] {
    let mut header = [0; IPV4_HEADER];
    header[0] = VERSION_AND_LENGTH;
    header[6..8].copy_from_slice(&DONT_FRAGMENT);
    header[8] = TTL;
    header[9] = PROTO_UDP;
    header[12..16].copy_from_slice(&vxlan.local.octets());
    header[16..20].copy_from_slice(&vxlan.remote.octets());
    header
}

fn sum(header: &[u8; IPV4_HEADER]) -> u16 {
    let (words, _) = header.as_chunks::<2>();
    fold(
        words
            .iter()
            .map(|word| u32::from(u16::from_be_bytes(*word)))
            .sum(),
    )
}

/// In memory order, as the data path copies them.
fn words(bytes: &[u8]) -> [u64; 12] {
    let mut template = [0; 12];
    for (word, chunk) in template.iter_mut().zip(bytes.chunks(8)) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_ne_bytes(padded);
    }
    template
}

fn max_len(bytes: u32) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(0)
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
