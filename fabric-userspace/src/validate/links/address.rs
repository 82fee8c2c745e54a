//! Underlay addresses: each the unicast address of one host, the two of a link different and of one family.

use std::net::IpAddr;

use super::ends::End;
use crate::error::{Problem, codes};

/// Whether one host can have the address; a problem at `path` if not.
pub(super) fn check(address: IpAddr, path: &str, problems: &mut Vec<Problem>) -> bool {
    let wrong = wrong(address);
    if let Some(wrong) = wrong {
        problems.push(Problem::new(
            codes::BAD_ADDRESS,
            path,
            format!("is {address}, {wrong}"),
            "use the unicast address of one host",
        ));
    }
    wrong.is_none()
}

fn wrong(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("which is no address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_loopback() {
        Some("a loopback address, which never leaves a host")
    } else {
        match address {
            IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
            IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("which is no host's address"),
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("an IPv4 address in IPv6 clothes"),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

/// Both addresses must be of one family and different.
pub(super) fn check_pair(ends: &[End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<()> {
    let [a, b] = ends.each_ref().map(address_of);
    let (a, b) = (a?, b?);
    let sentence = if a.is_ipv4() != b.is_ipv4() {
        format!("joins {a} and {b}, an IPv4 and an IPv6 address")
    } else if a == b {
        format!("has {a} at both ends")
    } else {
        return Some(());
    };
    let cure = "give both ends different addresses of one family";
    problems.push(Problem::new(
        codes::BAD_ADDRESS,
        format!("{path}.ends"),
        sentence,
        cure,
    ));
    None
}

fn address_of(end: &End) -> Option<IpAddr> {
    match end {
        End::Underlay(end) => Some(end.address),
        End::Foreign(address) => Some(*address),
        End::Trunk(_) | End::Line(_) => None,
    }
}
