//! The other end is the kernel's own VXLAN device: neighbours found by the agent, TCP both ways, routes and moves followed.

use std::fs;
use std::process::Command;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site, brief};
use fabric_tests::frame::{eth, stack};
use fabric_tests::netns::{NetNs, run_tool};
use fabric_tests::topology::{End, Net, Vxlan};
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, RawSocket};
use serde_json::{Value, json};

use super::support::{HERE, THERE};

const VNI: u32 = 10_001;
const CLIENT: &str = "192.168.0.10";
const SERVER: &str = "192.168.0.20";
const MEGABYTES: u64 = 1 << 20;

/// A client on `eth1`, the edge, and a Linux host on `u0`, without a neighbour entry anywhere.
struct Lan {
    // First to go, while its interfaces are there.
    agent: Agent,
    client: NetNs,
    edge: NetNs,
    far: NetNs,
    net: Net,
}

fn document(remote: &str, vlan: Option<u16>) -> Value {
    let segment = Segment::new("a", 100, 1100)
        .with("vni", VNI)
        .at("edge1", "eth1", "untagged", 300)
        .remote("pathway", 200);
    Site::new(&["edge1"])
        .pathway("pathway", "edge1", remote, vlan)
        .tenant("acme", &[segment])
        .document()
}

fn device<'a>(local: &'a str) -> Vxlan<'a> {
    Vxlan {
        name: "vx0",
        vni: VNI,
        local,
        remote: Some(HERE),
        port: 4789,
        mac: None,
        address: Some("192.168.0.20/24"),
    }
}

impl Lan {
    fn new() -> Self {
        Self::with(&document(THERE, None), |_, _, _| ())
    }

    /// `before` the agent starts, the test changes what it likes.
    fn with(document: &Value, before: impl FnOnce(&Net, &NetNs, &NetNs)) -> Self {
        let net = Net::new().unwrap();
        let [client, edge, far] = ["client", "edge1", "far"].map(|label| net.host(label).unwrap());
        net.veth(
            End::client(&client, "eth0").address(&format!("{CLIENT}/24")),
            End::port(&edge, "eth1"),
        )
        .unwrap();
        net.veth(
            End::port(&edge, "u0").mtu(1600).address(&format!("{HERE}/24")),
            End::client(&far, "eth0")
                .mtu(1600)
                .address(&format!("{THERE}/24")),
        )
        .unwrap();
        before(&net, &edge, &far);
        let agent = Agent::start(&edge, document, "edge1").unwrap();
        Self {
            agent,
            client,
            edge,
            far,
            net,
        }
    }

    fn server(&self) -> &Self {
        self.net.vxlan(&self.far, &device(THERE)).unwrap();
        self
    }

    /// Everything that a tenant's traffic needs: small and largest packets, and streams both ways.
    fn works(&self) {
        assert!(ping(&self.client, SERVER, 5).unwrap().all_answered());
        assert!(ping(&self.far, CLIENT, 5).unwrap().all_answered());
        let largest = [
            "ping", "-n", "-q", "-c", "3", "-i", "0.02", "-M", "do", "-s", "1472", SERVER,
        ];
        assert!(self.client.output(&largest).unwrap().contains(" 0% packet loss"));
        let (there, back) = (format!("{SERVER}:7000"), format!("{CLIENT}:7000"));
        let there = tcp(&self.client, &self.far, there.parse().unwrap(), 8 * MEGABYTES).unwrap();
        let back = tcp(&self.far, &self.client, back.parse().unwrap(), 8 * MEGABYTES).unwrap();
        assert!(there.intact() && back.intact());
    }

    fn counter(&self, name: &str) -> u64 {
        brief(&self.agent.get("/v1/counters").unwrap()).unwrap().get(name)
    }

    fn neighbours(&self) -> String {
        self.edge.output(&["ip", "neigh", "show", "dev", "u0"]).unwrap()
    }

    /// The first answer comes when a neighbour has been found and the maps say so.
    fn answers_soon(&self, from: &NetNs, to: &str) {
        until_true(PATIENCE, "an answer through the tunnel", || {
            Ok(ping(from, to, 1)?.answered == 1)
        })
        .unwrap();
    }
}

