use std::process::Command;
use std::time::{Duration, Instant};

use crate::fake::FakeAgent;
use crate::run::{fabric, program, ran};

/// Whoever presses TAB waits for 100 ms at most; an agent that is held up for longer is asked again.
fn until_some(mut ask: impl FnMut() -> String) -> String {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let said = ask();
        if !said.trim().is_empty() || Instant::now() > end {
            return said;
        }
    }
}

#[test]
fn live_names_come_from_the_agent_or_not_at_all() {
    let agent = FakeAgent::start();
    let at_once = |line: &str| fabric(&agent, &format!("complete-names -- {line}")).done();
    let names = |line: &str| until_some(|| at_once(line));
    assert_eq!(names("fabric tenant show"), "acme\nglobex\n");
    assert_eq!(names("fabric tenant detach acme --port"), "eth1\neth10\ntrunk0\n");
    assert_eq!(names("fabric tenant detach acme --port eth1 --vlan"), "10\n");
    assert_eq!(names("fabric segment show"), "acme\nacme-v10\nglobex-v10\n");
    assert_eq!(names("fabric rollback"), "42\n43\n");
    assert_eq!(names("fabric tenant attach acme --node"), "edge1\nedge2\n");
    assert_eq!(names("fabric link down"), "far\npathway\ntrunk0\n");
    assert_eq!(names("fabric node show"), "edge1\nedge2\n");
    assert_eq!(names("fabric datacenter remove"), "dc1\ndc2\n");
    assert_eq!(names("fabric node add edge3 --datacenter"), "dc1\ndc2\n");
    assert_eq!(at_once("fabric plan -f"), "");
    agent.answer_late(Duration::from_secs(30));
    let start = Instant::now();
    assert_eq!(at_once("fabric tenant show"), "");
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "a TAB waited {:?}",
        start.elapsed()
    );
    let away = ran(program().args([
        "complete-names",
        "--socket",
        "/nonexistent",
        "--",
        "fabric",
        "tenant",
        "show",
    ]));
    assert_eq!(away.done(), "");
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ran(program().args(["completions", shell])).done();
        assert!(script.contains("fabric"), "{shell}");
    }
}

#[test]
fn bash_offers_verbs_and_live_names() {
    let agent = FakeAgent::start();
    let complete = |words: &str| {
        let script = format!(
            "source <(\"$FABRIC\" completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _fabric_live fabric \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let path = std::path::Path::new(env!("CARGO_BIN_EXE_fabric"));
        let dir = path.parent().expect("a directory").display();
        let mut command = Command::new("bash");
        command
            .args(["--norc", "-c", &script])
            .env_clear()
            .env("FABRIC", path)
            .env("FABRIC_SOCKET", agent.socket())
            .env("PATH", format!("{dir}:/usr/bin:/bin"));
        until_some(|| ran(&mut command).done())
    };
    assert_eq!(complete("fabric tenant show a"), "acme\n");
    assert_eq!(complete("fabric tenant detach acme --port eth1"), "eth1\neth10\n");
    assert_eq!(complete("fabric ten"), "tenant\n");
    assert!(complete("fabric tenant show --j").contains("--json"));
}
