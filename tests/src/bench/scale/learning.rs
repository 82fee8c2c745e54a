//! What a tenant with a new station in each frame costs another one, whose frames another CPU handles.

use std::sync::Barrier;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::say;
use crate::bench::cpu::CpuClock;
use crate::bench::plain::{Plain, SEGMENT, Stream};
use crate::bench::reference::{Ends, Object};

const ROUNDS: usize = 15;
/// Frames of a round.
const FRAMES: u32 = 150_000;
/// Known stations of the tenant that is measured.
const KNOWN: u32 = 1000;

/// Nanoseconds a frame of the tenant that is measured, and of the one beside him.
type Costs = [f64; 2];

/// Measures one tenant alone, beside one whose station is known, and beside one who has a new station with each frame.
///
/// # Errors
/// When something cannot be built, or frames were lost.
pub(super) fn measure(object: &Object) -> Result<Value> {
    let mut ends = [Ends::load(object)?, Ends::load(object)?];
    let mut plain = Plain::build(&mut ends, 1 << 20)?;
    plain.fill(0..u64::from(KNOWN))?;
    let [one, other] = plain.lines.as_slice() else {
        bail!("not two lines");
    };
    let tagged = |stream: Stream| stream.expecting(Plain::expected());
    let measured = tagged(Stream::to(one, KNOWN));
    // Beside him nobody, one whose only address is learned, and one with a new address in each frame.
    let others = [
        (None, 0),
        (Some(tagged(Stream::to(other, 1))), 1),
        (Some(tagged(Stream::from_new(other))), FRAMES),
    ];
    let mut costs = Vec::new();
    for (beside, new) in &others {
        costs.push(least(&mut plain, &mut ends, &measured, beside.as_ref(), *new)?);
    }
    plain.tear_down()?;
    let [[alone, _], [beside, known], [learning, new]] = costs[..] else {
        bail!("not three rows");
    };
    say(&format!(
        "\nanother tenant on the other CPU    none    known station    a new one with each frame\n\
         ns a frame of the one       {alone:>10.1} {beside:>16.1} {learning:>28.1}\n\
         ns a frame of the other     {:>10} {known:>16.1} {new:>28.1}\n\
         {:.1} M addresses/s learned on one CPU cost a frame of the other {:+.1} ns\n",
        "-",
        1000.0 / new,
        learning - beside,
    ));
    Ok(json!({
        "alone_ns": alone,
        "beside_known_ns": beside,
        "beside_learning_ns": learning,
        "known_ns": known,
        "learning_ns": new,
    }))
}

/// The round in which a frame of `measured` cost least. In each, so many addresses are new at the other line.
fn least(
    plain: &mut Plain,
    ends: &mut [Ends; 2],
    measured: &Stream,
    beside: Option<&Stream>,
    new: u32,
) -> Result<Costs> {
    let mut least: Option<Costs> = None;
    for _ in 0..ROUNDS {
        let costs = round(ends, measured, beside)?;
        least = Some(least.filter(|least| least[0] <= costs[0]).unwrap_or(costs));
        let events = plain.datapath.segment_events(SEGMENT + 1);
        let learned = events.context("no second segment")?.learned;
        ensure!(learned == new, "{learned} of {new} new addresses were learned");
        // So that the table is as full in each round, and nobody comes to his limit.
        plain.datapath.flush(|segment, _, _| segment != SEGMENT);
    }
    least.context("no round")
}

fn round(ends: &mut [Ends; 2], measured: &Stream, beside: Option<&Stream>) -> Result<Costs> {
    let [one, other] = ends;
    let start = Barrier::new(if beside.is_some() { 2 } else { 1 });
    std::thread::scope(|scope| {
        let start = &start;
        let other = beside.map(|beside| scope.spawn(move || send(beside, other, 1, start)));
        let cost = scope.spawn(move || send(measured, one, 0, start));
        let panicked = |_| anyhow!("a sender panicked");
        let cost = cost.join().map_err(panicked)??;
        let other = other.map_or(Ok(Ok(f64::NAN)), std::thread::ScopedJoinHandle::join);
        Ok([cost, other.map_err(panicked)??])
    })
}

fn send(stream: &Stream, ends: &mut Ends, cpu: usize, start: &Barrier) -> Result<f64> {
    let clock = CpuClock::pin_alone(cpu);
    start.wait();
    let cost = stream.run(ends, &clock?, FRAMES)?;
    Ok(cost.as_secs_f64() * 1e9 / f64::from(FRAMES))
}
