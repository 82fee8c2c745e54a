//! The table of drop reasons: what drops most now stands first, each reason with its meaning and its cure.

use super::{Since, View, left_out};
use crate::api::ReasonTotal;
use crate::render::numbers::{UNKNOWN, or_unknown, rate};
use crate::render::{Line, Table, Tone};

pub(super) fn lines(view: &View<'_>) -> Vec<Line> {
    let mut rows: Vec<Row<'_>> = view.now.reasons.iter().map(|total| row(view, total)).collect();
    // What happens now first; a stable order among those that do not happen.
    rows.sort_by(|a, b| {
        let by_rate = b.now.unwrap_or(0.0).total_cmp(&a.now.unwrap_or(0.0));
        by_rate
            .then(b.total.frames.cmp(&a.total.frames))
            .then_with(|| a.total.reason.cmp(&b.total.reason))
    });
    let (shown, hidden): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| view.all || row.total.frames > 0);
    let mut lines = if shown.is_empty() {
        Vec::new()
    } else {
        table(view, &shown)
    };
    lines.extend(left_out(hidden.len(), "reason never hit", "reasons never hit"));
    lines
}

struct Row<'a> {
    total: &'a ReasonTotal,
    now: Option<f64>,
    minute: Option<f64>,
}

fn row<'a>(view: &View<'a>, total: &'a ReasonTotal) -> Row<'a> {
    Row {
        total,
        now: view.before.and_then(|since| reason_rate(since, total)),
        minute: view.minute.and_then(|since| reason_rate(since, total)),
    }
}

fn reason_rate(since: Since<'_>, new: &ReasonTotal) -> Option<f64> {
    let old = since
        .counters
        .reasons
        .iter()
        .find(|old| old.reason == new.reason)?;
    rate(old.frames, new.frames, since.elapsed)
}

fn table(view: &View<'_>, rows: &[Row<'_>]) -> Vec<Line> {
    let mut titles = vec!["REASON"];
    if view.before.is_some() {
        titles.extend([">NOW/S", ">1 MIN/S"]);
    }
    titles.extend([">TOTAL", "MOST AT", "MEANING -> CURE"]);
    let mut table = Table::titled(&titles);
    for row in rows {
        let mut cells = vec![Line::toned(Tone::Name, &row.total.reason)];
        if view.before.is_some() {
            cells.push(per_second(row.now).into());
            cells.push(per_second(row.minute).into());
        }
        cells.extend([
            row.total.frames.to_string().into(),
            or_unknown(row.total.most_at.as_deref()).into(),
            format!("{} -> {}", row.total.help, row.total.cure).into(),
        ]);
        table.row(cells);
    }
    table.lines()
}

// Over a minute the first decimal tells something; a rare event is not none.
fn per_second(rate: Option<f64>) -> String {
    match rate {
        None => UNKNOWN.to_owned(),
        Some(rate) if rate > 0.0 && rate < 0.05 => "<0.1".to_owned(),
        Some(rate) if rate == rate.trunc() => format!("{rate:.0}"),
        Some(rate) => format!("{rate:.1}"),
    }
}
