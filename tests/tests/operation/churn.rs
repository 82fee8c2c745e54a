//! Tenants come and go as fast as they can.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fabric_tests::fabric::Console;
use fabric_tests::frame::eth;
use fabric_tests::netns::{NetNs, run_tool};
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
/// Of the counters. Each waits for a change, and a change for each.
const BETWEEN_READINGS: Duration = Duration::from_millis(20);
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
            .patient()
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

/// What `agent` has counted by tenant and by port, both ways, frames and bytes.
fn counted(console: &Console) -> BTreeMap<String, u64> {
    let (status, said) = console.send("GET", "/v1/counters", "").unwrap();
    assert_eq!(status, 200, "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let mut counted = BTreeMap::new();
    for (list, name) in [("tenants", "tenant"), ("ports", "port")] {
        for row in said["item"][list].as_array().unwrap() {
            for (way, unit) in [
                ("received", "frames"),
                ("received", "bytes"),
                ("transmitted", "frames"),
                ("transmitted", "bytes"),
            ] {
                let key = format!("{} {way} {unit}", row[name].as_str().unwrap());
                counted.insert(key, row[way][unit].as_u64().unwrap());
            }
        }
    }
    counted
}

/// Reads the counters until it is told to stop: none of a tenant or a port that stays may ever be less than it was. Returns
/// the last reading.
fn watch(console: Console, stop: &Arc<AtomicBool>) -> JoinHandle<BTreeMap<String, u64>> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut last = counted(&console);
        let mut readings = 0;
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(BETWEEN_READINGS);
            let now = counted(&console);
            not_less(&last, &now);
            last = now;
            readings += 1;
        }
        assert!(readings > 20, "{readings} readings");
        last
    })
}

fn not_less(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) {
    // Ports 5 and 6 come and go.
    let stays = |key: &String| !key.starts_with("eth5") && !key.starts_with("eth6");
    let is_less = |key: &String, before: u64| after.get(key).is_none_or(|after| *after < before);
    let less: Vec<_> = before
        .iter()
        .filter(|(key, before)| stays(key) && is_less(key, **before))
        .map(|(key, before)| format!("{key} was {before}, is {:?}", after.get(key)))
        .collect();
    assert!(less.is_empty(), "{less:?}");
}

