//! Who may reach the agent, its maps and its files: root.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fabric_tests::fabric::Console;

use crate::support::{Lane, Tables, one_sentence};

/// Somebody without any right: `nobody`.
const NOBODY: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn open_up(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Everything below a folder, folders first.
fn below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // On its way to another name.
        if path.extension().is_some_and(|kind| kind == "new") {
            continue;
        }
        into.push(path.clone());
        if path.is_dir() {
            below(&path, into);
        }
    }
}

/// A tool run by somebody else, in a shell; true if it succeeded.
fn succeeds(script: &str, path: &Path) -> bool {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(path);
    command.output().unwrap().status.success()
}

/// OPS-7: whatever the umask was, folders are 0700 and pins, files and the socket 0600; after a restart as well.
#[test]
fn ops_7_pins_files_and_the_socket_are_for_root_alone() {
    let mut lane = Lane::start();
    for round in ["a first start", "a restart after kill -9"] {
        // An edit makes the files that come with one.
        for verb in ["attach", "detach"] {
            let words = ["tenant", verb, "initech", "--port", "eth1", "--vlan", "30"];
            lane.agent.ok(&words).unwrap();
        }
        let state = lane.agent.state_dir();
        let mut all = vec![state.clone(), lane.agent.socket()];
        below(&state, &mut all);
        let pins = all
            .iter()
            .filter(|path| path.starts_with(state.join("bpf")))
            .count();
        assert!(pins > 20, "{round}: {all:?}");
        for path in &all {
            let right = match path.extension() {
                _ if path.is_dir() => 0o700,
                // The kernel's own view of the maps and programs, in every BPF file system.
                Some(debug) if debug == "debug" => 0o400,
                _ => 0o600,
            };
            assert_eq!(
                mode(path),
                right,
                "{round}: {} is {:o}",
                path.display(),
                mode(path)
            );
        }
        lane.agent.kill9().unwrap();
        lane.agent.restart().unwrap();
    }
    lane.agent.finish().unwrap();
}

/// OPS-7: somebody else can neither read nor write a map, a link, a file or the socket, even where an administrator has
/// opened the folders around them; and he is told in one sentence.
#[test]
fn ops_7_an_unprivileged_user_reaches_nothing_and_is_told_so() {
    let lane = Lane::start();
    let (agent, state) = (&lane.agent, lane.agent.state_dir());
    let tables = Tables::of(agent);
    let folder = agent.socket().parent().unwrap().to_owned();
    let copy = folder.join("fabric");
    open_up(&folder, 0o755);
    let nobody = Console::new(&lane.edge, &agent.socket())
        .unwrap()
        .by_user(NOBODY, &copy)
        .unwrap();
    for words in [
        &["status"][..],
        &["tenant", "attach", "evil", "--port", "eth1", "--vlan", "66"],
        &["export"],
        &["agent", "stop", "--detach", "--yes"],
    ] {
        let said = nobody.cli(words).unwrap();
        let sentence = one_sentence(&said, "no-permission");
        assert!(sentence.ends_with("is not open to this user"), "{said}");
    }
    // The control: this much he can do.
    assert!(succeeds("test -x \"$1\"", &folder) && succeeds("cat \"$1\"", &copy));
    for opened in [false, true] {
        let mut all = Vec::new();
        below(&state, &mut all);
        if opened {
            let folders = all.iter().filter(|path| path.is_dir());
            folders.chain([&state]).for_each(|path| open_up(path, 0o755));
        }
        for path in all.iter().filter(|path| path.is_file()) {
            let what = if path.starts_with(state.join("bpf/links")) {
                [
                    "bpftool link show pinned \"$1\"",
                    "rm -f \"$1\" && test ! -e \"$1\"",
                ]
            } else if path.starts_with(state.join("bpf")) {
                [
                    "bpftool map show pinned \"$1\"",
                    "rm -f \"$1\" && test ! -e \"$1\"",
                ]
            } else {
                ["cat \"$1\"", "echo x >> \"$1\""]
            };
            for script in what {
                assert!(
                    !succeeds(script, path),
                    "opened: {opened}: {script} {}",
                    path.display()
                );
            }
        }
    }
    assert_eq!(Tables::of(agent), tables);
    lane.check_passes();
    lane.agent.finish().unwrap();
}
