//! The tables of ports and of tenants: totals, or rates since the reading before.

use super::{Since, View, left_out};
use crate::api::{Count, NamedPortCounters, PortCounters, TenantCounters};
use crate::model::natural;
use crate::render::numbers::{bit_rate, frame_rate, rate};
use crate::render::{Line, Table, Tone};

pub(super) fn ports(view: &View<'_>) -> Vec<Line> {
    let mut rows: Vec<&NamedPortCounters> = view.now.ports.iter().collect();
    rows.sort_by(|a, b| natural(&a.port, &b.port));
    let (shown, hidden): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| view.all || has_frames(row));
    let titles = match view.before {
        None => ["PORT", ">IN", ">REDIRECTED", ">PASSED", ">DROPPED", ">OUT"].as_slice(),
        Some(_) => &["PORT", ">IN", ">IN", ">OUT", ">OUT", ">DROPPED", ">DROPPED-TOTAL"],
    };
    let mut table = Table::titled(titles);
    for row in &shown {
        let name = Line::toned(Tone::Name, &row.port);
        let cells = match view.before {
            None => port_totals(&row.counters),
            Some(since) => port_rates(since, row),
        };
        table.row(std::iter::once(name).chain(cells.into_iter().map(Line::from)));
    }
    let mut lines = finished(
        table,
        shown.is_empty(),
        left_out(hidden.len(), "port without a frame", "ports without a frame"),
    );
    lines.extend(shown.into_iter().filter_map(lost));
    lines
}

/// What went out of a port and not onto its wire.
fn lost(row: &NamedPortCounters) -> Option<Line> {
    let frames = match row.counters.lost_frames {
        None | Some(0) => return None,
        Some(1) => "1 frame was".to_owned(),
        Some(more) => format!("{more} frames were"),
    };
    let port = &row.port;
    Some(format!("{frames} lost by the driver of {port}, see: ip -s -s link show {port}").into())
}

fn has_frames(row: &NamedPortCounters) -> bool {
    let counters = &row.counters;
    let lost = counters.lost_frames.unwrap_or(0);
    counters.received.frames + counters.transmitted.frames + counters.dropped_copies + lost > 0
}

fn port_totals(counters: &PortCounters) -> Vec<String> {
    [
        counters.received.frames,
        counters.redirected_frames,
        counters.passed_frames,
        counters.dropped_frames,
        counters.transmitted.frames,
    ]
    .map(|number| number.to_string())
    .to_vec()
}

fn port_rates(since: Since<'_>, new: &NamedPortCounters) -> Vec<String> {
    let old = since.counters.ports.iter().find(|old| old.port == new.port);
    let old = old.map(|old| &old.counters);
    let mut cells = traffic_rates(since, old.map(|old| old.received), new.counters.received);
    cells.extend(traffic_rates(
        since,
        old.map(|old| old.transmitted),
        new.counters.transmitted,
    ));
    let dropped = old.and_then(|old| rate(old.dropped_frames, new.counters.dropped_frames, since.elapsed));
    cells.push(frame_rate(dropped));
    cells.push(new.counters.dropped_frames.to_string());
    cells
}

pub(super) fn tenants(view: &View<'_>) -> Vec<Line> {
    let mut rows: Vec<&TenantCounters> = view.now.tenants.iter().collect();
    rows.sort_by(|a, b| natural(&a.tenant, &b.tenant));
    let has_frames = |row: &&TenantCounters| row.received.frames + row.transmitted.frames > 0;
    let (shown, hidden): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| view.all || has_frames(row));
    let mut table = match view.before {
        None => Table::titled(&["TENANT", ">IN-FRAMES", ">IN-BYTES", ">OUT-FRAMES", ">OUT-BYTES"]),
        Some(_) => Table::titled(&["TENANT", ">IN", ">IN", ">OUT", ">OUT"]),
    };
    for row in &shown {
        let name = Line::toned(Tone::Name, &row.tenant);
        let cells = match view.before {
            None => tenant_totals(row),
            Some(since) => tenant_rates(since, row),
        };
        table.row(std::iter::once(name).chain(cells.into_iter().map(Line::from)));
    }
    finished(
        table,
        shown.is_empty(),
        left_out(hidden.len(), "tenant without a frame", "tenants without a frame"),
    )
}

fn tenant_totals(row: &TenantCounters) -> Vec<String> {
    [
        row.received.frames,
        row.received.bytes,
        row.transmitted.frames,
        row.transmitted.bytes,
    ]
    .map(|number| number.to_string())
    .to_vec()
}

fn tenant_rates(since: Since<'_>, new: &TenantCounters) -> Vec<String> {
    let old = since.counters.tenants.iter().find(|old| old.tenant == new.tenant);
    let mut cells = traffic_rates(since, old.map(|old| old.received), new.received);
    cells.extend(traffic_rates(
        since,
        old.map(|old| old.transmitted),
        new.transmitted,
    ));
    cells
}

fn traffic_rates(since: Since<'_>, old: Option<Count>, new: Count) -> Vec<String> {
    let frames = old.and_then(|old| rate(old.frames, new.frames, since.elapsed));
    let bytes = old.and_then(|old| rate(old.bytes, new.bytes, since.elapsed));
    vec![frame_rate(frames), bit_rate(bytes)]
}

fn finished(table: Table, is_empty: bool, left_out: Option<Line>) -> Vec<Line> {
    let mut lines = if is_empty { Vec::new() } else { table.lines() };
    lines.extend(left_out);
    lines
}
