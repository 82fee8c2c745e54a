//! `cargo xtask bench`: builds what is measured and what it is measured against, and measures.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::Args;

use crate::{build, exec, sudo, tools, ui::Steps, workspace::Workspace};

#[derive(Args)]
#[command(
    after_help = "Other arguments go on to fabric-bench: --quick, --only TEXT, --sizes BYTES, --rounds NUMBER, \
                  --json FILE; or scale [--only TEXT] [--most NUMBER] [--json FILE] [--plot FILE] \
                  [--plot-segments FILE], or cores, or \
                  cluster [--agents NUMBER] [--tenants NUMBERS] [--runs NUMBER] [--json FILE], or \
                  failover [--runs NUMBER] [--only TEXT] [--json FILE].\n\n\
                  Open vSwitch with AF_XDP is measured as well where it is installed: apt-get install openvswitch-switch."
)]
pub(crate) struct Options {
    #[command(flatten)]
    tools: tools::ToolOptions,
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

const WHY: &str = "attaching XDP programs";

/// Replaces this process by the benchmark.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::new();
    sudo::prepare(WHY)?;
    let tools = options.tools.with_storage(is_failover(&options.rest));
    build::tools_and_benchmark(&tools, &workspace, &mut Steps::new(2))?;
    let vars = [
        ("FABRIC_BIN", workspace.release("fabric").into_os_string()),
        (
            "FABRIC_REFERENCE",
            workspace.ebpf_object("reference").into_os_string(),
        ),
    ];
    let mut command = sudo::command(workspace.release("fabric-bench"), &vars);
    command.args(&options.rest);
    // The first build may have taken longer than sudo remembers the password.
    sudo::prepare(WHY)?;
    Err(exec::replace(command))
}

/// Whether the benchmark's arguments ask for the one that lets storage machines die; its other options exclude that.
fn is_failover(rest: &[OsString]) -> bool {
    rest.first().is_some_and(|word| word == "failover")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failover_needs_the_tools_of_storage() {
        let asks = |words: &[&str]| {
            let rest: Vec<OsString> = words.iter().map(OsString::from).collect();
            is_failover(&rest)
        };
        assert!(asks(&["failover"]) && asks(&["failover", "--runs", "3"]));
        assert!(!asks(&[]) && !asks(&["--only", "failover"]) && !asks(&["scale"]));
    }
}
