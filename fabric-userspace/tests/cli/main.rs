//! Every verb of the command line through the real program, against an agent that only knows `tests/data`.

#![expect(clippy::expect_used, reason = "a helper that fails ends its test")]

mod changes;
mod completion;
mod errors;
mod fake;
mod forms;
mod help;
mod lists;
mod run;
mod terminal;
mod watch;
