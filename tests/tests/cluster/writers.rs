//! Two who write at once: one wins, and the other is told what came before.

use std::thread;

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
