//! A capture shows exactly what was sent: the outer tag too, each frame once, and nothing of its own.

use std::time::Duration;

use fabric_tests::frame::{Frame, eth};
use fabric_tests::golden;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wire::{Capture, Filter, RawSocket, Tshark, write_pcap};

const QUIET: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_secs(30);

fn cable() -> (Net, NetNs, NetNs) {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    net.veth(
        End::client(&one, "eth0").mtu(1600),
        End::client(&other, "eth0").mtu(1600),
    )
    .unwrap();
    (net, one, other)
}

fn numbered(number: u32) -> Frame {
    eth("02:00:00:00:00:02", "02:00:00:00:00:01")
        .svlan(100)
        .cvlan(200)
        .payload(number.to_be_bytes())
        .pad(68)
}

#[test]
fn every_golden_frame_arrives_byte_for_byte_with_its_outer_tag() {
    let (_net, one, other) = cable();
    let capture = Capture::start(&other, "eth0").unwrap();
    let golden = golden::all().unwrap();
    RawSocket::open(&one, "eth0").unwrap().send_all(&golden).unwrap();
    capture.expect_only(&golden, QUIET).unwrap();
}

#[test]
fn three_tags_with_priorities_arrive_as_sent() {
    let (_net, one, other) = cable();
    let capture = Capture::start(&other, "eth0").unwrap();
    let sent = eth("02:00:00:00:00:02", "02:00:00:00:00:01")
        .svlan(4095)
        .pcp(7)
        .dei()
        .cvlan(0)
        .pcp(3)
        .vlan(10)
        .word("Happy");
    RawSocket::open(&one, "eth0").unwrap().send(&sent).unwrap();
    capture.expect_only(&[sent], QUIET).unwrap();
}

#[test]
fn a_duplicate_a_stranger_and_a_missing_frame_are_told() {
    let (_net, one, other) = cable();
    let capture = Capture::start(&other, "eth0").unwrap();
    let socket = RawSocket::open(&one, "eth0").unwrap();
    socket.send_all(&[numbered(1), numbered(1), numbered(2)]).unwrap();
    let error = capture
        .expect_only(&[numbered(1)], QUIET)
        .unwrap_err()
        .to_string();
    assert!(error.contains("2 frames that nobody expected"), "{error}");
    let error = capture
        .expect(&[numbered(1), numbered(1)], QUIET)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("1 frames missing"),
        "one copy was taken out before: {error}"
    );
    let error = capture.expect(&[numbered(3)], QUIET).unwrap_err().to_string();
    assert!(
        error.contains("differs at byte 25 in payload: expected 03, got 0"),
        "{error}"
    );
    capture.expect_only(&[numbered(2), numbered(1)], QUIET).unwrap();
}

#[test]
fn own_frames_and_kernel_noise_are_not_captured() {
    let (_net, one, other) = cable();
    let (here, there) = (
        Capture::start(&one, "eth0").unwrap(),
        Capture::start(&other, "eth0").unwrap(),
    );
    let everything = Capture::start_filtered(&other, "eth0", Filter::All).unwrap();
    let socket = RawSocket::open(&one, "eth0").unwrap();
    let arp = eth("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:01").arp_request(
        "02:00:00:00:00:01",
        [10, 0, 0, 1],
        [10, 0, 0, 2],
    );
    socket.send_all(&[arp.clone(), numbered(1)]).unwrap();
    there.expect_only(&[numbered(1)], QUIET).unwrap();
    everything.expect_only(&[arp, numbered(1)], QUIET).unwrap();
    here.expect_nothing(QUIET).unwrap();
}

#[test]
fn a_flood_is_captured_to_the_last_frame_in_order() {
    let (_net, one, other) = cable();
    let capture = Capture::start(&other, "eth0").unwrap();
    let socket = RawSocket::open(&one, "eth0").unwrap();
    let frames: Vec<Frame> = (0..50_000).map(numbered).collect();
    socket.send_all(&frames).unwrap();
    capture.wait_count(frames.len(), SOON).unwrap();
    let seen = capture.drain().unwrap();
    assert!(
        seen.iter()
            .zip(&frames)
            .all(|(seen, sent)| seen.bytes == sent.bytes())
    );
    assert!(seen.windows(2).all(|pair| pair[0].at <= pair[1].at));
    capture.expect_nothing(QUIET).unwrap();
}

