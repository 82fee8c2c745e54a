//! `fabric status`.

use std::time::Duration;

use super::{Line, Table, Tone, numbers, time};
use crate::api::{Envelope, Item, Status, Traffic};

/// Frames a second of a node; each unknown if its counter went backwards.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TrafficRates {
    /// That came in.
    pub received: Option<f64>,
    /// That went out, copies included.
    pub transmitted: Option<f64>,
    /// That were dropped, copies included.
    pub dropped: Option<f64>,
}

impl TrafficRates {
    /// The rates between two readings.
    pub fn between(before: &Traffic, after: &Traffic, elapsed: Duration) -> Self {
        let dropped = |traffic: &Traffic| traffic.dropped_frames.saturating_add(traffic.dropped_copies);
        Self {
            received: numbers::rate(before.received_frames, after.received_frames, elapsed),
            transmitted: numbers::rate(before.transmitted_frames, after.transmitted_frames, elapsed),
            dropped: numbers::rate(dropped(before), dropped(after), elapsed),
        }
    }
}

/// The picture; `now` in seconds since 1970.
pub fn lines(answer: &Envelope<Item<Status>>, rates: &TrafficRates, now: f64, wide: bool) -> Vec<Line> {
    let status = &answer.body.item;
    let mut table = Table::bare(&["", ""]);
    let mut row = |label: &str, value: Line| table.row([Line::toned(Tone::Dim, label), value]);
    row("node", node(status));
    row("agent", agent(status));
    row("state", state(&status.state));
    for problem in &status.problems {
        row("status", problem.status.as_str().into());
        row("action", problem.action.as_str().into());
    }
    row("config", config(answer.revision, status, now));
    if let Some(pending) = &status.pending {
        row("confirm", super::document::pending(pending));
    }
    let ports = format!("{}, native XDP, map layout {}", status.ports, status.layout);
    row("ports", ports.into());
    let fdb = format!("{} of {} entries", status.fdb_entries, status.fdb_capacity);
    row("fdb", fdb.into());
    row("traffic", traffic(rates));
    if wide {
        row("totals", totals(&status.traffic).into());
    }
    table.lines()
}

fn node(status: &Status) -> Line {
    let line = Line::toned(Tone::Name, &status.node);
    match &status.datacenter {
        Some(datacenter) => line.and(format!(", datacenter {datacenter}")),
        None => line.and(", not in the document"),
    }
}

fn agent(status: &Status) -> Line {
    // Years of uptime are far below 2^53 seconds.
    let up = numbers::age(status.uptime_seconds as f64);
    format!("{}, up {up}, pid {}", status.version, status.pid).into()
}

fn config(revision: u64, status: &Status, now: f64) -> Line {
    let applied = match &status.applied_at {
        Some(at) => format!("applied {} ago", time::age_of(at, now)),
        None => "nothing applied yet".to_owned(),
    };
    let newer = match status.desired_revision {
        desired if desired > revision => format!(", the store has {desired}"),
        _ => String::new(),
    };
    format!("revision {revision}, {applied}, store {}{newer}", status.store).into()
}

fn traffic(rates: &TrafficRates) -> Line {
    let [received, transmitted, dropped] =
        [rates.received, rates.transmitted, rates.dropped].map(numbers::frame_rate);
    Line::from(format!("in {received}  out {transmitted}  ")).and(format!("dropped {dropped}"))
}

/// Where all frames went, exactly.
pub fn totals(total: &Traffic) -> String {
    format!(
        "in {} = redirected {} + passed {} + dropped {}; out {}, copies dropped {}",
        total.received_frames,
        total.redirected_frames,
        total.passed_frames,
        total.dropped_frames,
        total.transmitted_frames,
        total.dropped_copies
    )
}

/// A state or verdict in its colour.
pub fn state(word: &str) -> Line {
    let tone = match word {
        "ok" | "up" => Tone::Good,
        "degraded" | "warn" | "unresolved" | "backup" => Tone::Warn,
        "down" | "unsafe" | "gone" | "fail" | "FAIL" => Tone::Bad,
        "elsewhere" => Tone::Dim,
        _ => Tone::Plain,
    };
    Line::toned(tone, word)
}
