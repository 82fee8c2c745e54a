//! Outer IP and UDP headers, with zeros where frames have their own: lengths, header checksum, congestion mark, source port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fabric_common::maps::Path;
use fabric_common::rewrite::fold;
use fabric_common::wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_HEADER, PROTO_UDP};

use super::Stack;

/// Version 4 and a header of five words (RFC 791 section 3.1).
const VERSION_AND_LENGTH: u8 = 0x45;
/// Don't fragment: RFC 7348 section 4.3 forbids a VTEP to.
const DONT_FRAGMENT: [u8; 2] = [0x40, 0x00];
/// Version 6, no traffic class, no flow label (RFC 8200 section 3).
const VERSION_6: [u8; 4] = [0x60, 0, 0, 0];
const HOPS: u8 = 64;

impl Stack {
    /// IP and UDP headers of either family; both addresses are of the same one.
    pub(in crate::compile) fn udp(self, local: IpAddr, remote: IpAddr, port: u16) -> Self {
        let ip = match (local, remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => self.ipv4(local, remote),
            (local, remote) => self.ipv6(mapped(local), mapped(remote)),
        };
        ip.add(&[0; 2]).add(&port.to_be_bytes()).add(&[0; 4])
    }

    fn ipv4(self, local: Ipv4Addr, remote: Ipv4Addr) -> Self {
        let mut header = [0; IPV4_HEADER];
        header[0] = VERSION_AND_LENGTH;
        header[6..8].copy_from_slice(&DONT_FRAGMENT);
        header[8] = HOPS;
        header[9] = PROTO_UDP;
        header[12..16].copy_from_slice(&local.octets());
        header[16..20].copy_from_slice(&remote.octets());
        let mut stack = self.add(&ETHERTYPE_IPV4.to_be_bytes());
        (stack.ip_at, stack.ip_sum) = (stack.len(), sum(&header));
        stack.add(&header)
    }

    fn ipv6(self, local: Ipv6Addr, remote: Ipv6Addr) -> Self {
        let mut stack = self.add(&ETHERTYPE_IPV6.to_be_bytes()).flag(Path::IPV6);
        stack.ip_at = stack.len();
        stack
            .add(&VERSION_6)
            .add(&[0, 0, PROTO_UDP, HOPS])
            .add(&local.octets())
            .add(&remote.octets())
    }
}

/// A checked link has addresses of one family.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Ones' complement sum of a header whose checksum is 0 (RFC 1071).
fn sum(header: &[u8; IPV4_HEADER]) -> u16 {
    let (words, _) = header.as_chunks::<2>();
    fold(
        words
            .iter()
            .map(|word| u32::from(u16::from_be_bytes(*word)))
            .sum(),
    )
}
