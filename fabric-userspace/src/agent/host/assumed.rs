//! A host that has every interface that the document names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fabric_common::maps::capacity;

use super::{Interfaces, Tunnel, too_high};
use crate::compile::PortFacts;
use crate::error::Refusal;
use crate::model::{IfName, Name};

/// Jumbo frames: room for the tags and labels of any link, in bytes.
const MTU: u32 = 9216;

/// Interfaces get their index when they are first named, and keep it.
#[derive(Debug, Default)]
pub(in crate::agent) struct Assumed(BTreeMap<IfName, u32>);

impl Assumed {
    /// All are there, and all can send.
    ///
    /// # Errors
    /// When the tables have no place for so many.
    pub(super) fn interfaces<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a IfName>,
    ) -> Result<Interfaces, Refusal> {
        let mut facts = BTreeMap::new();
        for name in wanted {
            let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
            let ifindex = *self.0.entry(name.clone()).or_insert(next);
            if ifindex >= capacity::IFINDEX {
                return Err(too_high(name, ifindex));
            }
            let mac = local(ifindex);
            facts.insert(
                name.clone(),
                PortFacts {
                    ifindex,
                    mac,
                    mtu: MTU,
                },
            );
        }
        Ok(Interfaces {
            facts,
            silent: BTreeSet::new(),
        })
    }
}

/// Every next hop has answered, with an address made from the remote's.
pub(super) fn neighbours(tunnels: &[Tunnel]) -> BTreeMap<Name, Option<[u8; 6]>> {
    let of = |remote| match remote {
        IpAddr::V4(address) => local(address.into()),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            local(u32::from_be_bytes([a, b, c, d]))
        }
    };
    tunnels
        .iter()
        .map(|tunnel| (tunnel.link.clone(), Some(of(tunnel.remote))))
        .collect()
}

/// A locally administered unicast address.
fn local(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0, a, b, c, d]
}
