//! Runs small programs in every order in which their accesses to shared words can happen.
//!
//! Each program has a thread, but only one runs at a time: before each access it waits for its turn. After a run the last choice
//! that could have been another is made anew, until there is none. Of orders that differ only in accesses which do not
//! touch each other, one is run (sleep sets: Godefroid, LNCS 1032, 1996). Words that nobody writes are read without waiting.
//!
//! Memory is taken for one on which accesses have a single order. Loads and stores of x86 may be seen in another order by
//! one CPU only where it loads before its own store is seen; no program here depends on that.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Something done wrong on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Whoever loads a key again is given what he has seen before.
    LooksOnce,
    /// The agent does not wait for programs that run.
    NoGrace,
    /// XDP changes a value whatever it has become.
    BlindWrites,
    /// The agent takes a slot that was the key's before, and not an earlier one that is free.
    SkipsFree,
}

/// Who runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// XDP with one frame.
    Frame,
    /// The agent.
    Agent,
}

/// What a thread is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Access {
        word: usize,
        writes: bool,
    },
    /// A grace period begins.
    Wait,
    /// It ends when these have ended.
    Waited(BTreeSet<usize>),
}

impl Step {
    fn is_independent_of(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Access { word, writes },
                Self::Access {
                    word: other,
                    writes: also,
                },
            ) => word != other || !(writes | also),
            _ => false,
        }
    }
}

/// A choice.
struct Choice {
    steps: BTreeMap<usize, Step>,
    can_go: BTreeSet<usize>,
    /// Threads of which nothing new can be seen if they go first here.
    asleep: BTreeSet<usize>,
    chosen: usize,
}

#[derive(Default)]
struct State {
    /// Of the threads that wait for their turn.
    steps: BTreeMap<usize, Step>,
    ended: BTreeSet<usize>,
    begun: BTreeSet<usize>,
    threads: usize,
    turn: Option<usize>,
    choices: Vec<Choice>,
    /// How many of the choices were made in this run.
    made: usize,
    /// Nothing new can be seen in what is left of this run.
    is_old: bool,
    /// Words that somebody writes, so far as is known.
    written: BTreeSet<usize>,
    has_learned: bool,
}

/// Runs programs.
pub(crate) struct Schedule {
    state: Mutex<State>,
    turn: Condvar,
    pub(crate) fault: Option<Fault>,
}

/// The thread that runs.
struct Running {
    schedule: &'static Schedule,
    thread: usize,
    who: Who,
    /// Where the shared memory begins.
    base: usize,
    /// Keys that were loaded.
    seen: BTreeMap<usize, u64>,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A program, what it is run by, and the memory that it shares.
pub(crate) type Program<'a> = (Who, Box<dyn Fn() + Send + Sync + 'a>);

