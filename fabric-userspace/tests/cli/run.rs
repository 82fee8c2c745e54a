//! Running the program.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::fake::FakeAgent;

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// stdout of a command that was done; nothing may stand on stderr.
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// stderr of a command that ended with `code`; nothing may stand on stdout.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}", self.stderr);
        self.stderr
    }

    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("exactly one JSON document")
    }
}

/// The program with an environment of its own.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabric"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program starts");
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs `fabric` with these words against an agent.
pub(crate) fn fabric(agent: &FakeAgent, line: &str) -> Ran {
    ran(program()
        .env("FABRIC_SOCKET", agent.socket())
        .args(line.split_whitespace()))
}
