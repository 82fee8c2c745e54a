//! A member dies: clients in other networks, who reach the storage machine through their gateway.

use std::net::Ipv4Addr;
use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Load, Member, Target, VOLUME, fill};
use fabric_tests::topology::{End, WireTap};
use fabric_tests::wait;
use fabric_tests::wire::Capture;
use serde_json::{Value, json};

use super::site::GATEWAY_MAC;
use super::sites::Sites;

const LONG: Duration = Duration::from_secs(20);
/// Longer than any request takes on a healthy member.
const NO_ANSWER: Duration = Duration::from_millis(300);
/// Requests answered before and after it happens.
const SOME: u64 = 100;
/// Blocks that a reader reads again and again.
const READ: u64 = 64;
const RUN: u64 = 7;
const VSM: &str = "vsm-1002a";
const VSM_MAC: &str = "02:00:00:10:02:0a";
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 100);
const PORT: u16 = 10_809;

/// Both members at the first edge, and a client in the other network at each edge.
struct Stand {
    // First to go, while its interfaces are there.
    agents: Vec<Agent>,
    members: Vec<Member>,
    wires: Vec<WireTap>,
    clients: [NetNs; 2],
    _sites: Sites,
    _folder: tempfile::TempDir,
}

/// At the first edge and at the second one.
const CLIENTS: [(Ipv4Addr, &str); 2] = [
    (Ipv4Addr::new(10, 10, 20, 10), "02:00:00:00:20:0a"),
    (Ipv4Addr::new(10, 10, 20, 11), "02:00:00:00:20:0b"),
];

impl Stand {
    fn start() -> Self {
        let sites = Sites::new(2);
        let [near, far] = &sites.edges[..] else {
            unreachable!("two were asked for")
        };
        let folder = tempfile::tempdir().unwrap();
        let route = |host: &NetNs, via: &str| {
            host.output(&["ip", "route", "add", "default", "via", via])
                .unwrap();
        };
        let mut wires = Vec::new();
        let hosts = ["array-1", "array-2"].map(|name| sites.net.host(name).unwrap());
        for (host, port) in hosts.iter().zip(["eth1", "eth2"]) {
            let end = End::client(host, "eth0")
                .mac(VSM_MAC)
                .address(&format!("{SERVICE}/24"));
            let wire = sites
                .net
                .tapped(&format!("wire-{port}"), 1500, end, End::port(near, port));
            wires.push(wire.unwrap());
            route(host, "10.10.10.1");
        }
        let clients = [(near, "eth3"), (far, "eth1")];
        let mut number = 0;
        let clients = clients.map(|port| {
            let (address, mac) = CLIENTS[number];
            number += 1;
            let host = sites.net.host(&format!("client-{number}")).unwrap();
            sites.cable((&host, "eth0"), port, mac, &address.to_string());
            route(&host, "10.10.20.1");
            host
        });
        let lan = [(near, "eth1"), (near, "eth2")];
        let agents = sites.start_with(
            &[(
                "acme",
                &[("storage", &lan), ("clients", &[(near, "eth3"), (far, "eth1")])],
            )],
            more(near.label()),
        );
        let members = hosts.iter().map(|host| {
            let folder = folder.path().join(host.label());
            std::fs::create_dir(&folder).unwrap();
            let member = Member::start(host, &folder, VOLUME).unwrap();
            fill(member.volume(), RUN, READ).unwrap();
            member
        });
        let stand = Self {
            members: members.collect(),
            agents,
            wires,
            clients,
            _sites: sites,
            _folder: folder,
        };
        stand.wait("the members to answer", |shown| {
            let members = shown["members"].as_array().unwrap();
            members.iter().all(|member| member["health"] == "up")
        });
        stand
    }

    fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        wait::until_true(wait::PATIENCE, what, || {
            Ok(wanted(
                &self.agents[0].json(&["storage", "show", VSM])?["items"][0],
            ))
        })
        .unwrap();
    }
}

fn more(node: &str) -> Value {
    let place = |segment: &str, address: &str| json!({"segment": segment, "addresses": [address]});
    let member = |name: &str, port: &str| json!({"name": name, "node": node, "port": port});
    json!({
        "gateways": [{
            "name": "gw", "tenant": "acme", "mac": GATEWAY_MAC,
            "segments": [place("storage", "10.10.10.1/24"), place("clients", "10.10.20.1/24")],
        }],
        "storage": [{
            "name": VSM, "mac": VSM_MAC, "tcp_port": PORT,
            "segments": [{"segment": "storage", "address": SERVICE, "probe_address": "10.10.10.250"}],
            "members": [member("array-1", "eth1"), member("array-2", "eth2")],
        }],
    })
}

/// A bare acknowledgement of the storage machine from the gateway's address (RFC 9293 section 3.1: 20 bytes, ACK alone), with the
/// window of 1024 that no kernel here announces.
fn is_nudge(frame: &[u8], client: usize) -> bool {
    let (address, mac) = CLIENTS[client];
    let octets = |mac: &str| -> Vec<u8> {
        let parts = mac.split(':');
        parts.map(|part| u8::from_str_radix(part, 16).unwrap()).collect()
    };
    frame.len() >= 54
        && frame[..6] == octets(mac)
        && frame[6..12] == octets(GATEWAY_MAC)
        && frame[12..18] == [8, 0, 0x45, 0, 0, 40]
        && frame[23] == 6
        && frame[26..30] == SERVICE.octets()
        && frame[30..34] == address.octets()
        && frame[34..36] == PORT.to_be_bytes()
        && frame[46..50] == [0x50, 0x10, 4, 0]
}

/// FO-3 for clients of another network: the request was acknowledged, the answer never comes, and the client has nothing to
/// send again. Both hear a nudge by their own gateway's address, the one routed at the members' edge and the one at another
/// edge, and go on.
#[test]
fn readers_behind_a_gateway_recover_by_the_nudge() {
    let mut stand = Stand::start();
    let target = Target::tcp((SERVICE, PORT).into());
    let readers = stand.clients.each_ref().map(|client| {
        // The first frames wait for neighbours longer than one attempt lasts.
        let opened = wait::until(LONG, "a client to open its disk", || {
            Ok(Load::read(client, &target, RUN, READ).ok())
        });
        opened.unwrap()
    });
    for reader in &readers {
        reader.wait_answers(SOME, LONG).unwrap();
    }
    let mut number = 0;
    let captures = stand.clients.each_ref().map(|client| {
        let at = number;
        number += 1;
        Capture::watch(client, "eth0", 60, move |frame| is_nudge(frame, at)).unwrap()
    });
    stand.members[0].freeze().unwrap();
    for reader in &readers {
        assert!(reader.wait_answers(2, NO_ANSWER).is_err());
    }
    let wire = stand.wires[0].namespace();
    wire.output(&["ip", "link", "set", "one", "down"]).unwrap();
    stand.wait("array-2 to be in charge", |shown| {
        shown["members"][1]["role"] == "working"
    });
    for (reader, capture) in readers.iter().zip(&captures) {
        capture.wait_count(1, LONG).unwrap();
        reader.wait_answers(SOME, LONG).unwrap();
    }
    for reader in readers {
        let record = reader.stop().unwrap();
        println!("stall {:?}", record.longest_stall().length());
        assert_eq!((&record.io_errors[..], &record.wrong[..]), (&[][..], &[][..]));
        assert_eq!(record.breaks.len(), 1);
    }
    drop(stand);
}