/// The same over an IPv6 underlay; Linux sends UDP checksums there, and takes packets without one if it is told to.
#[test]
fn a_linux_vxlan_host_is_reached_over_ipv6() {
    const HERE_6: &str = "2001:db8::1";
    const THERE_6: &str = "2001:db8::2";
    let mut over_6 = document(THERE, None);
    over_6["links"][0]["ends"] = json!([
        {"node": "edge1", "port": "u0", "address": HERE_6},
        {"address": THERE_6},
    ]);
    let lan = Lan::with(&over_6, |_, edge, far| {
        for (namespace, port, address) in [(edge, "u0", HERE_6), (far, "eth0", THERE_6)] {
            let enable = format!("echo 0 > /proc/sys/net/ipv6/conf/{port}/disable_ipv6");
            namespace.output(&["sh", "-c", &enable]).unwrap();
            let words = format!("ip -6 addr add {address}/64 dev {port} nodad");
            let words: Vec<&str> = words.split(' ').collect();
            namespace.output(&words).unwrap();
        }
    });
    let remote = Vxlan {
        remote: Some(HERE_6),
        ..device(THERE_6)
    };
    lan.net.vxlan(&lan.far, &remote).unwrap();
    lan.answers_soon(&lan.client, SERVER);
    let managed = lan.neighbours();
    assert!(managed.contains(THERE_6), "{managed}");
    lan.works();
    for reason in [
        "bad-length",
        "unknown-vni",
        "unknown-vtep",
        "truncated",
        "too-big",
    ] {
        assert_eq!(lan.counter(&format!("u0.dropped.{reason}")), 0, "{reason}");
    }
}

/// No `ip neigh`, no ping before: the agent has the neighbour resolved, and takes its entry away in the end.
#[test]
fn a_linux_vxlan_host_is_reached_without_manual_arp() {
    let lan = Lan::new();
    lan.server().answers_soon(&lan.client, SERVER);
    let managed = lan.neighbours();
    assert!(
        managed.contains("192.0.2.2") && managed.contains("managed"),
        "{managed}"
    );
    lan.works();
    for reason in [
        "bad-ip-checksum",
        "bad-length",
        "unknown-vni",
        "truncated",
        "too-big",
    ] {
        assert_eq!(lan.counter(&format!("u0.dropped.{reason}")), 0, "{reason}");
    }
    let errors = "/sys/class/net/vx0/statistics/rx_errors";
    let linux = lan
        .far
        .output(&["ip", "-s", "-j", "link", "show", "vx0"])
        .unwrap();
    let linux: Value = serde_json::from_str(&linux).unwrap();
    assert_eq!(linux[0]["stats64"]["rx"]["errors"], 0, "{errors}: {linux}");
    let Lan { agent, edge, net, .. } = lan;
    agent.finish().unwrap();
    let left = edge.output(&["ip", "neigh", "show", "dev", "u0"]).unwrap();
    assert!(!left.contains("managed"), "{left}");
    net.tear_down().unwrap();
}

/// VXL-6: a server of the host itself on TCP 4789 is none of the fabric's business.
#[test]
fn vxl_6_tcp_to_port_4789_reaches_the_host() {
    let lan = Lan::new();
    let address = format!("{HERE}:4789").parse().unwrap();
    assert!(tcp(&lan.far, &lan.edge, address, MEGABYTES).unwrap().intact());
    assert!(lan.counter("u0.passed") > 100);
}

/// The remote gets another network card.
#[test]
fn the_next_hops_new_mac_address_is_followed() {
    let lan = Lan::new();
    lan.server().answers_soon(&lan.client, SERVER);
    lan.far
        .output(&["ip", "link", "set", "eth0", "address", "02:00:00:00:77:02"])
        .unwrap();
    lan.answers_soon(&lan.far, CLIENT);
    lan.works();
    let capture = Capture::start(&lan.far, "eth0").unwrap();
    assert!(ping(&lan.client, SERVER, 1).unwrap().all_answered());
    let tunnelled = |bytes: &[u8]| stack(bytes).starts_with("vni 10001") && bytes[30..34] == [192, 0, 2, 2];
    let got = capture.wait_for("packet", PATIENCE, tunnelled).unwrap();
    assert_eq!(got.bytes[..6], [2, 0, 0, 0, 0x77, 2]);
}

/// The same while the state directory takes nothing any more: frames follow the host all the same, and what could not be saved is when
/// there is room.
#[test]
fn the_next_hops_new_mac_address_is_followed_although_the_disk_is_full() {
    let mut lan = Lan::new();
    lan.agent.allow("could not be saved");
    lan.server().answers_soon(&lan.client, SERVER);
    let state = lan.agent.state_dir();
    let mount = ["-t", "tmpfs", "-o", "size=4k", "none"];
    run_tool(Command::new("mount").args(mount).arg(&state)).unwrap();
    fs::write(state.join("filler"), [0; 4096]).unwrap();
    lan.far
        .output(&["ip", "link", "set", "eth0", "address", "02:00:00:00:77:03"])
        .unwrap();
    lan.answers_soon(&lan.far, CLIENT);
    lan.answers_soon(&lan.client, SERVER);
    let told = |words: &str| lan.agent.log().unwrap().matches(words).count();
    assert_eq!(told("the numbers of the maps could not be saved"), 1);
    // The agent may be about to try it.
    until_true(PATIENCE, "the small disk to be taken away", || {
        Ok(run_tool(Command::new("umount").arg(&state)).is_ok())
    })
    .unwrap();
    until_true(PATIENCE, "the numbers to be saved", || {
        Ok(told("the numbers are saved again") == 1)
    })
    .unwrap();
    lan.works();
}

