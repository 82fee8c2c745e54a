//! A storage machine with an IPv6 address: its members are asked by neighbour solicitation, and its clients are nudged.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::storage::{CLIENT_MAC, MEMBERS, SERVICE_MAC, VSM};
use fabric_tests::topology::{End, Net};
use fabric_tests::wait::{self, PATIENCE};
use serde_json::{Value, json};

use super::support::PORT;

const SERVICE: &str = "2001:db8::100";
/// Long after a nudge, and long before TCP would give up.
const TOLD: Duration = Duration::from_secs(5);

fn document() -> Value {
    let lan = Segment::new("lan", 100, 1100)
        .at("edge1", "eth1", "untagged", 301)
        .at("edge1", "eth2", "untagged", 302)
        .at("edge1", "eth3", "untagged", 303);
    let mut document = Site::new(&["edge1"]).tenant("acme", &[lan]).document();
    let member = |at: usize| json!({"name": MEMBERS[at], "node": "edge1", "port": format!("eth{}", 2 + at)});
    document["storage"] = json!([{
        "name": VSM, "mac": SERVICE_MAC,
        "segments": [{"segment": "lan", "address": SERVICE}],
        "members": [member(0), member(1)],
    }]);
    document
}

fn end(host: &NetNs, mac: &str, address: &str) -> End {
    End::client(host, "eth0").mac(mac).ipv6().address(address)
}

/// The request was acknowledged, the machine is cut off, and the client has nothing to send: he hears that his connection is gone, and
/// the next one finds the other member.
#[test]
fn a_client_over_ipv6_is_told_that_his_connection_is_gone() {
    let net = Net::new().unwrap();
    let edge = net.host("edge1").unwrap();
    let client = net.host("client").unwrap();
    net.veth(
        end(&client, CLIENT_MAC, "2001:db8::10/64"),
        End::port(&edge, "eth1"),
    )
    .unwrap();
    let members = [0, 1].map(|at| {
        let member = net.host(MEMBERS[at]).unwrap();
        let port = End::port(&edge, &format!("eth{}", 2 + at));
        let end = end(&member, SERVICE_MAC, "2001:db8::100/64");
        let wire = net.tapped(&format!("wire{at}"), 1500, end, port).unwrap();
        (member, wire)
    });
    let agent = Agent::start(&edge, &document(), "edge1").unwrap();
    let all = |field: &str, wanted: [&str; 2]| {
        wait::until_true(PATIENCE, &format!("{field} {wanted:?}"), || {
            let mut shown = agent.json(&["storage", "show", VSM])?;
            let members = shown["items"][0]["members"].take();
            Ok([0, 1].iter().all(|at| members[*at][field] == wanted[*at]))
        })
        .unwrap();
    };
    all("health", ["up", "up"]);

    let address: SocketAddr = format!("[{SERVICE}]:{PORT}").parse().unwrap();
    let listeners = members
        .each_ref()
        .map(|(member, _)| member.run(|| Ok(TcpListener::bind(address)?)).unwrap());
    let connect = || {
        client
            .run(|| Ok(TcpStream::connect_timeout(&address, PATIENCE)?))
            .unwrap()
    };
    let mut stream = connect();
    let (mut server, _) = listeners[0].accept().unwrap();
    stream.write_all(b"request").unwrap();
    let mut heard = [0; 7];
    server.read_exact(&mut heard).unwrap();

    let wire = members[0].1.namespace();
    wire.output(&["ip", "link", "set", "one", "down"]).unwrap();
    stream.set_read_timeout(Some(TOLD)).unwrap();
    let told = stream.read(&mut heard).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::ConnectionReset, "{told}");
    all("health", ["down", "up"]);
    all("role", ["fenced", "working"]);
    let _again = connect();
    listeners[1].accept().unwrap();
}
