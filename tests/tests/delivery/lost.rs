//! What is lost behind the data path, by the driver of the interface that a frame leaves by.

use fabric_tests::counters::counters_moved;
use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::wait::{PATIENCE, until_true};

use super::support::{ALICE, BOB};

/// Of which two arrive.
const SENT: u64 = 5;

/// A tenant has told his end of the cable to take no more than 1000 bytes. That is his own business, and the fabric's port
/// has not changed: a veth throws such frames away when they are handed to it (`veth_xdp_xmit`).
#[test]
fn frames_that_a_driver_throws_away_are_told() {
    let segment = Segment::new("acme", 101, 1101)
        .at("edge1", "eth1", "untagged", 301)
        .at("edge1", "eth2", "untagged", 302)
        .station(BOB);
    let site = Site::new(&["edge1"]).tenant("acme", &[segment]);
    let rig = Rig::start(&site.document(), &["edge1"]).unwrap();
    let plug = rig.plug("edge1.eth2").unwrap();
    let words = ["ip", "link", "set", &plug.interface, "mtu", "1000"];
    plug.namespace.output(&words).unwrap();
    let before = rig.counters("edge1").unwrap();

    let (small, large) = (
        eth(BOB, ALICE).word("small"),
        eth(BOB, ALICE).word("large").pad(1400),
    );
    let ear = rig.ear("edge1.eth1").unwrap();
    // The small ones first: a driver that refuses a frame throws away those behind it that are handed to it at once.
    ear.socket()
        .send_all(&[&small, &small, &large, &large, &large])
        .unwrap();
    let heard = rig.ear("edge1.eth2").unwrap();
    heard.expect(&[&small, &small], PATIENCE).unwrap();
    let agent = rig.agent("edge1").unwrap();
    let lost = |port: &str| {
        let counters = agent.get("/v1/counters").unwrap();
        let ports = counters["item"]["ports"].as_array().unwrap();
        let port = ports.iter().find(|one| one["port"] == port).unwrap();
        port["lost_frames"].as_u64().unwrap()
    };
    until_true(
        PATIENCE,
        "the large frames' loss",
        || Ok(lost("eth2") == SENT - 2),
    )
    .unwrap();
    assert_eq!(heard.count(|_| true).unwrap(), 0, "frames that his end takes");
    assert_eq!(lost("eth1"), 0);

    let moved = [
        ("eth1.in", SENT),
        ("eth2.out", SENT),
        ("acme.in", SENT),
        ("acme.out", SENT),
    ];
    let after = rig.counters("edge1").unwrap();
    counters_moved(&before, &after, &moved).unwrap();
    let said = agent.ok(&["counters", "--by", "port"]).unwrap().stdout;
    let line = "3 frames were lost by the driver of eth2, see: ip -s -s link show eth2\n";
    assert!(said.ends_with(line), "{said}");
    let said = agent.ok(&["port", "show", "eth2"]).unwrap().stdout;
    assert!(said.contains("; 3 frames lost by its driver"), "{said}");
    let metrics = agent.text("/metrics").unwrap();
    assert!(
        metrics.contains("\nfabric_port_lost_frames_total{port=\"eth2\"} 3\n"),
        "{metrics}"
    );
}
