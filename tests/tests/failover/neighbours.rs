//! What stands beside a failover: another service of the same machine, an agent that is replaced, a policy that changes, other
//! clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fabric_tests::netns::NetNs;
use fabric_tests::random::Random;
use fabric_tests::storage::{Rig, RigOptions, VSM};
use fabric_tests::wait::PATIENCE;
use serde_json::json;

use super::support::{PORT, calm, rig};

/// A client that is served by another port of the machine keeps the fabric from nothing: who serves there does not serve here.
#[test]
fn another_service_of_the_machine_is_no_sign_of_life() {
    let options = RigOptions {
        tcp_port: Some(PORT),
        ..RigOptions::default()
    };
    let rig = Rig::start(&options).unwrap();
    let service = rig.service(PORT).unwrap();
    let mut beside = service;
    beside.set_port(PORT + 1);
    let listen = |member: &NetNs, address| member.run(|| Ok(TcpListener::bind(address)?)).unwrap();
    let [serves, _other] = [0, 1].map(|number| listen(&rig.members[number], service));
    let chats = listen(&rig.members[0], beside);
    rig.wait_all_up().unwrap();
    let connect = || Ok(TcpStream::connect_timeout(&beside, PATIENCE)?);
    let mut client = rig.client.run(connect).unwrap();
    let (mut server, _) = chats.accept().unwrap();
    let done = AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && server.write_all(b"still here").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.shutdown(std::net::Shutdown::Both)
        });
        let mut heard = [0; 10];
        client.read_exact(&mut heard).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        scope.spawn(move || while client.read_exact(&mut heard).is_ok() {});
        drop(serves);
        let found = rig.wait_working("array-2");
        done.store(true, Ordering::Relaxed);
        found
    });
    found.unwrap();
    assert_eq!(rig.show().unwrap()["last_switch"]["cause"], "silent");
}

/// Who was put in charge by hand stays there until somebody says otherwise, whatever becomes of the agent.
#[test]
fn a_switch_by_hand_outlives_the_agent() {
    let mut rig = rig(&calm());
    rig.agent
        .ok(&["storage", "switch", VSM, "--to", "array-2"])
        .unwrap();
    rig.agent.kill9().unwrap();
    rig.agent.restart().unwrap();
    rig.wait_all_up().unwrap();
    let shown = rig.show().unwrap();
    assert_eq!((&shown["manual"], &shown["epoch"]), (&json!(true), &json!(2)));
    rig.agent.ok(&["storage", "restore", VSM]).unwrap();
    rig.agent.kill9().unwrap();
    rig.agent.restart().unwrap();
    assert_eq!(rig.show().unwrap()["manual"], false);
}

/// A member that is out of use would give the service up again at once.
#[test]
fn a_member_out_of_use_is_not_put_in_charge() {
    let rig = rig(&calm());
    rig.agent
        .ok(&["storage", "drain", VSM, "--member", "array-2"])
        .unwrap();
    for more in [&[][..], &["--force"]] {
        let line = [&["storage", "switch", VSM, "--to", "array-2"], more].concat();
        let said = rig.agent.refused(&line, "bad-storage").unwrap();
        assert!(said.stderr.contains("restore"), "{}", said.stderr);
    }
    assert_eq!(rig.show().unwrap()["epoch"], 1, "nothing was changed");
    rig.agent
        .ok(&["storage", "restore", VSM, "--member", "array-2"])
        .unwrap();
    rig.agent
        .ok(&["storage", "switch", VSM, "--to", "array-2"])
        .unwrap();
}

/// Members that were asked every 20 seconds are asked every few milliseconds as soon as the document says so.
#[test]
fn a_shorter_interval_is_in_force_at_once() {
    let rig = rig(&calm());
    let mut document = rig.agent.json(&["export"]).unwrap()["item"].take();
    document["storage"][0]["health"] = json!({"interval_ms": 5, "multiplier": 4});
    let file = rig.agent.file("shorter.json", &document).unwrap();
    rig.agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    let begun = Instant::now();
    rig.cut(0, true).unwrap();
    rig.wait_working("array-2").unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Sixty clients have asked, each was acknowledged and none was answered. None of them has anything to send, so none would ever know
/// that the machine is dead; of those that the data path notes in one place it remembers one alone.
#[test]
fn of_sixty_connections_that_wait_none_is_forgotten() {
    const MANY: usize = 60;
    let options = RigOptions {
        tcp_port: Some(PORT),
        ..RigOptions::default()
    };
    let rig = Rig::start(&options).unwrap();
    let service = rig.service(PORT).unwrap();
    let [first, _second] = [0, 1].map(|number| {
        rig.members[number]
            .run(|| Ok(TcpListener::bind(service)?))
            .unwrap()
    });
    rig.wait_all_up().unwrap();
    let done = AtomicBool::new(false);
    let reset = std::thread::scope(|scope| {
        // Probes are connections too, and are taken from the listener's queue like the clients'.
        scope.spawn(|| {
            let mut taken = Vec::new();
            first.set_nonblocking(true).unwrap();
            while !done.load(Ordering::Relaxed) {
                match first.accept() {
                    Ok((server, _)) => taken.push(server),
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        let connect = || Ok(TcpStream::connect_timeout(&service, PATIENCE)?);
        let mut clients: Vec<TcpStream> = (0..MANY).map(|_| rig.client.run(connect).unwrap()).collect();
        let (mut random, begun) = (Random::new(1), Instant::now());
        while begun.elapsed() < Duration::from_secs(5) {
            let at = random.below(MANY);
            clients[at].write_all(b"?").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        rig.cut(0, true).unwrap();
        let switched = rig.wait_working("array-2");
        let ended = clients.iter_mut().map(|client| {
            client.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
            client.read(&mut [0]).map_err(|error| error.kind())
        });
        let is_reset = |ended: &Result<usize, ErrorKind>| *ended == Err(ErrorKind::ConnectionReset);
        let reset = ended.filter(is_reset).count();
        done.store(true, Ordering::Relaxed);
        switched.map(|()| reset)
    });
    assert_eq!(reset.unwrap(), MANY);
}
