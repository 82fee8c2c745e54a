//! One edge with every kind of port and segment, compiled by the fabric's own compiler for interfaces that exist.

use std::collections::BTreeMap;

use fabric_common::maps::Settings;
use fabric_common::wire::mac_octets;
use fabric_tests::fixtures::{Segment, Site as Document, vtep_mac};
use fabric_tests::frame::Mac;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_userspace::compile::{HostFacts, Image, PortFacts, Request, Scope, compile};
use fabric_userspace::ids::Sizes;
use fabric_userspace::records::Records;
use fabric_userspace::validate::{PortRole, validate};
use serde_json::{Value, json};

/// A port of the edge.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) ifindex: u32,
    pub(crate) slot: u16,
    pub(crate) role: PortRole,
    pub(crate) mac: [u8; 6],
    /// Outer EtherType of a trunk.
    pub(crate) tpid: u16,
    /// Own address on lines.
    pub(crate) line_mac: [u8; 6],
}

/// The edge, its cables' far ends in `hosts`, and what its maps shall hold.
pub(crate) struct Site {
    pub(crate) edge: NetNs,
    pub(crate) hosts: NetNs,
    pub(crate) ports: Vec<Port>,
    pub(crate) records: Records,
    _net: Net,
}

pub(crate) const SIZES: Sizes = Sizes {
    ports: 16,
    segments: 32,
    bindings: 256,
    next_hops: 256,
    paths: 256,
    tunnels: 64,
    vsm_places: 8,
};
/// Of the storage machine `disk`.
pub(crate) const SERVICE_PORT: u16 = 3260;
/// Small on purpose: the FDB gets full.
pub(crate) const STATIONS: u32 = 128;

