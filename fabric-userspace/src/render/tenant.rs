//! `fabric tenant list` and `fabric tenant show`.

use std::collections::HashMap;
use std::time::Duration;

use super::numbers::{self, count, or_unknown};
use super::{Line, Table, Tone, segment};
use crate::api::{Count, Tenant};
use crate::model::natural;

/// Frames a second from and to a tenant; unknown if a counter went backwards or the tenant is new.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TenantRates {
    /// From the tenant.
    pub received: Option<f64>,
    /// To the tenant.
    pub transmitted: Option<f64>,
}

/// The rates of each tenant between two readings, by name.
pub fn rates_between(before: &[Tenant], after: &[Tenant], elapsed: Duration) -> HashMap<String, TenantRates> {
    let old: HashMap<&str, &Tenant> = before
        .iter()
        .map(|tenant| (tenant.name.as_str(), tenant))
        .collect();
    let rates = |old: &Tenant, new: &Tenant| TenantRates {
        received: frames_rate(old.received, new.received, elapsed),
        transmitted: frames_rate(old.transmitted, new.transmitted, elapsed),
    };
    after
        .iter()
        .filter_map(|new| Some((new.name.clone(), rates(old.get(new.name.as_str())?, new))))
        .collect()
}

fn frames_rate(old: Count, new: Count, elapsed: Duration) -> Option<f64> {
    numbers::rate(old.frames, new.frames, elapsed)
}

/// One line a tenant; wide with the exact totals and the tags.
pub fn list(tenants: &[Tenant], rates: &HashMap<String, TenantRates>, wide: bool) -> Vec<Line> {
    let mut titles = vec!["TENANT", ">SEGMENTS", ">ATTACHMENTS", ">MACS", ">IN", ">OUT"];
    if wide {
        titles.extend([
            ">MAC-LIMIT",
            ">IN-FRAMES",
            ">IN-BYTES",
            ">OUT-FRAMES",
            ">OUT-BYTES",
            "S-VIDS",
            "VNIS",
        ]);
    }
    let mut table = Table::titled(&titles);
    for tenant in sorted(tenants) {
        let rates = rates.get(&tenant.name).copied().unwrap_or_default();
        let mut cells = vec![
            Line::toned(Tone::Name, &tenant.name),
            tenant.segments.len().to_string().into(),
            attachments(tenant).to_string().into(),
            tenant.macs.to_string().into(),
            numbers::frame_rate(rates.received).into(),
            numbers::frame_rate(rates.transmitted).into(),
        ];
        if wide {
            cells.extend(wide_cells(tenant));
        }
        table.row(cells);
    }
    table.lines()
}

fn wide_cells(tenant: &Tenant) -> impl Iterator<Item = Line> {
    let joined = |numbers: Vec<String>| {
        if numbers.is_empty() {
            numbers::UNKNOWN.to_owned()
        } else {
            numbers.join(",")
        }
    };
    let s_vids = tenant.segments.iter().map(|segment| or_unknown(segment.s_vid));
    let vnis = tenant
        .segments
        .iter()
        .filter_map(|segment| Some(segment.vni?.to_string()));
    [
        tenant.mac_limit.to_string(),
        tenant.received.frames.to_string(),
        tenant.received.bytes.to_string(),
        tenant.transmitted.frames.to_string(),
        tenant.transmitted.bytes.to_string(),
        joined(s_vids.collect()),
        joined(vnis.collect()),
    ]
    .into_iter()
    .map(Line::from)
}

/// Each tenant with its segments and their ends; counters are totals.
pub fn show(tenants: &[Tenant]) -> Vec<Line> {
    let mut lines = Vec::new();
    for tenant in sorted(tenants) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.extend(one(tenant));
    }
    lines
}

fn one(tenant: &Tenant) -> Vec<Line> {
    let mut table = Table::bare(&["", "", "", "", ""]);
    let about = format!(
        "{}, {}, {} of {} MACs",
        count(tenant.segments.len(), "segment", "segments"),
        count(attachments(tenant), "attachment", "attachments"),
        tenant.macs,
        tenant.mac_limit
    );
    table.row([Line::toned(Tone::Name, &tenant.name), about.into()]);
    let mut segments: Vec<_> = tenant.segments.iter().collect();
    segments.sort_by(|a, b| natural(&a.name, &b.name));
    for one in segments {
        table.row(segment::headline(one));
        segment::ends(one, "    ")
            .into_iter()
            .for_each(|row| table.row(row));
    }
    table.lines()
}

fn attachments(tenant: &Tenant) -> usize {
    tenant
        .segments
        .iter()
        .map(|segment| segment.attachments.len())
        .sum()
}

fn sorted(tenants: &[Tenant]) -> Vec<&Tenant> {
    let mut sorted: Vec<_> = tenants.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
