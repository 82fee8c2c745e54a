//! FIG 13 as it is drawn: the members of a storage machine at two sites, its clients at two others, one decision for all.

use fabric_tests::storage::{Load, MEMBERS, SiteOptions, Sites, Target, VOLUME};

use super::support::{LONG, PORT, SOME};

fn serving() -> SiteOptions {
    SiteOptions {
        tcp_port: Some(PORT),
        copied: true,
        ..SiteOptions::default()
    }
}

fn writer(sites: &Sites, tenant: usize, run: u64) -> Load {
    let target = Target::tcp(sites.service(PORT).unwrap());
    let load = Load::write(&sites.tenants[tenant].client, &target, run).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    load
}

/// P58, P59, claims 40, 41, 57: A's working member is B's protecting one and stands at another site. `kill -9` of A's costs his
/// client no write, and B's, who works with the other machine, notices nothing.
#[test]
fn figure_13_a_killed_member_at_another_site_costs_no_write() {
    let sites = Sites::start(&serving()).unwrap();
    let mut of_a = sites.serve(0, VOLUME).unwrap();
    let of_b = sites.serve(1, VOLUME).unwrap();
    sites.wait_all_up().unwrap();
    let _mirrors = [sites.copy(0, &of_a).unwrap(), sites.copy(1, &of_b).unwrap()];
    let loads = [writer(&sites, 0, 1), writer(&sites, 1, 2)];
    of_a[0].kill_hard().unwrap();
    sites.wait_working(0, MEMBERS[1]).unwrap();
    for load in &loads {
        load.wait_answers(SOME, LONG).unwrap();
    }
    let [a, b] = loads.map(|load| load.stop().unwrap());
    let switch = sites.shown(0).unwrap().unwrap()["last_switch"].clone();
    println!("A: stall {:?}, switch {switch}", a.longest_stall().length());
    assert_eq!((&a.io_errors[..], &b.io_errors[..]), (&[][..], &[][..]));
    for (record, member) in [(&a, &of_a[1]), (&b, &of_b[1])] {
        let verdict = record.verify(member.volume()).unwrap();
        assert!(
            verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
            "{verdict:?}"
        );
    }
    assert_eq!(b.breaks.len(), 0);
    sites.tear_down().unwrap();
}
