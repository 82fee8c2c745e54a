//! Frames that the agent sends: probes of members, and nudges of clients. All bytes in wire order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fabric_common::maps::storage::ClientFlow;
use fabric_common::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, PROTO_TCP, TPID_C, mac_octets};

/// Shortest frame without frame check sequence (IEEE 802.3 clause 4.2.3.3).
const SHORTEST: usize = 60;
/// IP protocol number of ICMPv6.
const PROTO_ICMPV6: u8 = 58;

/// The ends of a frame on a tenant's wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) to: [u8; 6],
    pub(super) from: [u8; 6],
    /// The tenant's own VLAN.
    pub(super) vid: Option<u16>,
}

impl Ends {
    fn frame(self, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(SHORTEST);
        frame.extend(self.to);
        frame.extend(self.from);
        if let Some(vid) = self.vid {
            frame.extend(TPID_C.to_be_bytes());
            frame.extend(vid.to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame.resize(frame.len().max(SHORTEST), 0);
        frame
    }
}

/// Asks who has `address`: an ARP request, or a neighbour solicitation (RFC 826, RFC 4861 section 4.3). Without a `source` it
/// is an ARP probe (RFC 5227 section 1.1), which leaves no trace in the receiver.
pub(super) fn who_has(ends: Ends, address: IpAddr, source: Option<Ipv4Addr>) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => {
            let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
            arp.extend(ends.from);
            arp.extend(source.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
            arp.extend([0; 6]);
            arp.extend(address.octets());
            ends.frame(ETHERTYPE_ARP, &arp)
        }
        IpAddr::V6(address) => solicitation(ends, address),
    }
}

/// Says that `source` is at the sender's address, to somebody who knows that already: what he knows is confirmed (RFC 826; Linux
/// `arp_process`). Without it he would ask every few seconds, and be deaf for a second when nobody answers.
pub(super) fn is_at(ends: Ends, source: Ipv4Addr, receiver: IpAddr) -> Option<Vec<u8>> {
    let IpAddr::V4(receiver) = receiver else {
        return None;
    };
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 2];
    arp.extend(ends.from);
    arp.extend(source.octets());
    arp.extend(ends.to);
    arp.extend(receiver.octets());
    Some(ends.frame(ETHERTYPE_ARP, &arp))
}

fn solicitation(ends: Ends, address: Ipv6Addr) -> Vec<u8> {
    let source = link_local(ends.from);
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(address.octets());
    message.extend([1, 1]);
    message.extend(ends.from);
    let sum = checksum(&[&pseudo_v6(source, address, PROTO_ICMPV6, message.len()), &message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = ipv6_header(source, address, PROTO_ICMPV6, message.len());
    packet.extend(message);
    ends.frame(ETHERTYPE_IPV6, &packet)
}

/// The address that an interface makes of its own (RFC 4291 appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    octets.into()
}

/// What a TCP segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// A connection that is tried.
    Open,
    /// The end of that try, before anybody accepts it.
    Abandon,
    /// An acknowledgement of nothing, outside of the receiver's window: it answers with its own state (RFC 9293 section
    /// 3.10.7.4, first check).
    Nudge,
}

/// The ends of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) from_port: u16,
    pub(super) to_port: u16,
    pub(super) sequence: u32,
}

impl Tcp {
    /// The segment in its packet, without options or data. `None` if the addresses are of two families.
    pub(super) fn frame(self, ends: Ends, segment: Segment) -> Option<Vec<u8>> {
        let header = self.header(segment);
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(ends.frame(ETHERTYPE_IPV4, &ipv4(from, to, header))),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(ends.frame(ETHERTYPE_IPV6, &ipv6(from, to, header))),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }

    fn header(self, segment: Segment) -> [u8; 20] {
        let (flags, acknowledged) = match segment {
            Segment::Open => (0x02, 0),
            Segment::Abandon => (0x04, 0),
            Segment::Nudge => (0x10, self.sequence ^ 0x5555_5555),
        };
        let [a, b, c, d] = self.sequence.to_be_bytes();
        let [e, f, g, h] = acknowledged.to_be_bytes();
        let ([s0, s1], [d0, d1]) = (self.from_port.to_be_bytes(), self.to_port.to_be_bytes());
        [
            s0, s1, d0, d1, a, b, c, d, e, f, g, h, 0x50, flags, 4, 0, 0, 0, 0, 0,
        ]
    }
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, mut tcp: [u8; 20]) -> Vec<u8> {
    let mut pseudo = Vec::from(from.octets());
    pseudo.extend(to.octets());
    pseudo.extend([0, PROTO_TCP, 0, 20]);
    let sum = checksum(&[&pseudo, &tcp]);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, PROTO_TCP, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(tcp);
    packet
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, mut tcp: [u8; 20]) -> Vec<u8> {
    let sum = checksum(&[&pseudo_v6(from, to, PROTO_TCP, tcp.len()), &tcp]);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut packet = ipv6_header(from, to, PROTO_TCP, tcp.len());
    packet.extend(tcp);
    packet
}

