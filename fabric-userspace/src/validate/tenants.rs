//! Tenants: unique names of tenants and of segments, a bounded number of segments, no MAC limit above its tenant's.

use std::collections::HashMap;

use super::place::Place;
use super::ports::Ports;
use super::segments::check_segment;
use super::table::{Table, duplicate};
use super::valid::{ValidDatacenter, ValidLink, ValidNode, ValidSegment, ValidTenant};
use super::{DEFAULT_MAC_LIMIT, MAX_SEGMENTS};
use crate::error::{Problem, codes};
use crate::model::{MacLimit, Name, Shared, Tenant};

/// What a tenant comes to: his limit of addresses, and his segments.
pub(super) type Checked = (u32, Vec<ValidSegment>);

/// What segments refer to.
pub(super) struct Parts<'a> {
    pub(super) datacenters: &'a Table<ValidDatacenter>,
    pub(super) nodes: &'a Table<ValidNode>,
    pub(super) links: &'a Table<ValidLink>,
}

pub(super) fn check<'d>(
    list: &'d [Shared<Tenant>],
    parts: &Parts<'_>,
    ports: &mut Ports<'d>,
    problems: &mut Vec<Problem>,
) -> Vec<Checked> {
    let names = list.iter().map(|tenant| &tenant.name);
    let _known: Table<ValidTenant> = Table::of("tenants", names, problems);
    check_segment_names(list, problems);
    let (mut tenants, mut segments) = (Vec::new(), 0);
    for (at, tenant) in list.iter().enumerate() {
        let mac_limit = tenant_limit(tenant, at, problems);
        let mut own = Vec::new();
        for (number, segment) in tenant.segments.iter().enumerate() {
            let place = Place {
                tenant: at,
                segment: number,
            };
            let owner = (&tenant.name, mac_limit);
            own.extend(check_segment(segment, place, owner, parts, ports, problems));
        }
        segments += own.len();
        tenants.push((mac_limit, own));
    }
    check_count(segments, problems);
    tenants
}

fn check_segment_names(list: &[Shared<Tenant>], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&Name, Place> = HashMap::new();
    for (tenant, owner) in list.iter().enumerate() {
        for (at, segment) in owner.segments.iter().enumerate() {
            let place = Place { tenant, segment: at };
            if let Some(first) = seen.get(&segment.name) {
                problems.push(duplicate(
                    &format!("{place}.name"),
                    &segment.name,
                    &first.to_string(),
                ));
            }
            seen.entry(&segment.name).or_insert(place);
        }
    }
}

pub(super) fn check_count(segments: usize, problems: &mut Vec<Problem>) {
    if segments > MAX_SEGMENTS {
        let sentence = format!("has {segments} segments, and a fabric can have {MAX_SEGMENTS}");
        problems.push(Problem::new(
            codes::TOO_MANY,
            "tenants",
            sentence,
            "use a second fabric",
        ));
    }
}

// A tenant without a limit of its own has room for its largest segment.
fn tenant_limit(tenant: &Tenant, at: usize, problems: &mut Vec<Problem>) -> u32 {
    let limits = tenant
        .segments
        .iter()
        .map(|segment| segment.mac_limit.map(MacLimit::get));
    let Some(own) = tenant.mac_limit.map(MacLimit::get) else {
        return limits.flatten().fold(DEFAULT_MAC_LIMIT, u32::max);
    };
    for (number, limit) in limits.enumerate() {
        if let Some(limit) = limit.filter(|limit| *limit > own) {
            problems.push(Problem::new(
                codes::BAD_LIMIT,
                format!("tenants[{at}].segments[{number}].mac_limit"),
                format!("is {limit}, more than the {own} of tenant {}", tenant.name),
                "lower it, or raise the tenant's mac_limit",
            ));
        }
    }
    own
}
