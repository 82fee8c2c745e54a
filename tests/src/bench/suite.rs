//! Rounds over all devices, interleaved, until the figures can be judged.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::cpu::CpuClock;
use super::device::{Device, Work, source};
use super::limits::LIMIT;
use super::options::Options;
use super::reference::{Ends, Object};
use super::report::{self, Row};
use super::{fabrics, limits, ovs, peers, tcx};
use crate::interrupt;
use crate::wait;

/// The device runs wholly on this one.
const CPU: usize = 0;
/// Frames that are checked, and that teach addresses, before anything is measured.
const FIRST: u32 = 256;
/// Frames by which the length of a round is found.
const TRIAL: u32 = 30_000;
/// Frames that are under way when the system call returns arrive soon, or never.
const LATE: Duration = Duration::from_secs(2);
/// Until a process works without a pause.
const AHEAD: Duration = Duration::from_millis(50);
/// No source sends a frame in less, in nanoseconds.
const LEAST_NS: u128 = 60;
/// A spread above this makes a minimum doubtful: the rounds are run once more.
const WIDE: f64 = 0.10;

/// Measures everything that `options` want, and says it.
///
/// # Errors
/// When a device cannot be built, or a frame was lost or came out wrong.
pub(super) fn run(options: &Options) -> Result<bool> {
    let object = Object::read()?;
    let mut ends = Ends::load(&object)?;
    let devices = build(&object, &mut ends, options)?;
    let mut rows = Vec::new();
    for size in &options.sizes {
        let size = usize::from(*size);
        let measured = measure(&mut ends, &devices, size, options)?;
        report::say(size, &measured);
        rows.extend(measured);
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_vec_pretty(&report::json(&rows))?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    devices.into_iter().rev().try_for_each(Device::tear_down)?;
    Ok(true)
}

fn build(object: &Object, ends: &mut Ends, options: &Options) -> Result<Vec<Device>> {
    let wants = |name: &str| options.wants(name);
    let mut devices = limits::build(object, ends, &wants)?;
    devices.extend(fabrics::build(ends, &wants)?);
    devices.extend(peers::build(object, ends, &wants)?);
    devices.extend(tcx::build(object, ends, &wants)?);
    // Of a minute its rounds would take half.
    if !options.quick || options.only.is_some() {
        devices.extend(ovs::build(ends, &wants)?);
    }
    Ok(devices)
}

/// On a thread of its own, which stays on one CPU.
fn measure(ends: &mut Ends, devices: &[Device], size: usize, options: &Options) -> Result<Vec<Row>> {
    let clock = CpuClock::pin(CPU)?;
    let mut lengths = Vec::new();
    for device in devices {
        interrupt::check()?;
        if let Some(pid) = device.process {
            lengths.push(0);
            first_frames(ends, device, pid, size)
                .with_context(|| format!("{} at {size} bytes", device.name))?;
            continue;
        }
        let trial = prepare(ends, &clock, device, size)
            .with_context(|| format!("{} at {size} bytes", device.name))?;
        lengths.push(frames_for(options.round(), trial));
    }
    let mut rows: Vec<Row> = devices.iter().map(|device| Row::new(device, size)).collect();
    let how = (options.rounds(), options.round());
    rounds(ends, &clock, devices, &lengths, how, &mut rows)?;
    if rows.iter().any(|row| row.spread() > WIDE) && !options.quick {
        report::note("the figures spread by more than 10 %: once more as many rounds");
        rounds(ends, &clock, devices, &lengths, how, &mut rows)?;
    }
    Ok(rows)
}

fn rounds(
    ends: &mut Ends,
    clock: &CpuClock,
    devices: &[Device],
    lengths: &[u32],
    (rounds, round): (usize, Duration),
    rows: &mut [Row],
) -> Result<()> {
    for number in 1..=rounds {
        report::progress(number, rounds);
        for ((device, length), row) in devices.iter().zip(lengths).zip(rows.iter_mut()) {
            interrupt::check()?;
            let cost = match device.process {
                Some(pid) => flood(ends, device, pid, row.size, round),
                None => once(ends, clock, device, row.size, *length)
                    .map(|cost| cost.as_secs_f64() * 1e9 / f64::from(*length)),
            };
            row.rounds.push(cost.with_context(|| device.name)?);
        }
    }
    report::progress(0, rounds);
    Ok(())
}

/// The frames are right, addresses are learned, caches are warm. Gives the cost of a frame.
fn prepare(ends: &mut Ends, clock: &CpuClock, device: &Device, size: usize) -> Result<Duration> {
    once(ends, clock, device, size, FIRST)?;
    Ok(once(ends, clock, device, size, TRIAL)? / TRIAL)
}

fn frames_for(round: Duration, frame: Duration) -> u32 {
    let frames = round.as_nanos() / frame.as_nanos().max(1);
    u32::try_from(frames).unwrap_or(u32::MAX).max(TRIAL)
}

/// Sends `count` frames through `device`, all of which must arrive as they should, and gives the CPU time.
fn once(ends: &mut Ends, clock: &CpuClock, device: &Device, size: usize, count: u32) -> Result<Duration> {
    let frame = (device.input)(size);
    ends.take_arrived()?;
    let before = clock.now()?;
    ends.send(source(&frame, device.line.key), &frame, count)?;
    let wanted = if device.work == Work::Drop {
        0
    } else {
        u64::from(count)
    };
    let (mut frames, mut kept) = ends.take_arrived()?;
    let deadline = Instant::now() + LATE;
    while frames < wanted && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
        let (more, later) = ends.take_arrived()?;
        frames += more;
        kept = later.or(kept);
    }
    let cost = clock.now()? - before;
    ensure!(frames == wanted, "{frames} of {count} frames arrived");
    (device.expected)(size).check(kept.as_ref())?;
    Ok(cost)
}