fn ipv6_header(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(len).unwrap_or(0).to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, protocol, 255];
    header.extend(from.octets());
    header.extend(to.octets());
    header
}

fn pseudo_v6(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, len: usize) -> Vec<u8> {
    let mut pseudo = Vec::from(from.octets());
    pseudo.extend(to.octets());
    pseudo.extend(u32::try_from(len).unwrap_or(0).to_be_bytes());
    pseudo.extend([0, 0, 0, protocol]);
    pseudo
}

/// RFC 1071, over parts of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.as_chunks::<2>().0);
    let sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    !fabric_common::rewrite::fold(sum)
}

/// The nudge of a flow, as a frame of the storage machine to the client; `from` is by whose address he hears it.
pub(super) fn nudge(flow: &ClientFlow, from: [u8; 6], sequence: u32) -> Option<Vec<u8>> {
    let tcp = Tcp {
        from: flow.server.to_ip(),
        to: flow.client.to_ip(),
        from_port: flow.server_port,
        to_port: flow.client_port,
        sequence,
    };
    let ends = Ends {
        to: mac_octets(flow.mac),
        from,
        vid: flow.vid(),
    };
    tcp.frame(ends, Segment::Nudge)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends {
        to: [2, 0, 0, 16, 2, 10],
        from: [2, 0, 0, 0, 0, 1],
        vid: None,
    };

    /// RFC 826 field by field.
    #[test]
    fn an_arp_probe_is_that_of_rfc_5227() {
        let frame = who_has(ENDS, "10.10.10.100".parse().expect("address"), None);
        let mut expected = vec![
            2, 0, 0, 16, 2, 10, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 10, 10, 10, 100,
        ];
        expected.resize(60, 0);
        assert_eq!(frame, expected);
    }

    #[test]
    fn an_arp_answer_names_both_ends() {
        let source = Ipv4Addr::new(10, 10, 10, 250);
        let frame = is_at(ENDS, source, "10.10.10.100".parse().expect("address")).expect("IPv4");
        let mut expected = vec![
            2, 0, 0, 16, 2, 10, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 10, 10,
            250, 2, 0, 0, 16, 2, 10, 10, 10, 10, 100,
        ];
        expected.resize(60, 0);
        assert_eq!(frame, expected);
    }

    #[test]
    fn segments_have_the_checksums_of_their_packets() {
        let tcp = Tcp {
            from: "192.0.2.1".parse().expect("address"),
            to: "192.0.2.2".parse().expect("address"),
            from_port: 40_000,
            to_port: 3260,
            sequence: 0x0102_0304,
        };
        let ends = Ends {
            vid: Some(10),
            ..ENDS
        };
        let frame = tcp.frame(ends, Segment::Open).expect("one family");
        assert_eq!(frame[12..18], [0x81, 0, 0, 10, 8, 0]);
        // Over a whole header with its checksum in place the sum is all ones (RFC 1071 section 1).
        assert_eq!(checksum(&[&frame[18..38]]), 0);
        let mut pseudo = frame[30..38].to_vec();
        pseudo.extend([0, 6, 0, 20]);
        assert_eq!(checksum(&[&pseudo, &frame[38..58]]), 0);
        assert_eq!(frame[51], 2, "SYN");
        assert_eq!(frame.len(), 60);
    }

    #[test]
    fn a_neighbour_solicitation_comes_from_the_link_local_address() {
        let frame = who_has(ENDS, "2001:db8::100".parse().expect("address"), None);
        assert_eq!(frame[12..14], [0x86, 0xdd]);
        assert_eq!(
            frame[22..38],
            [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1]
        );
        let mut pseudo = frame[22..54].to_vec();
        pseudo.extend([0, 0, 0, 32, 0, 0, 0, 58]);
        assert_eq!(checksum(&[&pseudo, &frame[54..86]]), 0);
    }

    #[test]
    fn addresses_of_two_families_make_no_segment() {
        let tcp = Tcp {
            from: "192.0.2.1".parse().expect("address"),
            to: "2001:db8::1".parse().expect("address"),
            from_port: 1,
            to_port: 2,
            sequence: 3,
        };
        assert_eq!(tcp.frame(ENDS, Segment::Open), None);
    }
}
