//! What is wrong with one port stays with this port.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fabric_tests::netns::run_tool;
use fabric_tests::wait;
use serde_json::{Value, json};

use crate::support::{self, Lane, has_program};

/// Somebody takes the fabric's program off a port in use: the agent says so, and puts it back.
#[test]
fn a_program_that_was_taken_off_is_put_back() {
    let mut lane = Lane::start();
    lane.agent.allow("port is not safe");
    lane.check_passes();
    let probe = lane.probe();
    let pin = lane.agent.state_dir().join("bpf/links").join(ifindex(&lane));
    run_tool(
        std::process::Command::new("bpftool")
            .args(["link", "detach", "pinned"])
            .arg(pin),
    )
    .unwrap();
    let back = || Ok(has_program(&lane.edge, "eth4"));
    wait::until_true(wait::PATIENCE, "the program on eth4", back).unwrap();
    lane.wait_state("up");
    lane.check_status(false);
    lane.check_passes();
    assert!(lane.agent.log().unwrap().contains("no-other-program"));
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

fn ifindex(lane: &Lane) -> String {
    let link = lane
        .edge
        .output(&["ip", "-json", "link", "show", "eth4"])
        .unwrap();
    let link: Value = serde_json::from_str(&link).unwrap();
    link[0]["ifindex"].to_string()
}

/// A change that is refused late takes nothing away: a port that was to become a trunk is an access port as before.
#[test]
fn a_refused_change_of_a_ports_role_leaves_it_as_it_was() {
    let mut lane = Lane::start();
    lane.agent.allow("a change could not be taken back");
    lane.check_passes();
    let probe = lane.probe();
    let good = lane.agent.json(&["export"]).unwrap()["item"].take();
    // Its driver says no only when the program is attached, after eth4 has been taken over.
    lane.ip("link add zz5 numtxqueues 1 numrxqueues 1 type veth peer name far5 numtxqueues 2 numrxqueues 2");
    lane.ip("link set zz5 up");
    lane.ip("link set eth4 mtu 1600");
    let mut bad = good.clone();
    let datacenter = good["nodes"][0]["datacenter"].clone();
    let nodes = bad["nodes"].as_array_mut().unwrap();
    nodes.push(json!({ "name": "edge2", "datacenter": datacenter }));
    bad["links"] = json!([{ "name": "trunk0", "kind": "trunk",
        "ends": [{ "node": "edge1", "port": "eth4" }, { "node": "edge2", "port": "t0" }] }]);
    bad["tenants"][1]["segments"][0]["attachments"][1]["port"] = "zz5".into();
    let file = lane.agent.file("bad.json", &bad).unwrap();
    lane.agent
        .refused(&["apply", "-f", &file, "--yes"], "too-few-queues")
        .unwrap();
    assert!(has_program(&lane.edge, "eth4"));
    assert_eq!(lane.state(), "up");
    lane.check_status(false);
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// While no agent runs, a port is replaced by an interface without native XDP: the next agent starts, tells of this port,
/// and all others lose nothing; when the port is what it was, it is taken again.
#[test]
fn a_port_gone_bad_while_no_agent_ran_harms_nobody_else() {
    let mut lane = Lane::start();
    for expected in [
        "port is not safe",
        "no program could be attached",
        "background work failed",
        "could not be followed",
    ] {
        lane.agent.allow(expected);
    }
    lane.check_passes();
    let probe = lane.probe();
    lane.agent.kill9().unwrap();
    lane.ip("link del eth4");
    lane.ip("link add eth4 type bridge");
    lane.ip("link set eth4 up");
    lane.agent.restart().unwrap();
    lane.wait_state("unsafe");
    lane.check_status(true);
    lane.ip("link del eth4");
    lane.plug_in_again();
    lane.wait_state("up");
    lane.check_status(false);
    assert!(has_program(&lane.edge, "eth4"));
    lane.check_passes();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// A client that goes away in the middle of its request: the document is applied whole or not at all, and every port that
/// is in use has its program.
#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing_half_done() {
    let lane = Lane::start();
    let with = lane.agent.json(&["export"]).unwrap()["item"].take();
    let mut without = with.clone();
    without["tenants"].as_array_mut().unwrap().pop();
    let probe = lane.probe();
    for patience in (0..12).map(|number| Duration::from_millis(2 * number)) {
        lane.agent
            .ok(&[
                "apply",
                "-f",
                &lane.agent.file("less.json", &without).unwrap(),
                "--yes",
            ])
            .unwrap();
        let mut stream = UnixStream::connect(lane.agent.socket()).unwrap();
        let body = with.to_string();
        let head = format!(
            "PUT /v1/document HTTP/1.1\r\nHost: fabric\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        std::thread::sleep(patience);
        drop(stream);
        lane.agent
            .ok(&[
                "apply",
                "-f",
                &lane.agent.file("more.json", &with).unwrap(),
                "--yes",
            ])
            .unwrap();
        for port in ["eth3", "eth4"] {
            assert!(has_program(&lane.edge, port), "{port} after {patience:?}");
        }
        lane.check_status(false);
        lane.check_passes();
    }
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}
