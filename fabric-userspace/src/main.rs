//! The `fabric` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fabric_userspace::cli::main()
}
