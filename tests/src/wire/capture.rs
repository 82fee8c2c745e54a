//! Listening in the background and saying what must have come.

mod listen;
mod pick;

use std::io::{PipeWriter, Write as _, pipe};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::judge::{self, Origin};
use super::{RawSocket, Received, is_kernel_noise};
use crate::frame::Expected;
use crate::netns::NetNs;
use crate::wait::PATIENCE;
use crate::wire::receive::Receiver;
use listen::{Shared, State};
use pick::{pick, remove, report_missing, show};

/// A captured frame.
pub type Captured = Received;

/// Which frames a capture keeps.
#[derive(Clone, Copy)]
pub enum Filter {
    /// All but what kernels send by themselves (ARP, neighbour discovery, IGMP) without [`MARK`](super::MARK).
    NoKernelNoise,
    /// All.
    All,
    /// Those for which the function says so.
    Only(fn(&[u8]) -> bool),
}

impl Filter {
    fn keeps(self, bytes: &[u8]) -> bool {
        match self {
            Self::NoKernelNoise => !is_kernel_noise(bytes),
            Self::All => true,
            Self::Only(wanted) => wanted(bytes),
        }
    }
}

/// A listener on one interface, from its start to its drop.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    /// Of whole frames, which are to be judged.
    origin: Option<Origin>,
    /// A byte makes the thread answer, closing it ends the thread.
    calls: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Listens on `interface` for everything but kernel noise. Frames sent after this returns are seen.
    ///
    /// # Errors
    /// As [`RawSocket::open`].
    pub fn start(namespace: &NetNs, interface: &str) -> Result<Self> {
        Self::start_filtered(namespace, interface, Filter::NoKernelNoise)
    }

    /// As [`Capture::start`], with another filter.
    ///
    /// # Errors
    /// As [`RawSocket::open`].
    pub fn start_filtered(namespace: &NetNs, interface: &str, filter: Filter) -> Result<Self> {
        Self::listen(namespace, interface, Receiver::new(), move |bytes| {
            filter.keeps(bytes)
        })
    }

    /// Shows `look` the first `length` bytes of every frame, kernel noise too, and keeps those for which it says so. For long
    /// captures of which only counts matter.
    ///
    /// # Errors
    /// As [`RawSocket::open`].
    pub fn watch(
        namespace: &NetNs,
        interface: &str,
        length: usize,
        look: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Result<Self> {
        Self::listen(namespace, interface, Receiver::cutting(length), look)
    }

    fn listen(
        namespace: &NetNs,
        interface: &str,
        receiver: Receiver,
        keeps: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Result<Self> {
        let socket = RawSocket::open(namespace, interface)?;
        let origin = receiver.is_whole().then(|| Origin::here(socket.shown()));
        let (heard, calls) = pipe().context("cannot make a pipe")?;
        let shared = Arc::new(Shared::new(socket, heard));
        let listener = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || listener.listen(receiver, keeps))
            .context("cannot start the listening thread")?;
        Ok(Self {
            shared,
            origin,
            calls: Some(calls),
            thread: Some(thread),
        })
    }

    /// The socket it listens with, to send by: it does not hear itself.
    #[must_use]
    pub fn socket(&self) -> &RawSocket {
        &self.shared.socket
    }

    /// Waits until each of `frames` has come as often as it is listed, in any order, and takes them out. Others stay.
    ///
    /// # Errors
    /// When one is missing after `within`: the error names the closest frame that did come and where it differs.
    pub fn expect<E: Expected>(&self, frames: &[E], within: Duration) -> Result<()> {
        self.take(frames, within).map(drop)
    }

    /// As [`Capture::expect`], and gives them to the caller.
    ///
    /// # Errors
    /// As [`Capture::expect`].
    pub fn take<E: Expected>(&self, frames: &[E], within: Duration) -> Result<Vec<Captured>> {
        let mut found = Vec::new();
        let complete = |state: &mut State| {
            let (taken, missing) = pick(&state.frames, frames);
            let done = missing.is_empty();
            if done {
                found.extend(taken.iter().filter_map(|at| state.frames.get(*at).cloned()));
                remove(&mut state.frames, &taken);
            }
            done
        };
        if self.wait(within, complete)? {
            self.hand_over(&found)?;
            return Ok(found);
        }
        let state = self.lock()?;
        let (_, missing) = pick(&state.frames, frames);
        bail!(
            "{}: {}",
            self.shared.socket.shown(),
            report_missing(&state.frames, &missing, within)
        )
    }

    /// As [`Capture::expect`], and then, for the whole of `quiet`, nothing else: no duplicate, no stranger.
    ///
    /// # Errors
    /// When one is missing, or another frame came.
    pub fn expect_only<E: Expected>(&self, frames: &[E], quiet: Duration) -> Result<()> {
        self.expect(frames, PATIENCE)?;
        self.expect_nothing(quiet)
    }

    /// Nothing for the whole of `quiet`. Only waiting can show that; where a later frame takes the same way, expecting
    /// that one first and then nothing needs hardly any time.
    ///
    /// # Errors
    /// When a frame came or was there already.
    pub fn expect_nothing(&self, quiet: Duration) -> Result<()> {
        self.wait(quiet, |state| !state.frames.is_empty())?;
        let state = self.caught_up()?;
        let seen: Vec<String> = state
            .frames
            .iter()
            .take(3)
            .map(|frame| show(&frame.bytes))
            .collect();
        ensure!(
            seen.is_empty(),
            "{}: {} frames that nobody expected, the first: {}",
            self.shared.socket.shown(),
            state.frames.len(),
            seen.join("\n")
        );
        Ok(())
    }

    /// Waits for the first frame for which `wanted` says so, and takes it out.
    ///
    /// # Errors
    /// When none has come after `within`.
    pub fn wait_for(&self, what: &str, within: Duration, wanted: impl Fn(&[u8]) -> bool) -> Result<Captured> {
        let mut found = None;
        self.wait(within, |state| {
            let position = state.frames.iter().position(|frame| wanted(&frame.bytes));
            found = position.map(|position| state.frames.remove(position));
            found.is_some()
        })?;
        self.hand_over(found.as_slice())?;
        found.with_context(|| format!("{}: no {what} within {within:?}", self.shared.socket.shown()))
    }

    /// Waits until `count` frames are there; they stay.
    ///
    /// # Errors
    /// When fewer are there after `within`.
    pub fn wait_count(&self, count: usize, within: Duration) -> Result<()> {
        if self.wait(within, |state| state.frames.len() >= count)? {
            return Ok(());
        }
        let there = self.lock()?.frames.len();
        bail!(
            "{}: {there} of {count} frames within {within:?}",
            self.shared.socket.shown()
        )
    }

    /// Waits until `count` frames that are `wanted` are there, or no other such has come for `silence`, and then until no other
    /// has come for `quiet`. Fewer frames are no error: the caller counts what came.
    ///
    /// # Errors
    /// As [`Capture::count`].
    pub fn settle(
        &self,
        count: usize,
        wanted: impl Fn(&[u8]) -> bool,
        silence: Duration,
        quiet: Duration,
    ) -> Result<()> {
        let (mut seen, mut there) = (0, 0);
        loop {
            let before = there;
            let patience = if there < count { silence } else { quiet };
            let more = self.wait(patience, |state| {
                // Each frame is looked at once: while the list is held, the listener falls behind.
                let fresh = state.frames.iter().skip(seen);
                there += fresh.filter(|frame| wanted(&frame.bytes)).count();
                seen = state.frames.len();
                there > before
            })?;
            if !more {
                return Ok(());
            }
        }
    }

    /// How many frames `wanted` says yes to.
    ///
    /// # Errors
    /// When listening failed, or frames were missed.
    pub fn count(&self, wanted: impl Fn(&[u8]) -> bool) -> Result<usize> {
        Ok(self
            .caught_up()?
            .frames
            .iter()
            .filter(|frame| wanted(&frame.bytes))
            .count())
    }

    /// A copy of what is there.
    ///
    /// # Errors
    /// As [`Capture::count`].
    pub fn frames(&self) -> Result<Vec<Captured>> {
        Ok(self.caught_up()?.frames.clone())
    }

    /// Takes out everything.
    ///
    /// # Errors
    /// As [`Capture::count`].
    pub fn drain(&self) -> Result<Vec<Captured>> {
        let frames = std::mem::take(&mut self.caught_up()?.frames);
        self.hand_over(&frames)?;
        Ok(frames)
    }

    /// What has left the list is judged at the end of the process, see [`judge`].
    fn hand_over(&self, frames: &[Captured]) -> Result<()> {
        match &self.origin {
            Some(origin) => judge::hand_over(origin, frames.iter()),
            None => Ok(()),
        }
    }

    /// The list with all that had arrived before: a listener that is behind would make "nothing came" true.
    fn caught_up(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock()?;
        state.called += 1;
        let call = state.called;
        let mut calls = self.calls.as_ref().context("the capture has ended")?;
        calls.write_all(&[0]).context("cannot call the listener")?;
        let (state, done) = self.wait_with(state, PATIENCE, |state| state.answered >= call)?;
        let has_ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        ensure!(
            done,
            "{}: the listener {}",
            self.shared.socket.shown(),
            if has_ended {
                "has panicked"
            } else {
                "does not keep up with what comes"
            }
        );
        Ok(state)
    }

    /// Waits until `done` is true; false when `within` passed without.
    fn wait(&self, within: Duration, done: impl FnMut(&mut State) -> bool) -> Result<bool> {
        let waited = self.wait_with(self.lock()?, within, done);
        waited.map(|(_list, done)| done)
    }

    /// The same for who holds the list, and goes on to hold it.
    fn wait_with<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        within: Duration,
        mut done: impl FnMut(&mut State) -> bool,
    ) -> Result<(MutexGuard<'s, State>, bool)> {
        let deadline = Instant::now() + within;
        loop {
            if done(&mut state) {
                return Ok((state, true));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((state, false));
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            self.check(&state)?;
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.shared.lock();
        self.check(&state)?;
        Ok(state)
    }

    /// A capture that missed a frame proves nothing.
    fn check(&self, state: &State) -> Result<()> {
        match &state.error {
            Some(error) => bail!("{}: {error}", self.shared.socket.shown()),
            None => Ok(()),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.calls.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let rest = std::mem::take(&mut self.shared.lock().frames);
        if let Err(error) = self.hand_over(&rest) {
            judge::lost(&error.context(self.shared.socket.shown().to_owned()));
        }
    }
}
