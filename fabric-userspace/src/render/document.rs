//! Plans, what came of them, and the history.

use super::numbers::{self, count};
use super::{Line, Table, Tone, time};
use crate::api::{Applied, Pending, Plan, Revision};

/// Whether a plan does anything.
pub fn changes_something(plan: &Plan) -> bool {
    plan.added + plan.changed + plan.removed > 0 || plan.from_revision != plan.to_revision
}

/// A plan; nothing was changed yet.
pub fn plan(plan: &Plan) -> Vec<Line> {
    let mut lines = preview(plan);
    let counts = format!(
        "{} to add, {} to change, {} to remove. Nothing was changed.",
        plan.added, plan.changed, plan.removed
    );
    if changes_something(plan) {
        lines.push(counts.into());
    }
    lines
}

/// What stands above the question, and above the line that says it is done.
pub fn preview(plan: &Plan) -> Vec<Line> {
    if !changes_something(plan) {
        return vec![nothing_to_do(plan)];
    }
    let mut lines = vec![Line::from(format!(
        "revision {} -> {}, node {}",
        plan.from_revision, plan.to_revision, plan.node
    ))];
    lines.extend(plan.lines.iter().map(|line| change(line)));
    lines.push(Line::toned(Tone::Dim, "order    ").and(order(plan)));
    lines.push(Line::toned(Tone::Dim, "traffic  ").and(traffic(plan)));
    lines
}

fn nothing_to_do(plan: &Plan) -> Line {
    format!("nothing to do: revision {} is this document", plan.from_revision).into()
}

fn change(line: &str) -> Line {
    let text = line.trim_start();
    let tone = match text.chars().next() {
        Some('+') => Tone::Good,
        Some('~') => Tone::Warn,
        Some('-') => Tone::Bad,
        Some(_) | None => Tone::Plain,
    };
    Line::toned(tone, format!("  {text}"))
}

fn order(plan: &Plan) -> String {
    let (make, change, stop) = (plan.writes_make, plan.writes_change, plan.writes_break);
    if make + change + stop == 0 {
        return "no write on this node".to_owned();
    }
    format!("{make} writes make, {change} change, {stop} break; access entries last in, first out")
}

fn traffic(plan: &Plan) -> String {
    match plan.stops.as_slice() {
        [] => "no attachment with recent traffic stops".to_owned(),
        stops => format!("stops: {}", stops.join(", ")),
    }
}

/// The question before a change that stops traffic.
pub fn question(stops: &[String]) -> String {
    match stops {
        [one] => format!("{one} is in use and will stop. Go on?"),
        several => format!(
            "{} attachments are in use and will stop: {}. Go on?",
            several.len(),
            several.join(", ")
        ),
    }
}

/// A document that is now in force; the plan was shown before.
pub fn applied(revision: u64, applied: &Applied) -> Vec<Line> {
    if !changes_something(&applied.plan) {
        return vec![nothing_to_do(&applied.plan)];
    }
    let plan = &applied.plan;
    let writes = plan.writes_make + plan.writes_change + plan.writes_break;
    let writes = count(usize::try_from(writes).unwrap_or(usize::MAX), "write", "writes");
    let done = format!(
        "applied revision {revision}: {writes} in {}",
        numbers::latency(applied.elapsed_seconds)
    );
    let mut lines = interface_changes(applied);
    lines.push(with_undo(done, applied));
    lines.extend(applied.pending.as_ref().map(pending));
    lines
}

/// What becomes of a revision that nobody confirms.
pub fn pending(pending: &Pending) -> Line {
    let Pending {
        revision,
        before,
        left_seconds,
        ..
    } = pending;
    let text = match left_seconds {
        0 => format!("revision {before} comes back in place of {revision}"),
        left => format!("revision {before} comes back in {left} s unless confirmed: "),
    };
    let line = Line::toned(Tone::Warn, text);
    if *left_seconds == 0 {
        line
    } else {
        line.and(format!("fabric confirm {revision}"))
    }
}

/// What a command changed in the document.
pub fn edited(revision: u64, applied: &Applied) -> Vec<Line> {
    let mut lines: Vec<Line> = applied.notes.iter().map(Line::from).collect();
    lines.extend(interface_changes(applied));
    if changes_something(&applied.plan) {
        let live = numbers::latency(applied.elapsed_seconds);
        lines.push(with_undo(
            format!("  revision {revision}, live after {live}"),
            applied,
        ));
    } else if lines.is_empty() {
        lines.push(format!("nothing to do: revision {revision} has it already").into());
    }
    lines
}

fn interface_changes(applied: &Applied) -> Vec<Line> {
    let line = |change: &String| Line::toned(Tone::Warn, format!("  {change}"));
    applied.interface_changes.iter().map(line).collect()
}

fn with_undo(text: String, applied: &Applied) -> Line {
    let line = Line::from(text);
    match &applied.undo {
        Some(undo) => line.with(Tone::Dim, "      undo: ").and(undo),
        None => line,
    }
}

/// The kept revisions, newest first; `now` in seconds since 1970. Wide with the exact times.
pub fn history(revisions: &[Revision], now: f64, wide: bool) -> Vec<Line> {
    let mut titles = vec![">REVISION", ">AGE"];
    if wide {
        titles.push("APPLIED-AT");
    }
    // On a node of its own everything is by this node.
    let by = wide && revisions.iter().any(|revision| revision.by.is_some());
    if by {
        titles.push("BY");
    }
    titles.push("CAUSE");
    let mut table = Table::titled(&titles);
    let mut sorted: Vec<_> = revisions.iter().collect();
    sorted.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    for revision in sorted {
        let mut cells = vec![
            Line::toned(Tone::Name, revision.revision.to_string()),
            time::age_of(&revision.applied_at, now).into(),
        ];
        if wide {
            cells.push(revision.applied_at.as_str().into());
        }
        if by {
            cells.push(numbers::or_unknown(revision.by.as_deref()).into());
        }
        let cause = Line::from(&revision.cause);
        cells.push(if revision.pending {
            cause.with(Tone::Warn, "  (in force until confirmed)")
        } else if revision.current {
            cause.with(Tone::Good, "  (in force)")
        } else {
            cause
        });
        table.row(cells);
    }
    table.lines()
}
