//! Figure 13: what a machine is depends on the client. One dies; only the client that it works for changes over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Storage;
use crate::storage::{Load, MEMBERS, Member, Protocol, Record, Service, Target, VOLUME};

/// Requests answered before and after.
const SOME: u64 = 200;
const LONG: Duration = Duration::from_secs(20);
/// Runs of the chart have lower numbers.
const RUN: u64 = 100;

/// What a client saw of the death of the first machine.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its storage machine.
    pub vsm: &'static str,
    /// The member in charge, before and after.
    pub working: [String; 2],
    /// The epoch, before and after.
    pub epoch: [u64; 2],
    /// What it saw.
    pub record: Record,
    /// Writes that it was told are safe, and those of them that the member in charge does not have.
    pub acknowledged: u64,
    /// See above.
    pub lost: u64,
}

/// What all clients saw.
#[derive(Clone, Debug)]
pub struct Roles {
    /// The machine that died.
    pub killed: &'static str,
    /// By client: the one it works for, then the one it protects.
    pub seen: Vec<Seen>,
}

impl Roles {
    /// Only the client that the machine works for changed over, and nobody lost anything.
    ///
    /// # Errors
    /// What was otherwise.
    pub fn check(&self) -> Result<()> {
        for seen in &self.seen {
            let (vsm, [before, after]) = (seen.vsm, &seen.working);
            let errors = seen.record.io_errors.len();
            ensure!(errors == 0, "{vsm}: the client saw {errors} I/O errors");
            let (lost, all) = (seen.lost, seen.acknowledged);
            ensure!(lost == 0, "{vsm}: {lost} of {all} acknowledged writes are lost");
            let must_switch = before == self.killed;
            ensure!(
                (before != after) == must_switch && (seen.epoch[0] != seen.epoch[1]) == must_switch,
                "{vsm}: {before} worked, {} died, now {after} works",
                self.killed
            );
            let breaks = seen.record.breaks.len();
            ensure!(
                must_switch || breaks == 0,
                "{vsm}: {breaks} sessions broke, though its machine lives"
            );
        }
        let first: Vec<&String> = self.seen.iter().map(|seen| &seen.working[0]).collect();
        ensure!(
            first.windows(2).all(|two| two[0] != two[1]),
            "one machine works for everybody: {first:?}"
        );
        Ok(())
    }
}

/// Both clients write; the machine that works for the first one dies. `second` are the servers of the second one.
pub(super) fn show(lab: &Storage, second: Vec<Member>) -> Result<Roles> {
    let rig = &lab.rig;
    rig.begin_again(Protocol::Nbd, json!({}))?;
    let first = rig.serve(VOLUME)?;
    rig.wait_all_up()?;
    rig.copy(&first)?;
    let mut all = [first, second];
    let services = [rig.service_of(0)?, rig.service_of(1)?];
    let before = [state(lab, services[0])?, state(lab, services[1])?];
    let target = Target::tcp(rig.service(Protocol::Nbd.port())?);
    let mut loads = Vec::new();
    for (run, service) in (RUN..).zip(services) {
        let load = Load::write(&service.client, &target.clone().connect_within(LONG), run)?;
        load.wait_answers(SOME, LONG)?;
        loads.push(load);
    }
    for members in &mut all {
        members.first_mut().context("no member")?.kill_hard()?;
    }
    for load in &loads {
        load.wait_answers(SOME, LONG)?;
    }
    let mut seen = Vec::new();
    for (((load, service), before), members) in loads.into_iter().zip(services).zip(before).zip(&all) {
        let record = load.stop()?;
        let after = state(lab, service)?;
        let at = MEMBERS.iter().position(|name| *name == after.0);
        let serving = at.and_then(|at| members.get(at)).context("nobody is in charge")?;
        let verdict = record.verify(serving.volume())?;
        seen.push(Seen {
            vsm: service.vsm,
            working: [before.0, after.0],
            epoch: [before.1, after.1],
            record,
            acknowledged: verdict.acknowledged,
            lost: u64::try_from(verdict.lost.len())?,
        });
    }
    lab.serving().extend(all.into_iter().flatten());
    Ok(Roles {
        killed: MEMBERS[0],
        seen,
    })
}

/// Who is in charge, and the epoch.
fn state(lab: &Storage, service: &Service) -> Result<(String, u64)> {
    let working = lab.rig.working_of(service.vsm)?.context("nobody is in charge")?;
    let epoch = lab.rig.show_of(service.vsm)?["epoch"].as_u64();
    Ok((working, epoch.context("no epoch")?))
}
