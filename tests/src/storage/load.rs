//! A client that works through one disk, one request at a time, and remembers when each was answered.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::blocks::{self, BLOCK};
use super::qsd::EXPORT;
use super::record::{Break, Exchange, IoError, Record, monotonic_us};
use super::session::{Address, Answer, Limits, Session};
use crate::netns::NetNs;
use crate::wait;

/// Between two attempts to reconnect.
const BACK_OFF: Duration = Duration::from_millis(1);

/// A disk that a client uses: where it is, and how patient the client is.
#[derive(Clone, Debug)]
pub struct Target {
    address: Address,
    export: String,
    limits: Limits,
}

impl Target {
    /// An NBD server over TCP, export [`EXPORT`]. Attempts to connect last 20 ms each, so that a lost SYN does not cost the
    /// second after which the kernel sends it again; no keepalive: who waits for an answer waits until the connection is
    /// reset.
    #[must_use]
    pub fn tcp(server: SocketAddr) -> Self {
        Self::new(Address::Tcp(server))
    }

    /// An NBD server at a Unix socket.
    #[must_use]
    pub fn unix(socket: &Path) -> Self {
        Self::new(Address::Unix(socket.to_owned()))
    }

    fn new(address: Address) -> Self {
        Self {
            address,
            export: EXPORT.to_owned(),
            limits: Limits {
                connect: Duration::from_millis(20),
                keepalive_seconds: None,
            },
        }
    }

    /// Another export; `nbdkit` has the empty name.
    #[must_use]
    pub fn export(mut self, name: &str) -> Self {
        name.clone_into(&mut self.export);
        self
    }

    /// How long one attempt to connect may take; the server's greeting may take ten times as long.
    #[must_use]
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.limits.connect = limit;
        self
    }

    /// TCP keepalive with so many seconds until and between probes.
    #[must_use]
    pub fn keepalive(mut self, seconds: u32) -> Self {
        self.limits.keepalive_seconds = Some(seconds);
        self
    }
}

/// A client at work, on a thread in its namespace. It reconnects at once when the session breaks and asks again what was
/// not answered. It ends with its handle.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    work: Work,
    run: u64,
    stop: AtomicBool,
    answered: AtomicU64,
    record: Mutex<Record>,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// Each block is new, one behind the other; from the beginning again when the disk is full.
    Write,
    /// Blocks 0 to `written`, again and again.
    Read { written: u64 },
}

impl Load {
    /// A writer of numbered blocks of [`BLOCK`] bytes, see [`block`](super::block). `run` tells its blocks from others'.
    ///
    /// # Errors
    /// When it cannot open the disk.
    pub fn write(client: &NetNs, target: &Target, run: u64) -> Result<Self> {
        Self::start(client, target, run, Work::Write)
    }

    /// A reader of the blocks that [`fill`](super::fill) wrote, or a writer of the same `run`.
    ///
    /// # Errors
    /// When it cannot open the disk.
    pub fn read(client: &NetNs, target: &Target, run: u64, written: u64) -> Result<Self> {
        ensure!(written > 0, "nothing was written that could be read");
        Self::start(client, target, run, Work::Read { written })
    }

    fn start(client: &NetNs, target: &Target, run: u64, work: Work) -> Result<Self> {
        let shared = Arc::new(Shared {
            target: target.clone(),
            work,
            run,
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            record: Mutex::new(Record::new(run)),
        });
        // Before the thread starts, so that a wrong address is an error here and not a client that never gets anywhere.
        // A busy machine may need more than one attempt.
        let opened =
            |shared: &Shared| wait::until(wait::PATIENCE, "the disk to open", || Ok(shared.open().ok()));
        let session = client.run(|| opened(&shared).or_else(|_| shared.open()))?;
        let worker = Arc::clone(&shared);
        let thread = client.spawn(move || worker.work(session))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Requests answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits for `more` further answers.
    ///
    /// # Errors
    /// When they have not come after `within`.
    pub fn wait_answers(&self, more: u64, within: Duration) -> Result<()> {
        let goal = self.answered() + more;
        let what = format!("{more} more answers to the client");
        wait::until_true(within, &what, || Ok(self.answered() >= goal))
    }

    /// A copy of what it has seen so far.
    #[must_use]
    pub fn record(&self) -> Record {
        let mut record = self.shared.lock().clone();
        record.until_us = monotonic_us();
        record
    }

    /// Ends it, also while it waits for an answer, and gives what it has seen.
    ///
    /// # Errors
    /// When the server spoke something else than NBD.
    pub fn stop(mut self) -> Result<Record> {
        self.end()?;
        Ok(self.record())
    }

    fn end(&mut self) -> Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take() {
            Some(thread) => thread.join().map_err(|_| anyhow!("the client panicked"))?,
            None => Ok(()),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl Shared {
    fn open(&self) -> Result<Session> {
        let target = &self.target;
        let session = Session::open(&target.address, &target.export, target.limits)
            .with_context(|| format!("cannot open the disk at {:?}", target.address))?;
        let slots = session.size() / BLOCK as u64;
        ensure!(
            slots > 0,
            "a disk of {} bytes has no room for a block",
            session.size()
        );
        self.lock().slots = slots;
        Ok(session)
    }

    fn work(&self, first: Session) -> Result<()> {
        let mut session = Some(first);
        let mut number = 0;
        while self.goes_on() {
            self.lock().pending = Some((number, monotonic_us()));
            let Some(answer) = self.answer(&mut session, number) else {
                return Ok(());
            };
            self.note(number, answer);
            number += 1;
        }
        Ok(())
    }

    /// The answer, from which session ever it comes; `None` when it was to end before that.
    fn answer(&self, session: &mut Option<Session>, number: u64) -> Option<Answer> {
        while self.goes_on() {
            let Some(open) = session else {
                std::thread::sleep(BACK_OFF);
                *session = self.open().ok();
                continue;
            };
            match self.ask(open, number) {
                Ok(Answer::Stopped) => return None,
                Ok(answer) => return Some(answer),
                Err(error) => {
                    let at_us = monotonic_us();
                    let why = format!("{error:#}");
                    self.lock().breaks.push(Break { at_us, why });
                    *session = None;
                }
            }
        }
        None
    }

    fn ask(&self, session: &mut Session, number: u64) -> Result<Answer> {
        let go_on = || self.goes_on();
        let slots = session.size() / BLOCK as u64;
        match self.work {
            Work::Write => {
                let offset = number % slots * BLOCK as u64;
                session.write(offset, &blocks::block(self.run, number), &go_on)
            }
            Work::Read { written } => {
                let offset = number % written * BLOCK as u64;
                session.read(offset, BLOCK, &go_on)
            }
        }
    }

    fn note(&self, number: u64, answer: Answer) {
        let answered_us = monotonic_us();
        let mut record = self.lock();
        let Some((_, begun_us)) = record.pending.take() else {
            return;
        };
        match answer {
            Answer::Refused(errno) => record.io_errors.push(IoError {
                number,
                errno,
                at_us: answered_us,
            }),
            Answer::Data(data) => {
                if let Work::Read { written } = self.work
                    && blocks::number(self.run, &data) != Some(number % written)
                {
                    record.wrong.push(number);
                }
                record.answered.push(Exchange {
                    number,
                    begun_us,
                    answered_us,
                });
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Stopped => {}
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        // Each change is a single push or store: a panic elsewhere cannot leave it half-written.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