/// Or a busy machine would make "nothing came" true.
#[test]
fn what_has_arrived_is_told_even_if_the_listener_is_behind() {
    let (_net, one, other) = cable();
    let arrived = Capture::start(&other, "eth0").unwrap();
    let slow = Capture::watch(&other, "eth0", 128, |_| {
        std::thread::sleep(QUIET);
        true
    })
    .unwrap();
    let frames = [numbered(1), numbered(2), numbered(3), numbered(4)];
    RawSocket::open(&one, "eth0").unwrap().send_all(&frames).unwrap();
    // The kernel gives a frame to the latest listener first.
    arrived.expect(&frames, SOON).unwrap();
    assert_eq!(slow.count(|_| true).unwrap(), 4);
    let error = slow.expect_nothing(Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("4 frames that nobody expected"), "{error}");
}

#[test]
fn a_capture_can_be_counted_waited_for_and_written() {
    let (_net, one, other) = cable();
    let capture = Capture::start(&other, "eth0").unwrap();
    RawSocket::open(&one, "eth0")
        .unwrap()
        .send_all(&[numbered(1), numbered(2)])
        .unwrap();
    capture.wait_count(2, SOON).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_pcap(&folder.path().join("two.pcap"), &capture.frames().unwrap()).unwrap();
    let bytes = std::fs::read(folder.path().join("two.pcap")).unwrap();
    assert_eq!(bytes.len(), 24 + 2 * (16 + 68));
    let rows = Tshark::new()
        .fields(&capture.frames().unwrap(), &["ieee8021ad.id", "frame.len"])
        .unwrap();
    assert_eq!(rows, vec![vec!["100".to_owned(), "68".to_owned()]; 2]);
    assert_eq!(capture.count(|bytes| bytes[25] == 2).unwrap(), 1);
    assert_eq!(
        capture
            .wait_for("number 2", SOON, |bytes| bytes[25] == 2)
            .unwrap()
            .bytes,
        numbered(2).bytes()
    );
    assert!(
        capture
            .wait_for("number 2", QUIET, |bytes| bytes[25] == 2)
            .is_err()
    );
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let net = Net::new().unwrap();
    let error = RawSocket::open(&net.host("empty").unwrap(), "eth7").unwrap_err();
    assert!(
        format!("{error:#}").contains("no interface eth7 in namespace empty"),
        "{error:#}"
    );
}

/// For [`a_wrong_frame_fails_the_program_although_its_test_passes`], which runs it in a program of its own.
#[test]
#[ignore = "its frame is wrong, and the program that it is in fails"]
fn a_wrong_frame_that_its_test_does_not_look_at() {
    let net = Net::new().unwrap();
    let (one, other) = (net.host("one").unwrap(), net.host("other").unwrap());
    net.veth(End::client(&one, "eth0"), End::client(&other, "eth0"))
        .unwrap();
    let capture = Capture::start(&other, "eth0").unwrap();
    let frame = eth("02:00:00:00:00:02", "02:00:00:00:00:01")
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2])
        .tcp(1, 2, 3, 4);
    let wrong = frame.bytes()[50] ^ 1;
    RawSocket::open(&one, "eth0")
        .unwrap()
        .send(frame.set(50, &[wrong]))
        .unwrap();
    capture.wait_count(1, SOON).unwrap();
}

#[test]
fn a_wrong_frame_fails_the_program_although_its_test_passes() {
    let name = "wires::a_wrong_frame_that_its_test_does_not_look_at";
    let ended = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--include-ignored"])
        .output()
        .unwrap();
    let [out, err] = [&ended.stdout, &ended.stderr].map(|said| String::from_utf8_lossy(said).into_owned());
    assert!(out.contains("1 passed; 0 failed"), "{out}");
    assert_eq!(ended.status.code(), Some(101), "{err}");
    assert!(
        err.contains(&format!(
            "{name}: 1 frames, the first on eth0 of other: eth:ethertype:ip:tcp"
        )),
        "{err}"
    );
}
