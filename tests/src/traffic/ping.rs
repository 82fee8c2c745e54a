//! ICMP echo by the system's own `ping`.

use anyhow::{Context, Result};

use crate::netns::NetNs;

/// What `ping` counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReport {
    /// Echo requests sent.
    pub sent: u32,
    /// Answers, duplicates not counted.
    pub answered: u32,
    /// Answers that came more than once.
    pub duplicates: u32,
}

impl PingReport {
    /// One answer to each request.
    #[must_use]
    pub fn all_answered(&self) -> bool {
        self.sent == self.answered && self.duplicates == 0
    }
}

/// Sends `count` echo requests, 20 ms apart, and waits at most 2 s for the last answer. No answer is a result, not an error.
///
/// # Errors
/// When `ping` is missing or cannot send, for instance without a route.
pub fn ping(from: &NetNs, to: &str, count: u32) -> Result<PingReport> {
    ping_marked(from, to, count, &[])
}

/// As [`ping()`], with `mark` (at most 16 bytes) all through the data of each request, and so of each answer.
///
/// # Errors
/// As [`ping()`].
pub fn ping_marked(from: &NetNs, to: &str, count: u32, mark: &[u8]) -> Result<PingReport> {
    let pattern: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = from.command("ping");
    command
        .args(["-n", "-q", "-i", "0.02", "-W", "2", "-c", &count.to_string(), to])
        .env("LC_ALL", "C");
    if !pattern.is_empty() {
        command.args(["-p", &pattern]);
    }
    let output = command
        .output()
        .context("cannot run ping: apt-get install iputils-ping")?;
    let said = String::from_utf8_lossy(&output.stdout);
    parse(&said).with_context(|| {
        format!(
            "ping {to}: {}{}",
            said.trim(),
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })
}

/// `5 packets transmitted, 5 received, +2 duplicates, 0% packet loss, time 80ms`
fn parse(said: &str) -> Option<PingReport> {
    let line = said.lines().find(|line| line.contains("packets transmitted"))?;
    let number = |what: &str| {
        let part = line.split(", ").find(|part| part.contains(what))?;
        part.trim_start_matches('+').split(' ').next()?.parse().ok()
    };
    let (sent, answered) = (number("transmitted")?, number("received")?);
    Some(PingReport {
        sent,
        answered,
        duplicates: number("duplicates").unwrap_or(0),
    })
}
