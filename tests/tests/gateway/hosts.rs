//! The kernels of hosts as the other ends: their ARP and neighbour discovery, their TCP.

use fabric_tests::traffic::{ping, tcp};

use super::site::{BEHIND, Edge, GATEWAYS, GATEWAYS_6};

/// Claims 9, 24, 42: both tenants have the same networks, the same gateway addresses and the same prefix behind their second
/// network, with another next router each. TCP of both at once, and nothing of the one is seen by the other.
#[test]
fn two_tenants_with_the_same_prefixes_are_routed_each_in_his_own_networks() {
    let edge = Edge::start();
    std::thread::scope(|scope| {
        for tenant in &edge.tenants {
            scope.spawn(move || {
                let near = tcp(
                    &tenant.one,
                    &tenant.two,
                    "10.10.20.10:7000".parse().unwrap(),
                    4 << 20,
                )
                .unwrap();
                let far = format!("{BEHIND}:7001").parse().unwrap();
                let far = tcp(&tenant.one, &tenant.router, far, 1 << 20).unwrap();
                let six = "[2001:db8:20::10]:7002".parse().unwrap();
                let six = tcp(&tenant.one, &tenant.two, six, 1 << 20).unwrap();
                assert!(near.intact() && far.intact() && six.intact());
                for gateway in GATEWAYS.into_iter().chain(GATEWAYS_6) {
                    assert!(ping(&tenant.one, gateway, 3).unwrap().all_answered(), "{gateway}");
                }
            });
        }
    });
}
