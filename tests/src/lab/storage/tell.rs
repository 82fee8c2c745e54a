//! Failovers for the eye: a chart of the client's answers, and when the fabric did what.

use std::time::Duration;

use super::{Failover, Roles, Seen};
use crate::lab::console::{Console, milliseconds};
use crate::lab::findings::Findings;
use crate::storage::{Event, MEMBERS, Outcome};

/// Microseconds of one column.
const COLUMN: i64 = 5000;
/// Columns before the event, and all of them.
const BEFORE: i64 = 5;
const COLUMNS: i64 = 55;

/// The chart, and the times of those rows that need no further rules.
pub(in crate::lab) fn failovers(console: Console, rows: &[Failover]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        console.bold(" figure 12: a client writes over iSCSI, or reads over NBD"),
        " requests answered per 5 ms; 0 = array-1 is killed, or cut off but alive; # some, . none".to_owned(),
    ];
    lines.push(format!(" {:<16}{}", "", scale()));
    lines.extend(rows.iter().map(|row| chart(console, row)));
    for row in rows.iter().filter(|row| row.name.starts_with("all on")) {
        lines.push(String::new());
        lines.extend(times(console, row));
    }
    lines
}

/// `0         50        100`, a mark every ten columns.
fn scale() -> String {
    let mut text = " ".repeat(usize::try_from(BEFORE).unwrap_or(0));
    let marks = (COLUMNS - BEFORE) / 10;
    for mark in 0..marks {
        text += &format!("{:<10}", mark * 10 * COLUMN / 1000);
    }
    format!("{text}{} ms", marks * 10 * COLUMN / 1000)
}

fn chart(console: Console, row: &Failover) -> String {
    let outcome = &row.outcome;
    let stall = if outcome.recovered {
        format!("{:>8}", milliseconds(outcome.stall()))
    } else {
        console.bad(&format!(
            "> {:.0} s, hangs",
            outcome.stall().as_secs_f64().floor()
        ))
    };
    format!(" {:<16}{}  {stall}", row.name, columns(outcome))
}

fn columns(outcome: &Outcome) -> String {
    let since = |time: u64| time.cast_signed() - outcome.event_us.cast_signed();
    let answers: Vec<i64> = outcome
        .record
        .answered
        .iter()
        .map(|exchange| since(exchange.answered_us).div_euclid(COLUMN))
        .collect();
    let end = since(outcome.record.until_us).div_euclid(COLUMN);
    (-BEFORE..COLUMNS - BEFORE)
        .map(|column| match () {
            () if answers.contains(&column) => '#',
            () if column > end => ' ',
            () => '.',
        })
        .collect()
}

/// What happened when, from the client's last answer on; the fabric's own times are exact to a millisecond.
fn times(console: Console, row: &Failover) -> Vec<String> {
    let outcome = &row.outcome;
    let stall = outcome.record.longest_stall_after(outcome.event_us);
    let told = &outcome.told;
    let before = |ms: f64| Duration::from_secs_f64((told.switched_ms - ms).max(0.0) / 1e3);
    let switched = Duration::from_micros(told.switched_us);
    let [one, other] = [MEMBERS[0], MEMBERS[1]];
    let (what, by) = (
        match outcome.event {
            Event::Kill => "kill -9 of its servers",
            Event::Cut | Event::CutUnanswered => "its cable to the clients is cut",
        },
        if told.in_path {
            "by the first frame past the limit"
        } else {
            "by the agent"
        },
    );
    let mut events = vec![
        (
            Duration::from_micros(stall.from_us),
            format!("last answer of {one}"),
        ),
        (Duration::from_micros(outcome.event_us), what.to_owned()),
        (
            switched.saturating_sub(before(told.found_ms)),
            format!(
                "found silent, {:.1} ms after its last sign of life",
                told.found_ms
            ),
        ),
        (
            switched,
            format!(
                "switched to {other} {by}, {:.0} us after that",
                (told.switched_ms - told.found_ms) * 1e3
            ),
        ),
        (
            Duration::from_micros(stall.until_us),
            format!(
                "first answer of {other}: the client waited {}",
                milliseconds(stall.length())
            ),
        ),
    ];
    if let Some(nudged) = told.nudged_ms {
        let after = Duration::from_secs_f64((nudged - told.switched_ms).max(0.0) / 1e3);
        events.push((
            switched + after,
            format!("nudged the client's {} connections", told.nudges),
        ));
    }
    events.sort_by_key(|(at, _)| *at);
    let first = Duration::from_micros(stall.from_us);
    let mut lines = vec![console.bold(&format!(" {}: what happened when", row.name))];
    lines.extend(events.iter().map(|(at, what)| {
        let after = at.saturating_sub(first);
        format!("   +{:>3.0} ms  {what}", after.as_secs_f64() * 1e3)
    }));
    lines
}

/// Figure 13.
pub(in crate::lab) fn roles(console: Console, roles: Option<&Roles>) -> Vec<String> {
    let Some(roles) = roles else {
        return Vec::new();
    };
    let mut lines = vec![console.bold(&format!(
        " figure 13: {} is killed, which works for one client and protects the other",
        roles.killed
    ))];
    lines.push(format!(
        "   {:<11}{:<9} -> {:<9}{:>6}{:>10}{:>10}{:>14}{:>6}",
        "", "working", "now", "epoch", "stall", "sessions", "writes", "lost"
    ));
    lines.extend(roles.seen.iter().map(role));
    lines
}

fn role(seen: &Seen) -> String {
    let [before, after] = &seen.working;
    let stall = milliseconds(seen.record.longest_stall().length());
    let sessions = if seen.record.breaks.is_empty() {
        "goes on"
    } else {
        "new"
    };
    format!(
        "   {:<11}{before:<9} -> {after:<9}{:>6}{stall:>10}{sessions:>10}{:>14}{:>6}",
        seen.vsm, seen.epoch[1], seen.acknowledged, seen.lost
    )
}

/// For the last line; nothing for a lab without storage.
pub(in crate::lab) fn sum(findings: &Findings) -> Option<String> {
    let outcomes = findings.failovers.iter().map(|row| &row.outcome);
    let clients = findings.roles.iter().flat_map(|roles| &roles.seen);
    let records = outcomes.clone().map(|outcome| &outcome.record);
    let errors: usize = records
        .chain(clients.clone().map(|seen| &seen.record))
        .map(|record| record.io_errors.len())
        .sum();
    let writes = outcomes.map(|outcome| (outcome.acknowledged, outcome.lost));
    let (all, lost) = writes
        .chain(clients.map(|seen| (seen.acknowledged, seen.lost)))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let machines = findings.failovers.len() + usize::from(findings.roles.is_some());
    (machines > 0).then(|| {
        format!("{machines} machines lost, {lost} of {all} acknowledged writes lost, {errors} I/O errors")
    })
}
