//! The thread that collects.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Captured;
use crate::wire::RawSocket;
use crate::wire::receive::Receiver;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) socket: RawSocket,
    calls: PipeReader,
    state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) frames: Vec<Captured>,
    pub(super) error: Option<String>,
    /// Calls that were made.
    pub(super) called: u64,
    /// Those before which everything that had arrived has been read.
    pub(super) answered: u64,
}

impl Shared {
    /// A byte in `calls` asks the listener to answer when it has read all that had arrived; its end ends him.
    pub(super) fn new(socket: RawSocket, calls: PipeReader) -> Self {
        Self {
            socket,
            calls,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn listen(&self, receiver: Receiver, keeps: impl FnMut(&[u8]) -> bool) {
        if let Err(error) = self.collect(receiver, keeps) {
            self.lock().error = Some(format!("{error:#}"));
            self.changed.notify_all();
        }
    }

    fn collect(&self, mut receiver: Receiver, mut keeps: impl FnMut(&[u8]) -> bool) -> Result<()> {
        loop {
            let mut sources = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.calls.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                other => other.context("cannot poll")?,
            };
            let calls = if sources[1].any() == Some(true) {
                match (&self.calls).read(&mut [0; 64]).context("cannot read calls")? {
                    0 => return Ok(()),
                    calls => calls,
                }
            } else {
                0
            };
            while let Some(frame) = receiver.next(&self.socket)? {
                if keeps(&frame.bytes) {
                    self.lock().frames.push(frame);
                }
            }
            let missed = self.socket.missed()?;
            ensure!(missed == 0, "the capture missed {missed} frames");
            self.lock().answered += calls as u64;
            self.changed.notify_all();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while the list was held cannot leave it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
