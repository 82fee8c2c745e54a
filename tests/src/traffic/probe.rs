//! Numbered frames at a steady pace: which were lost, came twice, or overtook another, exactly.

mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::frame::{Frame, MIN_FRAME};
use crate::netns::NetNs;
use crate::wire::{Capture, Filter, RawSocket};
use report::{Arriving, PAYLOAD, is_probe, payload, read, report};

pub use report::ProbeReport;

/// Where nothing has come for so long, nothing more is under way.
const SILENCE: Duration = Duration::from_secs(1);
/// A duplicate follows its twin within this.
const QUIET: Duration = Duration::from_millis(30);

/// A probe that is being described.
#[derive(Debug)]
pub struct Probe<'a> {
    from: (&'a NetNs, &'a str),
    to: (&'a NetNs, &'a str),
    header: Frame,
    arriving: Frame,
    rate: u32,
    count: Option<u64>,
    size: usize,
    patient: bool,
}

/// A probe under way; dropping it stops it.
#[derive(Debug)]
pub struct RunningProbe {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<Result<u64>>>,
    capture: Capture,
    flow: u32,
    arriving: Arriving,
}

impl<'a> Probe<'a> {
    /// From one interface to another. `header` is everything before the probe's payload; EtherType 0x88b5 follows by itself
    /// where it ends in a MAC address or a tag.
    #[must_use]
    pub fn between(from: (&'a NetNs, &'a str), to: (&'a NetNs, &'a str), header: Frame) -> Self {
        Self {
            from,
            to,
            arriving: header.clone(),
            header,
            rate: 1000,
            count: None,
            size: MIN_FRAME,
            patient: false,
        }
    }

    /// The header as it must arrive, where it is not the one that is sent.
    #[must_use]
    pub fn arriving(mut self, header: Frame) -> Self {
        self.arriving = header;
        self
    }

    /// Frames a second, 1000 unless said.
    #[must_use]
    pub fn rate(mut self, frames_per_second: u32) -> Self {
        self.rate = frames_per_second.max(1);
        self
    }

    /// Stops by itself after so many; until [`RunningProbe::stop`] otherwise.
    #[must_use]
    pub fn count(mut self, frames: u64) -> Self {
        self.count = Some(frames);
        self
    }

    /// Bytes of the whole frame, if its header and payload leave room.
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// Waits where the first interface has no room, so that every frame gets as far as its other end: what is lost then is lost
    /// behind it. Otherwise such a frame counts as lost, and the pace is kept.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Listens, then sends.
    ///
    /// # Errors
    /// When an interface is not there.
    pub fn start(self) -> Result<RunningProbe> {
        static FLOW: AtomicU32 = AtomicU32::new(1);
        let flow = FLOW.fetch_add(1, Ordering::Relaxed);
        let capture = Capture::start_filtered(self.to.0, self.to.1, Filter::Only(is_probe))?;
        let socket = RawSocket::open(self.from.0, self.from.1)?;
        let stop = Arc::new(AtomicBool::new(false));
        let arriving = self.expectation();
        let pace = Pace {
            flow,
            stop: Arc::clone(&stop),
            rate: self.rate,
            count: self.count.unwrap_or(u64::MAX),
            patient: self.patient,
        };
        let frame = move |payload: &[u8]| self.header.clone().payload(payload).pad(self.size);
        let sender = std::thread::Builder::new()
            .name("probe".to_owned())
            .spawn(move || pace.send(&socket, frame))
            .context("cannot start the sending thread")?;
        Ok(RunningProbe {
            stop,
            sender: Some(sender),
            capture,
            flow,
            arriving,
        })
    }

    fn expectation(&self) -> Arriving {
        let bare = |header: &Frame| header.clone().payload([]).len();
        let sent = self.size.max(bare(&self.header) + PAYLOAD);
        let length = (sent + bare(&self.arriving)).saturating_sub(bare(&self.header));
        Arriving {
            header: self.arriving.clone(),
            length,
        }
    }

    /// Sends `count` frames and reports.
    ///
    /// # Errors
    /// As [`Probe::start`] and [`RunningProbe::finish`].
    pub fn run(self, count: u64) -> Result<ProbeReport> {
        self.count(count).start()?.finish()
    }
}

impl RunningProbe {
    /// Stops sending, waits for what is under way, and reports.
    ///
    /// # Errors
    /// When sending failed, or the capture missed frames.
    pub fn stop(self) -> Result<ProbeReport> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    /// Waits until all frames are sent, see [`Probe::count`], and reports.
    ///
    /// # Errors
    /// As [`RunningProbe::stop`].
    pub fn finish(mut self) -> Result<ProbeReport> {
        let sender = self.sender.take().context("the probe has ended before")?;
        let sent = sender
            .join()
            .map_err(|_| anyhow!("the sending thread panicked"))??;
        // Frames may be lost: that is what the report is for.
        let own = |frame: &[u8]| read(frame).is_some_and(|seen| seen.flow == self.flow);
        self.capture.settle(usize::try_from(sent)?, own, SILENCE, QUIET)?;
        Ok(report(&self.capture.drain()?, self.flow, sent, &self.arriving))
    }
}

impl Drop for RunningProbe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            drop(sender.join());
        }
    }
}

struct Pace {
    flow: u32,
    stop: Arc<AtomicBool>,
    rate: u32,
    count: u64,
    patient: bool,
}

impl Pace {
    /// By an absolute schedule: a late frame does not make the later ones late.
    fn send(&self, socket: &RawSocket, frame: impl Fn(&[u8]) -> Frame) -> Result<u64> {
        let begin = Instant::now();
        for number in 0..self.count {
            let due = Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(self.rate));
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
            if self.stop.load(Ordering::Relaxed) {
                return Ok(number);
            }
            let frame = frame(&payload(self.flow, number));
            if self.patient {
                socket.send(&frame)?;
            } else {
                // What the interface drops is lost on the way, like any other.
                socket.offer(&frame)?;
            }
        }
        Ok(self.count)
    }
}
