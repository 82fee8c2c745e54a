//! The lab that `cargo xtask run` shows.

use std::process::ExitCode;

fn main() -> ExitCode {
    fabric_tests::lab::main()
}
