//! The agent is killed at any moment of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fabric_tests::fabric::{Agent, CliOutput, Console};
use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::eth;
use fabric_tests::wire::{Capture, Filter};
use serde_json::Value;

use crate::support::{self, Dice, EVERYBODY, Settings, Talk, has_program, linked};

const KILLS: u32 = 24;
/// Longer than any step takes on a machine that is not overloaded.
const STEP: Duration = Duration::from_millis(50);
/// A bare request takes a few milliseconds.
const REQUEST: Duration = Duration::from_millis(12);
/// Loading takes most of a second here, taking over the rest.
const START: Duration = Duration::from_millis(900);
const SECRET: &[u8] = b"initech's secret";

/// How the document is changed while the agent dies.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `fabric tenant attach` and `detach`.
    Verb,
    /// `fabric apply -f`.
    Apply,
    /// The same document, put through the socket without the time that a process takes to start.
    Socket,
}

/// acme and globex talk; initech's second port comes and goes.
struct Town {
    rig: Rig,
    with: Value,
    without: Value,
    files: [String; 2],
    /// The second port of initech and its peer before any agent knew them.
    untouched: [Settings; 2],
    secrets: [(&'static str, Capture); 4],
}

impl Town {
    fn start() -> Self {
        let acme = Segment::new("acme-v10", 101, 1101)
            .at("edge1", "eth1", 10, 301)
            .at("edge1", "eth2", 10, 302);
        let globex = Segment::new("globex", 111, 1111)
            .at("edge1", "eth3", "untagged", 311)
            .at("edge1", "eth4", "untagged", 312);
        let initech = Segment::new("initech-v10", 121, 1121)
            .at("edge1", "eth5", 10, 321)
            .at("edge1", "eth6", 10, 322);
        let site = Site::new(&["edge1"])
            .tenant("acme", &[acme])
            .tenant("globex", &[globex])
            .tenant("initech", &[initech]);
        let rig = Setup::new(&site.document(), &["edge1"])
            .apart()
            .address("edge1.eth3", "192.168.0.3/24")
            .address("edge1.eth4", "192.168.0.4/24")
            .start()
            .unwrap();
        let agent = rig.agent("edge1").unwrap();
        // The number of the attachment is then the one that the fabric chooses, whichever way it comes back.
        for verb in ["detach", "attach"] {
            agent.ok(&step(verb)).unwrap();
        }
        let with = export(agent);
        agent.ok(&step("detach")).unwrap();
        let without = export(agent);
        let files = [("with.json", &with), ("without.json", &without)]
            .map(|(name, document)| agent.file(name, document).unwrap());
        let secrets = ["edge1.eth2", "edge1.eth3", "edge1.eth4", "edge1.eth6"].map(|plug| {
            let (namespace, interface) = rig.plug(plug).unwrap().end();
            let only = Filter::Only(|bytes| bytes.windows(SECRET.len()).any(|part| part == SECRET));
            (plug, Capture::start_filtered(namespace, interface, only).unwrap())
        });
        let untouched = ends(&rig);
        Self {
            rig,
            with,
            without,
            files,
            untouched,
            secrets,
        }
    }

    fn agent(&self) -> &Agent {
        self.rig.agent("edge1").unwrap()
    }

    /// Changes the document again and again until nobody answers, or it is told to stop.
    fn change(&self, way: Way, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(u32, Option<CliOutput>)> {
        let console = self.agent().console();
        let files = self.files.clone();
        let texts = [&self.with, &self.without].map(Value::to_string);
        std::thread::spawn(move || {
            let mut steps = 0;
            while !stop.load(Ordering::Relaxed) {
                let turn = usize::try_from(steps % 2).unwrap();
                let failed = match way {
                    Way::Verb => run(&console, &step(["attach", "detach"][turn])),
                    Way::Apply => run(&console, &["apply", "-f", &files[turn], "--yes"]),
                    Way::Socket => match console.send("PUT", "/v1/document", &texts[turn]) {
                        Ok((200, _)) => None,
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => return (steps, None),
                    },
                };
                if failed.is_some() {
                    return (steps, failed);
                }
                steps += 1;
            }
            (steps, None)
        })
    }

    /// The document is one of the two, whole, and everything that can be seen from outside is as it says.
    fn check(&self) -> bool {
        let agent = self.agent();
        let found = export(agent);
        let attached = found == self.with;
        assert!(
            attached || found == self.without,
            "neither the old nor the new one: {found}"
        );
        let history = agent.json(&["history"]).unwrap();
        assert_eq!(history["items"][0]["revision"], history["revision"], "{history}");
        assert_eq!(history["items"][0]["current"], true, "{history}");
        let status = agent.json(&["status"]).unwrap();
        assert_eq!(status["item"]["state"], "ok", "{status}");
        self.check_ports(attached);
        self.check_frames(attached);
        attached
    }

    fn check_ports(&self, attached: bool) {
        let (namespace, agent) = (self.agent().namespace(), self.agent());
        let ports = if attached { 6 } else { 5 };
        let indexes = (1..=ports).map(|port| namespace.ifindex(&format!("eth{port}")).unwrap());
        assert_eq!(
            linked(agent),
            indexes.collect(),
            "pinned links are those of the ports"
        );
        assert_eq!(has_program(namespace, "eth6"), attached, "eth6's program");
        if !attached {
            let changes: Vec<_> = self.untouched.iter().zip(ends(&self.rig)).collect();
            for (before, now) in changes {
                assert_eq!(before.changed(&now), [""; 0], "eth6 is not in use");
            }
        }
    }

    fn check_frames(&self, attached: bool) {
        for (_, capture) in &self.secrets {
            capture.drain().unwrap();
        }
        let secret = eth(EVERYBODY, "56:00:00:00:00:05")
            .vlan(10)
            .payload(SECRET)
            .pad(60);
        let frames = vec![secret; 3];
        let ear = self.rig.ear("edge1.eth5").unwrap();
        ear.socket().send_all(&frames).unwrap();
        for (plug, capture) in &self.secrets {
            let quiet = Duration::from_millis(30);
            if *plug == "edge1.eth6" && attached {
                capture.expect_only(&frames, quiet).unwrap();
            } else {
                capture.expect_nothing(quiet).unwrap();
            }
        }
    }
}

fn step(verb: &str) -> [&str; 7] {
    ["tenant", verb, "initech", "--port", "eth6", "--vlan", "10"]
}

fn export(agent: &Agent) -> Value {
    agent.json(&["export"]).unwrap()["item"].take()
}

fn ends(rig: &Rig) -> [Settings; 2] {
    let (far, interface) = rig.plug("edge1.eth6").unwrap().end();
    let near = rig.agent("edge1").unwrap().namespace();
    [Settings::of(near, "eth6"), Settings::of(far, interface)]
}

/// What it said, if it failed.
fn run(console: &Console, words: &[&str]) -> Option<CliOutput> {
    let output = console.cli(words).unwrap();
    (output.status != Some(0)).then_some(output)
}

/// Whatever moment the agent dies at, others lose nothing, and the next agent has the old document or the new one,
/// with exactly its forwarding. `FABRIC_KILLS` for more kills, `FABRIC_SEED` for the same ones again.
#[test]
fn kill_9_at_any_moment_of_a_change_leaves_the_old_document_or_the_new_one() {
    let mut town = Town::start();
    let mut dice = Dice::new();
    let kills = std::env::var("FABRIC_KILLS").map_or(KILLS, |told| told.parse().unwrap());
    let host = |plug: &str| town.rig.plug(plug).unwrap().namespace.clone();
    let probe = support::probe(&town.rig, "edge1.eth1", "edge1.eth2");
    let talk = Talk::start(&host("edge1.eth3"), &host("edge1.eth4"), "192.168.0.4:7000");
    let mut attached = 0;
    for kill in 1..=kills {
        let way = [Way::Verb, Way::Apply, Way::Socket][usize::try_from(kill % 3).unwrap()];
        let longest = if matches!(way, Way::Socket) { REQUEST } else { STEP };
        let stop = Arc::new(AtomicBool::new(false));
        let changing = town.change(way, Arc::clone(&stop));
        let pause = longest + dice.pause(longest * 4);
        std::thread::sleep(pause);
        town.rig.agent_mut("edge1").unwrap().kill9().unwrap();
        stop.store(true, Ordering::Relaxed);
        let (steps, said) = changing.join().unwrap();
        if let Some(output) = &said {
            support::one_sentence(output, "agent-away");
        }
        let again = (kill % 4 == 0).then(|| dice.pause(START));
        println!("kill {kill}: {way:?} after {pause:?}, {steps} steps, again while it starts {again:?}");
        if let Some(again) = again {
            town.rig
                .agent_mut("edge1")
                .unwrap()
                .restart_and_kill9(again)
                .unwrap();
        }
        town.rig.agent_mut("edge1").unwrap().restart().unwrap();
        attached += u32::from(town.check());
    }
    println!(
        "{kills} kills: {attached} times with the port, {} without",
        kills - attached
    );
    support::unharmed(probe);
    talk.stop();
}
