//! Why a data path is not loaded, in one sentence.

use std::io;
use std::path::PathBuf;

use aya::programs::ProgramError;
use fabric_common::maps::LAYOUT_VERSION;
use thiserror::Error;

/// Why the data path could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Built without `target/ebpf/fabric-ebpf`.
    #[error("this build of fabric has no data path in it")]
    NoObject,
    /// The pinned maps are of another layout.
    #[error("the pinned maps have layout {found}, this build has layout {LAYOUT_VERSION}")]
    Layout {
        /// What was found.
        found: u32,
    },
    /// The BPF file system, or the kernel's list of CPUs.
    #[error("{path}: {source}")]
    Pins {
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel refused the object.
    #[error("the kernel refused the data path: {0}")]
    Ebpf(#[from] aya::EbpfError),
    /// The kernel refused a program.
    #[error("the kernel refused a program: {}", refusal(.0))]
    Program(#[from] ProgramError),
    /// A map is not what it should be.
    #[error("map {map}: {source}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Attached by netlink, as on kernels without links: such an attachment dies with the agent.
    #[error("the kernel attached the program without a link")]
    NotALink,
    /// A map is missing from the object.
    #[error("map {0} is not in the object")]
    NoMap(&'static str),
}

/// The kernel's error and the verifier's verdict, without the thousands of lines that lead to it.
fn refusal(error: &ProgramError) -> String {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return error.to_string();
    };
    let log = verifier_log.to_string();
    verdict(&log).map_or_else(
        || io_error.to_string(),
        |verdict| format!("{io_error}; the verifier says: {verdict}"),
    )
}

/// The last line of a verifier's log that is not its statistics.
fn verdict(log: &str) -> Option<&str> {
    const STATISTICS: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    log.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start)))
}

impl LoadError {
    pub(super) fn map(map: &'static str) -> impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Map { map, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifiers_log_ends_with_its_verdict() {
        let log = "0: R1=ctx() R10=fp0\n1: (61) r2 = *(u32 *)(r1 +0)\nR2 invalid mem access 'scalar'\n\
                   verification time 51 usec\nstack depth 128+320\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n\n";
        assert_eq!(verdict(log), Some("R2 invalid mem access 'scalar'"));
        assert_eq!(verdict(""), None);
    }
}
