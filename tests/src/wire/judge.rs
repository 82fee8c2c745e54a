//! tshark's opinion of every whole frame that a capture of this process has kept. No test can forget to ask for it: captures hand
//! their frames over as they give them away or end, and the process asks once, when it ends, because most of what tshark takes is its
//! start.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use anyhow::{Context, Result, ensure};

use super::tshark::{Wrong, find_wrong};
use super::{Captured, pcap};
use crate::frame::hex_dump;

/// What a test program ends with when a frame is wrong: that of a failed test.
const FAILED: i32 = 101;

static ADJOURNED: AtomicBool = AtomicBool::new(false);
static DOCKET: Mutex<Option<Docket>> = Mutex::new(None);

/// Why frames could not be kept.
static LOST: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Where a capture was made, and by which test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// Interface and namespace.
    place: String,
    test: String,
}

/// Frames that have not been judged yet.
#[derive(Debug)]
struct Docket {
    file: BufWriter<File>,
    frames: usize,
    /// The number of the first frame after it, and whose frames begin there.
    origins: Vec<(usize, Origin)>,
    /// Tests that break frames on purpose.
    excused: BTreeMap<String, &'static str>,
}

impl Origin {
    /// Of a capture that this thread begins.
    pub(super) fn here(place: &str) -> Self {
        Self {
            place: place.to_owned(),
            test: test(),
        }
    }
}

/// As the test harness names its threads.
fn test() -> String {
    std::thread::current().name().unwrap_or("a thread").to_owned()
}

/// The tenants' own frames in this test are wrong on purpose, as `why` says, and so they arrive. That none is wrong then is an error.
///
/// # Errors
/// When no file for frames can be made.
pub fn expect_wrong_frames(why: &'static str) -> Result<()> {
    with_docket(|docket| {
        docket.excused.insert(test(), why);
        Ok(())
    })
}

/// This process measures, and its frames are judged elsewhere.
pub fn adjourn() {
    ADJOURNED.store(true, Ordering::Relaxed);
}

/// Keeps frames for the verdict.
///
/// # Errors
/// When they cannot be written.
pub(super) fn hand_over<'f>(origin: &Origin, frames: impl Iterator<Item = &'f Captured>) -> Result<()> {
    let mut frames = frames.filter(|frame| !frame.unfinished).peekable();
    if frames.peek().is_none() || ADJOURNED.load(Ordering::Relaxed) {
        return Ok(());
    }
    with_docket(|docket| {
        if docket.origins.last().is_none_or(|(_, last)| last != origin) {
            docket.origins.push((docket.frames, origin.clone()));
        }
        for frame in frames {
            pcap::write_frame(&mut docket.file, frame)?;
            docket.frames += 1;
        }
        Ok(())
    })
}

/// Frames could not be kept, and nobody is there who could be told: no verdict is good any more.
pub(super) fn lost(error: &anyhow::Error) {
    at_exit();
    let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    lost.push(format!("{error:#}"));
}

