//! An agent that starts over tables with a million learned stations: how long it takes, whether all are kept, and what memory
//! agent and maps have.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::{CPU, say};
use crate::bench::cpu::CpuClock;
use crate::bench::device::VLAN;
use crate::bench::line::{Leaves, Line};
use crate::bench::plain::Stream;
use crate::bench::process;
use crate::bench::reference::Ends;
use crate::fabric::Agent;
use crate::fixtures::{Segment, Site};
use crate::pins;
use crate::topology::End;
use crate::wait;

const NODE: &str = "dut";
/// Frames of one call: the agent, who makes room five times a second, is to keep up.
const AT_ONCE: u32 = 100_000;
/// Longer than the agent rests between two attempts to make room.
const SEVERAL_MOVES: Duration = Duration::from_millis(500);

/// Measures an agent's start without stations and with `most`.
///
/// # Errors
/// When something cannot be built, frames were lost, or a station was.
pub(super) fn measure(ends: &mut Ends, most: u32) -> Result<Value> {
    let line = Line::build(ends, Leaves::Xdp, |device| {
        (End::client(device, "in0"), End::client(device, "out0").no_arp())
    })?;
    let to = Stream::known_station();
    let segment = Segment::new("v10", 101, 1101)
        .with("mac_limit", 1 << 20)
        .at(NODE, "in0", VLAN, 301)
        .at(NODE, "out0", VLAN, 201)
        .station(&to);
    let document = Site::new(&[NODE]).tenant("acme", &[segment]).document();
    let mut agent = Agent::start(&line.device, &document, NODE)?;
    let empty = restart(&mut agent)?;
    // On a thread of its own: the agent, which this one starts again, is to have all CPUs.
    let teach = || teach(&Stream::from_new(&line), ends, most);
    let taught = std::thread::scope(|scope| scope.spawn(teach).join());
    taught.map_err(|_| anyhow!("the sender panicked"))??;
    let maps = agent.state_dir().join("bpf");
    let before = at_rest(&maps)?;
    let full = restart(&mut agent)?;
    let after = at_rest(&maps)?;
    ensure!(
        before == after,
        "{} stations before, {} after",
        before.len(),
        after.len()
    );
    let pid = agent.pid().context("the agent has ended")?;
    let (resident, own) = (process::resident(pid)?, process::own(pid)?);
    let kernel = pins::bytes(&maps)?;
    say(&format!(
        "\nagent's start    {:.2} s without stations, {:.2} s with {}, which are all kept ({most} frames from new addresses)\n\
         memory           agent {} MiB, of which its own {} MiB; maps {} MiB\n",
        empty.as_secs_f64(),
        full.as_secs_f64(),
        after.len(),
        resident >> 10,
        own >> 10,
        kernel >> 20,
    ));
    agent.finish()?;
    line.tear_down()?;
    Ok(json!({
        "stations": after.len(),
        "start_empty_seconds": empty.as_secs_f64(),
        "start_seconds": full.as_secs_f64(),
        "agent_kib": resident,
        "agent_own_kib": own,
        "maps_bytes": kernel,
    }))
}

/// Each frame is from a new station as long as all come from one CPU.
fn teach(new: &Stream, ends: &mut Ends, stations: u32) -> Result<()> {
    let clock = CpuClock::pin(CPU)?;
    let mut left = stations;
    while left > 0 {
        let count = left.min(AT_ONCE);
        new.run(ends, &clock, count)?;
        left -= count;
    }
    Ok(())
}

/// The stations, once the agent moves none of them any more: it makes room for what found none five times a second, and what it moves
/// during a reading is found twice or not at all.
fn at_rest(maps: &Path) -> Result<Vec<(u64, u64)>> {
    let mut last = Vec::new();
    wait::until_true(wait::PATIENCE, "the stations to rest", || {
        std::thread::sleep(SEVERAL_MOVES);
        let now = pins::stations(maps)?;
        let is_same = now == last;
        last = now;
        Ok(is_same)
    })?;
    Ok(last)
}

/// Until it answers again.
fn restart(agent: &mut Agent) -> Result<Duration> {
    agent.terminate()?;
    let begin = Instant::now();
    agent.restart()?;
    Ok(begin.elapsed())
}
