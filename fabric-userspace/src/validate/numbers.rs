//! Tags and VNIs: present, in range, and nobody else's.

use std::collections::HashMap;
use std::fmt;

use super::place::{End, Part, Place};
use super::tenants::Parts;
use super::valid::ValidDatacenter;
use crate::error::{Problem, codes};
use crate::model::{Document, Range, RangeNumber, Segment, ServiceVid, Station, Vni};

pub(super) fn check(document: &Document, parts: &Parts<'_>, problems: &mut Vec<Problem>) {
    let mut check = Check {
        pairs: HashMap::new(),
        vnis: HashMap::new(),
        problems,
    };
    for (tenant, owner) in document.tenants.iter().enumerate() {
        for (number, segment) in owner.segments.iter().enumerate() {
            let place = Place {
                tenant,
                segment: number,
            };
            let datacenter = segment
                .datacenter
                .as_ref()
                .and_then(|name| parts.datacenters.find(name));
            if let Some(datacenter) = datacenter.and_then(|at| parts.datacenters.get(at)) {
                check.segment(segment, place, datacenter);
            }
        }
    }
}

struct Check<'p> {
    pairs: HashMap<(ServiceVid, ServiceVid), End>,
    vnis: HashMap<Vni, Place>,
    problems: &'p mut Vec<Problem>,
}

impl Check<'_> {
    fn segment(&mut self, segment: &Segment, place: Place, datacenter: &ValidDatacenter) {
        let s_vid = (segment.s_vid, datacenter.s_vids);
        self.number(&format_args!("{place}.s_vid"), s_vid, datacenter);
        self.vni(segment, place, datacenter);
        // Without an S-VID its C-VIDs could not be chosen either.
        let Some(s_vid) = segment.s_vid else { return };
        let mut end = |part, c_vid, stations| {
            self.end(End { place, part }, (s_vid, c_vid), stations, datacenter);
        };
        end(Part::Base, segment.c_vid, &[]);
        for (at, attachment) in segment.attachments.iter().enumerate() {
            end(
                Part::Attachment(at),
                attachment.c_vid,
                attachment.stations.as_slice(),
            );
        }
        for (at, remote) in segment.remotes.iter().enumerate() {
            end(Part::Remote(at), remote.c_vid, remote.stations.as_slice());
        }
    }

    fn end(
        &mut self,
        end: End,
        (s_vid, c_vid): (ServiceVid, Option<ServiceVid>),
        stations: &[Station],
        datacenter: &ValidDatacenter,
    ) {
        let range = datacenter.c_vids;
        if self.number(&format_args!("{end}.c_vid"), (c_vid, range), datacenter) {
            self.pair(end, (s_vid, c_vid), &format_args!("{end}.c_vid"));
        }
        for (at, station) in stations
            .iter()
            .enumerate()
            .filter(|(_, station)| station.c_vid.is_some())
        {
            let stations = fmt::from_fn(|f| write!(f, "{end}.stations[{at}].c_vid"));
            if self.number(&stations, (station.c_vid, range), datacenter) {
                self.pair(end, (s_vid, station.c_vid), &stations);
            }
        }
    }

    fn pair(&mut self, end: End, (s_vid, c_vid): (ServiceVid, Option<ServiceVid>), path: &dyn fmt::Display) {
        let Some(c_vid) = c_vid else { return };
        let first = *self.pairs.entry((s_vid, c_vid)).or_insert(end);
        if first != end {
            self.problems.push(Problem::new(
                codes::NUMBER_TAKEN,
                path.to_string(),
                format!("is {c_vid}, and S-VID {s_vid} with C-VID {c_vid} belongs to {first} already"),
                "leave it out and the fabric chooses a free one",
            ));
        }
    }

    fn vni(&mut self, segment: &Segment, place: Place, datacenter: &ValidDatacenter) {
        let Some(vni) = segment.vni else { return };
        let path = fmt::from_fn(|f| write!(f, "{place}.vni"));
        match datacenter.vnis {
            Some(range) => self.number(&path, (Some(vni), range), datacenter),
            None => self.no_range(&path, vni, datacenter),
        };
        if let Some(first) = self.vnis.insert(vni, place) {
            self.problems.push(Problem::new(
                codes::NUMBER_TAKEN,
                path.to_string(),
                format!("is {vni}, the VNI of {first} already"),
                "leave it out and the fabric chooses a free one",
            ));
        }
    }

    fn no_range(&mut self, path: &dyn fmt::Display, vni: Vni, datacenter: &ValidDatacenter) -> bool {
        self.problems.push(Problem::new(
            codes::NO_RANGE,
            path.to_string(),
            format!(
                "is {vni}, but datacenter {} has no range of VNIs",
                datacenter.name
            ),
            "add \"vnis\" to the datacenter, as in \"10000-19999\"",
        ));
        false
    }

    /// Whether the number is there and in range.
    fn number<T: RangeNumber>(
        &mut self,
        path: &dyn fmt::Display,
        (number, range): (Option<T>, Range<T>),
        datacenter: &ValidDatacenter,
    ) -> bool {
        let (code, sentence, cure) = match number {
            Some(number) if range.contains(number) => return true,
            Some(number) => (
                codes::OUTSIDE_RANGE,
                format!(
                    "is {number}, outside of {range}, the range of datacenter {}",
                    datacenter.name
                ),
                "leave it out and the fabric chooses a free one",
            ),
            None => (
                codes::NO_FREE_NUMBER,
                format!(
                    "is not given, and no number of {range} of datacenter {} is free",
                    datacenter.name
                ),
                "widen the datacenter's range",
            ),
        };
        self.problems
            .push(Problem::new(code, path.to_string(), sentence, cure));
        false
    }
}
