//! One edge, two tenants, each with two networks, a gateway between them and a router of his own behind the second one.

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use serde_json::{Value, json};

/// Of both gateways.
pub(crate) const GATEWAY_MAC: &str = "02:00:00:00:00:fe";
/// Of the gateways, in the first network and in the second one.
pub(crate) const GATEWAYS: [&str; 2] = ["10.10.10.1", "10.10.20.1"];
pub(crate) const GATEWAYS_6: [&str; 2] = ["2001:db8:10::1", "2001:db8:20::1"];
/// VLAN of the second network.
const VLAN: u16 = 20;
/// An address behind each tenant's router.
pub(crate) const BEHIND: &str = "172.16.0.1";

/// A tenant's machines: one in each network, and the router.
pub(crate) struct Tenant {
    pub(crate) one: NetNs,
    pub(crate) two: NetNs,
    pub(crate) router: NetNs,
}

/// Both tenants at an edge.
pub(crate) struct Edge {
    // First to go, while its interfaces are there.
    pub(crate) agent: Agent,
    pub(crate) tenants: [Tenant; 2],
    _net: Net,
}

/// The routers have other addresses, whatever is the same otherwise.
const ROUTERS: [&str; 2] = ["10.10.20.254", "10.10.20.253"];

impl Edge {
    pub(crate) fn start() -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge1").unwrap();
        let tenants = [0, 1].map(|number| tenant(&net, &edge, number));
        let agent = Agent::start(&edge, &document(), "edge1").unwrap();
        Self {
            agent,
            tenants,
            _net: net,
        }
    }
}

/// Hosts of both families in the first network are untagged, those of the second one tagged.
fn tenant(net: &Net, edge: &NetNs, number: usize) -> Tenant {
    let host = |label: &str| net.host(&format!("{label}-{number}")).unwrap();
    let tenant = Tenant {
        one: host("one"),
        two: host("two"),
        router: host("router"),
    };
    let port = |at: usize| format!("eth{}", 3 * number + at);
    let end = |host: &NetNs, last: u8| {
        End::client(host, "eth0")
            .mac(format!("02:00:00:00:0{number}:{last:02x}"))
            .ipv6()
    };
    net.veth(
        end(&tenant.one, 1)
            .address("10.10.10.10/24")
            .address("2001:db8:10::10/64"),
        End::port(edge, &port(1)),
    )
    .unwrap();
    for (host, last, address) in [
        (&tenant.two, 2, "10.10.20.10"),
        (&tenant.router, 3, ROUTERS[number]),
    ] {
        net.veth(end(host, last), End::port(edge, &port(usize::from(last))))
            .unwrap();
        net.vlan(host, "eth0", VLAN, Some(&format!("{address}/24")))
            .unwrap();
    }
    let route = |host: &NetNs, prefix: &str, via: &str| {
        host.output(&["ip", "route", "add", prefix, "via", via]).unwrap();
    };
    six(&tenant.two);
    route(&tenant.one, "default", GATEWAYS[0]);
    route(&tenant.one, "2001:db8:20::/64", GATEWAYS_6[0]);
    route(&tenant.two, "2001:db8:10::/64", GATEWAYS_6[1]);
    route(&tenant.two, "10.10.10.0/24", GATEWAYS[1]);
    route(&tenant.router, "10.10.10.0/24", GATEWAYS[1]);
    tenant
        .router
        .output(&["ip", "addr", "add", &format!("{BEHIND}/32"), "dev", "lo"])
        .unwrap();
    tenant.router.output(&["ip", "link", "set", "lo", "up"]).unwrap();
    tenant
}

/// IPv6 in the second network.
fn six(host: &NetNs) {
    let interface = format!("eth0.{VLAN}");
    let setting = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
    host.run(|| Ok(std::fs::write(&setting, "0")?)).unwrap();
    let words = [
        "ip",
        "addr",
        "add",
        "2001:db8:20::10/64",
        "dev",
        &interface,
        "nodad",
    ];
    host.output(&words).unwrap();
}

pub(crate) fn document() -> Value {
    let segments = |number: u16, letter: &str| {
        let port = |at: u16| format!("eth{}", 3 * number + at);
        let one =
            Segment::new(&format!("{letter}-one"), 100 + number, 1100).at("edge1", &port(1), "untagged", 300);
        let two = Segment::new(&format!("{letter}-two"), 110 + number, 1110)
            .at("edge1", &port(2), VLAN, 310)
            .at("edge1", &port(3), VLAN, 311);
        [one, two]
    };
    let mut document = Site::new(&["edge1"])
        .tenant("acme", &segments(0, "a"))
        .tenant("globex", &segments(1, "g"))
        .document();
    let gateway = |number: usize, tenant: &str, letter: &str| {
        json!({
            "name": format!("gw-{letter}"), "tenant": tenant, "mac": GATEWAY_MAC,
            "segments": [
                {"segment": format!("{letter}-one"), "addresses": [format!("{}/24", GATEWAYS[0]), format!("{}/64", GATEWAYS_6[0])]},
                {"segment": format!("{letter}-two"), "addresses": [format!("{}/24", GATEWAYS[1]), format!("{}/64", GATEWAYS_6[1])]},
            ],
            "routes": [{"prefix": "172.16.0.0/16", "via": ROUTERS[number]}],
        })
    };
    document["gateways"] = json!([gateway(0, "acme", "a"), gateway(1, "globex", "g")]);
    document
}
