//! What a second CPU adds: the same data path on one CPU and on two at once.

use std::io::{Write as _, stdout};
use std::sync::Barrier;

use anyhow::{Context, Result};

use super::cpu::CpuClock;
use super::limits;
use super::plain::{Plain, Stream};
use super::reference::{Ends, Object};

const ROUNDS: usize = 41;
const FRAMES: u32 = 150_000;
const CPUS: usize = 2;

/// A kind of line, one of each for every CPU.
struct Kind {
    name: &'static str,
    streams: Vec<Stream>,
}

/// Measures and says it. CPU time a frame is what counts: work for others then does not.
///
/// # Errors
/// When something cannot be built, or frames were lost.
pub(super) fn run() -> Result<bool> {
    let object = Object::read()?;
    let mut ends = (0..CPUS)
        .map(|_| Ends::load(&object))
        .collect::<Result<Vec<_>>>()?;
    let (mut bare, mut fabric) = (Vec::new(), Vec::new());
    for ends in &mut ends {
        bare.extend(limits::build(&object, ends, &|_| false)?);
    }
    let mut plain = Plain::build(&mut ends, 1 << 12)?;
    plain.fill(0..1)?;
    for line in &plain.lines {
        fabric.push(Stream::to(line, 1).expecting(Plain::expected()));
    }
    let kinds = [
        Kind {
            name: "bare redirect",
            streams: bare.iter().map(|device| Stream::through(device, 1)).collect(),
        },
        Kind {
            name: "fabric QinQ push",
            streams: fabric,
        },
    ];
    let mut text = "                     one CPU    two CPUs    throughput of two\n".to_owned();
    for kind in &kinds {
        let one = least(kind, &mut ends, 1)?;
        let two = least(kind, &mut ends, CPUS)?;
        text += &format!(
            "{:<18}{one:>7.1} ns {two:>8.1} ns {:>15.2}x\n",
            kind.name,
            2.0 * one / two
        );
    }
    let _ = stdout().write_all(text.as_bytes());
    plain.tear_down()?;
    bare.into_iter().try_for_each(super::device::Device::tear_down)?;
    Ok(true)
}

/// Nanoseconds a frame with so many CPUs at work: the least mean of a round.
fn least(kind: &Kind, ends: &mut [Ends], cpus: usize) -> Result<f64> {
    let start = Barrier::new(cpus);
    let rounds = std::thread::scope(|scope| {
        let threads: Vec<_> = (kind.streams.iter().zip(ends).take(cpus).enumerate())
            .map(|(cpu, (stream, ends))| {
                scope.spawn({
                    let start = &start;
                    move || rounds(stream, ends, cpu, start)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let mean = |round: usize| -> Option<f64> {
        let costs: Option<Vec<f64>> = rounds.iter().map(|one| one.get(round).copied()).collect();
        #[expect(clippy::cast_precision_loss, reason = "two")]
        Some(costs?.iter().sum::<f64>() / cpus as f64)
    };
    (0..ROUNDS)
        .filter_map(mean)
        .min_by(f64::total_cmp)
        .context("no round")
}

fn rounds(stream: &Stream, ends: &mut Ends, cpu: usize, start: &Barrier) -> Result<Vec<f64>> {
    let clock = CpuClock::pin_alone(cpu);
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        start.wait();
        // Kept, not returned: the others would wait for ever.
        costs.push(clock.as_ref().map_or(Ok(f64::NAN), |clock| {
            let cost = stream.run(ends, clock, FRAMES)?;
            Ok(cost.as_secs_f64() * 1e9 / f64::from(FRAMES))
        }));
    }
    clock?;
    costs.into_iter().collect()
}
