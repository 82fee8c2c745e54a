//! The thread that collects.

use std::io::PipeReader;
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
    stop: PipeReader,
    state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) frames: Vec<Captured>,
    pub(super) error: Option<String>,
}

impl Shared {
    /// `stop` wakes the listener when its other end is closed.
    pub(super) fn new(socket: RawSocket, stop: PipeReader) -> Self {
        Self {
            socket,
            stop,
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
                // Nothing is ever written: this wakes when the other end is closed.
                PollFd::new(self.stop.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                other => other.context("cannot poll")?,
            };
            if sources[1].any() == Some(true) {
                return Ok(());
            }
            while let Some(frame) = receiver.next(&self.socket)? {
                if keeps(&frame.bytes) {
                    self.lock().frames.push(frame);
                }
            }
            self.changed.notify_all();
            let missed = self.socket.missed()?;
            ensure!(missed == 0, "the capture missed {missed} frames");
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while the list was held cannot leave it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
