//! The thread that watches.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::board::Board;
use super::nanoseconds;

/// How long an idle watcher sleeps at most; it is woken when there is something to watch.
const IDLE: Duration = Duration::from_secs(3600);

/// Watches until it is dropped.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    board: Board,
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A round that panicked has written whole words; the next one goes on from them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has none left.
    pub(crate) fn start(board: Board) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { board, stop: false }),
            wake: Condvar::new(),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fabric-storage".into())
            .spawn(move || watch(&watched))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Does something with the board between two rounds, which then come at once.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Board) -> T) -> T {
        let answer = work(&mut self.shared.lock().board);
        self.shared.wake.notify_one();
        answer
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends after its round; a panic was told by the hook already.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared) {
    be_on_time();
    let mut state = shared.lock();
    while !state.stop {
        let begun = nanoseconds();
        let pause = state.board.round(begun);
        let pause = if state.board.is_idle() {
            IDLE
        } else {
            Duration::from_nanos(pause.saturating_sub(nanoseconds().saturating_sub(begun)))
        };
        let waited = shared.wake.wait_timeout(state, pause);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Before ordinary threads, if the system allows: a probe that is late finds a death late. A round takes microseconds.
fn be_on_time() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameters live for the call, and 0 is the calling thread.
    let refused =
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters) };
    if refused != 0 {
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, "storage machines are watched with ordinary priority");
    }
}
