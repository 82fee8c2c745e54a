//! Two datacenters whose clients use storage of the other one.

use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Load, Member, Protocol, Target, VOLUME};

use super::sites::{Sites, each_reads_what_the_other_writes};
use super::support::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Tenant};

/// Claims 31, 32, 34, 48, 49, 51: one tenant's VSM is in the first datacenter and his client in the second, the
/// other tenant's the other way round, all with the same addresses, at the same time.
#[test]
fn vsms_of_two_datacenters_have_the_same_addresses_and_clients_in_the_other_one() {
    let sites = Sites::new(2);
    let [first, second] = &sites.edges[..] else {
        unreachable!("two were asked for")
    };
    let places = [(b'a', second, first, "eth1"), (b'b', first, second, "eth2")];
    let tenants = places.map(|(mark, client_at, vsm_at, port)| {
        let host = |label: &str| sites.net.host(&format!("{label}-{}", char::from(mark))).unwrap();
        let tenant = Tenant::new(host("client"), host("vsm"), SERVER, mark);
        sites.cable((&tenant.client, "eth0"), (client_at, port), CLIENT_MAC, CLIENT);
        sites.cable((&tenant.server, "eth0"), (vsm_at, port), SERVER_MAC, SERVER);
        tenant
    });
    let lan = |port| [(first, port), (second, port)];
    let agents = sites.start(&[
        ("acme", &[("a", &lan("eth1"))]),
        ("globex", &[("b", &lan("eth2"))]),
    ]);
    let [one, other] = &tenants;
    let watches = [one.watch(&[other]), other.watch(&[one])];
    std::thread::scope(|scope| {
        for tenant in &tenants {
            scope.spawn(|| tenant.works(Protocol::Iscsi));
        }
    });
    for watch in watches.iter().flatten() {
        watch.saw_its_own_only();
    }
    drop(agents);
}

/// FIG 11: the array is in a datacenter of its own; client 102C of one and client 102n of another use the same VSM at
/// once, from different networks, in each of which it has an address. What the one writes, the other reads. 102n works with
/// the array 1112 of its own datacenter at the same time.
#[test]
fn figure_11_clients_of_two_datacenters_and_networks_share_a_vsm_in_a_third() {
    let sites = Sites::new(4);
    let [array, first, second, fourth] = &sites.edges[..] else {
        unreachable!("four were asked for")
    };
    let host = |label: &str| sites.net.host(label).unwrap();
    let machines = ["102a", "102c", "102n", "vsm-1002c", "array-1112"].map(host);
    let [alone, c, n, vsm, own] = &machines;
    let cables: [(&NetNs, &str, (&NetNs, &str), &str); 6] = [
        (alone, "eth0", (first, "eth1"), "10.10.10.10"),
        (c, "eth0", (second, "eth1"), "10.10.10.10"),
        (n, "eth0", (fourth, "eth1"), "10.10.30.10"),
        (vsm, "eth0", (array, "eth1"), "10.10.10.100"),
        (vsm, "eth1", (array, "eth2"), "10.10.30.100"),
        (own, "eth0", (fourth, "eth2"), "10.10.30.101"),
    ];
    for (number, (host, interface, port, address)) in cables.into_iter().enumerate() {
        sites.cable(
            (host, interface),
            port,
            &format!("02:00:00:00:11:{number:02x}"),
            address,
        );
    }
    let agents = sites.start(&[
        ("client-a", &[("vrf-102", &[(first, "eth1")])]),
        ("client-c", &[("vrf-100", &[(second, "eth1"), (array, "eth1")])]),
        (
            "client-n",
            &[("vrf-103", &[(fourth, "eth1"), (fourth, "eth2"), (array, "eth2")])],
        ),
    ]);
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let shared = Member::start(vsm, folders[0].path(), VOLUME).unwrap();
    let local = Member::start(own, folders[1].path(), VOLUME).unwrap();
    let at = |address: &str| Target::tcp(format!("{address}:10809").parse().unwrap());
    let (of_c, of_n) = (at("10.10.10.100"), at("10.10.30.100"));

    let beside = Load::write(n, &at("10.10.30.101"), 3).unwrap();
    each_reads_what_the_other_writes([(c, &of_c), (n, &of_n)], 1);
    each_reads_what_the_other_writes([(n, &of_n), (c, &of_c)], 2);
    let record = beside.stop().unwrap();
    assert!(record.verify(local.volume()).unwrap().lost.is_empty());
    assert_eq!(
        fabric_tests::traffic::ping(alone, "10.10.10.100", 1)
            .unwrap()
            .answered,
        0
    );
    drop((shared, agents));
}