/// A process has learned what to do, and frames come out right.
fn first_frames(ends: &mut Ends, device: &Device, pid: u32, size: usize) -> Result<()> {
    let frame = (device.input)(size);
    ovs::running(pid, |_| {
        ends.take_arrived()?;
        wait::until(wait::PATIENCE, "the first frames", || {
            ends.send(source(&frame, device.line.key), &frame, FIRST)?;
            let (_, kept) = ends.take_arrived()?;
            kept.map(|kept| (device.expected)(size).check(Some(&kept)))
                .transpose()
        })?;
        ends.fall_silent()
    })
}

/// Gives a process more frames than it can take, and gives nanoseconds of its CPU time by frame that arrived meanwhile.
///
/// While others were measured it has forgotten what to do with them.
fn flood(ends: &mut Ends, device: &Device, pid: u32, size: usize, round: Duration) -> Result<f64> {
    first_frames(ends, device, pid, size)?;
    let frame = (device.input)(size);
    let count = u32::try_from((AHEAD + round).as_nanos() / LEAST_NS)?;
    ends.take_arrived()?;
    let cost = ovs::running(pid, |cpu| {
        let cost = ends.send_watched(source(&frame, device.line.key), &frame, count, |arrived| {
            std::thread::sleep(AHEAD);
            let before = (cpu()?, arrived()?);
            std::thread::sleep(round);
            let after = (cpu()?, arrived()?);
            ensure!(after.1 > before.1, "no frame arrived");
            #[expect(clippy::cast_precision_loss, reason = "millions")]
            let frames = (after.1 - before.1) as f64;
            Ok((after.0 - before.0).as_secs_f64() * 1e9 / frames)
        })?;
        ends.fall_silent()?;
        Ok(cost)
    })?;
    let (_, kept) = ends.take_arrived()?;
    (device.expected)(size).check(kept.as_ref())?;
    Ok(cost)
}

/// The row that ratios are to.
pub(super) fn limit(rows: &[Row], size: usize) -> Option<&Row> {
    rows.iter().find(|row| row.name == LIMIT && row.size == size)
}
