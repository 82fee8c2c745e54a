//! FIG 10: a storage array behind one pathway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::stack;
use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Load, Protocol, Server, Target, VOLUME, iscsi_round_trip, round_trip, volume};
use fabric_tests::topology::{End, count_links};
use fabric_tests::traffic::ping;
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::Capture;
use serde_json::{Value, json};

use super::pathway::{CLIENTS, Pathway, TAGGED_MTU, VTEPS, agents, link};
use super::support::Tenant;

const LONG: Duration = Duration::from_secs(20);
/// Enough for every header.
const HEADERS: usize = 128;

/// What the frames from a port of the wire begin with, and how many there were of each kind.
struct Kinds {
    seen: Arc<Mutex<BTreeMap<String, u64>>>,
    _capture: Capture,
}

impl Kinds {
    fn from(wire: &NetNs, port: &str) -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
        let counts = Arc::clone(&seen);
        let look = move |bytes: &[u8]| {
            let stack = stack(bytes);
            let outer: Vec<&str> = stack.split(" | ").take(2).collect();
            *counts.lock().unwrap().entry(outer.join(" | ")).or_default() += 1;
            false
        };
        Self {
            seen,
            _capture: Capture::watch(wire, port, HEADERS, look).unwrap(),
        }
    }

    /// So many of each of these VNIs, all in VLAN 100, and nothing else.
    fn are(&self, clients: &[usize]) {
        let seen = self.seen.lock().unwrap();
        let mut wanted: Vec<String> = clients
            .iter()
            .map(|&number| format!("vlan 100 | vni {}", CLIENTS[number].vni))
            .collect();
        wanted.sort();
        assert_eq!(seen.keys().cloned().collect::<Vec<_>>(), wanted);
        assert!(seen.values().all(|&count| count > 100), "{seen:?}");
    }
}

/// All three at once over iSCSI, with the wire's other users: data verified, and each VSM sees its own client alone.
fn three_clients_work(pathway: &Pathway, tenants: &[Tenant; 3]) {
    let [a, b, c] = tenants;
    let watches = [a.watch(&[b, c]), b.watch(&[a, c]), c.watch(&[a, b])];
    std::thread::scope(|scope| {
        for tenant in tenants {
            scope.spawn(|| tenant.works(Protocol::Iscsi));
        }
        scope.spawn(|| pathway.others_are_undisturbed());
    });
    for watch in watches.iter().flatten() {
        watch.saw_its_own_only();
    }
}

/// The document with our fabric at both ends. `more` are further attachments of each client's segment.
fn document(more: impl Fn(usize, Segment) -> Segment) -> Value {
    let array = json!({"node": "array", "port": "u0", "address": VTEPS[1]});
    let segment = |number: usize| {
        let client = &CLIENTS[number];
        let port = format!("eth{}", number + 1);
        let segment = client
            .segment()
            .at("switch116", &port, "untagged", client.vrf + 200);
        more(number, segment)
    };
    Site::new(&["switch116", "array"])
        .link(link("pathway1018", "switch116", VTEPS[0], array))
        .tenant("102a", &[segment(0)])
        .tenant("102b", &[segment(1)])
        .tenant("102c", &[segment(2)])
        .document()
}

/// A VSM on port eth1, eth2, eth3 of the array.
fn with_vsm(number: usize, segment: Segment) -> Segment {
    let port = format!("eth{}", number + 1);
    segment.at("array", &port, "untagged", CLIENTS[number].vrf + 300)
}

/// Our fabric at both ends, and a VSM for each client.
struct Figure10 {
    // First to go, while their interfaces are there.
    agents: Vec<Agent>,
    tenants: [Tenant; 3],
    pathway: Pathway,
}

impl Figure10 {
    fn start(document: &Value) -> Self {
        let pathway = Pathway::new();
        let switch = pathway.net.host("switch116").unwrap();
        pathway.underlay(&switch, VTEPS[0]);
        pathway.underlay(&pathway.array, VTEPS[1]);
        let tenants = [0, 1, 2].map(|number| {
            let port = format!("eth{}", number + 1);
            let tenant = pathway.tenant(&CLIENTS[number], &switch, &port);
            pathway.vsm(&CLIENTS[number], &tenant, &port);
            tenant
        });
        Self {
            agents: agents(&[&switch, &pathway.array], document),
            tenants,
            pathway,
        }
    }

    fn apply(&self, document: &Value) {
        for agent in &self.agents {
            let file = agent.file("next.json", document).unwrap();
            agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
        }
    }
}

