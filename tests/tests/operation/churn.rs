//! Tenants come and go as fast as they can.

use std::time::{Duration, Instant};

use fabric_tests::fabric::Console;
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::traffic::{Probe, RunningProbe};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, Filter};
use serde_json::{Value, json};

use crate::support::{self, ALICE, BOB, EVERYBODY, Lane, cable, open_files, owned, pins};

/// Eight changes each, about 40 a second here. `FABRIC_CHURN=300` for a minute of it.
const CYCLES: u32 = 50;
/// Of a shell script: a process for each step.
const BY_HAND: u32 = 10;
/// Several times as long as the agent keeps numbers that were given up.
const REST: Duration = Duration::from_secs(1);
const INITECH: &str = "56:00:00:00:00:05";

/// The lane, and initech on two ports and on one more VLAN of two ports that are in use.
struct Street {
    lane: Lane,
    guests: [NetNs; 2],
}

impl Street {
    fn start() -> Self {
        let lane = Lane::start();
        let guests = [5, 6].map(|number| {
            let host = lane.net.host(&format!("h{number}")).unwrap();
            cable(&lane.net, &host, &lane.edge, &format!("eth{number}"));
            host
        });
        Self { lane, guests }
    }

    /// initech talks all the time, whether he is attached or not.
    fn talk(from: &NetNs, to: &NetNs, vlan: u16) -> RunningProbe {
        let header = eth(EVERYBODY, INITECH).vlan(vlan);
        let probe = Probe::between((from, "c0"), (to, "c0"), header);
        probe.rate(500).start().unwrap()
    }

    /// One tenant of the lane, at the same time and with the same addresses as the other one.
    fn pair(&self, from: usize) -> RunningProbe {
        let ends = [&self.lane.hosts[from], &self.lane.hosts[from + 1]].map(|host| (host, "c0"));
        Probe::between(ends[0], ends[1], eth(BOB, ALICE).vlan(10))
            .start()
            .unwrap()
    }
}

fn edit(console: &Console, body: &Value) {
    let (status, said) = console.send("POST", "/v1/edit", &body.to_string()).unwrap();
    assert_eq!(status, 200, "{body}: {said}");
}

/// Ports 5 and 6 are taken and given back whole; on port 1 and 3 only one more VLAN comes and goes.
fn cycle(console: &Console) {
    let step = |verb: &str, port: &str, vlan: u16| {
        edit(
            console,
            &json!({"op": verb, "tenant": "initech", "port": port, "vlan": vlan}),
        );
    };
    for (port, vlan) in [("eth5", 10), ("eth6", 10), ("eth1", 30), ("eth3", 30)] {
        step("attach", port, vlan);
    }
    for (port, vlan) in [("eth3", 30), ("eth5", 10), ("eth1", 30), ("eth6", 10)] {
        step("detach", port, vlan);
    }
}

/// The same by a process for each step.
fn by_hand(console: &Console) {
    for verb in ["attach", "detach"] {
        let words = ["tenant", verb, "initech", "--port", "eth5", "--vlan", "10"];
        console.cli(&words).unwrap().expect_status(0).unwrap();
    }
}

/// What initech sends into ports 5 and 6, where only acme and globex are.
fn strangers(host: &NetNs) -> Capture {
    let only =
        Filter::Only(|bytes| bytes[6..12] == [0x56, 0, 0, 0, 0, 5] && bytes[12..16] == [0x81, 0, 0, 10]);
    Capture::start_filtered(host, "c0", only).unwrap()
}

/// What `counts` gives once it has not changed for [`REST`]: numbers that were given up are given free in the background,
/// with a map that lives for a grace period of the kernel.
fn at_rest<T: PartialEq>(counts: &impl Fn() -> T) -> T {
    let mut last = counts();
    let mut since = Instant::now();
    wait::until_true(wait::PATIENCE, "the agent to be at rest", || {
        let now = counts();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        Ok(since.elapsed() >= REST)
    })
    .unwrap();
    last
}

/// OPS-5: whoever else is attached and detached, as fast as it goes, a tenant loses nothing, nobody gets a frame of
/// another, and the kernel has as many maps, programs and links afterwards as before, the agent as many descriptors.
#[test]
fn ops_5_attach_and_detach_as_fast_as_it_goes_disturbs_nobody_and_leaks_nothing() {
    let street = Street::start();
    let agent = &street.lane.agent;
    let console = agent.console();
    // What is made once and kept: the tenant, and numbers that are remembered for him.
    cycle(&console);
    let counts = || (owned(agent).counts(), open_files(agent), pins(agent));
    let before = at_rest(&counts);
    let pid = agent.pid();
    let hosts = &street.lane.hosts;
    // At the other two hosts the probes of acme and globex count what is not theirs.
    let ears = [&hosts[0], &hosts[2]].map(strangers);
    let (acme, globex) = (street.pair(0), street.pair(2));
    let guests = [
        Street::talk(&street.guests[0], &street.guests[1], 10),
        Street::talk(&hosts[0], &hosts[2], 30),
    ];
    let cycles = std::env::var("FABRIC_CHURN").map_or(CYCLES, |told| told.parse().unwrap());
    let begin = Instant::now();
    (0..cycles).for_each(|_| cycle(&console));
    let took = begin.elapsed();
    (0..BY_HAND).for_each(|_| by_hand(&console));
    println!(
        "{} changes in {took:?}: {:.0} a second",
        cycles * 8,
        f64::from(cycles * 8) / took.as_secs_f64()
    );
    for guest in guests {
        let report = guest.stop().unwrap();
        let (received, lost) = (report.received, report.lost());
        assert_eq!((report.altered, report.duplicates, report.foreign), (0, 0, 0));
        assert!(
            received > 0 && lost > 0,
            "he came and went: {received} received, {lost} lost"
        );
    }
    support::unharmed(acme);
    support::unharmed(globex);
    for ear in &ears {
        ear.expect_nothing(Duration::from_millis(30)).unwrap();
    }
    let mut now = counts();
    let same = || {
        now = counts();
        Ok(now == before)
    };
    let waited = wait::until_true(wait::PATIENCE, "as many objects as before", same);
    waited.unwrap_or_else(|error| panic!("{error}: {before:?}, now {now:?}"));
    assert_eq!(agent.pid(), pid);
    street.lane.agent.finish().unwrap();
}
