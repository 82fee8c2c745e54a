use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::fake::{FakeAgent, data};
use crate::run::{fabric, program};

/// The first lines of a watched command; then nobody reads any more, and it must end by itself.
fn first_lines(agent: &FakeAgent, line: &str, count: usize) -> Vec<String> {
    let mut child = program()
        .args(line.split(' '))
        .env("FABRIC_SOCKET", agent.socket())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = reader
        .lines()
        .take(count)
        .map(|line| line.expect("UTF-8"))
        .collect();
    assert!(child.wait().expect("it ends").success(), "{line}");
    lines
}

#[test]
fn watched_json_is_one_object_a_line() {
    let agent = FakeAgent::start();
    for (line, file) in [
        ("counters --watch 0.05 --json", "counters"),
        ("status --watch 0.05 --json", "status"),
    ] {
        let expected: Value = serde_json::from_str(&data(file)).expect("JSON");
        for text in first_lines(&agent, line, 3) {
            assert_eq!(
                serde_json::from_str::<Value>(&text).expect("one object"),
                expected
            );
        }
    }
}

#[test]
fn watched_pictures_are_appended_to_a_file() {
    let agent = FakeAgent::start();
    let lines = first_lines(&agent, "counters --by reason --watch 0.05", 18);
    let heads: Vec<_> = lines.iter().filter(|line| line.starts_with("in 0 pps")).collect();
    assert_eq!(heads.len(), 2, "{lines:?}");
    let status = first_lines(&agent, "status --watch 0.05", 12);
    assert_eq!(
        status.iter().filter(|line| line.starts_with("node ")).count(),
        2,
        "{status:?}"
    );
}

#[test]
fn an_agent_that_goes_away_ends_the_watch_with_an_error() {
    let agent = FakeAgent::start();
    agent.refuse("GET /v1/counters", "failed", "the maps are gone", None);
    assert!(
        fabric(&agent, "counters --watch")
            .failed(1)
            .contains("the maps are gone")
    );
}