/// FIG 10, claims 2 and 3: our fabric is the array's VTEP.
#[test]
fn figure_10_three_clients_share_the_pathway_to_an_array_of_ours() {
    let figure = Figure10::start(&document(with_vsm));
    let wire = &figure.pathway.wire;
    let kinds = ["switch116", "array"].map(|port| Kinds::from(wire, port));
    three_clients_work(&figure.pathway, &figure.tenants);
    for kinds in &kinds {
        kinds.are(&[0, 1, 2]);
    }
    several_volumes_of_one_vsm(&figure.tenants[0]);
}

/// Claim 3: LUN 1 and LUN 2 are two volumes.
fn several_volumes_of_one_vsm(tenant: &Tenant) {
    let folder = tenant.folder("volumes");
    let volumes: Vec<PathBuf> = ["one", "two"]
        .map(|name| volume(&folder.join(name), 4 << 20).unwrap())
        .into();
    let _server = Server::iscsi(&tenant.server, tenant.address, &folder, &volumes).unwrap();
    let url = format!("iscsi://{}:3260", tenant.address);
    let listed = tenant.client.output(&["iscsi-ls", "-s", &url]).unwrap();
    assert_eq!(listed.matches("(Size:").count(), 2, "{listed}");
    let (there, back) = (folder.join("there.img"), folder.join("back.img"));
    let data = [1, 2].map(|seed| tenant.data(seed));
    for (lun, data) in (1..).zip(&data) {
        std::fs::write(&there, data).unwrap();
        iscsi_round_trip(&tenant.client, tenant.address, lun, [&there, &back]).unwrap();
        assert!(std::fs::read(&back).unwrap().starts_with(data));
    }
    for (volume, data) in volumes.iter().zip(&data) {
        assert!(
            std::fs::read(volume).unwrap().starts_with(data),
            "{}",
            volume.display()
        );
    }
}

/// FIG 10: the array is a Linux host with a VXLAN device for each VNI over an interface in VLAN 100. Client 102C is at
/// switch 124, which is the other end of its tunnel itself.
#[test]
fn figure_10_three_clients_share_the_pathway_to_a_linux_array() {
    let pathway = Pathway::new();
    let [n116, n124] = ["switch116", "switch124"].map(|label| pathway.net.host(label).unwrap());
    pathway.linux_array();
    let places = [(&n116, "eth1", 0), (&n116, "eth2", 0), (&n124, "eth1", 2)];
    let tenants = [0, 1, 2].map(|number| {
        let (switch, port, vtep) = places[number];
        let tenant = pathway.tenant(&CLIENTS[number], switch, port);
        pathway.linux_vsm(&CLIENTS[number], &tenant, VTEPS[vtep]);
        tenant
    });
    pathway.underlay(&n116, VTEPS[0]);
    pathway.underlay(&n124, VTEPS[2]);
    let array = || json!({"address": VTEPS[1]});
    let segment = |number: usize, link: &str| {
        let client = &CLIENTS[number];
        let (switch, port, _) = places[number];
        let segment = client.segment();
        let segment = segment.at(switch.label(), port, "untagged", client.vrf + 200);
        segment.remote(link, client.vrf + 300)
    };
    let site = Site::new(&["switch116", "switch124"])
        .link(link("pathway1018", "switch116", VTEPS[0], array()))
        .link(link("pathway124", "switch124", VTEPS[2], array()))
        .tenant("102a", &[segment(0, "pathway1018")])
        .tenant("102b", &[segment(1, "pathway1018")])
        .tenant("102c", &[segment(2, "pathway124")]);
    let agents = agents(&[&n116, &n124], &site.document());
    let kinds = [
        ("switch116", vec![0, 1]),
        ("switch124", vec![2]),
        ("array", vec![0, 1, 2]),
    ]
    .map(|(port, clients)| (Kinds::from(&pathway.wire, port), clients));
    three_clients_work(&pathway, &tenants);
    for (kinds, clients) in kinds {
        kinds.are(&clients);
    }
    drop(agents);
}

