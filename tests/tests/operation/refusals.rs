//! What is wrong with a document is found before anything is changed; all of it is applied, or nothing.

use std::process::Command;

use fabric_common::DropReason;
use fabric_tests::fabric::{Agent, CliOutput, Launch};
use fabric_tests::frame::eth;
use fabric_tests::netns::{NetNs, run_tool};
use fabric_tests::wait;
use fabric_tests::wire::RawSocket;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::mistakes::{STRUCTURE, VALUES};
use crate::support::{self, EVERYBODY, Lane, Settings, Tables, cable, one_sentence, owned, pins, program};

/// Everything that a refused change must leave as it was.
#[derive(Debug, PartialEq)]
struct State {
    tables: Tables,
    document: Value,
    pins: std::collections::BTreeSet<String>,
    programs: Vec<Option<(u64, u64)>>,
}

impl State {
    fn of(agent: &Agent, edge: &NetNs) -> Self {
        let ports = 1..=6;
        Self {
            tables: Tables::of(agent),
            document: agent.json(&["export"]).unwrap(),
            pins: pins(agent),
            programs: ports
                .map(|port| program_of(edge, &format!("eth{port}")))
                .collect(),
        }
    }
}

fn program_of(edge: &NetNs, port: &str) -> Option<(u64, u64)> {
    edge.ifindex(port).ok().and_then(|_| program(edge, port))
}

fn newcomer() -> Value {
    let ends =
        json!([{"node": "edge1", "port": "eth1", "vlan": 30}, {"node": "edge1", "port": "eth3", "vlan": 30}]);
    json!({"name": "newcomer", "segments": [{"name": "newcomer-v30", "attachments": ends}]})
}

/// OPS-8: one sentence with the place of the mistake, whoever reads the document, and nothing is another than before.
#[test]
fn ops_8_a_document_with_any_mistake_changes_nothing() {
    let lane = Lane::start();
    let (agent, edge) = (&lane.agent, &lane.edge);
    let good = agent.json(&["export"]).unwrap()["item"].take();
    let probe = lane.probe();
    let (state, objects) = (State::of(agent, edge), owned(agent).counts());
    for (what, spoil, code, words) in VALUES.iter().chain(STRUCTURE) {
        let mut document = good.clone();
        spoil(&mut document);
        // Whatever is wrong, the rest of the document is good and new.
        if let Some(tenants) = document["tenants"].as_array_mut() {
            tenants.push(newcomer());
        }
        let mut text = document.to_string();
        if *code == "duplicate-field" {
            text = text.replacen('{', "{\"tenants\": [], ", 1);
        }
        let file = agent.file("bad.json", &Value::Null).unwrap();
        std::fs::write(&file, &text).unwrap();
        for words_of in [&["apply", "-f", &file, "--yes"][..], &["plan", "-f", &file]] {
            let said = agent.cli(words_of).unwrap();
            let sentence = first_sentence(&said, code);
            assert!(sentence.contains(words), "{what}: {said}");
        }
        // Whoever does without the command line is refused by the agent itself.
        let (status, said) = agent.console().send("PUT", "/v1/document", &text).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (status, &said["error"]["code"]),
            (422, &json!(code)),
            "{what}: {said}"
        );
        assert_eq!(State::of(agent, edge), state, "{what}");
    }
    assert_eq!(owned(agent).counts(), objects);
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// As [`one_sentence`]; a document with several mistakes may tell of more of them.
fn first_sentence(output: &CliOutput, code: &str) -> String {
    let mut short = output.clone();
    let kept = output.stderr.lines().filter(|line| !line.starts_with("  also: "));
    short.stderr = kept.map(|line| format!("{line}\n")).collect();
    one_sentence(&short, code).to_owned()
}

