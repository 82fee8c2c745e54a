//! FIG 11: clients of two datacenters in two networks use one storage machine of a third one.

use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Member, Target, VOLUME};
use fabric_tests::traffic::ping;
use serde_json::{Value, json};

use super::site::GATEWAY_MAC;
use super::sites::{Sites, each_reads_what_the_other_writes};

const VSM: &str = "10.10.10.100";
const VSM_MAC: &str = "02:00:00:00:11:03";

/// FIG 11, claims 5, 9, 14, 20, 24, 42: VSM 1002C has one address. Client 102C of the second datacenter is in its network;
/// 102n of the fourth is in another one, and his gateway brings him there, routed at his own edge. Each reads what the other writes.
/// Client 102A of the first datacenter has the same networks and a gateway with the same addresses, and reaches nobody but it.
#[test]
fn figure_11_a_client_in_another_network_shares_the_vsm_through_his_gateway() {
    let sites = Sites::new(4);
    let [array, first, second, fourth] = &sites.edges[..] else {
        unreachable!("four were asked for")
    };
    let host = |label: &str| sites.net.host(label).unwrap();
    let machines = ["102a", "102c", "102n", "vsm-1002c"].map(host);
    let [alone, c, n, vsm] = &machines;
    let cables: [(&NetNs, (&NetNs, &str), &str); 4] = [
        (alone, (first, "eth1"), "10.10.10.10"),
        (c, (second, "eth1"), "10.10.10.10"),
        (n, (fourth, "eth1"), "10.10.30.10"),
        (vsm, (array, "eth1"), VSM),
    ];
    for (number, (host, port, address)) in cables.into_iter().enumerate() {
        let mac = format!("02:00:00:00:11:{number:02x}");
        sites.cable((host, "eth0"), port, &mac, address);
        let gateway = address.rsplit_once('.').unwrap().0.to_owned() + ".1";
        host.output(&["ip", "route", "add", "default", "via", &gateway])
            .unwrap();
    }
    let agents = sites.start_with(
        &[
            ("client-a", &[("vrf-102", &[(first, "eth1")])]),
            (
                "client-c",
                &[
                    ("vrf-100", &[(second, "eth1"), (array, "eth1")]),
                    ("vrf-103", &[(fourth, "eth1")]),
                ],
            ),
        ],
        json!({"gateways": gateways(), "storage": storage(array.label())}),
    );
    let folder = tempfile::tempdir().unwrap();
    let shared = Member::start(vsm, folder.path(), VOLUME).unwrap();
    let of_c = Target::tcp(format!("{VSM}:10809").parse().unwrap());
    let of_n = of_c.clone();

    each_reads_what_the_other_writes([(c, &of_c), (n, &of_n)], 1);
    each_reads_what_the_other_writes([(n, &of_n), (c, &of_c)], 2);
    // Routed where it enters: the edge of 102n has done it, and that of the array what comes back.
    let drops = |number: usize, reason: &str| {
        let counters = agents[number].counters().unwrap();
        counters
            .values()
            .iter()
            .filter(|(name, _)| name.ends_with(reason))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    assert!(
        drops(3, "neighbour-unknown") > 0,
        "the edge of 102n had to ask for the VSM"
    );
    assert!(ping(alone, "10.10.10.1", 1).unwrap().all_answered());
    for stranger in [VSM, "10.10.30.10"] {
        assert_eq!(ping(alone, stranger, 1).unwrap().answered, 0, "{stranger}");
    }
    drop((shared, agents));
}

fn gateways() -> Value {
    let place = |segment: &str, address: &str| json!({"segment": segment, "addresses": [address]});
    json!([
        {"name": "gw-a", "tenant": "client-a", "mac": GATEWAY_MAC, "segments": [place("vrf-102", "10.10.10.1/24")]},
        {"name": "gw-c", "tenant": "client-c", "mac": GATEWAY_MAC,
         "segments": [place("vrf-100", "10.10.10.1/24"), place("vrf-103", "10.10.30.1/24")]},
    ])
}

fn storage(node: &str) -> Value {
    json!([{
        "name": "vsm-1002c", "mac": VSM_MAC,
        "segments": [{"segment": "vrf-100", "address": VSM}],
        "members": [{"name": "array-1000", "node": node, "port": "eth1"}],
    }])
}
