//! A member of a [`Rig`] dies or is cut off under a client at work; what the client saw of it, and what the fabric says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::blocks::fill;
use super::disk::Disk;
use super::load::{Load, Target};
use super::member::Member;
use super::record::{Record, monotonic_us};
use super::rig::{MEMBERS, Rig};
use super::server::Protocol;
use crate::wait;

/// Requests answered before and after it happens.
pub(super) const SOME: u64 = 200;
/// Of everything that needs a server.
const LONG: Duration = Duration::from_secs(20);
/// Longer than any request takes on a healthy member.
const NO_ANSWER: Duration = Duration::from_millis(300);
/// Blocks that a reader reads again and again.
const READ: u64 = 64;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What happens to the working member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `kill -9` of its servers; its kernel lives on and refuses connections.
    Kill,
    /// Its cable to the clients is cut; it lives on.
    Cut,
    /// It is cut off with a request that its kernel has acknowledged and nobody has answered: the client, a reader, has
    /// nothing to send again.
    CutUnanswered,
}

/// What is done.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    /// NBD or iSCSI.
    pub protocol: Protocol,
    /// What happens.
    pub event: Event,
    /// Tells its blocks from those of other drills.
    pub run: u64,
    /// How long the client may get no answer before it counts as hanging.
    pub patience: Duration,
}

impl Drill {
    /// With a client that has all the patience that a server needs.
    #[must_use]
    pub fn new(protocol: Protocol, event: Event, run: u64) -> Self {
        Self {
            protocol,
            event,
            run,
            patience: LONG,
        }
    }
}

/// What the fabric says of its switch, in milliseconds from the last sign of life of the member before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// It was known.
    pub found_ms: f64,
    /// The word was written.
    pub switched_ms: f64,
    /// The clients were nudged.
    pub nudged_ms: Option<f64>,
    /// Connections that were nudged.
    pub nudges: u64,
    /// The first frame past the limit did it, not the agent.
    pub in_path: bool,
    /// When the word was written, in microseconds of [`monotonic_us`]; exact to a millisecond.
    pub switched_us: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What happened.
    pub event: Event,
    /// When it happened, in microseconds of [`monotonic_us`].
    pub event_us: u64,
    /// What the client saw.
    pub record: Record,
    /// What the fabric says.
    pub told: Told,
    /// The client got answers again.
    pub recovered: bool,
    /// Writes that the client was told are safe.
    pub acknowledged: u64,
    /// Those of them that the member in charge does not have.
    pub lost: u64,
}

impl Outcome {
    /// The longest time in which the client waited, from its last answer before the event on; of a reader whose request was swallowed before, from the cut on.
    #[must_use]
    pub fn stall(&self) -> Duration {
        let stall = self.record.longest_stall_after(self.event_us);
        match self.event {
            Event::Kill | Event::Cut => stall.length(),
            Event::CutUnanswered => Duration::from_micros(stall.until_us.saturating_sub(self.event_us)),
        }
    }

    /// The client saw no error, read nothing wrong, and has lost nothing.
    ///
    /// # Errors
    /// What it was, in one sentence.
    pub fn check(&self) -> Result<()> {
        let Record { io_errors, wrong, .. } = &self.record;
        if let Some(error) = io_errors.first() {
            bail!(
                "the client saw {} I/O errors, the first is {error:?}",
                io_errors.len()
            );
        }
        ensure!(wrong.is_empty(), "{} blocks were read wrong", wrong.len());
        let (lost, all) = (self.lost, self.acknowledged);
        ensure!(lost == 0, "{lost} of {all} acknowledged writes are lost");
        Ok(())
    }
}

