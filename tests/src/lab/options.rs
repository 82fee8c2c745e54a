//! The command line of `fabric-lab`.

use clap::{Parser, ValueEnum};

/// Shows the fabric at work in network namespaces of this machine; `cargo xtask run` builds and starts it.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "fabric-lab",
    after_help = "Examples:\n  fabric-lab\n  fabric-lab --lab figure-2\n  fabric-lab --lab storage\n  fabric-lab --keep\n  fabric-lab --down fab4711-1\n\n\
                  Exit codes: 0 all is well, 1 something failed, 2 wrong usage, 130 interrupted.\n\
                  FABRIC_BIN names the fabric program; without it, the one that was built last here is taken."
)]
pub(super) struct Options {
    /// What to build and show
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub lab: Which,
    /// Leave it up, and say how to look around
    #[arg(long, conflicts_with = "down")]
    pub keep: bool,
    /// Take down a lab that was kept
    #[arg(long, value_name = "PREFIX")]
    pub down: Option<String>,
}

/// The labs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// One datacenter, two switches, tenants with the same addresses
    #[default]
    #[value(name = "figure-1")]
    Figure1,
    /// Three datacenters joined by a triangle of dedicated lines
    #[value(name = "figure-2")]
    Figure2,
    /// Three datacenters, one dedicated line and two providers' networks
    #[value(name = "figure-3")]
    Figure3,
    /// Figures 12 and 13: a storage machine dies under its clients
    Storage,
    /// Two datacenters on an etcd of three: its leader, an agent and the ways there die
    Cluster,
}

/// The number of the lab's first step and of all steps, from `FABRIC_STEPS=3/4`.
#[must_use]
pub(super) fn steps(text: Option<&str>) -> (usize, usize) {
    let parsed = text.and_then(|text| {
        let (first, all) = text.split_once('/')?;
        Some((first.parse().ok()?, all.parse().ok()?))
    });
    parsed.unwrap_or((1, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        assert!(Options::try_parse_from(["fabric-lab", "--keep", "--down", "x"]).is_err());
    }

    #[test]
    fn steps_count_from_the_caller_or_from_one() {
        assert_eq!(steps(Some("3/4")), (3, 4));
        assert_eq!(steps(Some("x")), (1, 2));
        assert_eq!(steps(None), (1, 2));
    }
}
