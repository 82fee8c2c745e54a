//! Anything at any time: changes of all kinds at all nodes, while agents, members and ways die; and then every node's maps
//! are what the document says.

use std::thread;
use std::time::{Duration, Instant};

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::random::{Random, seed};
use fabric_tests::{pins, wait};
use serde_json::{Value, json};

use crate::support::{Pair, export, unharmed};

/// `FABRIC_OPERATIONS` for more.
const OPERATIONS: u32 = 1000;
/// One thing dies after so many operations.
const PERIOD: u32 = 80;
const TENANTS: [&str; 8] = ["t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8"];
const NODES: [&str; 2] = ["edge1", "edge2"];

/// What may be said to a change made blindly; everything else is a fault.
const FAIR: [&str; 13] = [
    "agent-away",
    "attachment-taken",
    "duplicate-station",
    "not-attached",
    "nothing-pending",
    "number-in-use",
    "number-taken",
    "stale-revision",
    "station-taken",
    "store-away",
    "unknown-revision",
    "unknown-segment",
    "unknown-tenant",
];

/// A request to the agent: method, path, body.
type Operation = (&'static str, &'static str, Value);

fn operation(dice: &mut Random, newest: u64) -> Operation {
    let tenant = TENANTS[dice.below(TENANTS.len())];
    let node = NODES[dice.below(2)];
    // Few VLANs, so that tenants want the same ones and numbers go back and forth.
    let vlan = 20 + dice.below(12);
    let end = |op: &str| json!({ "op": op, "tenant": tenant, "node": node, "port": "eth2", "vlan": vlan });
    match dice.below(20) {
        // A VLAN that the tenant has at the other node joins it in one LAN.
        0..=8 => ("POST", "/v1/edit", end("attach")),
        9..=14 => ("POST", "/v1/edit", end("detach")),
        15 | 16 => (
            "POST",
            "/v1/edit",
            json!({ "op": "remove-tenant", "tenant": tenant }),
        ),
        17 => {
            let mac = format!("02:00:00:00:00:{:02x}", dice.below(16));
            let mut attach = end("attach");
            attach["stations"] = json!([mac]);
            ("POST", "/v1/edit", attach)
        }
        18 => {
            let back = 1 + dice.below(5) as u64;
            let revision = newest.saturating_sub(back).max(1);
            ("POST", "/v1/rollback", json!({ "revision": revision }))
        }
        _ => ("POST", "/v1/confirm", json!({})),
    }
}

/// Makes a change that may be refused for fair reasons. True if it was made.
fn change(agent: &Agent, (method, path, body): &Operation) -> bool {
    let sent = agent.console().send(method, path, &body.to_string());
    let Ok((status, said)) = sent else {
        return false;
    };
    if status == 200 {
        return true;
    }
    let said: Value = serde_json::from_str(&said).unwrap();
    let code = said["error"]["code"].as_str().unwrap_or_default();
    assert!(FAIR.contains(&code), "{path} {body}: {said}");
    false
}

/// One thing dies, in the middle of a change, and comes back.
fn disturb(pair: &mut Pair, dice: &mut Random, operation: &Operation) {
    let victim = dice.below(2);
    let pause = Duration::from_micros(dice.below(60_000) as u64);
    match dice.below(4) {
        0 | 1 => {
            let console = pair.agents[victim].console();
            let (method, path, body) = operation.clone();
            let changing = thread::spawn(move || console.send(method, path, &body.to_string()).is_ok());
            // Any moment of the change is as good as another: that is what is tried out.
            thread::sleep(pause);
            pair.agents[victim].kill9().unwrap();
            changing.join().unwrap();
            pair.agents[victim].restart().unwrap();
        }
        2 => {
            let member = dice.below(3);
            pair.etcd.kill9(member).unwrap();
            change(&pair.agents[victim], operation);
            pair.etcd.start_all().unwrap();
        }
        _ => {
            pair.set_way(victim, false);
            change(&pair.agents[1 - victim], operation);
            pair.set_way(victim, true);
        }
    }
}

