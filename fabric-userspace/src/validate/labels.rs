//! A segment's labels: both datacenters exist and differ, and no ordered pair has two; `numbers` checks the values.

use std::collections::BTreeSet;

use super::nodes::find_datacenter;
use super::place::Place;
use super::table::{Table, duplicate};
use super::valid::{ValidDatacenter, ValidLabel};
use crate::error::{Problem, codes};
use crate::model::{Segment, SegmentLabel};

/// The segment's labels with their datacenters found; each ordered pair once.
pub(super) fn resolve(
    segment: &Segment,
    place: Place,
    datacenters: &Table<ValidDatacenter>,
    problems: &mut Vec<Problem>,
) -> Vec<ValidLabel> {
    let mut seen = BTreeSet::new();
    let mut valid = Vec::new();
    for (at, pair) in segment.labels.iter().enumerate() {
        let SegmentLabel { to, from, label } = pair;
        let path = |field: &str| format!("{place}.labels[{at}].{field}");
        let to = find_datacenter(datacenters, to, || path("to"), problems);
        let from = find_datacenter(datacenters, from, || path("from"), problems);
        if pair.to == pair.from {
            problems.push(Problem::new(
                codes::BAD_LABEL,
                format!("{place}.labels[{at}]"),
                format!(
                    "leads from {0} to {0}; inside a datacenter frames have no label",
                    pair.to
                ),
                "remove it",
            ));
        }
        if !seen.insert((&pair.to, &pair.from)) {
            let way = format!("from {} to {}", pair.from, pair.to);
            let path = format!("{place}.labels[{at}]");
            problems.push(duplicate(&path, &way, &format!("an earlier label of {place}")));
        }
        if let (Some(to), Some(from)) = (to, from) {
            let label = *label;
            valid.push(ValidLabel { to, from, label });
        }
    }
    valid
}
