//! Two who write at once: one wins, and the other is told what came before.

use std::thread;
use std::time::Duration;

use fabric_tests::fabric::{Agent, CliOutput};
use fabric_tests::wait;
use fabric_userspace::store::etcd::{Address, EtcdStore};
use fabric_userspace::store::{Store as _, Stored, Terms};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Pair, export, unharmed, wait_problem};

#[test]
fn of_two_writers_one_wins_and_one_is_told() {
    let pair = Pair::start(3);
    let probe = pair.probe();
    let mut won = 0;
    let mut lost = 0;
    for round in 0..8 {
        let consoles = [pair.agents[0].console(), pair.agents[1].console()];
        let said: Vec<_> = thread::scope(|scope| {
            let one = |at: usize| {
                let console = &consoles[at];
                let vlan = (100 + 2 * round + at).to_string();
                let tenant = format!("t{round}-{at}");
                scope.spawn(move || {
                    console
                        .cli(&["tenant", "attach", &tenant, "--port", "eth2", "--vlan", &vlan])
                        .unwrap()
                })
            };
            let both = [one(0), one(1)];
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for output in said {
            if output.status == Some(0) {
                won += 1;
            } else {
                assert!(
                    output.stderr.contains("code: stale-revision"),
                    "{}",
                    output.stderr
                );
                lost += 1;
            }
        }
        pair.wait_revision(1 + won);
    }
    assert!(won >= 8, "{won} won, {lost} lost");
    let documents = [0, 1].map(|at| export(&pair.agents[at]));
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[0]["tenants"].as_array().unwrap().len() as u64, 1 + won);
    pair.agents.iter().for_each(|agent| wait_problem(agent, None));
    unharmed(probe);
    pair.finish();
}

/// A number that a tenant gave up goes to no other while one node still goes by the old document, whether its agent is
/// only slow or dead: its data path forwards. The same tenant may have it back at once.
#[test]
fn no_number_goes_to_another_tenant_while_a_node_is_held_back() {
    let mut pair = Pair::start(1);
    let probe = pair.probe();
    let numbers = ["--s-vid", "150", "--c-vid", "1150"];
    let attach = |agent: &Agent, tenant: &str| {
        let words = ["tenant", "attach", tenant, "--port", "eth2", "--vlan", "20"];
        agent.cli(&[&words[..], &numbers[..]].concat()).unwrap()
    };
    let told = |output: &CliOutput, node: &str| {
        output.stderr.contains("code: number-in-use")
            && output.stderr.contains(&format!("{node} has not confirmed"))
    };
    attach(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    let pid = Pid::from_raw(pair.agents[1].pid().unwrap().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    pair.agents[0]
        .ok(&["tenant", "remove", "globex", "--yes"])
        .unwrap();
    let refused = attach(&pair.agents[0], "initech");
    assert!(told(&refused, "edge2"), "{}", refused.stderr);
    attach(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.agents[0]
        .ok(&["tenant", "remove", "globex", "--yes"])
        .unwrap();
    // Dead for longer than its lease: it still forwards.
    pair.agents[1].kill9().unwrap();
    let gone = || {
        Ok(pair
            .etcd
            .ctl(&["get", "--keys-only", "/lab/nodes/edge2"])?
            .trim()
            .is_empty())
    };
    wait::until_true(Duration::from_secs(25), "the end of the lease", gone).unwrap();
    let refused = attach(&pair.agents[0], "initech");
    assert!(told(&refused, "edge2"), "{}", refused.stderr);
    pair.agents[1].restart().unwrap();
    pair.wait_confirmed("edge2", 5);
    attach(&pair.agents[0], "initech").expect_status(0).unwrap();
    pair.wait_revision(6);
    unharmed(probe);
    pair.finish();
}

/// A clock that jumps: to the nodes it makes no difference which time of day a revision says that it is of, nor how long it waits
/// to be confirmed.
#[test]
fn a_writer_whose_clock_jumps_is_followed_as_any_other() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    let document = serde_json::from_value(export(&pair.agents[0])).unwrap();
    let write = |base: u64, applied_at: &str, terms: Terms| {
        let mut stored = Stored {
            revision: base + 1,
            applied_at: applied_at.to_owned(),
            cause: "clock".to_owned(),
            document: fabric_userspace::model::Document::clone(&document),
        };
        stored.document.tenants[0].mac_limit = serde_json::from_value((100 + base).into()).unwrap();
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let store = EtcdStore::open(Address::parse(&pair.etcd.url("lab"))?, "elsewhere")?;
            runtime
                .block_on(store.put_in_force(base, &stored, terms))
                .unwrap();
            Ok(())
        };
        pair.store.run(run).unwrap();
        pair.wait_revision(base + 1);
    };
    write(1, "2199-01-01T00:00:00.000Z", Terms::Final);
    write(2, "1970-01-01T00:00:00.000Z", Terms::Final);
    let final_one = export(&pair.agents[1]);
    let begun = std::time::Instant::now();
    write(
        3,
        "1970-01-01T00:00:00.000Z",
        Terms::Within(Duration::from_secs(3)),
    );
    assert_ne!(export(&pair.agents[0]), final_one);
    pair.wait_revision(5);
    assert!(begun.elapsed() >= Duration::from_secs(2), "went back at once");
    assert_eq!(export(&pair.agents[0]), final_one);
    write(5, "2199-01-01T00:00:00.000Z", Terms::Final);
    pair.agents.iter().for_each(|agent| wait_problem(agent, None));
    unharmed(probe);
    pair.finish();
}