const NAMES: [&str; 11] = [
    "eth1", "eth2", "eth3", "eth4", "t0", "t1", "u0", "u1", "p0", "p1", "p2",
];
/// VLAN of the backbone behind `p2`.
pub(crate) const B_VID: u16 = 500;
/// VLAN and label of its own that the line at `p1` has.
pub(crate) const LINE_VLAN: u16 = 40;
pub(crate) const TRANSPORT: u32 = 30_600;
/// Labels of a datacenter that frames only pass to.
pub(crate) const FOREIGN_LABELS: std::ops::Range<u32> = 3000..3100;
/// The other end of the label link over `u0`.
pub(crate) const LONG: &str = "192.0.2.4";
pub(crate) const HERE_6: &str = "2001:db8::1";
pub(crate) const REMOTE_6: &str = "2001:db8::2";
pub(crate) const HERE: &str = "192.0.2.1";
pub(crate) const HERE_1: &str = "192.0.3.1";
pub(crate) const REMOTES: [&str; 3] = ["192.0.2.2", "192.0.2.3", "192.0.3.2"];
pub(crate) const MTU: u32 = 1600;
pub(crate) const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0xaa, 0xfe];
/// Of the gateway, in its two segments.
pub(crate) const GATEWAYS: [[u8; 4]; 2] = [[10, 70, 0, 1], [10, 80, 0, 1]];
pub(crate) const GATEWAYS_6: [[u8; 16]; 2] = [
    [0x20, 1, 0x0d, 0xb8, 0, 0x70, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0x0d, 0xb8, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
];

fn document() -> Value {
    let station = |number: u8| format!("02:00:00:00:aa:{number:02x}");
    let a = Segment::new("a", 100, 1100)
        .with("vni", 10_001)
        .at("edge1", "eth1", "untagged", 300)
        .station(&station(1))
        .at("edge1", "eth2", "untagged", 301)
        .at("edge2", "eth1", "untagged", 302)
        .station(&station(2))
        .station_with(&station(3), 303)
        .remote("lenient", 304)
        .remote_station(&station(4))
        .remote("strict", 305);
    // A quota that is reached at once.
    let b = Segment::new("b", 101, 1101)
        .with("mac_limit", 8)
        .at("edge1", "eth1", 10, 310)
        .station(&station(1))
        .at("edge1", "eth2", 10, 311)
        .at("edge2", "eth1", 10, 312)
        .at("far2", "eth1", 10, 313);
    let c = Segment::new("c", 102, 1102)
        .with("vni", 10_002)
        .at("edge1", "eth2", 20, 320)
        .station(&station(5))
        .remote("strict", 321)
        .remote_station(&station(6));
    let d = Segment::new("d", 103, 1103)
        .at("edge1", "eth3", "any", 330)
        .station(&station(7))
        .at("edge3", "eth1", "any", 331)
        .station(&station(8))
        .at("far1", "eth1", "any", 332)
        .station(&station(12));
    let alone = Segment::new("alone", 104, 1104).at("edge1", "eth4", "untagged", 340);
    let pair = Segment::new("pair", 105, 1105)
        .at("edge1", "eth4", 20, 350)
        .station(&station(9))
        .at("edge2", "eth4", 20, 351);
    let lost = Segment::new("lost", 106, 1106)
        .with("vni", 10_003)
        .at("edge1", "eth2", 30, 360)
        .remote("unresolved", 361)
        .remote_station(&station(10));
    let six = Segment::new("six", 108, 1108)
        .with("vni", 10_004)
        .at("edge1", "eth2", 40, 380)
        .remote("six", 381);
    let service = Segment::new("service", 109, 1109)
        .with("i_sid", 1_000_109)
        .at("edge1", "eth2", 50, 390)
        .station(&station(13))
        .at("edge4", "eth1", 50, 391)
        .station(&station(14));
    let everywhere = Segment::new("everywhere", 110, 1110)
        .with("global_vid", 4060)
        .at("edge1", "eth2", 60, 392)
        .at("edge5", "eth1", 60, 393)
        .station(&station(15));
    let transit = Segment::new("transit", 107, 1107)
        .at("edge2", "eth7", "untagged", 370)
        .station(&station(11))
        .at("edge3", "eth7", "untagged", 371);
    let link = |name: &str, port: &str, here: &str, there: &str| json!({"name": name, "kind": "vxlan", "ends": [{"node": "edge1", "port": port, "address": here}, {"address": there}]});
    let mut strict = link("strict", "u0", HERE, REMOTES[1]);
    strict["strict"] = json!(true);
    let mut unresolved = link("unresolved", "u1", HERE_1, REMOTES[2]);
    unresolved["vlan"] = json!(100);
    let mut site = Document::new(&["edge1", "edge2", "edge3", "edge4", "edge5"])
        .option("edge1", "eth3", "drop_group_source", false)
        .option("edge1", "eth2", "tunnel_lldp", true)
        .trunk("west", "edge1", "edge2")
        .trunk("east", "edge1", "edge3")
        .link(link("lenient", "u0", HERE, REMOTES[0]))
        .link(strict)
        .link(unresolved)
        .tenant("acme", &[a, b, c])
        .link(link("six", "u1", HERE_6, REMOTE_6))
        .link(line("north", ("p0", "far1"), None))
        .link(line("south", ("p1", "far2"), Some((LINE_VLAN, TRANSPORT))))
        .link(json!({"name": "inside", "kind": "pseudowire", "ends": [
            {"node": "far1", "port": "p2"}, {"node": "far2", "port": "p2"}]}))
        .link(json!({"name": "beyond", "kind": "pseudowire", "ends": [
            {"node": "far1", "port": "p1"}, {"node": "far3", "port": "p0"}]}))
        .link(json!({"name": "long", "kind": "mpls-udp", "ends": [
            {"node": "edge1", "port": "u0", "address": HERE}, {"node": "far2", "port": "u0", "address": LONG}]}))
        .link(json!({"name": "backbone", "kind": "i-tag", "b_vid": B_VID, "ends": [
            {"node": "edge1", "port": "p2"}, {"node": "edge4", "port": "p0"}]}))
        .link(json!({"name": "globals", "kind": "global-vlan", "ends": [
            {"node": "edge1", "port": "p2"}, {"node": "edge5", "port": "p0"}]}))
        .tenant("globex", &[d, alone, pair, lost, six, service, everywhere])
        .tenant("initech", &[transit])
        .tenant("umbrella", &routed())
        .document();
    site["links"][1]["outer_tpid"] = json!("0x8100");
    site["datacenters"][0]["i_sids"] = json!("1000100-1000199");
    site["global_vids"] = json!("4060-4094");
    other_datacenters(&mut site);
    site["storage"] = storage();
    site["gateways"] = gateways();
    site
}

/// Two networks with a gateway between them, and a router in the second one.
fn routed() -> [Segment; 2] {
    let left = Segment::new("left", 111, 1111)
        .at("edge1", "eth1", 70, 400)
        .at("edge1", "eth2", 70, 401)
        .at("edge2", "eth1", 70, 402);
    let right = Segment::new("right", 112, 1112)
        .at("edge1", "eth2", 80, 410)
        .at("edge1", "eth4", 80, 411);
    [left, right]
}

fn gateways() -> Value {
    let addresses = |at: usize| {
        let (v4, v6) = (
            std::net::Ipv4Addr::from(GATEWAYS[at]),
            std::net::Ipv6Addr::from(GATEWAYS_6[at]),
        );
        json!([format!("{v4}/24"), format!("{v6}/64")])
    };
    json!([{
        "name": "gw", "tenant": "umbrella", "mac": Mac::from(GATEWAY_MAC).to_string(),
        "segments": [
            {"segment": "left", "addresses": addresses(0)},
            {"segment": "right", "addresses": addresses(1)},
        ],
        "routes": [{"prefix": "192.168.0.0/16", "via": "10.80.0.12"}],
    }])
}

/// One with two members here, and one that nobody is ever put in charge of.
fn storage() -> Value {
    // Longer than any run: the kernel's clock is not the twin's.
    let health = json!({"interval_ms": 60_000, "multiplier": 255, "silence_ms": 60_000 * 255});
    let member = |name: &str, port: &str| json!({"name": name, "node": "edge1", "port": port});
    json!([
        {"name": "disk", "mac": "02:00:00:00:aa:30", "tcp_port": SERVICE_PORT, "health": health,
         "segments": [{"segment": "a", "address": "10.0.0.9", "probe_address": "10.0.0.10"}],
         "members": [member("one", "eth1"), member("two", "eth2")]},
        {"name": "idle", "mac": "02:00:00:00:aa:31", "health": health,
         "segments": [{"segment": "d", "address": "10.0.0.9"}],
         "members": [member("only", "eth3")]},
    ])
}

fn line(name: &str, (port, far): (&str, &str), inside: Option<(u16, u32)>) -> Value {
    let ends = json!([{"node": "edge1", "port": port}, {"node": far, "port": "p0"}]);
    let mut line = json!({"name": name, "kind": "pseudowire", "ends": ends});
    if let Some((vlan, label)) = inside {
        (line["vlan"], line["transport_label"]) = (json!(vlan), json!(label));
    }
    line
}

/// `dc2` with two nodes next to the edge, and `dc3` beyond one of them.
fn other_datacenters(site: &mut Value) {
    site["datacenters"][0]["labels"] = json!("1000-1999");
    let more = [
        json!({"name": "dc2", "id": 2, "s_vids": "1100-1199", "c_vids": "4000-4050", "labels": "2000-2999"}),
        json!({"name": "dc3", "id": 3, "s_vids": "1200-1299", "c_vids": "4051-4059",
               "labels": format!("{}-{}", FOREIGN_LABELS.start, FOREIGN_LABELS.end - 1)}),
    ];
    site["datacenters"].as_array_mut().unwrap().extend(more);
    let nodes = [("far1", "dc2"), ("far2", "dc2"), ("far3", "dc3")];
    let nodes = nodes.map(|(name, datacenter)| json!({"name": name, "datacenter": datacenter}));
    site["nodes"].as_array_mut().unwrap().extend(nodes);
}

impl Site {
    pub(crate) fn new() -> Self {
        let net = Net::new().unwrap();
        let (edge, hosts) = (net.host("edge1").unwrap(), net.host("hosts").unwrap());
        for (number, name) in (0u8..).zip(NAMES) {
            // The same in every run: frames of the corpus name them.
            let mac = Mac::from([2, 0, 0, 0, 0xff, number]);
            net.veth(
                End::client(&hosts, name).mtu(MTU).no_arp(),
                End::port(&edge, name).mac(mac).mtu(MTU).no_arp(),
            )
            .unwrap();
        }
        let image = compiled(&edge);
        let ports = image.ports().map(|(name, plan)| Port {
            name: name.to_string(),
            ifindex: plan.facts.ifindex,
            slot: plan.slot,
            role: plan.role,
            mac: plan.facts.mac,
            tpid: plan.record.tpid,
            line_mac: mac_octets(plan.record.line_mac),
        });
        Self {
            ports: ports.collect(),
            records: image.records(),
            edge,
            hosts,
            _net: net,
        }
    }

    pub(crate) fn port(&self, name: &str) -> &Port {
        self.ports
            .iter()
            .find(|port| port.name == name)
            .expect("a port of the site")
    }
}

fn compiled(edge: &NetNs) -> Image {
    let document = serde_json::from_value(document()).unwrap();
    let valid = validate(document).unwrap();
    let facts = |name: &str| {
        let shown = edge.output(&["ip", "-j", "link", "show", name]).unwrap();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let mac: Mac = shown[0]["address"].as_str().unwrap().parse().unwrap();
        PortFacts {
            ifindex: edge.ifindex(name).unwrap(),
            mac: mac.octets(),
            mtu: MTU,
        }
    };
    let neighbour = |remote: &str| Some(vtep_mac(remote).parse::<Mac>().unwrap().octets());
    let neighbours = BTreeMap::from([
        ("lenient".parse().unwrap(), neighbour(REMOTES[0])),
        ("strict".parse().unwrap(), neighbour(REMOTES[1])),
        ("unresolved".parse().unwrap(), None),
        ("long".parse().unwrap(), neighbour(LONG)),
        ("six".parse().unwrap(), neighbour(REMOTES[2])),
    ]);
    let host = HostFacts {
        ports: NAMES
            .iter()
            .map(|name| (name.parse().unwrap(), facts(name)))
            .collect(),
        neighbours,
    };
    let request = Request {
        valid: &valid,
        node: &"edge1".parse().unwrap(),
        host: &host,
        in_force: false,
    };
    compile(&request, &Image::empty(&SIZES), &Scope::All).unwrap()
}

/// What a node's maps have been made with.
pub(crate) fn settings(pins: &std::path::Path) -> Settings {
    use aya::maps::{Array, Map, MapData};
    use fabric_common::maps::{Layout, name};
    let data = MapData::from_pin(pins.join(name::LAYOUT)).unwrap();
    let layout: Array<_, Layout> = Map::Array(data).try_into().unwrap();
    layout.get(&0, 0).unwrap().settings
}
