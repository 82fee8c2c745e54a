//! The benchmark that `cargo xtask bench` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    fabric_tests::bench::main()
}
