//! The lab: the patent's figures as network namespaces, with real traffic, for people to see. `fabric-lab` is its program.
//!
//! ```text
//!   options → session ──build──> figure1 (topology, agents)         also used by tests
//!                     ──show───> flows, isolation, churn, counts    measured into Findings
//!                     ──say────> report, console
//! ```
//!
//! One more figure is one more type that implements [`session::Lab`] and one more arm in [`main`].

pub mod churn;
pub mod cluster;
pub mod console;
pub mod counts;
pub mod figure1;
pub mod findings;
pub mod flows;
mod home;
pub mod isolation;
pub mod latencies;
pub mod mesh;
mod options;
mod report;
pub mod session;
pub mod storage;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::cluster::Cluster;
use self::console::Console;
use self::figure1::Figure1;
use self::mesh::{Figure2, Figure3, Mesh};
use self::options::{Options, Which, steps};
use self::session::Session;
use self::storage::Storage;
use crate::fabric::binary;
use crate::interrupt;
use crate::netns::need_root;

/// Runs the lab that the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let options = Options::parse();
    let console = Console::of_process();
    if let Err(code) = prepare(&options) {
        return code;
    }
    if let Some(prefix) = &options.down {
        return down(console, prefix);
    }
    let session = Session {
        console,
        keep: options.keep,
        steps: steps(std::env::var("FABRIC_STEPS").ok().as_deref()),
    };
    match options.lab {
        Which::Figure1 => session.run::<Figure1>(),
        Which::Figure2 => session.run::<Mesh<Figure2>>(),
        Which::Figure3 => session.run::<Mesh<Figure3>>(),
        Which::Storage => session.run::<Storage>(),
        Which::Cluster => session.run::<Cluster>(),
    }
}

fn prepare(options: &Options) -> Result<(), ExitCode> {
    if need_root().is_err() {
        let cure = "sudo target/release/fabric-lab, or: cargo xtask run";
        return Err(refuse("network namespaces need root", cure, "not-root"));
    }
    if options.down.is_none()
        && let Err(error) = binary()
    {
        return Err(refuse(&format!("{error:#}"), "cargo xtask build", "not-built"));
    }
    let listening = interrupt::listen();
    listening.map_err(|error| refuse(&format!("{error:#}"), "report it: this is a bug", "bug"))
}

fn down(console: Console, prefix: &str) -> ExitCode {
    match home::down(prefix) {
        Ok(()) => {
            console.say(&format!("lab {prefix} is down, everything removed"));
            ExitCode::SUCCESS
        }
        Err(error) if error.is::<home::NoSuchLab>() => {
            let known = home::names();
            let cure = match known.as_slice() {
                [] => "nothing to do: no lab is up".to_owned(),
                known => format!("fabric-lab --down {}", known.join(", or: fabric-lab --down ")),
            };
            refuse(&format!("there is no lab {prefix}"), &cure, "no-such-lab")
        }
        Err(error) => refuse(&format!("{error:#}"), "try it again", "failed"),
    }
}

fn refuse(sentence: &str, cure: &str, code: &str) -> ExitCode {
    let text = format!("error: {sentence}; nothing was changed\n  cure: {cure}\n  code: {code}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}
