//! Many frames of one tenant, and what became of them: counted on the wire and in every counter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fabric_tests::Result;
use fabric_tests::counters::{Counters, counters_moved};
use fabric_tests::fixtures::{Plug, Rig};
use fabric_tests::frame::Frame;
use fabric_tests::traffic::{Probe, ProbeReport};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};

/// What a flood's frames are known by, wherever they show up.
pub(crate) const FLOOD: &str = "flood of frames";
/// Frames are sent in groups of one such time: shorter sleeps cost more than they give.
const STEP: Duration = Duration::from_millis(1);
/// Frames of a flood that may be on their way at once. Where the machine's host takes a CPU away for some ten milliseconds, the
/// frames that another one sends meanwhile wait in a ring of a veth, which has 256 places: at a pace alone they would be lost by it.
const ON_THE_WAY: u64 = 64;

/// Frames that are being sent at a pace.
pub(crate) struct Flood {
    sender: JoinHandle<Result<u64>>,
}

impl Flood {
    /// `frame` makes the n-th one; ends by itself after `count`. All of them arrive at `tally`, unless somebody loses one.
    pub(crate) fn start(
        tally: &Tally,
        plug: &Plug,
        (rate, count): (u64, u64),
        frame: impl Fn(u64) -> Frame + Send + 'static,
    ) -> Self {
        let counted = Arc::clone(&tally.counted);
        let before = counted.load(Ordering::Relaxed);
        let arrived = move || counted.load(Ordering::Relaxed) - before;
        let socket = RawSocket::open(&plug.namespace, &plug.interface).unwrap();
        let sender = std::thread::spawn(move || {
            let begin = Instant::now();
            for number in 0..count {
                while due(begin, rate) <= number {
                    std::thread::sleep(STEP);
                }
                wait::until_true(wait::PATIENCE, "frames of the flood", || {
                    Ok(number < arrived() + ON_THE_WAY)
                })
                .with_context(|| format!("{} of {number} frames arrived", arrived()))?;
                socket.send(frame(number))?;
            }
            Ok(count)
        });
        Self { sender }
    }

    pub(crate) fn still_sends(&self) -> bool {
        !self.sender.is_finished()
    }

    /// How many were sent, once all are.
    pub(crate) fn finish(self) -> u64 {
        self.sender.join().unwrap().unwrap()
    }
}

/// How many frames should be out by now.
fn due(begin: Instant, rate: u64) -> u64 {
    u64::try_from(begin.elapsed().as_micros()).unwrap() * rate / 1_000_000
}

/// Counts what is heard at a plug without keeping it: 100,000 frames would take the machine's memory and time.
pub(crate) struct Tally {
    counted: Arc<AtomicU64>,
    capture: Capture,
}

impl Tally {
    /// Of the frames for which `wanted` says so.
    pub(crate) fn start(plug: &Plug, wanted: impl Fn(&[u8]) -> bool + Send + 'static) -> Self {
        let counted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&counted);
        let look = move |frame: &[u8]| {
            count.fetch_add(u64::from(wanted(frame)), Ordering::Relaxed);
            false
        };
        let capture = Capture::watch(&plug.namespace, &plug.interface, 128, look).unwrap();
        Self { counted, capture }
    }

    pub(crate) fn count(&self) -> u64 {
        // It fails when the capture missed a frame: a tally would prove nothing then.
        self.capture.count(|_| true).unwrap();
        self.counted.load(Ordering::Relaxed)
    }

    /// Waits for so many.
    pub(crate) fn reaches(&self, count: u64) {
        let reached = wait::until_true(wait::PATIENCE, "the frames", || Ok(self.count() >= count));
        assert_eq!(self.count(), count, "{reached:?}");
    }
}

/// A frame of a [`Flood`], in whatever it is wrapped.
pub(crate) fn of_a_flood(frame: &[u8]) -> bool {
    frame.windows(FLOOD.len()).any(|part| part == FLOOD.as_bytes())
}

/// A numbered flow from what is plugged into one port to what is plugged into another.
pub(crate) fn flow<'r>(rig: &'r Rig, from: &str, to: &str, header: Frame) -> Probe<'r> {
    let end = |name: &str| rig.plug(name).unwrap().end();
    Probe::between(end(from), end(to), header).patient()
}

/// All that were sent came once, in order and unaltered. Flows of others may have come to the same plug.
pub(crate) fn complete(what: &str, report: &ProbeReport) -> u64 {
    let (lost, twice) = (report.lost(), report.duplicates);
    assert_eq!(
        (lost, twice, report.reordered, report.altered),
        (0, 0, 0, 0),
        "{what}: lost, twice, reordered, altered of {}",
        report.sent
    );
    assert!(report.sent > 0, "{what}: nothing was sent");
    report.sent
}

/// The counters of all nodes before a load.
pub(crate) struct Before(BTreeMap<String, Counters>);

impl Before {
    pub(crate) fn of(rig: &Rig, nodes: &[&str]) -> Self {
        let read = |node: &&str| ((*node).to_owned(), rig.counters(node).unwrap());
        Self(nodes.iter().map(read).collect())
    }

    /// Each named counter of `node` has moved by so much, and no other one has.
    pub(crate) fn moved(&self, rig: &Rig, node: &str, named: &[(&str, u64)]) {
        let compare = || counters_moved(&self.0[node], &rig.counters(node)?, named);
        // Frames are counted by every CPU that has a share in them, some after they have arrived.
        let counted = wait::until_true(Duration::from_secs(2), node, || Ok(compare().is_ok()));
        counted.or_else(|_| compare()).unwrap();
    }
}
