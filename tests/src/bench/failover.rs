//! How long a client waits when the storage machine that it works with dies or is cut off, and whether anything is lost.

use std::io::{Write as _, stdout};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::options::Failover;
use super::report;
use crate::interrupt;
use crate::lab::latencies::Latencies;
use crate::storage::{
    Drill, Event, Outcome, Protocol, Rig, RigOptions, SiteOptions, Sites, drill, drill_across,
};

/// Runs of a row that is there for comparison.
const FEW: u64 = 5;
/// Longer than any stall that ends by itself here, and short enough to wait for one that does not.
const HANGS: Duration = Duration::from_secs(3);

/// One row.
struct Case {
    name: &'static str,
    protocol: Protocol,
    event: Event,
    /// The object `health` of the document, where it is not the default.
    health: fn() -> Value,
    /// It shows what a part of the fabric is good for.
    compares: bool,
    /// The members are at two nodes, which share an etcd.
    across: bool,
}

const CASES: [Case; 10] = [
    Case::new("NBD, kill", Protocol::Nbd, Event::Kill),
    Case::new("NBD, cut", Protocol::Nbd, Event::Cut),
    Case::new("NBD, cut, reader", Protocol::Nbd, Event::CutUnanswered),
    Case::new("iSCSI, kill", Protocol::Iscsi, Event::Kill),
    Case::new("iSCSI, cut", Protocol::Iscsi, Event::Cut),
    Case::across("NBD, kill, two nodes", Event::Kill),
    Case::across("NBD, cut, two nodes", Event::Cut),
    Case::without("NBD, cut, no in-path", Event::Cut, || json!({"in_path": false})),
    Case::without("NBD, cut, no nudge", Event::Cut, || json!({"nudge": false})),
    Case::without(
        "NBD, cut, reader, no nudge",
        Event::CutUnanswered,
        || json!({"nudge": false}),
    ),
];

impl Case {
    const fn new(name: &'static str, protocol: Protocol, event: Event) -> Self {
        Self {
            name,
            protocol,
            event,
            health: || json!({}),
            compares: false,
            across: false,
        }
    }

    const fn across(name: &'static str, event: Event) -> Self {
        Self {
            across: true,
            ..Self::new(name, Protocol::Nbd, event)
        }
    }

    const fn without(name: &'static str, event: Event, health: fn() -> Value) -> Self {
        Self {
            name,
            protocol: Protocol::Nbd,
            event,
            health,
            compares: true,
            across: false,
        }
    }
}

/// What was measured of one case.
struct Row {
    name: &'static str,
    /// It is there for comparison: its clients may hang.
    compares: bool,
    outcomes: Vec<Outcome>,
}

/// Measures and says everything; false when a client lost something, or hangs in a row that does not only compare.
///
/// # Errors
/// When something cannot be built, or the fabric did not switch.
pub(super) fn run(options: &Failover) -> Result<bool> {
    say(&format!(
        "{:<28}{:>4}  {:^20}  {:^20}  {:^23}  {:>6}  {:>12}  {:>4}\n{:<28}{:>4}  {:>6}{:>7}{:>7}  {:>6}{:>7}{:>7}  {:>7}{:>8}{:>8}  {:>6}  {:>12}\n",
        "milliseconds",
        "",
        "detect",
        "detect and switch",
        "longest stall",
        "I/O",
        "acknowledged",
        "lost",
        "",
        "runs",
        "p50",
        "p99",
        "max",
        "p50",
        "p99",
        "max",
        "p50",
        "p99",
        "max",
        "errors",
        "writes"
    ));
    let mut rows = Vec::new();
    let wanted = |case: &&Case| {
        options
            .only
            .as_ref()
            .is_none_or(|text| case.name.contains(text.as_str()))
    };
    for case in CASES.iter().filter(wanted) {
        let row = match case.across {
            true => measure_across(case, options.runs)?,
            false => measure(case, options.runs)?,
        };
        say(&row.text());
        rows.push(row);
    }
    if let Some(path) = &options.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        let all = json!({"schema": "fabric-bench-failover/1", "rows": rows});
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(rows.iter().all(Row::is_good))
}

fn measure(case: &Case, runs: u64) -> Result<Row> {
    let rig = Rig::start(&RigOptions {
        tcp_port: Some(case.protocol.port()),
        copied: true,
        ..RigOptions::default()
    })?;
    let runs = if case.compares { runs.min(FEW) } else { runs };
    let mut outcomes = Vec::new();
    for run in 1..=runs {
        interrupt::check()?;
        report::progress(usize::try_from(run)?, usize::try_from(runs)?);
        rig.begin_again(case.protocol, (case.health)())?;
        let mut wanted = Drill::new(case.protocol, case.event, run);
        if case.compares {
            wanted.patience = HANGS;
        }
        let outcome = drill(&rig, &wanted).with_context(|| format!("{}, run {run}", case.name))?;
        outcomes.push(outcome);
    }
    report::progress(0, 0);
    rig.tear_down()?;
    Ok(Row {
        name: case.name,
        compares: case.compares,
        outcomes,
    })
}

