//! Telling from its bytes whose a frame is.

use crate::frame::{ether_type, layers};
use crate::wire::is_kernel_noise;

/// What every mark begins with; no header looks like that.
const MARK: [u8; 4] = [0xfa, b'L', b'A', b'B'];
const MARK_LENGTH: usize = 8;
/// Servers of tenant n listen on this port + n.
const FIRST_PORT: u16 = 7000;

/// A tenant of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant {
    name: &'static str,
    number: u8,
}

impl Tenant {
    /// `number` is different for each tenant of a lab.
    #[must_use]
    pub const fn new(number: u8, name: &'static str) -> Self {
        Self { name, number }
    }

    /// As in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// From 0.
    #[must_use]
    pub fn number(self) -> usize {
        usize::from(self.number)
    }

    /// What each of its frames has in its data.
    #[must_use]
    pub const fn mark(self) -> [u8; MARK_LENGTH] {
        let [a, b, c, d] = MARK;
        [a, b, c, d, self.number, b'=', b'0' + self.number % 10, b';']
    }

    /// TCP port of its servers, so that segments without data can be told too.
    #[must_use]
    pub const fn tcp_port(self) -> u16 {
        FIRST_PORT + self.number as u16
    }
}

/// Whose a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A tenant's.
    Of(Tenant),
    /// ARP and the like, sent by some kernel.
    Nobody,
    /// Nothing that this lab sends.
    Stranger,
}

pub(super) fn of(bytes: &[u8], tenants: &[Tenant]) -> Owner {
    // Whole marks only: four bytes turn up in random data every few hundred runs.
    let marked = |window: &[u8]| {
        let plausible = window.starts_with(&MARK);
        plausible
            .then(|| tenants.iter().find(|tenant| tenant.mark() == window))
            .flatten()
    };
    if let Some(&tenant) = bytes.windows(MARK_LENGTH).find_map(marked) {
        return Owner::Of(tenant);
    }
    if is_kernel_noise(bytes) {
        return Owner::Nobody;
    }
    let ports = tcp_ports(bytes).unwrap_or_default();
    tenants
        .iter()
        .find(|tenant| ports.contains(&tenant.tcp_port()))
        .map_or(Owner::Stranger, |&tenant| Owner::Of(tenant))
}

fn tcp_ports(bytes: &[u8]) -> Option<[u16; 2]> {
    let found = layers(bytes);
    let is_ip = found.ether_type == Some(ether_type::IPV4);
    let tcp = found
        .list
        .iter()
        .find(|layer| layer.name.ends_with("TCP header"))?;
    let &[a, b, c, d] = bytes.get(tcp.range.start..)?.first_chunk()?;
    is_ip.then_some([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Mac, eth};

    const HERE: &str = "02:00:00:00:00:01";
    const ACME: Tenant = Tenant::new(0, "acme");
    const GLOBEX: Tenant = Tenant::new(1, "globex");

    fn owner(frame: &[u8]) -> Owner {
        of(frame, &[ACME, GLOBEX])
    }

    #[test]
    fn the_mark_decides_wherever_it_stands() {
        let header = eth(HERE, HERE).vlan(10).ipv4([1, 1, 1, 1], [2, 2, 2, 2]);
        let segment = header.tcp(GLOBEX.tcp_port(), 40_000, 1, 0);
        assert_eq!(owner(&segment.raw(b"xx").raw(ACME.mark())), Owner::Of(ACME));
        let arp = eth(Mac::BROADCAST, HERE).arp_request(HERE, [1, 1, 1, 1], [2, 2, 2, 2]);
        assert_eq!(owner(&arp.clone().raw(GLOBEX.mark())), Owner::Of(GLOBEX));
        assert_eq!(owner(&arp), Owner::Nobody);
    }

    #[test]
    fn tcp_without_data_is_told_by_its_port_and_the_rest_is_strange() {
        let header = eth(HERE, HERE).vlan(10).ipv4([1, 1, 1, 1], [2, 2, 2, 2]);
        assert_eq!(
            owner(&header.clone().tcp(40_000, GLOBEX.tcp_port(), 1, 0)),
            Owner::Of(GLOBEX)
        );
        assert_eq!(owner(&header.tcp(40_000, 80, 1, 0)), Owner::Stranger);
        assert_eq!(owner(&eth(HERE, HERE).word("Happy")), Owner::Stranger);
        assert_eq!(
            owner(&eth(HERE, HERE).payload(Tenant::new(7, "x").mark())),
            Owner::Stranger
        );
    }
}
