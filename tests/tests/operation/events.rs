//! Interfaces and namespaces come and go under the agent.

use std::collections::BTreeSet;
use std::process::Command;

use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::netns::run_tool;
use fabric_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::{self, Lane, cable, has_program, owned, pins};

/// Kernel messages that tell of a bug, so far, with their times. That a machine was held up is no bug of anybody here.
fn kernel_bugs() -> BTreeSet<String> {
    const SIGNS: [&str; 5] = [
        "WARNING:",
        "BUG:",
        "Oops",
        "refcount",
        "unregister_netdevice: waiting",
    ];
    let said = run_tool(&mut Command::new("dmesg")).unwrap();
    let tells = |line: &&str| SIGNS.iter().any(|sign| line.contains(sign)) && !line.contains("lockup");
    said.lines().filter(tells).map(str::to_owned).collect()
}

/// None has come since. The oldest may have gone: the kernel keeps so many lines.
fn no_new_bugs(before: &BTreeSet<String>) {
    let now = kernel_bugs();
    let new: Vec<_> = now.difference(before).collect();
    assert!(new.is_empty(), "the kernel complains: {new:?}");
}

/// OPS-6: whatever happens to one port, the agent lives and tells of it, and nobody else loses a frame; when the
/// interface is back under its name, it is attached again, and nothing has piled up in the kernel.
#[test]
fn ops_6_a_port_that_goes_is_told_of_and_taken_again_when_it_is_back() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let (pid, bugs) = (lane.agent.pid(), kernel_bugs());
    lane.check_passes();
    let (objects, pinned) = (owned(&lane.agent).counts(), pins(&lane.agent).len());
    let probe = lane.probe();
    type Deed = fn(&Lane);
    let cases: [(&str, Deed, &str, Deed); 6] = [
        (
            "the port is deleted",
            |lane| lane.ip("link del eth4"),
            "gone",
            Lane::plug_in_again,
        ),
        (
            "the peer is deleted",
            |lane| lane.there("ip link del c0"),
            "gone",
            Lane::plug_in_again,
        ),
        (
            "the port is down",
            |lane| lane.ip("link set eth4 down"),
            "down",
            |lane| lane.ip("link set eth4 up"),
        ),
        (
            "the peer is down",
            |lane| lane.there("ip link set c0 down"),
            "down",
            |lane| lane.there("ip link set c0 up"),
        ),
        (
            "the port has another name",
            |lane| lane.ip("link set eth4 name other"),
            "gone",
            |lane| lane.ip("link set other name eth4"),
        ),
        (
            "the port is in another namespace",
            |lane| lane.ip(&format!("link set eth4 netns {}", lane.hosts[0].name())),
            "gone",
            |lane| {
                let host = &lane.hosts[0];
                host.output(&["ip", "link", "set", "eth4", "netns", lane.edge.name()])
                    .unwrap();
                lane.ip("link set eth4 up");
            },
        ),
    ];
    for (what, deed, state, mend) in cases {
        println!("{what}");
        deed(&lane);
        lane.wait_state(state);
        lane.check_status(true);
        let metrics = lane.agent.text("/metrics").unwrap();
        let is_told = |line: &str| metrics.lines().any(|known| known == line);
        assert!(is_told("fabric_port_up{port=\"eth4\"} 0"), "{what}: {metrics}");
        assert!(is_told("fabric_port_up{port=\"eth3\"} 1"), "{what}: {metrics}");
        assert_eq!(
            is_told("fabric_port_safe{port=\"eth4\"} 0"),
            state == "gone",
            "{what}"
        );
        mend(&lane);
        lane.wait_state("up");
        lane.check_status(false);
        assert!(has_program(&lane.edge, "eth4"), "{what}");
        lane.check_passes();
        let same = || Ok(owned(&lane.agent).counts() == objects && pins(&lane.agent).len() == pinned);
        let waited = wait::until_true(wait::PATIENCE, "as many objects as before", same);
        waited.unwrap_or_else(|error| panic!("{what}: {error}: {objects:?}, now {:?}", owned(&lane.agent)));
    }
    assert_eq!(lane.agent.pid(), pid);
    no_new_bugs(&bugs);
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// The kernel takes an interface that leaves out of all device maps, and gives it back its number. If nobody looks meanwhile, nothing
/// differs.
#[test]
fn ops_6_a_port_that_was_elsewhere_while_nobody_looked_is_reached_again() {
    visits_unseen(|_| {});
}

/// The same where the kernel had no room for its news: a tenant makes more of them than anybody can keep.
#[test]
fn ops_6_a_port_that_was_elsewhere_is_reached_again_also_if_nobody_was_told() {
    let changes = "for number in $(seq 20000); do echo link set c0 alias $number; done | ip -batch -";
    visits_unseen(|lane| drop(lane.hosts[1].output(&["sh", "-c", changes]).unwrap()));
}