/// Claim 8: one storage machine on one port of the array serves two tenants; the VLAN on its cable says whose data is meant.
#[test]
fn figure_10_a_vsm_of_two_tenants_keeps_their_data_apart_by_tag() {
    let pathway = Pathway::new();
    let [switch, shared] = ["switch116", "shared"].map(|label| pathway.net.host(label).unwrap());
    pathway.underlay(&switch, VTEPS[0]);
    pathway.underlay(&pathway.array, VTEPS[1]);
    let port = End::port(&pathway.array, "eth1").mtu(TAGGED_MTU);
    let end = End::client(&shared, "eth0").mtu(TAGGED_MTU);
    pathway.net.veth(end, port).unwrap();
    let tenants = [(0, "eth1", 10), (1, "eth2", 20)].map(|(number, port, vlan)| {
        let client = &CLIENTS[number];
        pathway.vlan_tenant(client, [&switch, &shared], port, vlan)
    });
    let segment = |number: usize, port: &str, vlan: u16| {
        let client = &CLIENTS[number];
        let segment = client.segment();
        let segment = segment.at("switch116", port, vlan, client.vrf + 200);
        segment.at("array", "eth1", vlan, client.vrf + 300)
    };
    let array = json!({"node": "array", "port": "u0", "address": VTEPS[1]});
    let site = Site::new(&["switch116", "array"])
        .link(link("pathway1018", "switch116", VTEPS[0], array))
        .tenant("102a", &[segment(0, "eth1", 10)])
        .tenant("102b", &[segment(1, "eth2", 20)]);
    let agents = agents(&[&switch, &pathway.array], &site.document());
    let [a, b] = &tenants;
    let clients = [&a.watch(&[b])[1], &b.watch(&[a])[1]];
    std::thread::scope(|scope| {
        for tenant in &tenants {
            scope.spawn(|| tenant.works(Protocol::Nbd));
        }
    });
    for watch in clients {
        watch.saw_its_own_only();
    }
    drop(agents);
}

/// Claims 10 to 12: while two clients with equal addresses work, a virtual NIC comes to the array with a volume behind it that is
/// no VSM, is used, and goes with its interface, twice.
#[test]
fn figure_10_virtual_nics_come_and_go_while_others_work() {
    let before = document(with_vsm);
    let with_nic = document(|number, segment| {
        let segment = with_vsm(number, segment);
        if number == 0 {
            segment.at("array", "nic4", "untagged", 502)
        } else {
            segment
        }
    });
    let figure = Figure10::start(&before);
    let busy = [&figure.tenants[0], &figure.tenants[2]];
    let servers = busy.map(|tenant| {
        let folder = tenant.folder("server");
        let server = Server::start(Protocol::Nbd, &tenant.server, tenant.address, &folder, VOLUME).unwrap();
        let target = Target::tcp(server.address()).export("");
        (
            server,
            Load::write(&tenant.client, &target, u64::from(tenant.mark)).unwrap(),
        )
    });
    for turn in ["first", "second"] {
        come_and_go(&figure, [&before, &with_nic], turn);
    }
    for ((server, load), tenant) in servers.into_iter().zip(busy) {
        load.wait_answers(100, LONG).unwrap();
        let record = load.stop().unwrap();
        drop(server);
        assert_eq!((&record.breaks[..], &record.io_errors[..]), (&[][..], &[][..]));
        let verdict = record.verify(&tenant.folder("server").join("vol1")).unwrap();
        assert!(
            verdict.acknowledged > 100 && verdict.lost.is_empty(),
            "{verdict:?}"
        );
    }
}

fn come_and_go(figure: &Figure10, [before, with_nic]: [&Value; 2], turn: &str) {
    const VOLUME_BEHIND: &str = "10.10.10.101";
    let net = &figure.pathway.net;
    let machine = net.host(&format!("volume-{turn}")).unwrap();
    // The same each time, as the client has it in its ARP cache.
    let end = End::client(&machine, "eth0").mac("02:00:00:00:0a:65");
    let end = end.address(&format!("{VOLUME_BEHIND}/24"));
    net.veth(end, End::port(&figure.pathway.array, "nic4")).unwrap();
    figure.apply(with_nic);
    let tenant = &figure.tenants[0];
    let folder = tenant.folder(turn);
    let address = VOLUME_BEHIND.parse().unwrap();
    let mut server = Server::start(Protocol::Nbd, &machine, address, &folder, 8 << 20).unwrap();
    round_trip(Protocol::Nbd, &tenant.client, address, &folder, &tenant.data(3)).unwrap();
    server.stop().unwrap();
    figure.apply(before);
    assert_eq!(ping(&tenant.client, VOLUME_BEHIND, 1).unwrap().answered, 0);
    machine.output(&["ip", "link", "del", "eth0"]).unwrap();
    // Four are left: the wire's, and a port for each VSM.
    until_true(PATIENCE, "the virtual NIC to be gone", || {
        Ok(count_links(&figure.pathway.array, "veth")? == 4)
    })
    .unwrap();
}
