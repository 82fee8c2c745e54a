//! The command line of `fabric-bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Measures what a frame costs: the fabric as the agent installs it, the limit of XDP, and the kernel's own devices.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "fabric-bench",
    args_conflicts_with_subcommands = true,
    after_help = "Open vSwitch is measured as well where it is installed (apt-get install openvswitch-switch), but not with --quick, unless \
                  --only names it.\n\n\
                  Examples:\n  fabric-bench\n  fabric-bench --quick\n  fabric-bench --only VXLAN --json vxlan.json\n\n\
                  Exit codes: 0 measured, 1 frames were lost or came out wrong, or it could not be measured; 2 wrong usage."
)]
pub(super) struct Options {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Fewer and shorter rounds: under a minute, and less sure
    #[arg(long)]
    pub quick: bool,
    /// Only devices whose name contains this; the bare redirect is always measured
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Frame lengths without FCS, in bytes
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "64,1500", value_parser = clap::value_parser!(u16).range(64..=1500))]
    pub sizes: Vec<u16>,
    /// Rounds of each device; minima need many on a machine that does other work as well
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(3..=1000))]
    rounds: Option<u16>,
    /// CPU time of a round, in milliseconds; short ones find the quiet moments
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u16).range(10..=2000))]
    round: Option<u16>,
    /// Write every figure to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What else is measured.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum What {
    /// How cost grows with addresses and tenants: a frame, loading, learning, attaching, memory
    Scale(Scale),
    /// Four nodes on one etcd: how long a change takes to all of them, and what it costs
    Cluster(Cluster),
    /// What a second CPU adds
    Cores,
    /// How long a client waits when the storage machine that it works with dies or is cut off
    Failover(Failover),
}

/// Options of `cluster`.
#[derive(Args, Clone, Debug)]
pub(super) struct Cluster {
    /// So many agents in one process instead, which write into tables in memory
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(16..=1000))]
    pub agents: Option<u16>,
    /// Tenants in the document
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "0,1000,10000", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub tenants: Vec<u32>,
    /// Changes of each kind
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub runs: u32,
    /// Write every figure to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Options of `failover`.
#[derive(Args, Clone, Debug)]
pub(super) struct Failover {
    /// Runs of each row; a row that only compares has five at most
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub runs: u64,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Write every figure to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Options of `scale`.
#[derive(Args, Clone, Debug)]
pub(super) struct Scale {
    /// Only parts whose name contains this: addresses, segments, learning, start, tenants
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Most addresses in the FDB, most segments, and most tenants
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub most: u32,
    /// Write every figure to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the cost of a frame against the number of addresses into this SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// The same against the number of segments
    #[arg(long, value_name = "FILE")]
    pub plot_segments: Option<PathBuf>,
}

impl Options {
    /// Rounds of each device.
    pub(super) fn rounds(&self) -> usize {
        match self.rounds {
            Some(rounds) => usize::from(rounds),
            None if self.quick => 3,
            None => 11,
        }
    }

    /// CPU time that a round is to take.
    pub(super) fn round(&self) -> Duration {
        let default = if self.quick { 50 } else { 300 };
        Duration::from_millis(self.round.map_or(default, u64::from))
    }

    /// Whether a device is wanted.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|text| name.contains(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        assert!(Options::try_parse_from(["fabric-bench", "--sizes", "20"]).is_err());
        let options = Options::try_parse_from(["fabric-bench", "--sizes", "64,128", "--only", "VX"]).unwrap();
        assert_eq!(options.sizes, [64, 128]);
        assert!(options.wants("VXLAN encap") && !options.wants("QinQ push"));
    }
}
