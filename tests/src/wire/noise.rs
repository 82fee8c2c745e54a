//! Telling a test's frames from what kernels send by themselves.

use crate::frame::{ether_type, layers};

/// Bytes that make an ARP or ICMPv6 frame a test's own, anywhere behind its headers.
pub const MARK: [u8; 8] = *b"fab-test";

const ICMPV6: u8 = 58;
const IGMP: u8 = 2;
const HOP_BY_HOP: u8 = 0;

/// ARP, IPv6 neighbour discovery and multicast listener reports, IGMP: unless [`MARK`] is in them.
/// What cannot be read is no noise: an unexpected frame must show.
#[must_use]
pub fn is_kernel_noise(bytes: &[u8]) -> bool {
    let found = layers(bytes);
    let network = |name: &str| {
        let header = found.list.iter().rev().find(|layer| layer.name.ends_with(name));
        header.map(|layer| &bytes[layer.range.clone()])
    };
    let kind = match found.ether_type {
        Some(ether_type::ARP) => true,
        Some(ether_type::IPV6) => {
            network("IPv6 header").is_some_and(|header| is_discovery(header, bytes, found.payload))
        }
        Some(ether_type::IPV4) => network("IPv4 header").is_some_and(|header| header.get(9) == Some(&IGMP)),
        _ => false,
    };
    kind && !bytes.windows(MARK.len()).any(|window| window == MARK)
}

/// Router and neighbour messages are 133 to 137; MLD reports come behind a hop-by-hop header (RFC 3810 §5).
fn is_discovery(header: &[u8], bytes: &[u8], payload: usize) -> bool {
    match header.get(6) {
        Some(&ICMPV6) => {
            let kind = payload.checked_sub(8).and_then(|at| bytes.get(at));
            kind.is_some_and(|kind| (130..=137).contains(kind) || *kind == 143)
        }
        Some(&HOP_BY_HOP) => bytes.get(payload) == Some(&ICMPV6),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Mac, eth};

    const HERE: &str = "02:00:00:00:00:01";

    #[test]
    fn arp_is_noise_unless_marked_also_inside_tags_and_tunnels() {
        let arp = eth(Mac::BROADCAST, HERE).arp_request(HERE, [10, 0, 0, 1], [10, 0, 0, 2]);
        let tunnel = eth(HERE, HERE)
            .ipv4([1, 1, 1, 1], [2, 2, 2, 2])
            .udp(50_000, 4789)
            .vxlan(7);
        assert!(is_kernel_noise(&arp) && is_kernel_noise(&tunnel.append(&arp)));
        assert!(!is_kernel_noise(&arp.raw(MARK)));
        let tagged = eth(Mac::BROADCAST, HERE).svlan(1).cvlan(2);
        assert!(is_kernel_noise(&tagged.arp_request(
            HERE,
            [10, 0, 0, 1],
            [10, 0, 0, 2]
        )));
    }

    #[test]
    fn test_frames_and_broken_frames_are_no_noise() {
        assert!(!is_kernel_noise(&eth(HERE, HERE).word("Happy")));
        assert!(!is_kernel_noise(&[0; 9]));
        assert!(!is_kernel_noise(
            &eth(HERE, HERE).ipv4([1, 1, 1, 1], [2, 2, 2, 2]).tcp(1, 2, 3, 4)
        ));
    }

    #[test]
    fn a_router_solicitation_is_noise_and_a_ping_is_not() {
        let ip = eth("33:33:00:00:00:02", HERE).ipv6([0; 8], [0xff02, 0, 0, 0, 0, 0, 0, 2]);
        let icmp = |kind| ip.clone().protocol(ICMPV6).raw([kind, 0, 0, 0, 0, 0, 0, 0]);
        assert!(is_kernel_noise(&icmp(133)) && !is_kernel_noise(&icmp(128)));
    }
}
