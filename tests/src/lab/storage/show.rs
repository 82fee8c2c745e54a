//! What the lab does with figures 12 and 13.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Failover, Storage, roles};
use crate::interrupt;
use crate::lab::findings::{Failure, Findings, part};
use crate::storage::{Drill, Event, Protocol, VOLUME, drill};

/// Longer than any stall here that ends by itself.
const HANGS: Duration = Duration::from_secs(2);

/// A row of the chart.
struct Case {
    name: &'static str,
    protocol: Protocol,
    event: Event,
    health: fn() -> Value,
    /// The client must get answers again.
    recovers: bool,
}

const CASES: [Case; 5] = [
    Case::new("all on, killed", Event::Kill, || json!({})),
    Case::new("all on", Event::Cut, || json!({})),
    Case::new("no in-path", Event::Cut, || json!({"in_path": false})),
    // Its request may have been acknowledged and not answered: such a client hangs.
    Case::new("no nudge", Event::Cut, || json!({"nudge": false})).may_hang(),
    Case::new("no nudge, read", Event::CutUnanswered, || json!({"nudge": false}))
        .over(Protocol::Nbd)
        .may_hang(),
];

impl Case {
    const fn new(name: &'static str, event: Event, health: fn() -> Value) -> Self {
        Self {
            name,
            protocol: Protocol::Iscsi,
            event,
            health,
            recovers: true,
        }
    }

    const fn over(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    const fn may_hang(self) -> Self {
        Self {
            recovers: false,
            ..self
        }
    }
}

/// Runs everything and fills `findings` as far as it gets.
///
/// # Errors
/// The part that failed: a client lost a write, saw an error, or hangs where it must not.
pub(super) fn show(lab: &Storage, findings: &mut Findings, progress: &dyn Fn(&str)) -> Result<(), Failure> {
    progress("globex's servers, and the copy");
    let second = part("servers", second(lab))?;
    for (run, case) in (1..).zip(&CASES) {
        progress(&format!("figure 12: {}", case.name));
        let shown = part("storage", failover(lab, case, run))?;
        let verdict = judged(&shown, case);
        findings.failovers.push(shown);
        part("storage", verdict)?;
    }
    progress("figure 13: one machine dies, which works for one client and protects the other");
    let roles = part("roles", roles::show(lab, second))?;
    let verdict = roles.check();
    findings.roles = Some(roles);
    part("roles", verdict)
}

/// They run all the time: what happens to the first tenant is nothing to the second.
fn second(lab: &Storage) -> Result<Vec<crate::storage::Member>> {
    let service = lab.rig.service_of(1)?;
    let members = lab.rig.serve_for(service, VOLUME)?;
    lab.rig.copy_for(service, &members)?;
    Ok(members)
}

fn failover(lab: &Storage, case: &Case, run: u64) -> Result<Failover> {
    interrupt::check()?;
    lab.rig.begin_again(case.protocol, (case.health)())?;
    let mut wanted = Drill::new(case.protocol, case.event, run);
    wanted.patience = HANGS;
    Ok(Failover {
        name: case.name,
        outcome: drill(&lab.rig, &wanted)?,
    })
}

fn judged(shown: &Failover, case: &Case) -> Result<()> {
    shown.outcome.check()?;
    ensure!(
        shown.outcome.recovered || !case.recovers,
        "{}: the client got no answer for {HANGS:?} after the switch",
        case.name
    );
    Ok(())
}