/// OPS-8: a change fails at its very last step, when the ports are attached and the maps written; all of it is taken back.
#[test]
fn ops_8_a_change_that_cannot_be_kept_is_taken_back_whole() {
    let mut lane = Lane::start();
    lane.agent.allow("cannot write");
    let guests = [5, 6].map(|number| {
        let host = lane.net.host(&format!("h{number}")).unwrap();
        cable(&lane.net, &host, &lane.edge, &format!("eth{number}"));
        host
    });
    let settings = || [Settings::of(&lane.edge, "eth5"), Settings::of(&guests[0], "c0")];
    let (agent, edge) = (&lane.agent, &lane.edge);
    let probe = lane.probe();
    let (state, objects, untouched) = (State::of(agent, edge), owned(agent).counts(), settings());
    let mut document = agent.json(&["export"]).unwrap()["item"].take();
    let mut initech = newcomer();
    for (place, port) in ["eth5", "eth6"].into_iter().enumerate() {
        initech["segments"][0]["attachments"][place]["port"] = json!(port);
    }
    let tenants = document["tenants"].as_array_mut().unwrap();
    tenants.extend([initech]);
    // One goes in the same breath, and must be back.
    tenants[1]["segments"][0]["attachments"]
        .as_array_mut()
        .unwrap()
        .pop();
    let file = agent.file("good.json", &document).unwrap();
    let history = agent.state_dir().join("history");
    let read_only = |words: &[&str]| run_tool(Command::new("mount").args(words).arg(&history)).unwrap();
    read_only(&["-t", "tmpfs", "-o", "ro", "none"]);
    for words in [
        &["apply", "-f", &file, "--yes"][..],
        &["tenant", "attach", "initech", "--port", "eth5", "--vlan", "10"],
        &["tenant", "detach", "globex", "--port", "eth4", "--vlan", "10"],
    ] {
        let said = agent.cli(words).unwrap();
        let sentence = one_sentence(&said, "failed");
        assert!(
            sentence.contains("cannot write") && sentence.ends_with("nothing was changed"),
            "{said}"
        );
    }
    run_tool(Command::new("umount").arg(&history)).unwrap();
    let same = || Ok(State::of(agent, edge) == state && owned(agent).counts() == objects);
    let waited = wait::until_true(wait::PATIENCE, "everything as it was", same);
    waited.unwrap_or_else(|error| panic!("{error}: {state:#?}, now {:#?}", State::of(agent, edge)));
    for (before, now) in untouched.iter().zip(settings()) {
        assert_eq!(before.changed(&now), [""; 0]);
    }
    lane.check_passes();
    agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// The kernel finds an interface by other names as well (`ip link property add`): with two of them two tenants would have one VLAN of
/// one port.
#[test]
fn another_name_of_an_interface_is_no_port() {
    let lane = Lane::start();
    lane.ip("link property add dev eth4 altname enp4");
    let attach = ["tenant", "attach", "acme", "--vlan", "10", "--port"];
    let said = lane
        .agent
        .refused(&[&attach[..], &["enp4"]].concat(), "no-such-port");
    let said = said.unwrap().stderr;
    assert!(said.contains("enp4 is another name of interface eth4"), "{said}");
    lane.check_passes();
    lane.agent.finish().unwrap();
}

/// A port that is in use goes with its interface, and is not found at another one that has its name besides its own.
#[test]
fn another_interface_is_not_taken_for_a_port_that_is_gone() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    lane.ip("link del eth4");
    lane.wait_state("gone");
    lane.ip("link add other type veth peer name far");
    lane.ip("link property add dev other altname eth4");
    // The agent reads all its interfaces anew.
    lane.ip("link set eth3 mtu 1400");
    let has_read = || {
        let ports = lane.agent.json(&["port", "list"])?;
        let items = ports["items"].as_array().unwrap();
        Ok(items
            .iter()
            .any(|port| port["name"] == "eth3" && port["mtu"] == 1400))
    };
    wait::until_true(wait::PATIENCE, "the new MTU of eth3", has_read).unwrap();
    assert_eq!(
        (program_of(&lane.edge, "other"), lane.state()),
        (None, "gone".to_owned())
    );
    lane.agent.finish().unwrap();
}

/// A port keeps an interface that was renamed and has its old name besides; by the new one it is nobody else's.
#[test]
fn an_interface_in_use_by_another_name_is_no_second_port() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let pid = Pid::from_raw(lane.agent.pid().unwrap().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    lane.ip("link set eth4 down");
    lane.ip("link set eth4 name eth9");
    lane.ip("link property add dev eth9 altname eth4");
    lane.ip("link set eth9 up");
    kill(pid, Signal::SIGCONT).unwrap();
    lane.check_passes();
    let attach = ["tenant", "attach", "acme", "--vlan", "10", "--port", "eth9"];
    let said = lane.agent.refused(&attach, "no-such-port").unwrap().stderr;
    assert!(said.contains("eth4 is another name of interface eth9"), "{said}");
    lane.check_passes();
    lane.agent.finish().unwrap();
}

/// Whoever asks for it sees each frame that is dropped, with port and reason.
#[test]
fn drops_are_logged_where_that_is_asked_for() {
    let lane = Lane::with(Launch::log_drops);
    let stray = eth(EVERYBODY, "56:00:00:00:00:03").vlan(99).word("stray");
    let socket = RawSocket::open(&lane.hosts[2], "c0").unwrap();
    let is_logged = || {
        socket.send(&stray)?;
        let wanted = format!("reason={}", DropReason::UnmappedVlan as u8);
        let log = lane.agent.log()?;
        let mut lines = log.lines().filter(|line| line.contains("dropped slot="));
        Ok(lines.any(|line| line.contains(&wanted)))
    };
    wait::until_true(wait::PATIENCE, "the drop in the log", is_logged).unwrap();
    lane.agent.finish().unwrap();
}