/// The lane's document comes back 3 seconds after another one, in which eth4 has no tenant, and eth4 is gone by then. It is taken again
/// when it is there, and acme loses no frame by any of it.
fn goes_back_without_eth4(between: &Site) {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let acme = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge1", "eth2", 10, 401);
    let document = between.clone().tenant("acme", &[acme]).document();
    let probe = lane.probe();
    let file = lane.agent.file("between.json", &document).unwrap();
    lane.agent
        .ok(&["apply", "-f", &file, "--yes", "--confirm-within", "3s"])
        .unwrap();
    lane.ip("link del eth4");
    let is_back = || Ok(lane.agent.get("/v1/status")?["revision"] == 3);
    wait::until_true(wait::PATIENCE, "the return of revision 1", is_back).unwrap();
    assert_eq!(lane.state(), "gone");
    lane.plug_in_again();
    lane.wait_state("up");
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// A change that nobody confirms is taken back also where one of its ports is gone meanwhile, which was another kind of port before.
#[test]
fn ops_6_a_change_goes_back_without_a_port_that_went() {
    let trunk = |port: &str| {
        let ends = json!([{"node": "edge1", "port": port}, {"node": "far", "port": port}]);
        json!({"name": format!("to-{port}"), "kind": "trunk", "ends": ends})
    };
    let trunks = Site::new(&["edge1", "far"])
        .link(trunk("eth3"))
        .link(trunk("eth4"));
    goes_back_without_eth4(&trunks);
}

/// The same of a port that the change gave up: what comes back is carried out as far as the host allows.
#[test]
fn ops_6_a_change_goes_back_without_a_port_that_it_gave_up() {
    goes_back_without_eth4(&Site::new(&["edge1"]));
}

/// A port visits another namespace while the agent sees nothing; `unseen` happens before.
fn visits_unseen(unseen: impl FnOnce(&Lane)) {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    lane.check_passes();
    let pid = Pid::from_raw(lane.agent.pid().unwrap().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    unseen(&lane);
    lane.ip(&format!("link set eth4 netns {}", lane.hosts[0].name()));
    lane.hosts[0]
        .output(&["ip", "link", "set", "eth4", "netns", lane.edge.name()])
        .unwrap();
    lane.ip("link set eth4 up");
    kill(pid, Signal::SIGCONT).unwrap();
    lane.check_passes();
    lane.wait_state("up");
    lane.agent.finish().unwrap();
}

/// What a tenant calls his interface need not be text: only his own port suffers for it, and nobody waits for an answer.
#[test]
fn ops_6_a_name_that_is_no_text_harms_its_owner_alone() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    lane.check_passes();
    let probe = lane.probe();
    let alias = |text: &str| {
        let words = format!("ip link set c0 alias \"$(printf '{text}')\"");
        lane.hosts[3].output(&["sh", "-c", &words]).unwrap();
    };
    alias("\\377");
    lane.wait_state("unsafe");
    lane.check_status(true);
    lane.agent
        .ok(&["tenant", "attach", "acme", "--port", "eth3", "--vlan", "30"])
        .unwrap();
    alias("text");
    lane.wait_state("up");
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// OPS-6: where containers come and go for long, the kernel gives an interface an index that the tables have no place for. It is as if
/// it were gone, and the agent follows and serves all others, also one that starts then.
#[test]
fn ops_6_a_port_whose_index_is_beyond_the_tables_stops_nobody_else() {
    const BEYOND: u32 = 70_000;
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    lane.check_passes();
    let probe = lane.probe();
    lane.ip("link del eth4");
    lane.wait_state("gone");
    lane.ip(&format!(
        "link add eth4 index {BEYOND} type veth peer name beyond"
    ));
    lane.ip("link set eth4 up");
    lane.check_status(true);
    // Another port's interface is made anew meanwhile.
    lane.ip("link del eth3");
    cable(&lane.net, &lane.hosts[2], &lane.edge, "eth3");
    let is_taken = || Ok(has_program(&lane.edge, "eth3"));
    wait::until_true(wait::PATIENCE, "a program on the new eth3", is_taken).unwrap();
    support::unharmed(probe);
    lane.agent.terminate().unwrap();
    lane.agent.restart().unwrap();
    lane.wait_state("gone");
    lane.check_status(true);
    lane.ip("link del eth4");
    lane.plug_in_again();
    lane.wait_state("up");
    lane.check_status(false);
    lane.check_passes();
    lane.agent.finish().unwrap();
}

/// OPS-6: links that flap as fast as they can be made to.
#[test]
fn ops_6_flapping_links_disturb_nobody() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let bugs = kernel_bugs();
    lane.check_passes();
    let objects = owned(&lane.agent).counts();
    let probe = lane.probe();
    for flap in 0..40 {
        match flap % 4 {
            0 => lane.ip("link set eth4 down"),
            1 => lane.there("ip link set c0 down"),
            2 => lane.ip("link set eth4 up"),
            _ => lane.there("ip link set c0 up"),
        }
    }
    for _ in 0..10 {
        lane.there("ip link del c0");
        lane.plug_in_again();
    }
    lane.wait_state("up");
    lane.check_status(false);
    lane.check_passes();
    let same = || Ok(owned(&lane.agent).counts() == objects);
    wait::until_true(wait::PATIENCE, "as many objects as before", same).unwrap();
    no_new_bugs(&bugs);
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// OPS-6: the tenant deletes his whole namespace, with his end of the cable in it, and comes back with a new one.
#[test]
fn ops_6_a_tenants_namespace_can_be_deleted() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    let bugs = kernel_bugs();
    let probe = lane.probe();
    for _ in 0..3 {
        // A namespace that nobody but its name holds.
        let name = format!("{}gone", lane.net.prefix());
        run_tool(Command::new("ip").args(["netns", "add", &name])).unwrap();
        lane.there(&format!("ip link set c0 netns {name}"));
        run_tool(Command::new("ip").args(["-n", &name, "link", "set", "c0", "up"])).unwrap();
        lane.wait_state("up");
        run_tool(Command::new("ip").args(["netns", "del", &name])).unwrap();
        lane.wait_state("gone");
        lane.check_status(true);
        lane.plug_in_again();
        lane.wait_state("up");
        lane.check_status(false);
        lane.check_passes();
    }
    no_new_bugs(&bugs);
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}