/// Every tenant joins both nodes, in VLANs that no other change touches: chance may have left hardly anything to compare.
fn attach_all(pair: &Pair) {
    for (number, tenant) in TENANTS.iter().enumerate() {
        for node in NODES {
            let body = json!({ "op": "attach", "tenant": tenant, "node": node, "port": "eth2", "vlan": 40 + number });
            let attach = ("POST", "/v1/edit", body);
            let attached = || Ok(change(&pair.agents[0], &attach));
            wait::until_true(6 * wait::PATIENCE, "a tenant to be attached", attached).unwrap();
        }
    }
}

/// Waits until a node has what the store has, and nothing moves in its maps any more.
fn settled(pair: &Pair, agent: &Agent) -> Vec<String> {
    let has = || {
        let head = pair.etcd.ctl(&["get", "--print-value-only", "/lab/head"])?;
        let head: Value = serde_json::from_str(&head)?;
        let status = agent.get("/v1/status")?;
        Ok(status["revision"] == head["revision"] && status["item"]["state"] == "ok")
    };
    wait::until_true(6 * wait::PATIENCE, "the newest revision everywhere", has).unwrap();
    let pins = agent.state_dir().join("bpf");
    let mut last = Vec::new();
    let rests = || {
        // Numbers that were given up last are cleared by and by.
        let now = pins::words(&pins)?;
        let same = now == last;
        last = now;
        Ok(same)
    };
    wait::until_true(wait::PATIENCE, "the maps to rest", rests).unwrap();
    last
}

#[test]
fn after_random_changes_and_deaths_every_nodes_maps_are_what_the_document_says() {
    let seed = seed().unwrap();
    let operations = std::env::var("FABRIC_OPERATIONS").map_or(OPERATIONS, |told| told.parse().unwrap());
    println!("FABRIC_SEED={seed}");
    let mut dice = Random::new(seed);
    let mut pair = Pair::start(3);
    let probe = pair.probe();
    let (mut made, mut deaths, begun) = (0, 0, Instant::now());
    for _ in 0..operations / PERIOD {
        // Both at once: they race for the same tenants, ports and numbers.
        let seeds = [dice.word(), dice.word()];
        made += thread::scope(|scope| {
            let at = |node: usize| {
                let (agent, mut dice) = (&pair.agents[node], Random::new(seeds[node]));
                let mut one = move || change(agent, &operation(&mut dice, made));
                scope.spawn(move || (0..PERIOD / 2).filter(|_| one()).count())
            };
            let both = [at(0), at(1)];
            both.into_iter()
                .map(|thread| thread.join().unwrap() as u64)
                .sum::<u64>()
        });
        let next = operation(&mut dice, made);
        disturb(&mut pair, &mut dice, &next);
        deaths += 1;
    }
    println!(
        "{operations} operations, {made} made, {deaths} deaths in {:?}",
        begun.elapsed()
    );
    assert!(
        u64::from(operations) < 8 * made,
        "hardly any change was made: {made} of {operations}"
    );
    attach_all(&pair);
    let live: Vec<Vec<String>> = pair.agents.iter().map(|agent| settled(&pair, agent)).collect();
    let documents: Vec<Value> = pair.agents.iter().map(export).collect();
    assert_eq!(documents[0], documents[1]);
    unharmed(probe);
    let edges: Vec<_> = pair
        .agents
        .iter()
        .map(|agent| agent.namespace().clone())
        .collect();
    for mut agent in pair.agents.drain(..) {
        agent.allow("port is not safe, its frames are dropped port=t0");
        agent.finish().unwrap();
    }
    // What the document says: the maps of agents that never knew anything else.
    let new: Vec<Agent> = edges
        .iter()
        .zip(NODES)
        .map(|(edge, node)| Launch::new(edge, node).document(&documents[0]).start().unwrap())
        .collect();
    for (agent, live) in new.iter().zip(&live) {
        let says = pins::words(&agent.state_dir().join("bpf")).unwrap();
        assert!(says.len() > 10 * TENANTS.len(), "{says:?}");
        let missing: Vec<_> = says.iter().filter(|word| !live.contains(word)).collect();
        let left: Vec<_> = live.iter().filter(|word| !says.contains(word)).collect();
        assert!(
            missing.is_empty() && left.is_empty() && says == *live,
            "{}: missing {missing:#?}, left over {left:#?}, FABRIC_SEED={seed}",
            agent.node()
        );
    }
    for mut agent in new {
        agent.allow("port is not safe, its frames are dropped port=t0");
        agent.finish().unwrap();
    }
}
