//! `fabric doctor`.

use super::numbers::count;
use super::{Line, Table, Tone, status};
use crate::api::{Check, PortChecks};
use crate::model::natural;

/// The column where the verdict of a port ends.
const WIDTH: usize = 80;

/// Each port with its checks, and what follows from them; wide with the stable names of the checks.
pub fn lines(ports: &[PortChecks], wide: bool) -> Vec<Line> {
    let mut sorted: Vec<_> = ports.iter().collect();
    sorted.sort_by(|a, b| natural(&a.port, &b.port));
    let mut lines = Vec::new();
    for port in &sorted {
        lines.push(headline(port));
        lines.extend(checks(port, wide));
    }
    if !sorted.is_empty() {
        lines.push(summary(&sorted));
    }
    lines
}

/// Whether a check failed.
pub fn has_failed(ports: &[PortChecks]) -> bool {
    ports.iter().any(|port| number_of(port, "fail") > 0)
}

fn headline(port: &PortChecks) -> Line {
    let mut line = Line::toned(Tone::Name, &port.port);
    if let Some(role) = &port.role {
        line.push(Tone::Plain, format!("  {role}"));
    }
    line.push(Tone::Plain, format!("  {}  ", port.about));
    let verdict = if number_of(port, "fail") > 0 {
        status::state("FAIL")
    } else if number_of(port, "warn") > 0 {
        status::state("warn")
    } else {
        status::state("ok")
    };
    line.pad(WIDTH - verdict.width());
    line.append(verdict);
    line
}

fn checks(port: &PortChecks, wide: bool) -> Vec<Line> {
    let mut table = Table::bare(&["", "", "", ""]);
    let width = port.checks.iter().map(|check| check.name.chars().count()).max();
    for check in &port.checks {
        let mut verdict = Line::from("  ");
        verdict.append(status::state(if check.verdict == "fail" {
            "FAIL"
        } else {
            &check.verdict
        }));
        let mut name = Line::from(&check.name);
        name.pad(width.unwrap_or(0));
        let mut cells = vec![verdict, name];
        if wide {
            cells.push(Line::toned(Tone::Dim, &check.id));
        }
        cells.push(check.detail.as_str().into());
        table.row(cells);
        more(check).into_iter().for_each(|line| table.row([line]));
    }
    table.lines()
}

fn more(check: &Check) -> Vec<Line> {
    let line = |label: &str, text: &str| Line::toned(Tone::Dim, format!("          {label}: ")).and(text);
    let why = check.why.as_deref().map(|why| line("why", why));
    let cure = check.cure.as_deref().map(|cure| line("cure", cure));
    why.into_iter().chain(cure).collect()
}

fn summary(ports: &[&PortChecks]) -> Line {
    let all = |verdict| -> usize { ports.iter().map(|port| number_of(port, verdict)).sum() };
    let mut line = Line::from(format!(
        "{} failed, {}, {} ok. Nothing was changed.",
        all("fail"),
        count(all("warn"), "warning", "warnings"),
        all("ok")
    ));
    let failed: Vec<&str> = ports
        .iter()
        .filter(|port| number_of(port, "fail") > 0)
        .map(|port| port.port.as_str())
        .collect();
    if !failed.is_empty() {
        let checks = if all("fail") == 1 {
            "the failed check passes"
        } else {
            "the failed checks pass"
        };
        line.push(
            Tone::Plain,
            format!(" {} is not fit until {checks}.", failed.join(", ")),
        );
    }
    line
}

fn number_of(port: &PortChecks, verdict: &str) -> usize {
    port.checks
        .iter()
        .filter(|check| check.verdict == verdict)
        .count()
}
