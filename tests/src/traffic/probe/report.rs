//! What a probe's frames hold, and what became of them.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::frame::Frame;
use crate::wire::Captured;

const MAGIC: [u8; 8] = *b"fabprobe";
/// Magic, flow, number, time of sending.
pub(super) const PAYLOAD: usize = 8 + 4 + 8 + 8;
/// No stack of headers is longer. Searching large frames of others to their end takes longer than they take to come.
const HEADERS: usize = 256;

/// What became of the frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeReport {
    /// Frames sent.
    pub sent: u64,
    /// Different frames that arrived.
    pub received: u64,
    /// Copies beyond the first.
    pub duplicates: u64,
    /// Frames that arrived after one with a higher number.
    pub reordered: u64,
    /// Frames that are not the expected ones, byte for byte.
    pub altered: u64,
    /// Frames of other probes.
    pub foreign: u64,
    /// The longest time between two arrivals.
    pub longest_gap: Duration,
    /// From sending to arrival, one for each first copy, sorted.
    pub latencies: Vec<Duration>,
}

impl ProbeReport {
    /// Frames sent that never arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Every frame once, in order, unaltered, and none of others.
    #[must_use]
    pub fn perfect(&self) -> bool {
        self.lost() == 0 && self.duplicates + self.reordered + self.altered + self.foreign == 0
    }

    /// The latency that `percent` of the frames do not exceed; `None` without frames.
    #[must_use]
    pub fn latency(&self, percent: usize) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        self.latencies.get(last * percent.min(100) / 100).copied()
    }
}

/// How a frame must look when it arrives.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) header: Frame,
    /// Its whole length: what was padded at the sender stays, headers may come and go.
    pub(super) length: usize,
}

pub(super) fn payload(flow: u32, number: u64) -> [u8; PAYLOAD] {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let nanoseconds = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let mut bytes = [0; PAYLOAD];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&flow.to_be_bytes());
    bytes[12..20].copy_from_slice(&number.to_be_bytes());
    bytes[20..].copy_from_slice(&nanoseconds.to_be_bytes());
    bytes
}

pub(super) fn is_probe(frame: &[u8]) -> bool {
    position(frame).is_some()
}

/// Under any encapsulation: the payload is searched, not computed.
fn position(frame: &[u8]) -> Option<usize> {
    let headers = frame.get(..HEADERS).unwrap_or(frame);
    let at = headers.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    (frame.len() >= at + PAYLOAD).then_some(at)
}

pub(super) fn report(frames: &[Captured], flow: u32, sent: u64, arriving: &Arriving) -> ProbeReport {
    let mut report = ProbeReport {
        sent,
        ..ProbeReport::default()
    };
    let mut copies: HashMap<u64, u32> = HashMap::new();
    let (mut highest, mut last) = (None, None);
    for frame in frames {
        let Some(seen) = read(&frame.bytes).filter(|seen| seen.flow == flow) else {
            report.foreign += 1;
            continue;
        };
        report.longest_gap = report
            .longest_gap
            .max(last.map_or(Duration::ZERO, |last| frame.at.saturating_sub(last)));
        last = Some(frame.at);
        report.altered += u64::from(!arriving.is(frame, seen.at));
        let copy = copies.entry(seen.number).or_default();
        *copy += 1;
        if *copy > 1 {
            report.duplicates += 1;
            continue;
        }
        report.received += 1;
        report.reordered += u64::from(highest > Some(seen.number));
        highest = highest.max(Some(seen.number));
        report.latencies.push(frame.at.saturating_sub(seen.sent));
    }
    report.latencies.sort_unstable();
    report
}

impl Arriving {
    fn is(&self, frame: &Captured, payload_at: usize) -> bool {
        let payload = &frame.bytes[payload_at..payload_at + PAYLOAD];
        *self.header.clone().payload(payload).pad(self.length) == frame.bytes
    }
}

pub(super) struct Seen {
    at: usize,
    pub(super) flow: u32,
    number: u64,
    sent: Duration,
}

pub(super) fn read(frame: &[u8]) -> Option<Seen> {
    let at = position(frame)?;
    let fields = frame.get(at + MAGIC.len()..)?;
    let flow = u32::from_be_bytes(*fields.first_chunk()?);
    let number = u64::from_be_bytes(*fields.get(4..)?.first_chunk()?);
    let sent = Duration::from_nanos(u64::from_be_bytes(*fields.get(12..)?.first_chunk()?));
    Some(Seen {
        at,
        flow,
        number,
        sent,
    })
}
