//! Gateways by command, and without an agent.

use super::site::{Edge, GATEWAY_MAC, GATEWAYS, Tenant};
use fabric_tests::traffic::ping;

const TWO: &str = "10.10.20.10";

/// The first packet each way may be lost, while the gateway asks for its neighbour there; then none is.
fn is_routed(tenant: &Tenant) -> bool {
    let _warmed = ping(&tenant.one, TWO, 3).unwrap();
    ping(&tenant.one, TWO, 3).unwrap().all_answered()
}

/// Routing goes on without an agent, and a new one takes over what was there, neighbours included. A gateway that is removed and
/// added again by command is gone for its tenant alone meanwhile; a wrong one is refused and changes nothing.
#[test]
fn a_gateway_outlives_its_agent_and_comes_and_goes_by_command() {
    let mut edge = Edge::start();
    assert!(edge.tenants.iter().all(is_routed));
    edge.agent.kill9().unwrap();
    assert!(edge.tenants.iter().all(is_routed));
    edge.agent.restart().unwrap();
    let shown = edge.agent.json(&["gateway", "show", "gw-a"]).unwrap();
    let neighbours = shown["items"][0]["segments"][1]["neighbours"].as_array().unwrap();
    let two = neighbours.iter().find(|one| one["address"] == TWO).unwrap();
    assert_eq!(two["mac"], "02:00:00:00:00:02");
    assert!(edge.tenants.iter().all(is_routed));

    let place = |segment: &str, at: usize| format!("{segment}={}/24", GATEWAYS[at]);
    let (first, second) = (place("a-one", 0), place("a-two", 1));
    let add = [
        "gateway",
        "add",
        "gw-a",
        "--tenant",
        "acme",
        "--mac",
        GATEWAY_MAC,
        "-s",
        &first,
        "-s",
    ];
    edge.agent.ok(&["gateway", "remove", "gw-a", "--yes"]).unwrap();
    assert_eq!(ping(&edge.tenants[0].one, TWO, 2).unwrap().answered, 0);
    assert!(is_routed(&edge.tenants[1]));
    let foreign = [&add[..], &["g-two=10.10.20.1/24"]].concat();
    edge.agent.refused(&foreign, "bad-gateway").unwrap();
    assert_eq!(ping(&edge.tenants[0].one, TWO, 2).unwrap().answered, 0);
    edge.agent.ok(&[&add[..], &[&second]].concat()).unwrap();
    assert!(edge.tenants.iter().all(is_routed));
}
