//! The end of a connection: last words of a dead server are not believed, those of a living one arrive (FO-2).

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use fabric_tests::storage::{Rig, RigOptions};
use fabric_tests::wait::{self, PATIENCE};

use super::support::PORT;

/// Long after the fabric has made up its mind, and long before TCP would give up.
const TOLD: Duration = Duration::from_secs(2);

/// A storage machine whose members listen, and connections of the client to the one in charge.
struct Stand {
    rig: Rig,
    listeners: Vec<TcpListener>,
}

impl Stand {
    fn start() -> Self {
        let options = RigOptions {
            tcp_port: Some(PORT),
            ..RigOptions::default()
        };
        let rig = Rig::start(&options).unwrap();
        let address = rig.service(PORT).unwrap();
        let listen =
            |member: &fabric_tests::netns::NetNs| member.run(|| Ok(TcpListener::bind(address)?)).unwrap();
        let listeners = rig.members.iter().map(listen).collect();
        rig.wait_all_up().unwrap();
        Self { rig, listeners }
    }

    /// The client's end and the server's.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let address = self.rig.service(PORT).unwrap();
        let client = self
            .rig
            .client
            .run(|| Ok(TcpStream::connect_timeout(&address, PATIENCE)?))
            .unwrap();
        client.set_read_timeout(Some(TOLD)).unwrap();
        client.set_nodelay(true).unwrap();
        (client, self.listeners[0].accept().unwrap().0)
    }

    fn withheld(&self) -> u64 {
        self.rig.agent.counters().unwrap().get("eth2.dropped.withheld")
    }

    /// The service is where it was, and so is this connection.
    fn is_undisturbed(&self, (client, server): &mut (TcpStream, TcpStream)) {
        client.write_all(b"still here").unwrap();
        let mut heard = [0; 10];
        server.read_exact(&mut heard).unwrap();
        server.write_all(&heard).unwrap();
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still here");
        assert_eq!(self.rig.show().unwrap()["epoch"], 1);
    }
}

/// A server that closes a connection in order: the FIN is withheld until the server has proved that it lives, and TCP sends it
/// again.
#[test]
fn a_living_server_may_close_a_connection() {
    let stand = Stand::start();
    let mut other = stand.connect();
    let (mut client, server) = stand.connect();
    assert_eq!(stand.withheld(), 0);
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end of the stream");
    assert!(stand.withheld() >= 1);
    stand.is_undisturbed(&mut other);
}

/// A server that resets a connection: TCP says so once, so the fabric makes the client ask.
#[test]
fn a_living_server_may_reset_a_connection() {
    let stand = Stand::start();
    let mut other = stand.connect();
    let (mut client, server) = stand.connect();
    client.write_all(b"never read").unwrap();
    server.peek(&mut [0]).unwrap();
    drop(server);
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(stand.withheld() >= 1);
    stand.is_undisturbed(&mut other);
}

/// Without probes nobody could make good what was withheld wrongly: every end arrives as it was sent.
#[test]
fn without_an_agent_nothing_is_withheld() {
    let mut stand = Stand::start();
    let (mut client, server) = stand.connect();
    stand.rig.agent.kill9().unwrap();
    let dead = Instant::now();
    // Its last probe is young for 20 ms.
    wait::until_true(PATIENCE, "the last probe to be old", || {
        Ok(dead.elapsed() > Duration::from_millis(50))
    })
    .unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end of the stream");
    stand.rig.agent.restart().unwrap();
    assert_eq!(stand.withheld(), 0);
}

/// Nobody listens on another port: what is refused there is refused at once.
#[test]
fn another_port_refuses_at_once() {
    let stand = Stand::start();
    let mut address = stand.rig.service(PORT).unwrap();
    address.set_port(PORT + 1);
    let refused = stand
        .rig
        .client
        .run(|| Ok(TcpStream::connect_timeout(&address, PATIENCE).map(drop)))
        .unwrap();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(stand.withheld(), 0);
}