fn measure_across(case: &Case, runs: u64) -> Result<Row> {
    let sites = Sites::start(&SiteOptions {
        tcp_port: Some(case.protocol.port()),
        copied: true,
        ..SiteOptions::default()
    })?;
    let mut outcomes = Vec::new();
    for run in 1..=runs {
        interrupt::check()?;
        report::progress(usize::try_from(run)?, usize::try_from(runs)?);
        let outcome = drill_across(&sites, case.event, run);
        outcomes.push(outcome.with_context(|| format!("{}, run {run}", case.name))?);
        sites.begin_again()?;
    }
    report::progress(0, 0);
    sites.tear_down()?;
    Ok(Row {
        name: case.name,
        compares: case.compares,
        outcomes,
    })
}

impl Row {
    fn is_good(&self) -> bool {
        let first = self.outcomes.iter().find_map(|outcome| outcome.check().err());
        if let Some(error) = &first {
            report::note(&format!("{}: {error:#}", self.name));
        }
        first.is_none() && (self.compares || self.hanging() == 0)
    }

    fn times(&self, of: impl Fn(&Outcome) -> Duration) -> Latencies {
        Latencies::new(self.outcomes.iter().map(of).collect())
    }

    fn detect(&self) -> Latencies {
        self.times(|outcome| Duration::from_secs_f64(outcome.told.found_ms / 1e3))
    }

    fn switch(&self) -> Latencies {
        self.times(|outcome| Duration::from_secs_f64(outcome.told.switched_ms / 1e3))
    }

    fn stall(&self) -> Latencies {
        self.times(Outcome::stall)
    }

    fn sum(&self, of: impl Fn(&Outcome) -> u64) -> u64 {
        self.outcomes.iter().map(of).sum()
    }

    fn io_errors(&self) -> u64 {
        self.sum(|outcome| outcome.record.io_errors.len() as u64)
    }

    fn hanging(&self) -> u64 {
        self.sum(|outcome| u64::from(!outcome.recovered))
    }

    fn text(&self) -> String {
        let hanging = match self.hanging() {
            0 => String::new(),
            some => format!("   {some} never got an answer again"),
        };
        format!(
            "{:<28}{:>4}  {}  {}  {}  {:>6}  {:>12}  {:>4}{hanging}\n",
            self.name,
            self.outcomes.len(),
            three(&self.detect(), 7),
            three(&self.switch(), 7),
            three(&self.stall(), 8),
            self.io_errors(),
            self.sum(|outcome| outcome.acknowledged),
            self.sum(|outcome| outcome.lost),
        )
    }

    fn json(&self) -> Value {
        let all = |times: Latencies| {
            let at = |percent| times.percentile(percent).map(milliseconds);
            json!({"p50": at(50), "p99": at(99), "max": at(100)})
        };
        let each = self.outcomes.iter().map(|outcome| {
            json!({
                "found_ms": outcome.told.found_ms,
                "switched_ms": outcome.told.switched_ms,
                "in_path": outcome.told.in_path,
                "nudges": outcome.told.nudges,
                "stall_ms": milliseconds(outcome.stall()),
                "recovered": outcome.recovered,
            })
        });
        json!({
            "name": self.name,
            "runs": self.outcomes.len(),
            "detect_ms": all(self.detect()),
            "switch_ms": all(self.switch()),
            "stall_ms": all(self.stall()),
            "io_errors": self.io_errors(),
            "acknowledged": self.sum(|outcome| outcome.acknowledged),
            "lost": self.sum(|outcome| outcome.lost),
            "hanging": self.hanging(),
            "each": each.collect::<Vec<_>>(),
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// p50, p99 and the largest.
fn three(times: &Latencies, width: usize) -> String {
    let at = |percent| times.percentile(percent).map_or(f64::NAN, milliseconds);
    format!(
        "{:>first$.1}{:>width$.1}{:>width$.1}",
        at(50),
        at(99),
        at(100),
        first = width - 1
    )
}

fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
    let _ = stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Record, Told};

    fn outcome(recovered: bool, lost: u64) -> Outcome {
        let record = Record {
            run: 1,
            from_us: 0,
            until_us: 0,
            slots: 1,
            answered: Vec::new(),
            pending: None,
            io_errors: Vec::new(),
            breaks: Vec::new(),
            wrong: Vec::new(),
        };
        let told = Told {
            found_ms: 0.0,
            switched_ms: 0.0,
            nudged_ms: None,
            nudges: 0,
            in_path: false,
            switched_us: 0,
        };
        Outcome {
            event: Event::Cut,
            event_us: 0,
            record,
            told,
            recovered,
            acknowledged: 1,
            lost,
        }
    }

    #[test]
    fn a_client_that_hangs_is_only_good_where_that_is_compared_with() {
        let is_good = |compares, recovered, lost| {
            let outcomes = vec![outcome(true, 0), outcome(recovered, lost)];
            let name = "a row";
            Row {
                name,
                compares,
                outcomes,
            }
            .is_good()
        };
        assert!(is_good(false, true, 0) && is_good(true, true, 0));
        assert!(!is_good(false, false, 0), "it hangs");
        assert!(
            is_good(true, false, 0),
            "it hangs, as without a part of the fabric"
        );
        assert!(!is_good(true, true, 1), "lost is lost");
    }
}