impl Schedule {
    /// `make` gives the memory's address, programs for it, and what is looked at when all have ended; run after run until
    /// every order was tried, or `end` has seen enough. How many runs that were.
    pub(crate) fn explore<W: Sync>(
        fault: Option<Fault>,
        make: impl Fn() -> W,
        base: impl Fn(&W) -> usize,
        programs: impl for<'a> Fn(&'a W) -> Vec<Program<'a>>,
        end: impl Fn(&W) -> bool,
    ) -> u64 {
        // It lives as long as the test: threads keep it.
        let schedule: &'static Self = Box::leak(Box::new(Self {
            state: Mutex::default(),
            turn: Condvar::new(),
            fault,
        }));
        let mut runs = 0;
        loop {
            let world = make();
            let programs = programs(&world);
            schedule.begin(programs.len());
            std::thread::scope(|scope| {
                for (thread, (who, program)) in programs.iter().enumerate() {
                    let base = base(&world);
                    scope.spawn(move || {
                        let running = Running {
                            schedule,
                            thread,
                            who: *who,
                            base,
                            seen: BTreeMap::new(),
                        };
                        RUNNING.set(Some(running));
                        program();
                        schedule.end(thread);
                    });
                }
            });
            drop(programs);
            runs += 1;
            if !end(&world) || !schedule.next() {
                return runs;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, threads: usize) {
        let mut state = self.lock();
        let (choices, written) = (
            std::mem::take(&mut state.choices),
            std::mem::take(&mut state.written),
        );
        *state = State {
            threads,
            choices,
            written,
            ..State::default()
        };
    }

    /// The next order, if there is one.
    fn next(&self) -> bool {
        let mut state = self.lock();
        if std::mem::take(&mut state.has_learned) {
            // Accesses that did not wait will, so all is begun anew.
            state.choices.clear();
            return true;
        }
        while let Some(mut last) = state.choices.pop() {
            last.asleep.insert(last.chosen);
            let other = last.can_go.difference(&last.asleep).next().copied();
            if let Some(other) = other {
                last.chosen = other;
                state.choices.push(last);
                return true;
            }
        }
        false
    }

    fn end(&self, thread: usize) {
        let mut state = self.lock();
        state.ended.insert(thread);
        state.choose();
        self.turn.notify_all();
    }

    /// Waits for the turn of `thread`, which is about to do `step`.
    fn step(&self, thread: usize, step: Step) {
        let mut state = self.lock();
        state.steps.insert(thread, step);
        state.turn = None;
        state.choose();
        if state.turn != Some(thread) {
            self.turn.notify_all();
            state = self
                .turn
                .wait_while(state, |state| state.turn != Some(thread))
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.steps.remove(&thread);
        state.begun.insert(thread);
    }
}

impl State {
    /// Gives somebody his turn, once all wait.
    fn choose(&mut self) {
        if self.steps.len() + self.ended.len() < self.threads || self.steps.is_empty() {
            return;
        }
        let can_go = |step: &Step| match step {
            Step::Access { .. } | Step::Wait => true,
            Step::Waited(others) => others.is_subset(&self.ended),
        };
        let can_go: BTreeSet<usize> = self
            .steps
            .iter()
            .filter(|(_, step)| can_go(step))
            .map(|(thread, _)| *thread)
            .collect();
        let first = can_go.first().copied();
        if self.is_old {
            self.turn = first;
            return;
        }
        if self.made == self.choices.len() {
            let asleep = self
                .choices
                .last()
                .map_or_else(BTreeSet::new, Choice::still_asleep);
            let Some(chosen) = can_go.difference(&asleep).next().copied() else {
                self.is_old = true;
                self.turn = first;
                return;
            };
            self.choices.push(Choice {
                steps: self.steps.clone(),
                can_go,
                asleep,
                chosen,
            });
        }
        self.turn = self.choices.get(self.made).map(|choice| choice.chosen);
        self.made += 1;
    }
}

impl Choice {
    /// Those whose step is not touched by what was chosen.
    fn still_asleep(&self) -> BTreeSet<usize> {
        let chosen = self.steps.get(&self.chosen);
        let untouched = |thread: &&usize| {
            let step = self.steps.get(thread);
            step.zip(chosen)
                .is_some_and(|(step, chosen)| step.is_independent_of(chosen))
        };
        self.asleep.iter().filter(untouched).copied().collect()
    }
}

/// Before each access to a shared word.
pub(crate) fn access(address: usize, writes: bool) {
    RUNNING.with_borrow(|running| {
        let Some(running) = running else { return };
        let word = address - running.base;
        let mut state = running.schedule.lock();
        if writes {
            state.has_learned |= state.written.insert(word);
        }
        let waits = state.written.contains(&word);
        drop(state);
        if waits {
            running
                .schedule
                .step(running.thread, Step::Access { word, writes });
        }
    });
}

/// What a load that found `value` gives. Keys and values are in turn, the first is a key.
pub(crate) fn loaded(address: usize, value: u64) -> u64 {
    RUNNING.with_borrow_mut(|running| match running {
        Some(running) if running.has(Fault::LooksOnce, Who::Frame) && address.is_multiple_of(16) => {
            *running.seen.entry(address).or_insert(value)
        }
        Some(running)
            if running.has(Fault::SkipsFree, Who::Agent) && address.is_multiple_of(16) && value == 0 =>
        {
            u64::MAX
        }
        _ => value,
    })
}

/// Whether compare-and-exchange at this address writes whatever it finds.
pub(crate) fn is_blind(address: usize) -> bool {
    RUNNING.with_borrow(|running| {
        let running = running.as_ref();
        running.is_some_and(|running| running.has(Fault::BlindWrites, Who::Frame))
            && !address.is_multiple_of(16)
    })
}

/// Waits until all programs have ended that run.
pub(crate) fn grace() {
    RUNNING.with_borrow(|running| {
        let Some(running) = running else { return };
        let schedule = running.schedule;
        schedule.step(running.thread, Step::Wait);
        let state = schedule.lock();
        let mut others: BTreeSet<usize> = state.begun.difference(&state.ended).copied().collect();
        drop(state);
        others.remove(&running.thread);
        if running.has(Fault::NoGrace, Who::Agent) {
            others.clear();
        }
        schedule.step(running.thread, Step::Waited(others));
    });
}

impl Running {
    fn has(&self, fault: Fault, who: Who) -> bool {
        self.schedule.fault == Some(fault) && self.who == who
    }
}
