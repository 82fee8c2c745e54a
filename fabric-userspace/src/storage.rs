//! Watching over storage machines: probes, the decision who is in charge, the switch, and the nudge.
//!
//! Frames follow [`fabric_common::storage`]; this module tells it who may take over, and acts when a member dies. One thread
//! does it all in rounds of a few milliseconds, with no lock of the agent's: a document that is being applied must not delay
//! a switch. It hears nothing from the wire itself: the data path notes every member's sign of life in memory that it reads.

mod acts;
mod board;
mod copies;
mod doubt;
mod follow;
mod frames;
mod judge;
mod known;
mod monitor;
mod moves;
mod nudges;
mod probes;
mod saved;
mod shared;
mod socket;
mod spec;
mod tools;
mod view;
mod watched;
mod watcher;
mod wishes;

pub(crate) use board::{Board, Event, Monitored, Switch};
pub(crate) use judge::Cause;
pub(crate) use monitor::{Monitor, Progress};
pub(crate) use moves::Move;
pub(crate) use saved::Saved;
pub(crate) use shared::Candidate;
pub(crate) use socket::PacketSockets;
pub(crate) use spec::specs;
pub(crate) use watcher::Watcher;
pub(crate) use wishes::{Ask, Right, Wish};

/// Now, in nanoseconds of the clock that BPF programs see (`CLOCK_MONOTONIC`).
pub(crate) fn nanoseconds() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(std::time::Duration::from);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
