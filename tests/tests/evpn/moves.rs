//! Stations that move between us and a foreign VTEP, and such as must not.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fabric_tests::frame::{Frame, eth};
use fabric_tests::netns::NetNs;
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, RawSocket};

use super::support::{HERE, Lan, THERE, VNI_A, document};

/// The one that moves.
const ROAMER: &str = "02:00:00:00:0c:01";
/// A station on each side that stays, and that the other side's station talks to.
const NEAR: &str = "02:00:00:00:0a:01";
const FAR: &str = "02:00:00:00:0b:01";
const LIMIT: Duration = Duration::from_millis(200);

/// How long it takes from the first frame of a station at its new place, which stays on that side, until another one's frame
/// to it arrives there. The times are the kernel's.
fn follow(new: (&NetNs, &str), from: &NetNs) -> Duration {
    let (place, neighbour) = new;
    let arriving = Capture::start(place, "eth0").unwrap();
    let socket = RawSocket::open(from, "eth0").unwrap();
    let sender = if neighbour == NEAR { FAR } else { NEAR };
    let frame = eth(ROAMER, sender).word("follow");
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    arriving
        .socket()
        .send(eth(neighbour, ROAMER).word("here"))
        .unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        socket.send(&frame).unwrap();
        let came = arriving.frames().unwrap();
        if let Some(first) = came.iter().find(|one| is_it(&frame, &one.bytes)) {
            return first.at.saturating_sub(begun);
        }
        assert!(Instant::now() < end, "the station is not followed");
        // Five programs have work for it, on the same CPUs.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_it(frame: &Frame, bytes: &[u8]) -> bool {
    bytes == frame.bytes()
}

/// What tells the other side is BGP alone: the frame with which the station makes itself heard goes to a neighbour at the
/// same port, and so leaves no port on either side.
#[test]
fn a_station_is_followed_both_ways_within_200_ms() {
    let lan = Lan::new();
    lan.far_station("add", FAR, "p1");
    lan.wait_held("a", VNI_A, FAR);
    RawSocket::open(&lan.client, "eth0")
        .unwrap()
        .send(eth(FAR, NEAR).word("near"))
        .unwrap();
    lan.wait_told(VNI_A, NEAR, true);
    RawSocket::open(&lan.server, "eth0")
        .unwrap()
        .send(eth(FAR, ROAMER).word("far"))
        .unwrap();
    lan.wait_held("a", VNI_A, ROAMER);

    let mut times = Vec::new();
    // One that moves five times is damped.
    for _ in 0..2 {
        times.push(("here", follow((&lan.client, NEAR), &lan.server)));
        lan.wait_told(VNI_A, ROAMER, true);
        assert_eq!(lan.entry("a", ROAMER).unwrap(), ("learned".into(), "eth1".into()));
        times.push(("away", follow((&lan.server, FAR), &lan.client)));
        lan.wait_held("a", VNI_A, ROAMER);
        assert_eq!(lan.vtep_of(VNI_A, ROAMER), None);
    }
    println!("followed after {times:?}");
    // A machine that is held up holds two daemons up as well.
    for way in ["here", "away"] {
        let of_way = times.iter().filter(|(where_to, _)| *where_to == way);
        let best = of_way.map(|(_, time)| *time).min().unwrap();
        assert!(best < LIMIT, "{times:?}");
    }
    assert!(lan.metric("fabric_evpn_moves_total{direction=\"here\"}") >= 2.0);
    assert!(lan.metric("fabric_evpn_moves_total{direction=\"away\"}") >= 2.0);
}

/// A station of the document is told as one that may not move (RFC 7432 section 7.7), and one that BGP tells so is not moved
/// by a frame of ours.
#[test]
fn a_station_that_may_not_move_is_pulled_away_on_neither_side() {
    let fixed = "02:00:00:00:0a:99";
    let lan = Lan::with(Duration::from_secs(300), &{
        let mut document = document();
        let stations = &mut document["tenants"][0]["segments"][0]["attachments"][0]["stations"];
        *stations = serde_json::json!([{"mac": fixed}]);
        document
    });
    lan.wait_told(VNI_A, fixed, true);
    let words = [
        "bridge", "fdb", "replace", FAR, "dev", "p1", "master", "static", "sticky",
    ];
    lan.far.output(&words).unwrap();
    lan.wait_held("a", VNI_A, FAR);

    let (near, far) = (
        Capture::start(&lan.client, "eth0").unwrap(),
        Capture::start(&lan.server, "eth0").unwrap(),
    );
    let claims = (eth(fixed, FAR).word("mine"), eth(FAR, fixed).word("mine"));
    RawSocket::open(&lan.quiet, "eth0")
        .unwrap()
        .send(&claims.0)
        .unwrap();
    near.expect(&[&claims.0], PATIENCE).unwrap();
    far.socket().send(eth(NEAR, fixed).word("mine")).unwrap();

    // Both answers still go where they went.
    let answers = (eth(FAR, fixed).word("to far"), eth(fixed, FAR).word("to near"));
    near.socket().send(&answers.0).unwrap();
    far.expect(&[&answers.0], PATIENCE).unwrap();
    far.socket().send(&answers.1).unwrap();
    near.expect(&[&answers.1], PATIENCE).unwrap();
    let way = format!("u0 vni {VNI_A} {THERE}");
    assert_eq!(lan.entry("a", FAR).unwrap(), ("evpn".into(), way));
    assert_eq!(lan.entry("a", fixed).unwrap(), ("static".into(), "eth1".into()));
    until_true(PATIENCE, "the fixed station to be where it was", || {
        Ok(lan.vtep_of(VNI_A, fixed).as_deref() == Some(HERE))
    })
    .unwrap();
}
