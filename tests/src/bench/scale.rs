//! How cost grows: with addresses in the FDB, and with tenants that are attached.

mod plot;
mod tenants;

pub(super) use tenants::at;

use std::io::{Write as _, stdout};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cpu::CpuClock;
use super::limits;
use super::options::Scale;
use super::peers;
use super::plain::{Plain, Stream};
use super::reference::{Ends, Object};

/// The device runs wholly on this one.
const CPU: usize = 0;
const ROUNDS: u32 = 21;
/// Numbers of addresses that are measured.
const ADDRESSES: [u32; 5] = [1, 1000, 10_000, 100_000, 1_000_000];
/// More would take the kernel's bridge minutes to load.
const MOST_OF_LINUX: u32 = 100_000;
/// Bytes of one bucket of four entries.
const BUCKET: u64 = 64;

/// What was measured with so many addresses; nanoseconds a frame.
#[derive(Clone, Copy, Debug)]
struct Point {
    addresses: u32,
    limit: f64,
    fabric: f64,
    linux: Option<f64>,
}

/// Measures and says everything.
///
/// # Errors
/// When something cannot be built, or frames were lost.
pub(super) fn run(options: &Scale) -> Result<bool> {
    let object = Object::read()?;
    let mut ends = Ends::load(&object)?;
    let clock = CpuClock::pin(CPU)?;
    let (points, table) = addresses(&object, &mut ends, &clock, options.most)?;
    if let Some(path) = &options.plot {
        plot::draw(path, &points)?;
    }
    let tenants = tenants::measure(options.most.min(10_000))?;
    if let Some(path) = &options.json {
        let all = json!({"schema": "fabric-bench-scale/1", "table": table, "tenants": tenants});
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

/// One data path with room for the most addresses, filled step by step, between the limit and Linux.
fn addresses(object: &Object, ends: &mut Ends, clock: &CpuClock, most: u32) -> Result<(Vec<Point>, Value)> {
    let limit = limits::build(object, ends, &|_| false)?;
    let linux = peers::build(object, ends, &|name| name == "Linux VXLAN encap")?;
    let (bare, peer) = (
        limit.first().context("no limit")?,
        linux.first().context("no peer")?,
    );
    let mut plain = Plain::build(std::slice::from_mut(ends), 1 << 20)?;
    let (mut filled, mut loading) = (0, std::time::Duration::ZERO);
    let mut points = Vec::new();
    say("\naddresses    bare redirect    fabric QinQ push    against 1000    Linux VXLAN encap\n");
    for addresses in ADDRESSES.into_iter().filter(|number| *number <= most) {
        let before = clock.now()?;
        plain.fill(filled..u64::from(addresses))?;
        // CPU time, as of frames: what others do on the machine does not count.
        loading += clock.now()? - before;
        let linux = (addresses <= MOST_OF_LINUX)
            .then(|| {
                peers::stations(&peer.line, filled..u64::from(addresses))?;
                Stream::to(&peer.line, addresses).cost(ends, clock, ROUNDS / 2)
            })
            .transpose()?;
        filled = u64::from(addresses);
        let point = Point {
            addresses,
            limit: Stream::to(&bare.line, addresses).cost(ends, clock, ROUNDS)?,
            fabric: Stream::to(plain.line()?, addresses).cost(ends, clock, ROUNDS)?,
            linux,
        };
        points.push(point);
        say(&row(&point, &points));
    }
    let table = table(&mut plain, ends, clock, filled, loading, &points)?;
    plain.tear_down()?;
    limit
        .into_iter()
        .chain(linux)
        .try_for_each(super::device::Device::tear_down)?;
    Ok((points, table))
}

fn row(point: &Point, points: &[Point]) -> String {
    let thousand = points.iter().find(|point| point.addresses == 1000);
    let growth = thousand.map_or(String::new(), |base| {
        format!("{:.2}x", point.fabric / base.fabric)
    });
    let linux = point.linux.map_or("-".to_owned(), |cost| format!("{cost:.1}"));
    format!(
        "{:>9} {:>16.1} {:>19.1} {growth:>15} {linux:>20}\n",
        point.addresses, point.limit, point.fabric
    )
}

/// Loading, memory and learning.
fn table(
    plain: &mut Plain,
    ends: &mut Ends,
    clock: &CpuClock,
    entries: u64,
    loading: std::time::Duration,
    points: &[Point],
) -> Result<Value> {
    let bytes = plain.datapath.fdb_capacity() / 4 * BUCKET;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (rate, each) = (
        entries as f64 / loading.as_secs_f64(),
        bytes as f64 / entries as f64,
    );
    const NEW: u32 = 200_000;
    let known = Stream::to(plain.line()?, 1).cost(ends, clock, ROUNDS)?;
    let learning = Stream::from_new(plain.line()?)
        .run(ends, clock, NEW)?
        .as_secs_f64()
        * 1e9
        / f64::from(NEW);
    say(&format!(
        "loading      {:.1} M entries/s\nmemory       {each:.1} bytes an entry ({} MiB for {entries})\n\
         learning     {learning:.0} ns a frame from a new address, {known:.0} from a known one: {:.1} M addresses/s on one CPU\n",
        rate / 1e6,
        bytes >> 20,
        1000.0 / learning,
    ));
    let row = |point: &Point| json!({"addresses": point.addresses, "bare_redirect_ns": point.limit, "fabric_push_ns": point.fabric, "linux_vxlan_encap_ns": point.linux});
    Ok(json!({
        "rows": points.iter().map(row).collect::<Vec<_>>(),
        "entries_per_second": rate,
        "bytes_per_entry": each,
        "learning_ns": learning,
        "known_ns": known,
    }))
}

pub(super) fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
    let _ = stdout().flush();
}
