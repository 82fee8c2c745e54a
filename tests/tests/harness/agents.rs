//! The agent runner, held against a stand-in that behaves and misbehaves on command.
//!
//! The stand-in is this very test program, started again through a shell script: `FAKE` says what it does wrong.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::FromRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fabric_tests::bpf::TcProgram;
use fabric_tests::fabric::{Agent, Launch, Objects};
use fabric_tests::netns::{NetNs, run_tool};
use fabric_tests::topology::Net;
use serde_json::json;

struct Stand {
    _net: Net,
    edge: NetNs,
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        // Standard output is the answer of a command; what the test runner prints there goes away.
        let script = format!(
            "#!/bin/sh\nFAKE_WORDS=\"$*\" exec {} --ignored --exact agents::stand_in -q --nocapture 3>&1 >/dev/null\n",
            program.display()
        );
        let draft = folder.path().join("draft");
        fs::write(&draft, script).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        // By another process: a thread that forks while a file is open for writing keeps it from being run (ETXTBSY).
        run_tool(Command::new("cp").arg(&draft).arg(folder.path().join("fabric"))).unwrap();
        Self {
            _net: net,
            edge,
            folder,
        }
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("fabric")
    }

    fn launch(&self, fault: &str) -> fabric_tests::Result<Agent> {
        let document = json!({"datacenters": []});
        Launch::new(&self.edge, "edge1")
            .document(&document)
            .binary(&self.binary())
            .environment("FAKE", fault)
            .start()
    }
}

#[test]
fn an_agent_starts_answers_and_leaves_nothing() {
    let stand = Stand::new();
    let agent = stand.launch("none").unwrap();
    assert_eq!(
        agent.json(&["tenant", "list"]).unwrap()["words"],
        "tenant list --json"
    );
    let document: serde_json::Value =
        serde_json::from_str(&agent.ok(&["show-config"]).unwrap().stdout).unwrap();
    assert_eq!(document, json!({"datacenters": []}));
    assert_eq!(agent.objects().unwrap().counts(), [1, 0, 0]);
    let folder = agent.socket().parent().unwrap().to_owned();
    agent.finish().unwrap();
    assert!(!folder.exists());
}

#[test]
fn refusals_need_status_cure_and_code() {
    let stand = Stand::new();
    let agent = stand.launch("none").unwrap();
    agent.refused(&["refuse"], "attachment-taken").unwrap();
    let error = agent
        .refused(&["refuse"], "mtu-too-small")
        .unwrap_err()
        .to_string();
    assert!(error.contains("code: attachment-taken"), "{error}");
    assert!(agent.refused(&["tenant", "list"], "attachment-taken").is_err());
    assert!(agent.ok(&["refuse"]).is_err());
    agent.finish().unwrap();
}

#[test]
fn a_killed_agent_can_be_restarted_on_its_state() {
    let stand = Stand::new();
    let mut agent = stand.launch("none").unwrap();
    let first = agent.pid().unwrap();
    agent.kill9().unwrap();
    assert!(agent.cli(&["tenant", "list"]).unwrap().status != Some(0));
    agent.restart().unwrap();
    assert_ne!(agent.pid().unwrap(), first);
    assert!(agent.restart().is_err(), "it runs already");
    agent.terminate().unwrap();
    agent.restart().unwrap();
    assert_eq!(agent.log().unwrap().matches("INFO  ready").count(), 3);
    agent.finish().unwrap();
}

#[test]
fn an_agent_that_does_not_start_is_told_with_its_log() {
    let stand = Stand::new();
    let error = format!("{:#}", stand.launch("exit").unwrap_err());
    assert!(
        error.contains("ended at once") && error.contains("no such port eth9"),
        "{error}"
    );
}

#[test]
fn an_error_in_the_log_fails_the_test_unless_allowed() {
    let stand = Stand::new();
    let agent = stand.launch("complain").unwrap();
    let error = agent.finish().unwrap_err().to_string();
    assert!(error.contains("ERROR port made unsafe"), "{error}");
    let mut agent = stand.launch("complain").unwrap();
    agent.allow("port made unsafe");
    agent.finish().unwrap();
    let agent = stand.launch("complain").unwrap();
    assert!(
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(agent))).is_err(),
        "a drop is silent"
    );
}

#[test]
fn an_object_that_outlives_its_agent_is_named() {
    let program = TcProgram::forward(1).unwrap();
    let held = Objects::of(std::process::id()).unwrap();
    assert!(!held.programs.is_empty(), "{held:?}");
    let error = held.wait_gone(Duration::from_millis(100)).unwrap_err();
    assert!(format!("{error:#}").starts_with("left behind: "), "{error:#}");
    drop(program);
}

/// Not a test: the stand-in for `fabric` itself.
#[test]
#[ignore = "started by the others as a program of its own"]
fn stand_in() {
    let words = std::env::var("FAKE_WORDS").unwrap();
    let words: Vec<&str> = words.split(' ').collect();
    let socket = after(&words, "--socket").unwrap();
    let status = if words[0] == "agent" {
        serve(&socket, &words)
    } else {
        call(&socket, &words[2..])
    };
    std::process::exit(status);
}

fn after(words: &[&str], flag: &str) -> Option<PathBuf> {
    let position = words.iter().position(|word| *word == flag)?;
    words.get(position + 1).map(PathBuf::from)
}

fn serve(socket: &Path, words: &[&str]) -> i32 {
    let fault = std::env::var("FAKE").unwrap();
    if fault == "exit" {
        say("error: no such port eth9");
        return 1;
    }
    let _held = TcProgram::forward(1).unwrap();
    drop(fs::remove_file(socket));
    let listener = UnixListener::bind(socket).unwrap();
    // SAFETY: handler and argument are constants; the default action ends the process.
    unsafe { libc::signal(libc::SIGTERM, leave as *const () as usize) };
    say("2026-01-01T00:00:00Z INFO  ready");
    if fault == "complain" {
        say("2026-01-01T00:00:00Z ERROR port made unsafe");
    }
    let config = fs::read_to_string(after(words, "--config").unwrap()).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        // Who only wants to know whether somebody answers does not read to the end.
        drop(write!(stream, "HTTP/1.1 200 OK\r\n\r\n{config}"));
        if request[..length].starts_with(b"STOP") {
            return 0;
        }
    }
    0
}

/// Past the test runner, which keeps what macros print.
fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{line}").unwrap();
}

extern "C" fn leave(_: i32) {
    std::process::exit(0);
}

fn call(socket: &Path, words: &[&str]) -> i32 {
    // SAFETY: the script opened descriptor 3 for us.
    let mut stdout = unsafe { fs::File::from_raw_fd(3) };
    match words {
        ["agent", "stop", "--detach"] => ask(socket, "STOP").map_or(1, |_| 0),
        ["show-config"] => {
            let answer = ask(socket, "GET").unwrap();
            stdout
                .write_all(answer.split("\r\n\r\n").nth(1).unwrap().as_bytes())
                .map_or(1, |()| 0)
        }
        ["refuse"] => {
            say(
                "error: eth1 is taken; nothing was changed\n  cure: fabric tenant detach\n  code: attachment-taken",
            );
            1
        }
        _ if ask(socket, "GET").is_none() => 1,
        _ => writeln!(stdout, "{}", json!({"words": words.join(" ")})).map_or(1, |()| 0),
    }
}

fn ask(socket: &Path, verb: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream
        .write_all(format!("{verb} / HTTP/1.1\r\n\r\n").as_bytes())
        .ok()?;
    stream.shutdown(Shutdown::Write).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