/// Starts servers and a copy on a rig where nothing runs, lets it happen to the preferred member, and ends them.
///
/// # Errors
/// When the fabric does not switch to the other member, or something cannot be started.
pub fn drill(rig: &Rig, drill: &Drill) -> Result<Outcome> {
    let mut members = serve(rig, drill)?;
    rig.wait_all_up()?;
    rig.copy(&members)?;
    let disk = match drill.protocol {
        Protocol::Iscsi => {
            let folder = rig.folder(&format!("client-{}", drill.run))?;
            let portal = rig.service(Protocol::Iscsi.port())?;
            Some(Disk::iscsi(&rig.client, &folder, portal, 1)?)
        }
        Protocol::Nbd | Protocol::Nfs | Protocol::Smb => None,
    };
    let target = match &disk {
        Some(disk) => disk.target(),
        None => Target::tcp(rig.service(Protocol::Nbd.port())?),
    };
    let is_reader = drill.event == Event::CutUnanswered;
    // The first frames of a new client may wait longer for ARP than one attempt to connect lasts.
    let load = wait::until(LONG, "the client to open its disk", || {
        let opened = if is_reader {
            Load::read(&rig.client, &target, drill.run, READ)
        } else {
            Load::write(&rig.client, &target, drill.run)
        };
        Ok(opened.ok())
    })?;
    load.wait_answers(SOME, LONG)?;
    let event_us = happen(rig, drill.event, &mut members, &load)?;
    rig.wait_working(MEMBERS[1])?;
    let recovered = load.wait_answers(SOME, drill.patience).is_ok();
    let record = load.stop()?;
    let told = told(&rig.show()?["last_switch"])?;
    let (acknowledged, lost) = if is_reader {
        (0, 0)
    } else {
        let serving = members.get(1).context("there is one member only")?;
        let verdict = record.verify(serving.volume())?;
        (verdict.acknowledged, u64::try_from(verdict.lost.len())?)
    };
    Ok(Outcome {
        event: drill.event,
        event_us,
        record,
        told,
        recovered,
        acknowledged,
        lost,
    })
}

fn serve(rig: &Rig, drill: &Drill) -> Result<Vec<Member>> {
    let members = rig.serve(super::VOLUME)?;
    if let (Event::CutUnanswered, Some(working)) = (drill.event, members.first()) {
        fill(working.volume(), drill.run, READ)?;
    }
    match drill.protocol {
        Protocol::Iscsi => members.into_iter().map(Member::with_iscsi).collect(),
        Protocol::Nbd => Ok(members),
        Protocol::Nfs | Protocol::Smb => bail!("members of a rig speak NBD and iSCSI"),
    }
}

/// Gives when it happened.
fn happen(rig: &Rig, event: Event, members: &mut [Member], load: &Load) -> Result<u64> {
    let working = members.first_mut().context("no member")?;
    if event == Event::CutUnanswered {
        working.freeze()?;
        ensure!(
            load.wait_answers(2, NO_ANSWER).is_err(),
            "a frozen member answers"
        );
    }
    let event_us = monotonic_us();
    match event {
        Event::Kill => working.kill_hard()?,
        Event::Cut | Event::CutUnanswered => rig.cut(0, true)?,
    }
    Ok(event_us)
}

pub(super) fn told(switch: &Value) -> Result<Told> {
    let number = |field: &str| {
        switch[field]
            .as_f64()
            .with_context(|| format!("no {field} in {switch}"))
    };
    Ok(Told {
        found_ms: number("found_ms")?,
        switched_ms: number("switched_ms")?,
        nudged_ms: switch["nudged_ms"].as_f64(),
        nudges: switch["nudges"].as_u64().unwrap_or(0),
        in_path: switch["by"] == "in-path",
        switched_us: monotonic(switch["at"].as_str().context("no time of the switch")?)?,
    })
}

/// The moment `2026-11-28T21:20:32.502Z`, of today, on the monotonic clock.
fn monotonic(at: &str) -> Result<u64> {
    let (_, time) = at
        .trim_end_matches('Z')
        .split_once('T')
        .context("no time of day")?;
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())? % DAY_MS;
    let ago_ms = (DAY_MS + now_ms - milliseconds_of_day(time)?) % DAY_MS;
    Ok(monotonic_us().saturating_sub(ago_ms * 1000))
}

/// Of `21:20:32.502`.
fn milliseconds_of_day(time: &str) -> Result<u64> {
    let numbers: Vec<u64> = time
        .split([':', '.'])
        .map(|part| part.parse().with_context(|| format!("{time} is no time of day")))
        .collect::<Result<_>>()?;
    let [hours, minutes, seconds, milliseconds] = numbers.as_slice() else {
        bail!("{time} is no time of day");
    };
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_milliseconds() {
        assert_eq!(milliseconds_of_day("01:02:03.004").unwrap(), 3_723_004);
        assert!(milliseconds_of_day("01:02").is_err());
    }
}