/// Nobody answers for the remote's address: dropped with the reason, and no frame goes to a wrong or zero address. It
/// works from the moment the neighbour is there.
#[test]
fn an_unresolved_neighbour_is_a_drop_reason_and_heals() {
    let mut document = document(THERE, None);
    let attachments = document["tenants"][0]["segments"][0]["attachments"].as_array_mut();
    attachments
        .unwrap()
        .push(json!({"node": "edge1", "port": "eth2", "vlan": "untagged"}));
    let lan = Lan::with(&document, |net, edge, far| {
        far.output(&["ip", "addr", "flush", "dev", "eth0"]).unwrap();
        let third = net.host("third").unwrap();
        net.veth(End::client(&third, "eth0"), End::port(edge, "eth2"))
            .unwrap();
    });
    let capture = Capture::start(&lan.far, "eth0").unwrap();
    let socket = RawSocket::open(&lan.client, "eth0").unwrap();
    let frame = eth("02:00:00:00:00:07", "02:00:00:00:00:08").word("Happy");
    let dropped = |counter: &str| {
        for _ in 0..3 {
            socket.send(&frame).unwrap();
        }
        let three = || Ok(lan.counter(counter) == 3);
        until_true(PATIENCE, counter, three).unwrap();
    };
    dropped("u0.copies.neighbour-unresolved");
    // With two members nothing is copied.
    lan.agent
        .ok(&["tenant", "detach", "acme", "--port", "eth2", "--vlan", "untagged"])
        .unwrap();
    dropped("eth1.dropped.neighbour-unresolved");
    assert_eq!(lan.counter("u0.copies.neighbour-unresolved"), 3);
    assert_eq!(
        capture
            .count(|bytes| bytes.windows(5).any(|word| word == b"Happy"))
            .unwrap(),
        0
    );
    let link = lan.agent.get("/v1/links").unwrap();
    assert_eq!(link["items"][0]["state"], "unresolved", "{link}");
    lan.far
        .output(&["ip", "addr", "add", "192.0.2.2/24", "dev", "eth0"])
        .unwrap();
    lan.server().answers_soon(&lan.far, CLIENT);
    lan.works();
}

/// The remote is in another network: the next hop is the router, found through the kernel's routes.
#[test]
fn a_remote_behind_a_router_is_reached_through_the_routes() {
    const BEHIND: &str = "198.51.100.2";
    let mut server = None;
    let lan = Lan::with(&document(BEHIND, None), |net, edge, router| {
        let far = net.host("server").unwrap();
        net.veth(
            End::client(router, "eth1").mtu(1600).address("198.51.100.1/24"),
            End::client(&far, "eth0").mtu(1600).address("198.51.100.2/24"),
        )
        .unwrap();
        router
            .run(|| Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))
            .unwrap();
        let routes = [
            (edge, "198.51.100.0/24", THERE),
            (&far, "192.0.2.0/24", "198.51.100.1"),
        ];
        for (host, network, via) in routes {
            host.output(&["ip", "route", "add", network, "via", via]).unwrap();
        }
        net.vxlan(&far, &device(BEHIND)).unwrap();
        server = Some(far);
    });
    let lan = Lan {
        far: server.unwrap(),
        ..lan
    };
    lan.answers_soon(&lan.client, SERVER);
    lan.works();
}

/// FIG 10's storage pathway: the tunnel runs in VLAN 100 of the underlay. The neighbour is static, as such a VLAN
/// has no device here that could ask for it.
#[test]
fn tcp_runs_to_a_linux_host_in_an_underlay_vlan() {
    let lan = Lan::with(&document(THERE, Some(100)), |net, edge, far| {
        far.output(&["ip", "addr", "flush", "dev", "eth0"]).unwrap();
        net.vlan(far, "eth0", 100, Some("192.0.2.2/24")).unwrap();
        let mac = |host: &NetNs, interface: &str| {
            let shown = host.output(&["ip", "-j", "link", "show", interface]).unwrap();
            let shown: Value = serde_json::from_str(&shown).unwrap();
            shown[0]["address"].as_str().unwrap().to_owned()
        };
        for (host, interface, address, mac) in [
            (edge, "u0", THERE, mac(far, "eth0.100")),
            (far, "eth0.100", HERE, mac(edge, "u0")),
        ] {
            let words = [
                "ip", "neigh", "replace", address, "lladdr", &mac, "dev", interface,
            ];
            host.output(&words).unwrap();
        }
    });
    let capture = Capture::start(&lan.far, "eth0").unwrap();
    lan.server().answers_soon(&lan.client, SERVER);
    lan.works();
    let seen = capture.drain().unwrap();
    let bytes: u64 = seen.iter().map(|frame| frame.bytes.len() as u64).sum();
    assert!(bytes > 8 * MEGABYTES, "{bytes} bytes in {} frames", seen.len());
    let untagged = seen
        .iter()
        .find(|frame| !stack(&frame.bytes).starts_with("vlan 100 | vni 10001"));
    assert!(untagged.is_none(), "{}", stack(&untagged.unwrap().bytes));
}
