//! The figures, for people and for programs.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use serde_json::{Value, json};

use super::device::{Device, Group, Work};
use super::suite::limit;
use crate::interrupt;

/// What was measured of a device with frames of one size.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub name: &'static str,
    pub group: Group,
    pub work: Work,
    /// Length of the tenant's frame in bytes.
    pub size: usize,
    /// Nanoseconds of CPU time a frame, of each round.
    pub rounds: Vec<f64>,
}

impl Row {
    pub(super) fn new(device: &Device, size: usize) -> Self {
        Self {
            name: device.name,
            group: device.group,
            work: device.work,
            size,
            rounds: Vec::new(),
        }
    }

    /// The steadiest figure: other work on the machine can only add to it.
    pub(super) fn minimum(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(2)
    }

    /// Distance of the quartiles by the median.
    pub(super) fn spread(&self) -> f64 {
        (self.quantile(3) - self.quantile(1)) / self.median()
    }

    fn quantile(&self, quarter: usize) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1)) * quarter / 4;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Prints the table of one size.
pub(super) fn say(size: usize, rows: &[Row]) {
    let mut text = format!(
        "\n{size} bytes               ns/frame   median  spread   Mpps/core  of the limit   against\n"
    );
    let Some(limit) = limit(rows, size) else {
        return;
    };
    for row in rows {
        text += &format!(
            "{:<24}{:>8.1} {:>8.1} {:>6.1}%   {:>9.2}  {:>12.3}   {}\n",
            row.name,
            row.minimum(),
            row.median(),
            row.spread() * 100.0,
            1000.0 / row.minimum(),
            limit.minimum() / row.minimum(),
            against(row, rows),
        );
    }
    let _ = stdout().write_all(text.as_bytes());
}

/// How many times cheaper one of ours is than each peer that does the same work.
fn against(row: &Row, rows: &[Row]) -> String {
    if row.group != Group::Fabric {
        return String::new();
    }
    let same = rows
        .iter()
        .filter(|peer| peer.group == Group::Peer && peer.work == row.work);
    same.map(|peer| format!("{} {:.1}x", peer.name, peer.minimum() / row.minimum()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Every figure.
pub(super) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        let ratio = limit(rows, row.size).map(|limit| limit.minimum() / row.minimum());
        json!({
            "name": row.name,
            "bytes": row.size,
            "ns_minimum": row.minimum(),
            "ns_median": row.median(),
            "spread": row.spread(),
            "ratio_to_bare_redirect": ratio,
            "ns_rounds": row.rounds,
        })
    };
    json!({"schema": "fabric-bench/1", "rows": rows.iter().map(row).collect::<Vec<_>>()})
}

/// Shows on a terminal how far it is; round 0 takes the line away.
pub(super) fn progress(round: usize, rounds: usize) {
    if stderr().is_terminal() {
        let text = if round == 0 {
            String::new()
        } else {
            format!("round {round} of {rounds}")
        };
        let _ = write!(stderr(), "\r\x1b[2K{text}");
        let _ = stderr().flush();
    }
}

pub(super) fn note(text: &str) {
    let _ = writeln!(stderr(), "note: {text}");
}

/// Says that a signal has come, whose exit code it gives, as shells do for a process that a signal has ended.
pub(super) fn interrupted() -> u8 {
    let _ = writeln!(stderr(), "interrupted, everything is removed");
    let signal = interrupt::received().map_or(0, |signal| signal as i32);
    u8::try_from(128 + signal).unwrap_or(1)
}

pub(super) fn refuse(error: &anyhow::Error) {
    let _ = writeln!(stderr(), "error: {error:#}\n  code: not-measured");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_row() {
        let row = Row {
            name: "x",
            group: Group::Fabric,
            work: Work::Push,
            size: 64,
            rounds: vec![5.0, 1.0, 3.0, 2.0, 4.0],
        };
        assert!((row.minimum() - 1.0).abs() < 1e-9);
        assert!((row.median() - 3.0).abs() < 1e-9);
        assert!((row.spread() - 2.0 / 3.0).abs() < 1e-9);
    }
}
