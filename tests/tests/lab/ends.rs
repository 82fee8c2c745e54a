//! How a lab ends, and what is there afterwards.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fabric_tests::netns::{Process, need_root};
use fabric_tests::wait;
use nix::sys::signal::Signal;

use crate::support::{Lab, remains};

#[test]
fn a_lab_that_finds_all_well_says_so_and_leaves_nothing() {
    let mut lab = Lab::start(&[]);
    lab.wait_for("[1/2] lab");
    let (objects, prefix) = (lab.objects(), lab.prefix().to_owned());
    // Links are pinned, not held open; they live no longer than their programs.
    let [programs, maps, _] = objects.counts();
    assert!(programs > 0 && maps > 0, "{objects:?}");
    assert!(!remains(&prefix).is_empty());

    let ended = lab.end().expect(0);
    assert!(ended.last_line().starts_with("lab: OK"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    assert_eq!(remains(&prefix), Vec::<String>::new());
    objects.wait_gone(wait::PATIENCE).unwrap();
}

#[test]
fn figures_2_and_3_show_the_way_of_a_frame_and_outlive_a_cut() {
    for (figure, before, after) in [
        ("figure-2", ["224", "222 -> 124"], ["228", "222 -> 220"]),
        ("figure-3", ["306", "302 -> 300"], ["308", "302 -> 304"]),
    ] {
        let ended = Lab::start(&["--lab", figure]).end().expect(0);
        assert!(ended.last_line().starts_with("lab: OK"), "{}", ended.stdout);
        let (whole, cut) = ended
            .stdout
            .split_once(&format!("line {} cut  ", before[0]))
            .unwrap();
        for (text, [wire, hop]) in [(whole, before), (cut, after)] {
            let line = text.lines().find(|line| line.trim_start().starts_with(hop));
            assert!(
                line.is_some_and(|line| line.contains(wire) && line.contains("pw 1020")),
                "{hop}: {}",
                ended.stdout
            );
        }
        assert!(
            ended.stdout.contains(" tshark finds none of "),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains(" tshark finds none of "),
            "{}",
            ended.stdout
        );
        // MOVE: there and back.
        let away = if figure == "figure-2" { "220" } else { "304" };
        for [from, to] in [["116", away], [away, "116"]] {
            let moved = format!(" 110D moved from {from} to {to} within ");
            assert!(ended.stdout.contains(&moved), "{}", ended.stdout);
        }
        assert_eq!(
            ended.stdout.matches("   202 kept its connection, ").count(),
            2,
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains("2 of 2 foreign cells are zero"),
            "{}",
            ended.stdout
        );
        assert_eq!(remains(&ended.prefix), Vec::<String>::new());
    }
}

/// What a machine is depends on the client, too.
#[test]
fn figures_12_and_13_lose_a_machine_and_no_write() {
    let ended = Lab::start(&["--lab", "storage"]).end().expect(0);
    let said = &ended.stdout;
    assert!(
        ended.last_line().starts_with("lab: OK   6 machines lost, 0 of "),
        "{said}"
    );
    assert!(
        ended
            .last_line()
            .contains("acknowledged writes lost, 0 I/O errors"),
        "{said}"
    );
    let row = |name: &str| {
        said.lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap()
    };
    for name in ["all on, killed ", "all on  ", "no in-path "] {
        assert!(row(name).ends_with(" ms"), "{said}");
    }
    // Nobody answers its request, and nothing makes it ask again.
    assert!(row("no nudge, read ").ends_with("hangs"), "{said}");
    for part in [
        "found silent",
        "switched to array-2",
        "nudged the client's",
        "first answer of array-2",
    ] {
        assert_eq!(said.matches(part).count(), 2, "{part}: {said}");
    }
    let words = |name: &str| row(name).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words("vsm-1002a").starts_with("vsm-1002a array-1 -> array-2 "),
        "{said}"
    );
    assert!(
        words("vsm-1002b").starts_with("vsm-1002b array-2 -> array-2 1 "),
        "{said}"
    );
    assert!(words("vsm-1002b").contains(" goes on "), "{said}");
    assert_eq!(remains(&ended.prefix), Vec::<String>::new());
}

#[test]
fn a_cluster_takes_changes_while_its_parts_die_and_loses_no_frame() {
    let ended = Lab::start(&["--lab", "cluster"]).end().expect(0);
    let said = &ended.stdout;
    let last = ended.last_line();
    assert!(
        last.starts_with("lab: OK   7 changes at 4 nodes, 0 of "),
        "{said}"
    );
    for (done, revision) in [
        ("attached t1 through edge1 ", "2"),
        ("attached t4 through edge4 ", "5"),
        ("killed etcd's leader e", "6"),
        ("killed the agent of edge2", "7"),
        ("cut dc2 off from etcd", "8"),
    ] {
        let row = said
            .lines()
            .find(|line| line.trim_start().starts_with(done))
            .unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        // Four times with their units after the revision.
        assert_eq!(words[words.len() - 9], revision, "{row}");
    }
    assert_eq!(remains(&ended.prefix), Vec::<String>::new());
}

#[test]
fn ctrl_c_at_any_moment_removes_everything() {
    for moment in 0..4 {
        for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
            let mut lab = Lab::start(&[]);
            // Earlier, the signal ends it before it has made anything.
            lab.wait_until("its first namespaces", |prefix| {
                remains(prefix).len() > 1 + 5 * moment
            });
            lab.signal(signal);
            let ended = lab.end().expect(code);
            assert_eq!(ended.last_line(), "lab: interrupted, everything removed");
            assert_eq!(remains(&ended.prefix), Vec::<String>::new(), "{moment} {signal}");
        }
    }
}

/// Agents in memory and an etcd: what is in files, in processes and in namespaces goes with it.
#[test]
fn a_benchmark_that_is_ended_leaves_nothing() {
    need_root().unwrap();
    let files = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-bench"));
    command.args(["cluster", "--agents", "16", "--tenants", "0", "--runs", "4000"]);
    command.env("TMPDIR", files.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut bench = Process::start(&mut command).unwrap();
    let (namespaces, fleet) = (
        format!("fab{}-", bench.pid()),
        format!("fabric-fleet-{}-", bench.pid()),
    );
    let of_fleet = || names("/dev/shm", &fleet);
    wait::until_true(wait::PATIENCE * 3, "agents", || Ok(!of_fleet().is_empty())).unwrap();
    assert_eq!(names(files.path(), "etcd-").len(), 1);
    assert_eq!(names("/run/netns", &namespaces).len(), 2);
    bench.signal(Signal::SIGTERM).unwrap();
    let ended = bench.wait(wait::PATIENCE * 3).unwrap();
    assert_eq!(ended.code(), Some(128 + Signal::SIGTERM as i32));
    assert_eq!(names(files.path(), ""), Vec::<String>::new());
    assert_eq!(names("/run/netns", &namespaces), Vec::<String>::new());
    assert_eq!(of_fleet(), Vec::<String>::new());
}

/// What is in a folder and begins so.
fn names(folder: impl AsRef<Path>, start: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(start)).collect()
}
