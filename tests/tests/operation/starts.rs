//! An agent that cannot start says why, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fabric_common::maps::name;
use fabric_tests::netns::run_tool;

use crate::support::{self, Dice, Lane, Start, one_sentence, pins, program};

/// Somebody without any right: `nobody`.
const NOBODY: u32 = 65_534;
const ADOPT: &[&str] = &[
    "document.json",
    "ids.json",
    "interfaces.json",
    "neighbours.json",
    "counts.json",
];

#[test]
fn two_agents_cannot_share_a_state_directory_a_socket_or_a_port() {
    let lane = Lane::start();
    let probe = lane.probe();
    let (agent, edge) = (&lane.agent, &lane.edge);
    let tables = support::Tables::of(agent);
    let attached = program(edge, "eth1");

    let same_state = Start::new(edge).state(agent.state_dir());
    let said = same_state.run();
    assert!(
        one_sentence(&said, "agent-running").contains("belongs to another agent"),
        "{said}"
    );
    same_state.left_nothing();

    let same_socket = Start::new(edge).socket(agent.socket());
    let said = same_socket.run();
    assert!(
        one_sentence(&said, "agent-running").contains("another agent listens on"),
        "{said}"
    );
    assert_eq!(fs::read_dir(same_socket.folder()).unwrap().count(), 0, "{said}");
    agent.ok(&["status", "--check"]).unwrap();

    let document = agent.json(&["export"]).unwrap()["item"].take();
    let same_port = Start::new(edge).config(&document);
    let said = same_port.run();
    let sentence = one_sentence(&said, "xdp-program-present");
    assert!(
        sentence.contains("eth1 is already used by another fabric agent"),
        "{said}"
    );
    assert!(said.stderr.contains("agent stop --detach"), "{said}");
    same_port.left_nothing_at_all();

    assert_eq!(program(edge, "eth1"), attached);
    assert_eq!(support::Tables::of(agent), tables);
    agent.ok(&["status", "--check"]).unwrap();
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

#[test]
fn whoever_is_not_root_is_told_and_makes_nothing() {
    let lane = Lane::start();
    let start = Start::new(&lane.edge);
    // He could make whatever he likes here.
    fs::set_permissions(start.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    let tools = tempfile::tempdir().unwrap();
    fs::set_permissions(tools.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = start
        .console()
        .by_user(NOBODY, &tools.path().join("fabric"))
        .unwrap();
    let said = start.run_by(&nobody);
    assert!(one_sentence(&said, "not-root").contains("needs root"), "{said}");
    assert_eq!(fs::read_dir(start.folder()).unwrap().count(), 0, "{said}");

    // Neither where root's agent lives, nor where nobody but root may write.
    let theirs = Start::new(&lane.edge)
        .state(lane.agent.state_dir())
        .socket(lane.agent.socket());
    one_sentence(&theirs.run_by(&nobody), "not-root");
    lane.agent.ok(&["status", "--check"]).unwrap();
    lane.agent.finish().unwrap();
}

/// A file that somebody names by mistake is not the socket of a dead agent.
#[test]
fn a_socket_path_that_is_a_file_is_refused_and_the_file_stays() {
    let lane = Lane::start();
    let start = Start::new(&lane.edge);
    let precious = start.folder().join("precious");
    fs::write(&precious, "precious").unwrap();
    let start = start.socket(precious.clone());
    let said = start.run();
    assert!(
        one_sentence(&said, "bad-value").contains("is not a socket"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    start.left_nothing();
    lane.agent.finish().unwrap();
}

/// Forwarding goes on with the maps that are there, whatever is wrong with the files, and whoever does what the cure says
/// has his agent back.
#[test]
fn a_damaged_state_file_is_told_and_nothing_is_touched() {
    let mut lane = Lane::start();
    lane.agent
        .ok(&["tenant", "attach", "initech", "--port", "eth1", "--vlan", "30"])
        .unwrap();
    let probe = lane.probe();
    lane.agent.kill9().unwrap();
    let (pinned, attached) = (pins(&lane.agent), program(&lane.edge, "eth1"));
    let state = lane.agent.state_dir();
    for name in ADOPT {
        let path = state.join(name);
        let Ok(good) = fs::read(&path) else {
            assert_eq!(*name, "counts.json", "{name} is not there");
            continue;
        };
        for bad in [
            &good[..good.len() / 2],
            b"",
            b"\x1b[2J\x00\xff not JSON",
            b"{\"revision\": 7}",
        ] {
            fs::write(&path, bad).unwrap();
            let start = Start::new(&lane.edge).state(state.clone());
            let said = start.run();
            let sentence = one_sentence(&said, "state-damaged");
            assert!(
                sentence.contains(&format!("{} is damaged", path.display())),
                "{said}"
            );
            assert_eq!(fs::read(&path).unwrap(), bad, "{name} stays as it is");
            start.left_nothing();
            assert_eq!(pins(&lane.agent), pinned, "{name}");
            assert_eq!(program(&lane.edge, "eth1"), attached, "{name}");
            if *name == "document.json" {
                let cure = said
                    .stderr
                    .lines()
                    .find_map(|line| line.strip_prefix("  cure: "))
                    .unwrap();
                run_tool(Command::new("sh").args(["-c", cure])).unwrap();
                assert_eq!(fs::read(&path).unwrap(), good, "{cure}");
            }
            fs::write(&path, &good).unwrap();
        }
    }
    lane.agent.restart().unwrap();
    lane.agent.ok(&["status", "--check"]).unwrap();
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// A first start that fails leaves no mount, no pin and no socket.
#[test]
fn a_first_start_on_damaged_files_or_a_bad_document_leaves_nothing() {
    let mut lane = Lane::start();
    let document = lane.agent.json(&["export"]).unwrap()["item"].take();
    lane.agent.stop_detach().unwrap();
    for name in ["document.json", "storage.json", "pending.json"] {
        let start = Start::new(&lane.edge);
        let stored = start.folder().join("state").join(name);
        fs::create_dir(start.folder().join("state")).unwrap();
        fs::write(&stored, "{").unwrap();
        one_sentence(&start.run(), "state-damaged");
        start.left_nothing();
        assert_eq!(fs::read(&stored).unwrap(), b"{");
        let beside = fs::read_dir(start.folder().join("state")).unwrap();
        assert_eq!(beside.count(), 1, "{name} alone, as it was");
    }
    // The kernel gives up in the middle of the maps.
    let start = Start::new(&lane.edge).config(&document);
    let said = start.run_with_files(24);
    assert!(
        one_sentence(&said, "failed").contains("the kernel refused"),
        "{said}"
    );
    start.left_nothing_at_all();
    let mut nowhere = document.clone();
    nowhere["tenants"][1]["segments"][0]["attachments"][1]["port"] = "eth9".into();
    let mut typo = document.clone();
    typo["tenants"][0]["nmae"] = "x".into();
    for (document, code, words) in [(nowhere, "unknown-port", "eth9"), (typo, "unknown-field", "nmae")] {
        let start = Start::new(&lane.edge).config(&document);
        let said = start.run();
        assert!(one_sentence(&said, code).contains(words), "{said}");
        start.left_nothing_at_all();
        assert_eq!(program(&lane.edge, "eth1"), None);
    }
}

/// Without a data path, the files that describe one are of no use to anybody, whole or not: a power cut leaves them so.
#[test]
fn damaged_files_of_a_data_path_that_is_gone_stop_no_start() {
    let mut lane = Lane::start();
    lane.agent.stop_detach().unwrap();
    let state = lane.agent.state_dir();
    let of_data_path = ADOPT.iter().filter(|name| **name != "document.json");
    for name in of_data_path.clone() {
        fs::write(state.join(name), "{").unwrap();
    }
    lane.agent.restart().unwrap();
    lane.agent.ok(&["status", "--check"]).unwrap();
    lane.check_passes();
    for name in of_data_path {
        assert_ne!(fs::read(state.join(name)).unwrap_or_default(), b"{", "{name}");
    }
    lane.agent.finish().unwrap();
}

/// Killed before its maps were complete, or while it took them down: what is pinned then is of no use to anybody.
#[test]
fn an_agent_killed_before_its_maps_were_complete_is_followed_by_a_clean_one() {
    let mut lane = Lane::start();
    let mut dice = Dice::new();
    let objects = support::owned(&lane.agent).counts();
    for round in 0..6 {
        lane.agent.stop_detach().unwrap();
        let pause = dice.pause(Duration::from_millis(700));
        println!("round {round}: killed after {pause:?}");
        lane.agent.restart_and_kill9(pause).unwrap();
        println!("{} pins", pins(&lane.agent).len());
        lane.agent.restart().unwrap();
        whole(&lane, objects);
    }
    for kept in [&[name::PORTS, name::FLOOD][..], &[name::LAYOUT], &["links"], &[]] {
        lane.agent.kill9().unwrap();
        // The layout is the last thing that is written, and the first that goes.
        let bpf = lane.agent.state_dir().join("bpf");
        for pin in pins(&lane.agent).iter().filter(|pin| !pin.contains('/')) {
            let path = bpf.join(pin);
            match kept.contains(&pin.as_str()) || pin.ends_with(".debug") {
                true if pin == name::LAYOUT => empty_layout(&path),
                true => {}
                false if path.is_dir() => empty_out(&path),
                false => fs::remove_file(path).unwrap(),
            }
        }
        println!("kept {kept:?}: {:?}", pins(&lane.agent));
        lane.agent.restart().unwrap();
        whole(&lane, objects);
    }
    lane.agent.finish().unwrap();
}

fn empty_out(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_dir(folder).unwrap();
}

/// As it is between being made and being written.
fn empty_layout(pin: &Path) {
    let size = {
        let map = aya::maps::MapData::from_pin(pin).unwrap();
        usize::try_from(map.info().unwrap().value_size()).unwrap()
    };
    let mut update = Command::new("bpftool");
    update.args(["map", "update", "pinned"]).arg(pin);
    update
        .args(["key", "hex", "00", "00", "00", "00", "value", "hex"])
        .args(vec!["00"; size]);
    run_tool(&mut update).unwrap();
}

fn whole(lane: &Lane, objects: [usize; 3]) {
    lane.agent.ok(&["status", "--check"]).unwrap();
    lane.check_passes();
    let same = || Ok(support::owned(&lane.agent).counts() == objects);
    fabric_tests::wait::until_true(fabric_tests::wait::PATIENCE, "as many objects as ever", same)
        .unwrap_or_else(|error| {
            panic!(
                "{error}: {objects:?}, now {:?}",
                support::owned(&lane.agent).counts()
            )
        });
}
