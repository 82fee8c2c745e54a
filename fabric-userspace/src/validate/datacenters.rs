//! Datacenters: a name, an id and ranges of its own for each, and no S-VID or C-VID range that overlaps the global VIDs.

use super::table::Table;
use super::valid::ValidDatacenter;
use crate::error::{Problem, codes};
use crate::model::{Datacenter, Document, Range, RangeNumber};

pub(super) fn check(document: &Document, problems: &mut Vec<Problem>) -> Table<ValidDatacenter> {
    let list = &document.datacenters;
    let mut table = Table::of(
        "datacenters",
        list.iter().map(|datacenter| &datacenter.name),
        problems,
    );
    for (at, datacenter) in list.iter().enumerate() {
        check_id(list, at, problems);
        check_ranges(list, at, "s_vids", |other| Some(other.s_vids), problems);
        check_ranges(list, at, "c_vids", |other| Some(other.c_vids), problems);
        check_ranges(list, at, "vnis", |other| other.vnis, problems);
        check_ranges(list, at, "labels", |other| other.labels, problems);
        check_ranges(list, at, "i_sids", |other| other.i_sids, problems);
        let Datacenter {
            name,
            id,
            s_vids,
            c_vids,
            vnis,
            labels,
            i_sids,
        } = datacenter.clone();
        table.push(Some(ValidDatacenter {
            name,
            id,
            s_vids,
            c_vids,
            vnis,
            labels,
            i_sids,
        }));
    }
    check_global_vids(document, problems);
    table
}

fn check_id(list: &[Datacenter], at: usize, problems: &mut Vec<Problem>) {
    if let Some(first) = list[..at].iter().position(|other| other.id == list[at].id) {
        problems.push(Problem::new(
            codes::DUPLICATE_NAME,
            format!("datacenters[{at}].id"),
            format!(
                "is {}, which is the id of datacenters[{first}] ({}) already",
                list[at].id, list[first].name
            ),
            "give one of them another id",
        ));
    }
}

// A global VLAN is the only tag of its frame, so no S-VID and no C-VID may look like it.
fn check_global_vids(document: &Document, problems: &mut Vec<Problem>) {
    let Some(own) = document.global_vids else { return };
    for datacenter in &document.datacenters {
        for (what, theirs) in [("S-VIDs", datacenter.s_vids), ("C-VIDs", datacenter.c_vids)] {
            if theirs.overlaps(own) {
                problems.push(Problem::new(
                    codes::RANGE_OVERLAP,
                    "global_vids",
                    format!(
                        "is {own}, which overlaps {theirs}, the {what} of datacenter {}",
                        datacenter.name
                    ),
                    "choose VLANs that no datacenter has, or give the datacenter fewer",
                ));
            }
        }
    }
}

fn check_ranges<T: RangeNumber>(
    list: &[Datacenter],
    at: usize,
    field: &str,
    range: impl Fn(&Datacenter) -> Option<Range<T>>,
    problems: &mut Vec<Problem>,
) {
    let Some(own) = range(&list[at]) else { return };
    for other in &list[..at] {
        if let Some(theirs) = range(other).filter(|theirs| theirs.overlaps(own)) {
            problems.push(Problem::new(
                codes::RANGE_OVERLAP,
                format!("datacenters[{at}].{field}"),
                format!("is {own}, which overlaps {theirs} of datacenter {}", other.name),
                "give each datacenter numbers of its own",
            ));
        }
    }
}
