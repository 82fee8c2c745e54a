//! Interfaces without native XDP.

use fabric_tests::netns::NetNs;
use fabric_tests::wait;

use crate::support::{self, Lane, Settings, Start, Tables, one_sentence, program};

/// Interfaces whose drivers refuse: name, what makes it, driver, code.
const REFUSING: [(&str, &str, &str, &str); 6] = [
    ("br0", "link add br0 type bridge", "bridge", "no-native-xdp"),
    (
        "mv0",
        "link add mv0 link eth3 type macvlan",
        "macvlan",
        "no-native-xdp",
    ),
    (
        "vx0",
        "link add vx0 type vxlan id 7 dstport 4789 dev eth3",
        "vxlan",
        "no-native-xdp",
    ),
    ("lo", "link set lo up", "loopback", "no-native-xdp"),
    // Nothing tells of these before the attach: the driver itself says no.
    ("tun0", "tuntap add tun0 mode tun", "tun", "no-native-xdp"),
    (
        "eth5",
        "link add eth5 numtxqueues 1 numrxqueues 1 type veth peer name far5 numtxqueues 2 numrxqueues 2",
        "veth",
        "too-few-queues",
    ),
];

/// OPS-3: an interface whose driver does not take a native program is refused by one sentence with the driver's name,
/// whichever way it is asked for; the generic mode is never used, and nothing is left of the attempt.
#[test]
fn ops_3_a_driver_without_native_xdp_is_named_and_nothing_is_left() {
    let lane = Lane::start();
    let agent = &lane.agent;
    for (_, make, ..) in REFUSING {
        lane.ip(make);
    }
    let probe = lane.probe();
    let (tables, pinned, objects) = (
        Tables::of(agent),
        support::pins(agent),
        support::owned(agent).counts(),
    );
    let good = agent.json(&["export"]).unwrap()["item"].take();
    for (port, _, driver, code) in REFUSING {
        lane.ip(&format!("link set {port} up"));
        let before = Settings::of(&lane.edge, port);
        let mut more = good.clone();
        more["tenants"][1]["segments"][0]["attachments"][0]["port"] = port.into();
        let file = agent.file("more.json", &more).unwrap();
        let attempts: [&[&str]; 3] = [
            &["tenant", "attach", "initech", "--port", port, "--vlan", "10"],
            &["tenant", "attach", "initech", "--port", port, "--untagged"],
            &["apply", "-f", &file, "--yes"],
        ];
        for words in attempts {
            let said = agent.cli(words).unwrap();
            let sentence = one_sentence(&said, code);
            assert!(sentence.contains(&format!("{port} (driver {driver}) ")), "{said}");
            assert!(sentence.ends_with("nothing was changed"), "{said}");
            assert_eq!(program(&lane.edge, port), None, "{said}");
            assert_eq!(before.changed(&Settings::of(&lane.edge, port)), [""; 0], "{said}");
            assert_eq!(Tables::of(agent), tables, "{said}");
            assert_eq!(support::pins(agent), pinned, "{said}");
        }
    }
    let same = || Ok(support::owned(agent).counts() == objects);
    wait::until_true(wait::PATIENCE, "as many objects as before", same).unwrap();
    support::unharmed(probe);
    lane.agent.finish().unwrap();
}

/// OPS-3: the first document asks for such an interface.
#[test]
fn ops_3_a_first_document_with_a_refusing_driver_leaves_nothing() {
    let mut lane = Lane::start();
    let document = lane.agent.json(&["export"]).unwrap()["item"].take();
    lane.agent.stop_detach().unwrap();
    for (port, make, driver, code) in REFUSING {
        lane.ip(make);
        let mut document = document.clone();
        // The last of four: three good ports are made safe, written and attached before it.
        document["tenants"][1]["segments"][0]["attachments"][1]["port"] = port.into();
        let ends = || {
            [
                Settings::of(&lane.edge, "eth1"),
                Settings::of(&lane.hosts[0], "c0"),
            ]
        };
        let before = ends();
        let start = Start::new(&lane.edge).config(&document);
        let said = start.run();
        assert!(
            one_sentence(&said, code).contains(&format!("{port} (driver {driver}) ")),
            "{said}"
        );
        start.left_nothing();
        for (before, now) in before.iter().zip(ends()) {
            assert_eq!(before.changed(&now), [""; 0], "{said}");
        }
        if port != "lo" {
            lane.ip(&format!("link del {port}"));
        }
    }
}

/// OPS-3: what is attached is in the driver's mode, always.
#[test]
fn ops_3_every_port_has_its_program_in_the_drivers_mode() {
    let mut lane = Lane::start();
    let modes = |edge: &NetNs| [1, 2, 3, 4].map(|port| program(edge, &format!("eth{port}")).unwrap().0);
    const NATIVE: u64 = 1;
    assert_eq!(modes(&lane.edge), [NATIVE; 4]);
    lane.agent.kill9().unwrap();
    assert_eq!(modes(&lane.edge), [NATIVE; 4]);
    lane.agent.restart().unwrap();
    lane.ip("link del eth4");
    lane.agent.allow("port is not safe");
    lane.wait_state("gone");
    lane.plug_in_again();
    lane.wait_state("up");
    assert_eq!(modes(&lane.edge), [NATIVE; 4]);
    lane.agent.finish().unwrap();
}
