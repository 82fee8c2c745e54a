//! What happens only on a terminal: questions, colours, redrawing.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fake::{FakeAgent, data};
use crate::run::program;

/// Both ends of a pseudo terminal of 24 lines and 80 columns.
fn terminal() -> (File, OwnedFd) {
    let (mut outer, mut inner) = (-1, -1);
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: both numbers are valid places, no name and no settings are given, and the size lives until the return.
    let made = unsafe {
        libc::openpty(
            &mut outer,
            &mut inner,
            std::ptr::null_mut(),
            std::ptr::null(),
            &size,
        )
    };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call gave two open descriptors that nobody else owns.
    unsafe { (File::from_raw_fd(outer), OwnedFd::from_raw_fd(inner)) }
}

/// Reads from a terminal until `wanted` came, or nobody has it open any more.
fn read_until(outer: &mut File, wanted: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(wanted) {
        match outer.read(&mut bytes) {
            // Linux gives EIO when the other end is closed.
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&bytes[..count])),
        }
    }
    text
}

fn write_document(agent: &FakeAgent) -> String {
    let file = agent.dir().join("site.json");
    let document: Value = serde_json::from_str(&data("document")).expect("JSON");
    std::fs::write(&file, document["item"].to_string()).expect("written");
    file.display().to_string()
}

/// Runs a command with stdin and stderr on a terminal, answers its question, and gives code, stdout and stderr.
fn answered(agent: &FakeAgent, line: &str, answer: &str) -> (i32, String, String) {
    let (mut outer, inner) = terminal();
    let mut child = program()
        .args(line.split(' '))
        .env("FABRIC_SOCKET", agent.socket())
        .env("TERM", "dumb")
        .stdin(inner.try_clone().expect("a descriptor"))
        .stderr(inner)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = String::new();
    if !answer.is_empty() {
        said = read_until(&mut outer, "[y/N] ");
        assert!(said.contains("Go on?"), "no question: {said}");
        outer.write_all(answer.as_bytes()).expect("typed");
    }
    said.push_str(&read_until(&mut outer, "\u{0}"));
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().expect("a pipe");
    pipe.read_to_string(&mut stdout).expect("read");
    (code_of(&mut child), stdout, said)
}

fn code_of(child: &mut Child) -> i32 {
    child.wait().expect("it ends").code().expect("it was not killed")
}

#[test]
fn a_change_that_stops_traffic_is_asked_about_on_a_terminal() {
    let agent = FakeAgent::start();
    let apply = format!("apply -f {}", write_document(&agent));
    let (code, stdout, said) = answered(&agent, &apply, "n\n");
    assert!(
        said.contains("tenant initech eth4 untagged is in use and will stop. Go on? [y/N]"),
        "{said}"
    );
    assert!(said.contains("Nothing was changed."), "{said}");
    assert_eq!(code, 1);
    assert!(
        stdout.contains("  + tenant umbrella") && !stdout.contains("applied"),
        "{stdout}"
    );
    assert_eq!(agent.asked_once().0, "PUT /v1/document?dry_run=true");

    let (code, stdout, _) = answered(&agent, &apply, "y\n");
    assert_eq!(code, 0);
    assert_eq!(stdout.matches("revision 43 -> 44").count(), 1, "{stdout}");
    assert!(stdout.contains("applied revision 44"), "{stdout}");
    let asked: Vec<_> = agent.asked().into_iter().map(|asked| asked.what).collect();
    assert_eq!(asked[0], "PUT /v1/document?dry_run=true");
    assert!(
        asked[1].starts_with("PUT /v1/document?if_revision=43&cause=apply%20"),
        "{asked:?}"
    );
}

#[test]
fn consent_and_harmless_changes_are_not_asked_about() {
    let agent = FakeAgent::start();
    let (code, _, _) = answered(&agent, "tenant remove acme --yes", "");
    assert_eq!((code, agent.asked_once().0.as_str()), (0, "POST /v1/edit"));
    agent.answer(
        "POST /v1/edit?dry_run=true",
        data("plan").replace("\"tenant initech eth4 untagged\"", ""),
    );
    let (code, stdout, _) = answered(&agent, "tenant attach acme --port eth1 --vlan 10", "");
    assert_eq!(code, 0);
    assert!(stdout.starts_with("attached acme"), "{stdout}");
}

#[test]
fn a_command_that_stops_traffic_is_asked_about_too() {
    let agent = FakeAgent::start();
    let (code, _, _) = answered(&agent, "tenant remove acme", "\n");
    assert_eq!(code, 1);
    let (code, stdout, _) = answered(&agent, "tenant remove acme", "yes\n");
    assert_eq!(code, 0);
    assert!(stdout.contains("undo: "), "{stdout}");
    let (code, _, said) = answered(&agent, "agent stop --detach", "n\n");
    assert!(code == 1 && said.contains("all tenants of this node"), "{said}");
}

fn colored(agent: &FakeAgent, variables: &[(&str, &str)], flags: &[&str]) -> bool {
    let (mut outer, inner) = terminal();
    let mut child = program()
        .args(["port", "list"])
        .args(flags)
        .env("FABRIC_SOCKET", agent.socket())
        .envs(variables.iter().copied())
        .stdout(inner)
        .spawn()
        .expect("the program starts");
    let text = read_until(&mut outer, "\u{0}");
    assert_eq!(code_of(&mut child), 0);
    assert!(text.contains("trunk0"), "{text}");
    text.contains("\x1b[")
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let agent = FakeAgent::start();
    let xterm = ("TERM", "xterm");
    assert!(colored(&agent, &[xterm], &[]));
    assert!(!colored(&agent, &[xterm, ("NO_COLOR", "1")], &[]));
    assert!(colored(&agent, &[xterm, ("NO_COLOR", "")], &[]));
    assert!(!colored(&agent, &[("TERM", "dumb")], &[]));
    assert!(!colored(&agent, &[xterm], &["--color", "never"]));
    let piped = |flags: &str| crate::run::fabric(&agent, &format!("port list {flags}")).done();
    assert!(!piped("").contains('\x1b') && piped("--color always").contains("\x1b[32mup\x1b[0m"));
}

#[test]
fn a_watched_picture_is_redrawn_in_place_and_ctrl_c_is_a_good_end() {
    let agent = FakeAgent::start();
    let (mut outer, inner) = terminal();
    let mut child = program()
        .args(["counters", "--by", "tenant", "--watch", "0.05"])
        .env("FABRIC_SOCKET", agent.socket())
        .env("TERM", "xterm")
        .stdout(inner)
        .spawn()
        .expect("the program starts");
    let text = read_until(&mut outer, "\x1b[6A\r\x1b[J");
    assert!(
        text.contains("\x1b[6A\r\x1b[J"),
        "six lines are drawn again: {text:?}"
    );
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid")),
        nix::sys::signal::Signal::SIGINT,
    )
    .expect("sent");
    let deadline = Instant::now() + Duration::from_secs(10);
    let code = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status.code();
        }
        assert!(Instant::now() < deadline, "Ctrl-C was not heard");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(code, Some(0));
}
