//! Tags and VNIs: present, in range, and nobody else's.

use std::collections::HashMap;
use std::fmt;

use super::place::{End, Part, Place};
use super::table::Table;
use super::tenants::Parts;
use super::valid::ValidDatacenter;
use crate::error::{Problem, codes};
use crate::model::{ISid, Label, Range, RangeNumber, Segment, ServiceVid, Shared, Station, Tenant, Vni};

pub(super) fn check(
    tenants: &[Shared<Tenant>],
    global_vids: Option<Range<ServiceVid>>,
    parts: &Parts<'_>,
    problems: &mut Vec<Problem>,
) {
    let mut check = Check {
        pairs: HashMap::new(),
        vnis: HashMap::new(),
        i_sids: HashMap::new(),
        all_global: global_vids,
        global_vids: HashMap::new(),
        labels: HashMap::new(),
        problems,
    };
    for (tenant, owner) in tenants.iter().enumerate() {
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
            check.labels(segment, place, parts.datacenters);
        }
    }
}

const CHOOSE: &str = "leave it out and the fabric chooses a free one";

/// How a range that a datacenter may lack is spoken of.
struct Words {
    what: &'static str,
    field: &'static str,
    example: &'static str,
}

const VNIS: Words = Words {
    what: "VNIs",
    field: "vnis",
    example: "10000-19999",
};
const I_SIDS: Words = Words {
    what: "I-SIDs",
    field: "i_sids",
    example: "1000000-1000999",
};
const LABELS: Words = Words {
    what: "labels",
    field: "labels",
    example: "1000-1999",
};

struct Check<'p> {
    pairs: HashMap<(ServiceVid, ServiceVid), End>,
    vnis: HashMap<Vni, Place>,
    i_sids: HashMap<ISid, Place>,
    /// The range of all of them.
    all_global: Option<Range<ServiceVid>>,
    global_vids: HashMap<ServiceVid, Place>,
    labels: HashMap<Label, (Place, usize)>,
    problems: &'p mut Vec<Problem>,
}

impl Check<'_> {
    fn segment(&mut self, segment: &Segment, place: Place, datacenter: &ValidDatacenter) {
        let s_vid = (segment.s_vid, datacenter.s_vids);
        self.number(&format_args!("{place}.s_vid"), s_vid, datacenter);
        self.vni(segment, place, datacenter);
        self.i_sid(segment, place, datacenter);
        self.global_vid(segment, place);
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
                CHOOSE,
            ));
        }
    }

    fn vni(&mut self, segment: &Segment, place: Place, datacenter: &ValidDatacenter) {
        let Some(vni) = segment.vni else { return };
        let path = fmt::from_fn(|f| write!(f, "{place}.vni"));
        self.optional(&path, (vni, datacenter.vnis), datacenter, &VNIS);
        let first = self.vnis.insert(vni, place);
        self.once(
            &path,
            (vni, "VNI"),
            first.as_ref().map(|place| place as &dyn fmt::Display),
        );
    }

    fn i_sid(&mut self, segment: &Segment, place: Place, datacenter: &ValidDatacenter) {
        let Some(i_sid) = segment.i_sid else { return };
        let path = fmt::from_fn(|f| write!(f, "{place}.i_sid"));
        self.optional(&path, (i_sid, datacenter.i_sids), datacenter, &I_SIDS);
        let first = self.i_sids.insert(i_sid, place);
        self.once(
            &path,
            (i_sid, "I-SID"),
            first.as_ref().map(|place| place as &dyn fmt::Display),
        );
    }

    fn global_vid(&mut self, segment: &Segment, place: Place) {
        let Some(vid) = segment.global_vid else { return };
        let path = fmt::from_fn(|f| write!(f, "{place}.global_vid"));
        match self.all_global {
            Some(range) => self.in_range(&path, (vid, range), "the fabric's global_vids"),
            None => self.problems.push(Problem::new(
                codes::NO_RANGE,
                path.to_string(),
                format!("is {vid}, but the fabric has no range of global VLANs"),
                "add \"global_vids\" to the document, as in \"4000-4094\"",
            )),
        }
        let first = self.global_vids.insert(vid, place);
        self.once(
            &path,
            (vid, "global VID"),
            first.as_ref().map(|place| place as &dyn fmt::Display),
        );
    }

    fn labels(&mut self, segment: &Segment, place: Place, datacenters: &Table<ValidDatacenter>) {
        for (at, pair) in segment.labels.iter().enumerate() {
            let path = fmt::from_fn(|f| write!(f, "{place}.labels[{at}].label"));
            let to = datacenters.find(&pair.to).and_then(|at| datacenters.get(at));
            if let Some(to) = to {
                self.optional(&path, (pair.label, to.labels), to, &LABELS);
            }
            let first = self.labels.insert(pair.label, (place, at));
            let first = first.map(|(place, at)| fmt::from_fn(move |f| write!(f, "{place}.labels[{at}]")));
            self.once(
                &path,
                (pair.label, "label"),
                first.as_ref().map(|first| first as &dyn fmt::Display),
            );
        }
    }

    /// A number of a range that a datacenter may lack.
    fn optional<T: RangeNumber>(
        &mut self,
        path: &dyn fmt::Display,
        (number, range): (T, Option<Range<T>>),
        datacenter: &ValidDatacenter,
        words: &Words,
    ) {
        let Words { what, field, example } = words;
        match range {
            Some(range) => {
                let of = fmt::from_fn(|f| write!(f, "the range of datacenter {}", datacenter.name));
                self.in_range(path, (number, range), &of);
            }
            None => self.problems.push(Problem::new(
                codes::NO_RANGE,
                path.to_string(),
                format!(
                    "is {number}, but datacenter {} has no range of {what}",
                    datacenter.name
                ),
                format!("add \"{field}\" to the datacenter, as in \"{example}\""),
            )),
        }
    }

    fn in_range<T: RangeNumber>(
        &mut self,
        path: &dyn fmt::Display,
        (number, range): (T, Range<T>),
        of: impl fmt::Display,
    ) {
        if !range.contains(number) {
            self.problems.push(Problem::new(
                codes::OUTSIDE_RANGE,
                path.to_string(),
                format!("is {number}, outside of {range}, {of}"),
                CHOOSE,
            ));
        }
    }

    /// A problem if the number is that of `first` already.
    fn once(
        &mut self,
        path: &dyn fmt::Display,
        (number, what): (impl fmt::Display, &str),
        first: Option<&dyn fmt::Display>,
    ) {
        if let Some(first) = first {
            self.problems.push(Problem::new(
                codes::NUMBER_TAKEN,
                path.to_string(),
                format!("is {number}, the {what} of {first} already"),
                CHOOSE,
            ));
        }
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
                CHOOSE,
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