/// OPS-5: whoever else is attached and detached, as fast as it goes, a tenant loses nothing, nobody gets a frame of
/// another, and the kernel has as many maps, programs and links afterwards as before, the agent as many descriptors.
#[test]
fn ops_5_attach_and_detach_as_fast_as_it_goes_disturbs_nobody_and_leaks_nothing() {
    let street = Street::start();
    let agent = &street.lane.agent;
    let console = agent.console();
    // What is made once and kept: the tenant, for whom a VLAN of his own stays, and numbers that are remembered for him.
    edit(
        &console,
        &json!({"op": "attach", "tenant": "initech", "port": "eth1", "vlan": 31}),
    );
    cycle(&console);
    let counts = || (owned(agent).counts(), open_files(agent), pins(agent));
    let before = at_rest(&counts);
    let stop = Arc::new(AtomicBool::new(false));
    let begun = counted(&console);
    let watching = watch(agent.console(), &stop);
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
    stop.store(true, Ordering::Relaxed);
    let last = watching.join().unwrap();
    println!(
        "{} changes in {took:?}: {:.0} a second",
        cycles * 8,
        f64::from(cycles * 8) / took.as_secs_f64()
    );
    let (mut offered, mut delivered) = (0, 0);
    for guest in guests {
        let report = guest.stop().unwrap();
        offered += report.sent;
        delivered += report.received;
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
    let ended = counted(&console);
    not_less(&last, &ended);
    // Of each frame of his there is one receiver at most.
    let of_initech = ended["initech transmitted frames"] - begun["initech transmitted frames"];
    assert!(
        (delivered..=offered).contains(&of_initech),
        "{offered} sent, {delivered} came, {of_initech} counted"
    );
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

/// Nothing of a tenant that was removed is counted for the next one of his name, whether his numbers went with him or before, and at
/// once or later.
#[test]
fn a_tenant_begins_at_nothing_whoever_had_his_name() {
    let street = Street::start();
    let console = street.lane.agent.console();
    let ends = [&street.lane.hosts[0], &street.lane.hosts[2]].map(Clone::clone);
    let both = |verb: &str| {
        for port in ["eth1", "eth3"] {
            edit(
                &console,
                &json!({"op": verb, "tenant": "initech", "port": port, "vlan": 30}),
            );
        }
    };
    for rests in [false, true] {
        both("attach");
        let other = json!({"op": "add-segment", "tenant": "initech", "segment": "initech-other"});
        edit(&console, &other);
        let talk = Street::talk(&ends[0], &ends[1], 30);
        let has_some = || Ok(counted(&console)["initech transmitted frames"] >= 50);
        wait::until_true(wait::PATIENCE, "some frames to be counted", has_some).unwrap();
        talk.stop().unwrap();
        at_rest(&|| counted(&console));
        both("detach");
        if rests {
            // What is given up is kept for him by now.
            at_rest(&|| std::fs::read(street.lane.agent.state_dir().join("counts.json")).ok());
        }
        edit(&console, &json!({"op": "remove-tenant", "tenant": "initech"}));
        assert!(!counted(&console).keys().any(|key| key.starts_with("initech ")));
        both("attach");
        let of_him: Vec<_> = at_rest(&|| counted(&console))
            .into_iter()
            .filter(|(key, _)| key.starts_with("initech "))
            .collect();
        assert!(
            of_him.len() == 4 && of_him.iter().all(|(_, count)| *count == 0),
            "{of_him:?}"
        );
        both("detach");
    }
    street.lane.agent.finish().unwrap();
}

/// What a tenant has counted by numbers that were just given up is kept by an agent that ends in order, and nobody else's by
/// one that is killed.
#[test]
fn counters_that_are_given_up_are_kept_or_cleared_whenever_the_agent_ends() {
    let mut street = Street::start();
    let ends = [&street.lane.hosts[0], &street.lane.hosts[2]].map(Clone::clone);
    let attach = |console: &Console, verb: &str, tenant: &str, port: &str, vlan: u16| {
        edit(
            console,
            &json!({"op": verb, "tenant": tenant, "port": port, "vlan": vlan}),
        );
    };
    attach(&street.lane.agent.console(), "attach", "initech", "eth1", 31);
    for round in 0..4 {
        let agent = &mut street.lane.agent;
        let console = agent.console();
        for port in ["eth1", "eth3"] {
            attach(&console, "attach", "initech", port, 30);
        }
        let talk = Street::talk(&ends[0], &ends[1], 30);
        let sent = |counted: &BTreeMap<String, u64>| counted["initech transmitted frames"];
        let some = sent(&counted(&console)) + 50;
        let has_some = || Ok(sent(&counted(&console)) >= some);
        wait::until_true(wait::PATIENCE, "some frames to be counted", has_some).unwrap();
        talk.stop().unwrap();
        let before = counted(&console);
        for port in ["eth1", "eth3"] {
            attach(&console, "detach", "initech", port, 30);
        }
        let in_order = round % 2 == 0;
        if in_order {
            agent.terminate().unwrap();
        } else {
            agent.kill9().unwrap();
        }
        agent.restart().unwrap();
        let console = agent.console();
        if in_order {
            not_less(&before, &counted(&console));
        }
        // He gets the numbers that initech had.
        for port in ["eth1", "eth3"] {
            attach(&console, "attach", "hooli", port, 40);
        }
        let after = counted(&console);
        let of_hooli: Vec<_> = after
            .iter()
            .filter(|(key, _)| key.starts_with("hooli "))
            .collect();
        assert!(
            of_hooli.len() == 4 && of_hooli.iter().all(|(_, count)| **count == 0),
            "{of_hooli:?}"
        );
        for port in ["eth1", "eth3"] {
            attach(&console, "detach", "hooli", port, 40);
        }
    }
    // The same of ports whose slots are given up, and still so when the agent starts once more.
    let agent = &mut street.lane.agent;
    let console = agent.console();
    for vlan in [10, 11] {
        for port in ["eth5", "eth6"] {
            attach(&console, "attach", "initech", port, vlan);
        }
    }
    let talk = Street::talk(&street.guests[0], &street.guests[1], 11);
    let has_some = || Ok(counted(&console)["eth6 transmitted frames"] >= 50);
    wait::until_true(wait::PATIENCE, "some frames to be counted", has_some).unwrap();
    talk.stop().unwrap();
    let counts = agent.state_dir().join("counts.json");
    // What hooli had is kept by now.
    let saved = at_rest(&|| std::fs::read(&counts).unwrap());
    for vlan in [11, 10] {
        for port in ["eth5", "eth6"] {
            attach(&console, "detach", "initech", port, vlan);
        }
        let is_saved = || Ok(vlan == 10 || std::fs::read(&counts)? != saved);
        wait::until_true(wait::PATIENCE, "the counts to be saved", is_saved).unwrap();
    }
    agent.kill9().unwrap();
    agent.restart().unwrap();
    for port in ["eth5", "eth6"] {
        attach(&agent.console(), "attach", "hooli", port, 10);
    }
    for _ in 0..2 {
        let of_ports = counted(&agent.console()).into_iter().filter(|(key, count)| {
            (key.starts_with("eth5") || key.starts_with("eth6") || key.starts_with("hooli")) && *count != 0
        });
        assert_eq!(of_ports.collect::<Vec<_>>(), []);
        agent.terminate().unwrap();
        agent.restart().unwrap();
    }
    // A machine that was started anew has no maps: everybody begins at 0, and stays there when the agent starts once more.
    agent.kill9().unwrap();
    run_tool(Command::new("umount").arg(agent.state_dir().join("bpf"))).unwrap();
    agent.restart().unwrap();
    for _ in 0..2 {
        let moved: Vec<_> = counted(&agent.console())
            .into_iter()
            .filter(|(_, count)| *count != 0)
            .collect();
        assert_eq!(moved, []);
        agent.terminate().unwrap();
        agent.restart().unwrap();
    }
    street.lane.agent.finish().unwrap();
}
