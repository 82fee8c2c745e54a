//! Connections of clients that are known beside those that the data path has noted.
//!
//! The data path has one record for each hash: of two connections with the same one it holds the one that was heard last, and the
//! other one would not be nudged. So its records are looked at again and again, and what was found is kept for a while.

use std::cmp::Reverse;
use std::collections::HashMap;

use fabric_common::maps::storage::{ClientFlow, FlowRecord};

use super::tools::Tools;
use super::watched::Watched;

const SECOND: u64 = 1_000_000_000;
/// How often records are looked at.
const LOOK: u64 = SECOND / 4;
/// How long a connection is known that has lost its record.
const KEPT: u64 = 600 * SECOND;
/// Most connections that are known of one storage machine.
const MOST: usize = 4096;

/// By place and connection, when it was last found.
#[derive(Debug, Default)]
pub(super) struct Known {
    flows: HashMap<(u32, ClientFlow), u64>,
    next: u64,
}

impl Known {
    /// Those at a place, each once: first those that were found last, so that none in use waits for others that may have ended.
    pub(super) fn at(&self, place: u32) -> Vec<ClientFlow> {
        let flows = self.flows.iter().filter(|((at, _), _)| *at == place);
        let mut flows: Vec<(u64, ClientFlow)> = flows.map(|((_, flow), found)| (*found, *flow)).collect();
        flows.sort_unstable_by_key(|(found, _)| Reverse(*found));
        flows.into_iter().map(|(_, flow)| flow).collect()
    }

    /// When the records are to be looked at again, in nanoseconds.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    fn find(&mut self, place: u32, record: &FlowRecord, now: u64) {
        // What a program writes meanwhile may be read as a mixture of two, but hardly twice.
        if let Some(flow) = record.read()
            && record.read() == Some(flow)
        {
            self.flows.insert((place, flow), now);
        }
    }

    /// Forgets those at places that `are_same` denies: they may be another tenant's from now on.
    pub(super) fn keep(&mut self, are_same: impl Fn(u32) -> bool) {
        self.flows.retain(|(place, _), _| are_same(*place));
    }

    /// Forgets what was not found for long, and of too many those that were not for the longest.
    fn forget(&mut self, now: u64) {
        self.flows.retain(|_, found| now.saturating_sub(*found) < KEPT);
        if self.flows.len() <= MOST {
            return;
        }
        let mut flows: Vec<_> = self.flows.drain().collect();
        flows.sort_unstable_by_key(|(_, found)| Reverse(*found));
        flows.truncate(MOST);
        self.flows.extend(flows);
    }
}

impl Watched {
    /// Looks at the data path's records if it is time.
    pub(super) fn look_at_flows(&mut self, tools: &Tools<'_>, now: u64) {
        if self.spec.nudge && now >= self.known.next {
            self.find_flows(tools, now);
            self.known.forget(now);
        }
    }

    /// Takes in all that are noted now.
    pub(super) fn find_flows(&mut self, tools: &Tools<'_>, now: u64) {
        self.known.next = now + LOOK;
        for place in &self.spec.places {
            for record in tools.tables.flows(place.place) {
                self.known.find(place.place, record, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> ClientFlow {
        ClientFlow {
            client_port: port,
            server_port: 3260,
            ..ClientFlow::default()
        }
    }

    fn ports(known: &Known, place: u32) -> Vec<u16> {
        let flows = known.at(place).into_iter();
        flows.map(|flow| flow.client_port).collect()
    }

    #[test]
    fn connections_that_take_each_others_record_are_both_known() {
        let (record, mut known) = (FlowRecord::default(), Known::default());
        for (now, port) in [(1, 10), (2, 11), (3, 10), (4, 11)] {
            record.note(&flow(port), 9);
            known.find(5, &record, now * SECOND);
        }
        assert_eq!(ports(&known, 5), [11, 10], "the last one first");
        assert!(ports(&known, 6).is_empty());
        known.forget(3 * SECOND + KEPT);
        assert_eq!(ports(&known, 5), [11], "the other one was not found for long");
        known.forget(4 * SECOND + KEPT);
        assert!(ports(&known, 5).is_empty());
        record.clear();
        known.find(5, &record, 9 * SECOND);
        assert!(ports(&known, 5).is_empty());
    }

    #[test]
    fn connections_of_a_place_that_is_given_on_are_forgotten() {
        let (record, mut known) = (FlowRecord::default(), Known::default());
        record.note(&flow(10), 9);
        known.find(5, &record, SECOND);
        known.find(6, &record, SECOND);
        known.keep(|place| place != 5);
        assert_eq!((ports(&known, 5), ports(&known, 6)), (vec![], vec![10]));
    }

    #[test]
    fn of_too_many_connections_the_newest_stay() {
        let (record, mut known) = (FlowRecord::default(), Known::default());
        for port in 0..=u16::try_from(MOST).expect("few") {
            record.note(&flow(port), 9);
            known.find(5, &record, SECOND + u64::from(port));
        }
        known.forget(2 * SECOND);
        let left = ports(&known, 5);
        let first = left.last().copied();
        assert_eq!((left.len(), first), (MOST, Some(1)));
    }

    /// Many places at which as many connections are noted as there is room for.
    #[test]
    fn of_too_many_connections_that_were_found_at_once_as_many_stay_as_may() {
        let (record, mut known) = (FlowRecord::default(), Known::default());
        for port in 0..=u16::try_from(MOST).expect("few") {
            record.note(&flow(port), 9);
            known.find(5, &record, SECOND);
        }
        known.forget(2 * SECOND);
        assert_eq!(known.at(5).len(), MOST);
    }
}
