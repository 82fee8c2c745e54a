//! Two datacenters whose clients use storage of the other one.

use fabric_tests::storage::Protocol;

use super::sites::Sites;
use super::support::{CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Tenant};

/// P31 P57, claims 31, 32, 34, 48, 49, 51: one tenant's VSM is in the first datacenter and his client in the second, the
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