/// The opinion on all frames so far, which then are forgotten. Nothing to judge is well.
///
/// # Errors
/// The frames that are wrong, and whose they are; tshark is missing.
pub fn verdict() -> Result<usize> {
    let lost = std::mem::take(&mut *LOST.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(lost.is_empty(), "frames could not be kept: {}", lost.join("; "));
    let Some(mut docket) = lock().take() else {
        return Ok(0);
    };
    docket.file.flush().context("cannot write the captures")?;
    let mut file = docket
        .file
        .get_ref()
        .try_clone()
        .context("cannot read the captures")?;
    file.rewind().context("cannot read the captures")?;
    let wrong = find_wrong(file)?;
    docket.judge(&wrong)?;
    Ok(docket.frames)
}

impl Docket {
    fn new() -> Result<Self> {
        let mut file = BufWriter::new(tempfile::tempfile().context("no file for captures")?);
        pcap::write_header(&mut file)?;
        Ok(Self {
            file,
            frames: 0,
            origins: Vec::new(),
            excused: BTreeMap::new(),
        })
    }

    fn origin(&self, frame: usize) -> Option<&Origin> {
        let after = self.origins.partition_point(|(first, _)| *first <= frame);
        let (_, origin) = self.origins.get(after.checked_sub(1)?)?;
        Some(origin)
    }

    fn judge(&self, wrong: &[Wrong]) -> Result<()> {
        let mut unused = self.excused.clone();
        let mut findings: BTreeMap<&str, Vec<(&Origin, &Wrong)>> = BTreeMap::new();
        for one in wrong {
            let origin = self.origin(one.frame).context("a frame of no capture")?;
            if self.excused.contains_key(&origin.test) {
                unused.remove(&origin.test);
            } else {
                findings.entry(&origin.test).or_default().push((origin, one));
            }
        }
        let mut lines = self.describe(&findings)?;
        let vain = |(test, why)| format!("{test} says \"{why}\", and no frame is wrong");
        lines.extend(unused.into_iter().map(vain));
        ensure!(
            lines.is_empty(),
            "tshark finds fault with frames of {} tests\n{}",
            lines.len(),
            lines.join("\n")
        );
        Ok(())
    }

    /// By test, how many there are, and the first with its bytes.
    fn describe(&self, findings: &BTreeMap<&str, Vec<(&Origin, &Wrong)>>) -> Result<Vec<String>> {
        let firsts = findings.values().filter_map(|wrong| wrong.first());
        let places: Vec<usize> = firsts.map(|(_, one)| one.frame).collect();
        let bytes = pcap::read_some(self.file.get_ref(), &places)?;
        let line = |(test, wrong): (&&str, &Vec<(&Origin, &Wrong)>)| {
            let (origin, one) = wrong.first()?;
            let dump = bytes
                .get(&one.frame)
                .map_or(String::new(), |bytes| hex_dump(bytes));
            let (many, place, what) = (wrong.len(), &origin.place, &one.what);
            Some(format!(
                "{test}: {many} frames, the first on {place}: {what}\n{dump}"
            ))
        };
        Ok(findings.iter().filter_map(line).collect())
    }
}

fn lock() -> MutexGuard<'static, Option<Docket>> {
    DOCKET.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_docket<T>(use_it: impl FnOnce(&mut Docket) -> Result<T>) -> Result<T> {
    at_exit();
    let mut docket = lock();
    if docket.is_none() {
        *docket = Some(Docket::new()?);
    }
    docket.as_mut().context("no docket").and_then(use_it)
}

fn at_exit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler unwinds into nobody: all that it calls returns its errors.
        let refused = unsafe { libc::atexit(judge_the_rest) };
        assert_eq!(refused, 0, "no handler for the end of the process");
    });
}

extern "C" fn judge_the_rest() {
    if let Err(error) = verdict() {
        let mut out = std::io::stderr();
        // Nobody is left to hear that this cannot be written.
        drop(writeln!(out, "\ncaptures: {error:#}"));
        // SAFETY: ends the process at once; `exit` must not be called a second time.
        unsafe { libc::_exit(FAILED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::eth;

    /// Two frames of one test: a good one, and one whose TCP checksum is another than it should be.
    fn docket() -> Docket {
        let good = eth("02:00:00:00:00:02", "02:00:00:00:00:01")
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2])
            .tcp(1, 2, 3, 4)
            .bytes()
            .to_vec();
        let mut wrong = good.clone();
        wrong[51] ^= 1;
        let mut docket = Docket::new().unwrap();
        for (at, (test, bytes)) in [("fine", good), ("broken", wrong)].into_iter().enumerate() {
            pcap::write_frame(&mut docket.file, &Captured::from(bytes)).unwrap();
            let origin = Origin {
                place: "eth0 of there".to_owned(),
                test: test.to_owned(),
            };
            docket.origins.push((at, origin));
        }
        docket.frames = 2;
        docket
    }

    fn judged(mut docket: Docket) -> Result<()> {
        docket.file.flush()?;
        let mut file = docket.file.get_ref().try_clone()?;
        file.rewind()?;
        docket.judge(&find_wrong(file)?)
    }

    #[test]
    fn a_wrong_frame_is_told_of_with_its_test_and_place() {
        let said = judged(docket()).unwrap_err().to_string();
        assert!(
            said.starts_with("tshark finds fault with frames of 1 tests"),
            "{said}"
        );
        assert!(
            said.contains("broken: 1 frames, the first on eth0 of there: eth:"),
            "{said}"
        );
    }

    #[test]
    fn who_expects_wrong_frames_must_have_some() {
        let mut docket_with = docket();
        docket_with.excused.insert("broken".to_owned(), "on purpose");
        judged(docket_with).unwrap();
        let mut docket_without = docket();
        for test in ["broken", "fine"] {
            docket_without.excused.insert(test.to_owned(), "on purpose");
        }
        let said = judged(docket_without).unwrap_err().to_string();
        assert!(
            said.contains("fine says \"on purpose\", and no frame is wrong"),
            "{said}"
        );
    }
}
