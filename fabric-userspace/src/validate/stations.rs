//! Static stations: individual MAC addresses, each at one place of its segment, with a C-VID of their own or of their end.

use std::collections::HashMap;

use super::place::End;
use super::valid::ValidStation;
use crate::error::{Problem, codes};
use crate::model::{Mac, ServiceVid, Station};

/// The static stations of one segment, over all its ends.
#[derive(Default)]
pub(super) struct Stations {
    seen: HashMap<Mac, (End, usize)>,
}

impl Stations {
    /// Checks the stations of `end`, whose C-VID is `end_c_vid`.
    pub(super) fn check(
        &mut self,
        stations: &[Station],
        end: End,
        end_c_vid: Option<ServiceVid>,
        problems: &mut Vec<Problem>,
    ) -> Vec<ValidStation> {
        let mut valid = Vec::new();
        for (at, station) in stations.iter().enumerate() {
            check_mac(station.mac, (end, at), problems);
            if let Some((first, number)) = self.seen.get(&station.mac) {
                problems.push(Problem::new(
                    codes::DUPLICATE_STATION,
                    format!("{end}.stations[{at}].mac"),
                    format!(
                        "is {}, which stands at {first}.stations[{number}] already",
                        station.mac
                    ),
                    "keep the station at one place of the segment",
                ));
            } else {
                self.seen.insert(station.mac, (end, at));
            }
            if let Some(c_vid) = station.c_vid.or(end_c_vid) {
                valid.push(ValidStation {
                    name: station.name.clone(),
                    mac: station.mac,
                    c_vid,
                });
            }
        }
        valid
    }
}

fn check_mac(mac: Mac, (end, at): (End, usize), problems: &mut Vec<Problem>) {
    if !mac.is_unicast() {
        let what = if mac.is_group() {
            "a group address"
        } else {
            "no address"
        };
        problems.push(Problem::new(
            codes::BAD_MAC,
            format!("{end}.stations[{at}].mac"),
            format!("is {mac}, {what}; a station has an individual one"),
            "use the address of the machine's interface",
        ));
    }
}
