//! The cost of a frame against the number of addresses; loading, memory, learning.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Growth, ROUNDS, say};
use crate::bench::cpu::CpuClock;
use crate::bench::plain::{Plain, Stream};
use crate::bench::reference::{Ends, Object};
use crate::bench::{device, limits, peers};

/// Numbers of addresses that are measured.
const ADDRESSES: [u32; 5] = [1, 1000, 10_000, 100_000, 1_000_000];
/// More would take the kernel's bridge minutes to load.
const MOST_OF_LINUX: u32 = 100_000;
/// Bytes of one bucket of four entries.
const BUCKET: u64 = 64;

/// One data path with room for the most addresses, filled step by step, between the limit and Linux.
///
/// # Errors
/// When something cannot be built, or frames were lost.
pub(super) fn measure(
    object: &Object,
    ends: &mut Ends,
    clock: &CpuClock,
    most: u32,
) -> Result<(Vec<Growth>, Value)> {
    let limit = limits::build(object, ends, &|_| false)?;
    let linux = peers::build(object, ends, &|name| name == "Linux VXLAN encap")?;
    let (bare, peer) = (
        limit.first().context("no limit")?,
        linux.first().context("no peer")?,
    );
    let mut plain = Plain::build(std::slice::from_mut(ends), 1 << 20)?;
    let mut memory = Memory::new(usize::try_from(plain.datapath.fdb_capacity() / 4)?);
    let (mut filled, mut loading) = (0, Duration::ZERO);
    let mut points = Vec::new();
    say(
        "\naddresses    bare redirect       fabric QinQ push  against 1000    Linux VXLAN encap  one random load\n",
    );
    for addresses in ADDRESSES.into_iter().filter(|number| *number <= most) {
        let before = clock.now()?;
        plain.fill(filled..u64::from(addresses))?;
        // CPU time, as of frames: what others do on the machine does not count.
        loading += clock.now()? - before;
        let linux = (addresses <= MOST_OF_LINUX)
            .then(|| {
                peers::stations(&peer.line, filled..u64::from(addresses))?;
                Stream::through(peer, addresses).cost(ends, clock, ROUNDS / 2)
            })
            .transpose()?;
        filled = u64::from(addresses);
        let point = Growth {
            number: addresses,
            limit: Stream::through(bare, addresses).cost(ends, clock, ROUNDS)?,
            fabric: Stream::to(plain.line()?, addresses)
                .expecting(Plain::expected())
                .cost(ends, clock, ROUNDS)?,
            linux,
            load: Some(memory.cost(memory.lines_of(addresses))?),
        };
        points.push(point);
        say(&point.row(&points));
    }
    let table = table(&mut plain, ends, clock, filled, loading)?;
    plain.tear_down()?;
    limit
        .into_iter()
        .chain(linux)
        .try_for_each(device::Device::tear_down)?;
    Ok((points, table))
}

/// Loading, memory and learning.
fn table(
    plain: &mut Plain,
    ends: &mut Ends,
    clock: &CpuClock,
    entries: u64,
    loading: Duration,
) -> Result<Value> {
    let bytes = plain.datapath.fdb_capacity() / 4 * BUCKET;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (rate, each) = (
        (!loading.is_zero()).then(|| entries as f64 / loading.as_secs_f64()),
        bytes as f64 / entries as f64,
    );
    let told = rate.map_or_else(
        || "too few to tell".to_owned(),
        |rate| format!("{:.1} M entries/s", rate / 1e6),
    );
    const NEW: u32 = 200_000;
    let known = Stream::to(plain.line()?, 1)
        .expecting(Plain::expected())
        .cost(ends, clock, ROUNDS)?;
    let learning = Stream::from_new(plain.line()?)
        .expecting(Plain::expected())
        .run(ends, clock, NEW)?
        .as_secs_f64()
        * 1e9
        / f64::from(NEW);
    say(&format!(
        "loading      {told}\nmemory       {each:.1} bytes an entry ({} MiB for {entries})\n\
         learning     {learning:.0} ns a frame from a new address, {known:.0} from a known one: {:.1} M addresses/s on one CPU\n",
        bytes >> 20,
        1000.0 / learning,
    ));
    Ok(json!({
        "entries_per_second": rate,
        "bytes_per_entry": each,
        "learning_ns": learning,
        "known_ns": known,
    }))
}
