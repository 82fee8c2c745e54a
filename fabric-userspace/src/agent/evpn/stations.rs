//! What a bridge's FDB says of the stations of one VNI, and who said it. No I/O.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use fabric_common::wire::{is_group, mac_word};

use crate::netlink::{BridgeEntry, On};

/// A port of the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The VXLAN device: the routing daemon puts stations here.
    Vxlan,
    /// The port that stands for our stations: we put them here.
    Ours,
}

/// Where a station is as the daemon sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has said anything of it.
    Unknown,
    /// Behind a foreign VTEP: a type 2 route of RFC 7432 section 7.2.
    Routed {
        /// Its next hop. `None` between the two messages of a new one, and for what this agent does not understand
        /// (multihoming).
        vtep: Option<IpAddr>,
        /// It may not move (section 7.7).
        sticky: bool,
    },
    /// Ours, and told to others.
    Offered {
        /// It may not move.
        sticky: bool,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    port: Option<Side>,
    sticky: bool,
    vtep: Option<IpAddr>,
}

/// All stations of a VNI.
#[derive(Debug, Default)]
pub(super) struct Stations {
    entries: HashMap<u64, Entry>,
    vteps: BTreeSet<IpAddr>,
}

impl Stations {
    /// Takes note of an entry that is there, or gone. Gives the station whose state may be another one now.
    pub(super) fn note(&mut self, side: Side, entry: &BridgeEntry, there: bool) -> Option<u64> {
        let mac = mac_word(entry.mac);
        if mac == 0 {
            self.note_vtep(entry.on, there);
            return None;
        }
        // The device's own filter for group addresses has entries too.
        if is_group(mac) {
            return None;
        }
        let known = self.entries.entry(mac).or_default();
        match (side, entry.on, there) {
            (_, On::Port, true) => {
                known.port = Some(side);
                known.sticky = entry.sticky;
            }
            (_, On::Port, false) if known.port == Some(side) => known.port = None,
            (Side::Vxlan, On::Vtep(vtep), there) => known.vtep = vtep.filter(|_| there),
            (_, On::Port, false) | (Side::Ours, On::Vtep(_), _) => {}
        }
        if known.port.is_none() && known.vtep.is_none() {
            self.entries.remove(&mac);
        }
        Some(mac)
    }

    fn note_vtep(&mut self, on: On, there: bool) {
        let On::Vtep(Some(vtep)) = on else {
            return;
        };
        if there {
            self.vteps.insert(vtep);
        } else {
            self.vteps.remove(&vtep);
        }
    }

    /// VTEPs that want floods: type 3 routes.
    pub(super) fn vteps(&self) -> impl Iterator<Item = IpAddr> {
        self.vteps.iter().copied()
    }

    /// The state of one station.
    pub(super) fn state(&self, mac: u64) -> State {
        self.entries.get(&mac).map_or(State::Unknown, Entry::state)
    }

    /// The state of every station that has one.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, State)> {
        self.entries.iter().map(|(mac, entry)| (*mac, entry.state()))
    }

    /// Stations that are told to others.
    pub(super) fn offered(&self) -> impl Iterator<Item = (u64, bool)> {
        self.all().filter_map(|(mac, state)| match state {
            State::Offered { sticky } => Some((mac, sticky)),
            State::Unknown | State::Routed { .. } => None,
        })
    }
}

impl Entry {
    /// The VXLAN device's entry stays when the station moves to our port, and says nothing then.
    fn state(&self) -> State {
        let sticky = self.sticky;
        match (self.port, self.vtep) {
            (Some(Side::Ours), _) => State::Offered { sticky },
            (Some(Side::Vxlan), vtep) => State::Routed { vtep, sticky },
            (None, _) => State::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0x0b, 1];
    const VTEP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn entry(on: On) -> BridgeEntry {
        BridgeEntry {
            ifindex: 7,
            mac: MAC,
            on,
            sticky: false,
        }
    }

    fn state(stations: &Stations) -> State {
        stations.state(mac_word(MAC))
    }

    fn routed(vtep: Option<IpAddr>) -> State {
        State::Routed { vtep, sticky: false }
    }

    /// The messages in the order in which Linux 6.18 was seen to send them for FRR 8.4.
    #[test]
    fn a_station_is_routed_when_both_entries_are_there_and_moves_with_the_bridges() {
        let mut stations = Stations::default();
        let routed = routed(Some(VTEP));
        stations.note(Side::Vxlan, &entry(On::Port), true);
        assert_eq!(state(&stations), self::routed(None));
        stations.note(Side::Vxlan, &entry(On::Vtep(Some(VTEP))), true);
        assert_eq!(state(&stations), routed);
        stations.note(Side::Ours, &entry(On::Port), true);
        assert_eq!(state(&stations), State::Offered { sticky: false });
        // The daemon puts it back: its entry at the VXLAN device was there all the time.
        stations.note(Side::Vxlan, &entry(On::Port), true);
        assert_eq!(state(&stations), routed);
        stations.note(Side::Vxlan, &entry(On::Port), false);
        assert_eq!(state(&stations), State::Unknown);
        stations.note(Side::Vxlan, &entry(On::Vtep(Some(VTEP))), false);
        assert_eq!(stations.all().count(), 0);
    }

    #[test]
    fn the_end_of_an_entry_at_another_port_says_nothing() {
        let mut stations = Stations::default();
        stations.note(Side::Ours, &entry(On::Port), true);
        stations.note(Side::Vxlan, &entry(On::Port), false);
        assert_eq!(state(&stations), State::Offered { sticky: false });
    }

    #[test]
    fn an_entry_without_an_address_of_a_vtep_leads_nowhere() {
        let mut stations = Stations::default();
        stations.note(Side::Vxlan, &entry(On::Port), true);
        stations.note(Side::Vxlan, &entry(On::Vtep(None)), true);
        assert_eq!(state(&stations), routed(None));
    }

    #[test]
    fn floods_and_group_addresses_are_no_stations() {
        let mut stations = Stations::default();
        let mut flood = entry(On::Vtep(Some(VTEP)));
        flood.mac = [0; 6];
        assert_eq!(stations.note(Side::Vxlan, &flood, true), None);
        assert_eq!(stations.vteps().collect::<Vec<_>>(), [VTEP]);
        stations.note(Side::Vxlan, &flood, false);
        assert_eq!(stations.vteps().count(), 0);
        let mut group = entry(On::Vtep(None));
        group.mac = [0x33, 0x33, 0, 0, 0, 1];
        assert_eq!(stations.note(Side::Vxlan, &group, true), None);
        assert_eq!(stations.all().count(), 0);
    }
}
