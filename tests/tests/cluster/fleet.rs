//! Eight nodes in two datacenters, whose agents write into tables in memory: whatever happens, each has in the end what the
//! document comes to at its node, and nothing else.

use fabric_tests::etcd::Etcd;
use fabric_tests::fleet::{Fleet, Shape};
use fabric_tests::random::{Random, seed};
use fabric_tests::topology::Net;
use fabric_tests::wait;
use fabric_userspace::compile::{Image, Request, Scope, compile};
use fabric_userspace::ids::Sizes;
use fabric_userspace::store::Store as _;
use fabric_userspace::store::etcd::{Address, EtcdStore};
use fabric_userspace::validate::{Valid, validate};
use serde_json::{Value, json};

const MEMBERS: [&str; 3] = ["10.9.0.1", "10.9.0.2", "10.9.0.3"];
const SHAPE: Shape = Shape {
    datacenters: 2,
    nodes: 8,
    tenants: 50,
};
const OPERATIONS: usize = 30;
/// Beside what is an error for a good reason: taken ports, tenants that are not there, an agent that is behind.
const LEAST: usize = OPERATIONS / 3;

/// Ends that were attached, to be detached again.
type Ends = Vec<Value>;

/// Makes one change at some node that lives. The answer is the revision afterwards, unless it was refused.
fn change(fleet: &Fleet, dice: &mut Random, ends: &mut Ends, absent: usize) -> Option<u64> {
    let nodes = fleet.nodes().len();
    let by = (absent + 1 + dice.below(nodes - 1)) % nodes;
    let tenant = format!("t{}", dice.below(SHAPE.tenants + 5));
    let node = &fleet.nodes()[dice.below(nodes)];
    let edit = match dice.below(10) {
        0..=5 => {
            let vlan = 500 + dice.below(20);
            let end = json!({"op": "attach", "tenant": tenant, "node": node, "port": "eth0", "vlan": vlan});
            ends.push(end.clone());
            end
        }
        6 | 7 if !ends.is_empty() => {
            let mut end = ends.swap_remove(dice.below(ends.len()));
            end["op"] = "detach".into();
            end
        }
        8 => json!({"op": "set-port", "node": node, "port": "eth0", "tunnel_lldp": dice.percent(50)}),
        _ => json!({"op": "remove-tenant", "tenant": tenant}),
    };
    let answer = fleet.request(by, "POST", "/v1/edit", &edit).ok()?;
    answer["revision"].as_u64()
}

fn wait_for(fleet: &Fleet, at: usize, revision: u64) {
    let has = || Ok(fleet.carried(at)?.revision == revision);
    let what = format!("revision {revision} at {}", fleet.nodes()[at]);
    wait::until_true(2 * wait::PATIENCE, &what, has).unwrap();
}

/// What the store says, read by somebody who has never seen it before.
fn stored(etcd: &Etcd, namespace: &fabric_tests::netns::NetNs) -> (u64, Valid) {
    let url = etcd.url("fleet");
    let read = || {
        let store = EtcdStore::open(Address::parse(&url).unwrap(), "reader").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(store.current()).unwrap().unwrap())
    };
    let stored = namespace.run(read).unwrap();
    (stored.revision, validate(stored.document).unwrap())
}

/// The tables of a node are what the whole document comes to there.
fn is_right(fleet: &Fleet, at: usize, valid: &Valid) {
    let carried = fleet.carried(at).unwrap();
    let node = fleet.nodes()[at].parse().unwrap();
    let request = Request {
        valid,
        node: &node,
        host: &carried.host,
        in_force: false,
    };
    // The numbers are the agent's own choice; restored, they must not contradict each other.
    let numbers = Image::restore(&Sizes::default(), carried.ids.clone()).unwrap();
    let whole = compile(&request, &numbers, &Scope::All).unwrap();
    assert_eq!(whole.ids(), carried.ids, "{node}");
    assert_eq!(whole.records(), carried.tables, "{node}");
    let segments = &valid.document().tenants;
    let ends = segments
        .iter()
        .flat_map(|tenant| &tenant.segments)
        .flat_map(|segment| &segment.attachments);
    let here = ends.filter(|end| end.node == node).count();
    assert!(
        here > 5 && carried.tables.access.len() == here,
        "{node}: {here} attachments, {}",
        carried.tables.access.len()
    );
}

#[test]
fn eight_agents_hold_what_the_document_comes_to_after_random_changes_and_deaths() {
    let seed = seed().unwrap();
    println!("FABRIC_SEED={seed}");
    let mut dice = Random::new(seed);
    let net = Net::new().unwrap();
    let store = net.host("store").unwrap();
    for address in MEMBERS {
        store
            .output(&["ip", "addr", "add", &format!("{address}/32"), "dev", "lo"])
            .unwrap();
    }
    let mut etcd = Etcd::start(&store, &MEMBERS, &[]).unwrap();
    let mut fleet = Fleet::new(&store, &etcd.url("fleet"), SHAPE.names()).unwrap();
    fleet.start(0).unwrap();
    fleet
        .request(0, "PUT", "/v1/document", &SHAPE.document())
        .unwrap();
    (1..SHAPE.nodes).for_each(|at| fleet.start(at).unwrap());
    (0..SHAPE.nodes).for_each(|at| wait_for(&fleet, at, 1));
    let (mut made, mut newest, mut ends) = (0, 1, Ends::new());
    for number in 0..OPERATIONS {
        // The last of them is dead for a while, and the leader dies meanwhile.
        match number {
            8 => fleet.kill(7).unwrap(),
            12 => etcd.kill9(etcd.leader().unwrap()).unwrap(),
            18 => etcd.start_all().unwrap(),
            20 => fleet.start(7).unwrap(),
            _ => {}
        }
        if let Some(revision) = change(&fleet, &mut dice, &mut ends, 7) {
            made += usize::from(revision > newest);
            newest = revision;
        }
    }
    assert!(made >= LEAST, "{made} of {OPERATIONS} changes were made");
    let (revision, valid) = stored(&etcd, &store);
    assert!(revision >= newest, "{revision} is in force, {newest} was told");
    for at in 0..SHAPE.nodes {
        wait_for(&fleet, at, revision);
        is_right(&fleet, at, &valid);
    }
    drop(fleet);
    drop(etcd);
    net.tear_down().unwrap();
}
