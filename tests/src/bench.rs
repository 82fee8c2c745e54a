//! How much CPU time a frame costs, side by side with the limit and the kernel's own devices. `fabric-bench` is its program.
//!
//! ```text
//!   device ──> line (namespaces, cables)      source ~~in [device] out~~ sink
//!   round  ──> sender (live frames), cpu (what it cost)
//!   suite  ──> devices × rounds, interleaved ──> table, JSON
//! ```
//!
//! One device is under test at a time, wholly on one CPU: a source program sends live frames (`BPF_PROG_TEST_RUN`), each veth's NAPI runs in
//! the sending task, and the metric is that task's CPU time and ksoftirqd's by frame *received*. Wall time is no measure: each call ends
//! with an RCU wait of tens of milliseconds. Ratios within a run stay where absolute times drift; the minimum over rounds is the
//! steadiest figure.

mod cluster;
mod cores;
mod cpu;
mod device;
mod fabrics;
mod failover;
mod limits;
mod line;
mod options;
mod ovs;
mod peers;
mod plain;
mod process;
mod reference;
mod report;
mod scale;
mod suite;
mod tcx;

use std::process::ExitCode;

use clap::Parser;

use self::options::{Options, What};
use crate::interrupt;
use crate::netns::need_root;
use crate::wire::judge;

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let options = Options::parse();
    judge::adjourn();
    let outcome = need_root()
        .and_then(|()| interrupt::listen())
        .and_then(|()| match &options.what {
            None => suite::run(&options),
            Some(What::Scale(scale)) => scale::run(scale),
            Some(What::Cluster(options)) => cluster::run(options),
            Some(What::Cores) => cores::run(),
            Some(What::Failover(options)) => failover::run(options),
        });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if interrupt::caused(&error) => {
            let code = report::interrupted();
            ExitCode::from(code)
        }
        Err(error) => {
            report::refuse(&error);
            ExitCode::FAILURE
        }
    }
}
