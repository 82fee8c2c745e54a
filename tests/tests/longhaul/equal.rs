//! Two tenants that cannot be told apart by anything in their frames, in three datacenters at once.

use std::sync::atomic::{AtomicBool, Ordering};

use fabric_tests::frame::{Mac, eth};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, Filter};
use serde_json::{Value, json};

use crate::cut::Triangle;
use crate::site::triangle;

const TENANTS: [&str; 2] = ["acme", "glob"];
/// Frames of his own that every host must have got before the next thing happens.
const ENOUGH: usize = 50;
const LINES: [(usize, &str); 3] = [(0, "l224"), (0, "l226"), (1, "l228")];

fn mac_at(node: usize) -> Mac {
    let last = u8::try_from(node).unwrap();
    Mac::from([0x56, 0, 0, 0, 0, last])
}

/// The triangle with one more tenant, as a change that touches every node.
fn with_a_third() -> Value {
    let mut document = triangle();
    let end = |node: &str| json!({"node": node, "port": "eth1", "vlan": 20});
    let third = json!({"name": "initech", "segments": [
        {"name": "initech-v20", "attachments": [end("n124"), end("n222"), end("n220")]}]});
    document["tenants"].as_array_mut().unwrap().push(third);
    document
}

fn has(word: &str, frame: &[u8]) -> bool {
    frame.windows(word.len()).any(|bytes| bytes == word.as_bytes())
}

/// Both have VLAN 10, and the same address at each node; each host talks to everybody and to one station, all the time. Lines
/// fail and come back and documents change meanwhile. Nobody ever gets a frame of the other, and everybody his own.
#[test]
fn dci_equal_tenants_in_three_datacenters_never_see_each_other_whatever_happens() {
    let triangle = Triangle::start();
    let listen = |node: usize, tenant: usize| {
        let host = &triangle.hosts[node][tenant];
        Capture::start_filtered(
            host,
            "eth0",
            Filter::Only(|frame| TENANTS.iter().any(|word| has(word, frame))),
        )
        .unwrap()
    };
    let ears: Vec<[Capture; 2]> = (0..3).map(|node| [listen(node, 0), listen(node, 1)]).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (node, hosts) in ears.iter().enumerate() {
                    for (ear, word) in hosts.iter().zip(TENANTS) {
                        for to in [Mac::BROADCAST, mac_at((node + 1) % 3)] {
                            let frame = eth(to, mac_at(node)).vlan(10).word(word);
                            ear.socket().send(&frame).unwrap();
                        }
                    }
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let talked = || {
            let own =
                |node: usize, tenant: usize| ears[node][tenant].count(|frame| has(TENANTS[tenant], frame));
            let before: Vec<usize> = (0..6).map(|at| own(at / 2, at % 2).unwrap()).collect();
            until_true(PATIENCE, "own frames at every host", || {
                let fresh = |at: usize| Ok::<_, anyhow::Error>(own(at / 2, at % 2)? >= before[at] + ENOUGH);
                (0..6).try_fold(true, |all, at| Ok(all && fresh(at)?))
            })
            .unwrap();
        };
        talked();
        for (at, (node, line)) in LINES.into_iter().enumerate() {
            triangle.set(node, line, "down");
            talked();
            let document = if at % 2 == 0 {
                with_a_third()
            } else {
                crate::site::triangle()
            };
            for agent in &triangle.agents {
                let file = agent.file("next.json", &document).unwrap();
                agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
            }
            talked();
            triangle.set(node, line, "up");
            talked();
        }
        stop.store(true, Ordering::Relaxed);
    });
    for (node, hosts) in ears.iter().enumerate() {
        for (tenant, ear) in hosts.iter().enumerate() {
            let of_the_other = ear.count(|frame| has(TENANTS[1 - tenant], frame)).unwrap();
            assert_eq!(
                of_the_other, 0,
                "{} at node {node} got frames of the other",
                TENANTS[tenant]
            );
        }
    }
    drop(ears);
    triangle.finish();
}
