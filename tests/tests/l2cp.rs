//! Layer-2 control protocols of tenants: what is data to the fabric, and what stays on the tenant's wire. `L2CP-*`.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, Mac, eth, mac};
use fabric_tests::wire::judge;

const ALICE: &str = "56:00:00:00:00:01";
const CDP: Mac = mac("01:00:0c:cc:cc:cc");
const PVST: Mac = mac("01:00:0c:cc:cc:cd");

const LLC_STP: [u8; 3] = [0x42, 0x42, 0x03];
const LLC_SNAP_CISCO: [u8; 6] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c];
const PAUSE: u16 = 0x8808;
const SLOW: u16 = 0x8809;
const EAPOL: u16 = 0x888e;
const LLDP: u16 = 0x88cc;
const E_LMI: u16 = 0x88ee;
const MVRP: u16 = 0x88f5;
const MMRP: u16 = 0x88f6;
const PTP: u16 = 0x88f7;

/// 01-80-C2-00-00-xx.
fn group(last: u8) -> Mac {
    Mac::from([0x01, 0x80, 0xc2, 0, 0, last])
}

/// A control frame but for its tags: destination, and everything from the EtherType or length on.
#[derive(Clone, Debug)]
struct Control {
    to: Mac,
    rest: Vec<u8>,
}

impl Control {
    /// Ethernet II.
    fn typed(to: Mac, ether_type: u16, payload: &[u8]) -> Self {
        let mut rest = [&ether_type.to_be_bytes(), payload].concat();
        rest.resize(48, 0);
        Self { to, rest }
    }

    /// IEEE 802.3: a length where others have an EtherType, then LLC.
    fn llc(to: Mac, header: &[u8], payload: &[u8]) -> Self {
        let body = [header, payload].concat();
        let length = u16::try_from(body.len()).unwrap();
        Self::typed(to, length, &body)
    }

    fn inside(&self, tagged: impl Fn(Frame) -> Frame) -> Frame {
        tagged(eth(self.to, ALICE)).raw(&self.rest)
    }
}

/// A configuration message of a bridge that would be everybody's root (IEEE 802.1D clause 9.3.1).
fn stp(to: Mac) -> Control {
    let mut message = [0u8; 35];
    message[29..35].copy_from_slice(&[0x14, 0, 0x02, 0, 0x0f, 0]);
    Control::llc(to, &LLC_STP, &message)
}

/// `acme` with all VLANs at three ports of two nodes, and another tenant beside it who must never hear anything.
fn site() -> Site {
    let acme = Segment::new("acme-any", 101, 1101)
        .at("edge1", "eth1", "any", 301)
        .at("edge1", "eth2", "any", 302)
        .at("edge2", "eth1", "any", 201);
    let globex = Segment::new("globex-any", 111, 1111)
        .at("edge1", "eth3", "any", 311)
        .at("edge2", "eth3", "any", 211);
    Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[acme])
        .tenant("globex", &[globex])
}

fn rig() -> Rig {
    Rig::start(&site().document(), &["edge1", "edge2"]).unwrap()
}

/// For what never leaves the node: the far end of the trunk is in the test's hands.
fn one_node() -> Rig {
    Rig::start(&site().document(), &["edge1"]).unwrap()
}

/// Untagged, priority-tagged and in a VLAN of the tenant: control frames come in all three forms.
const OWN: [fn(Frame) -> Frame; 3] = [
    |frame| frame,
    |frame| frame.vlan(0).pcp(7),
    |frame| frame.vlan(10),
];

/// As any multicast: one copy at each other end, S and C on the trunk, nothing changed.
fn is_tunnelled(rig: &Rig, control: &Control) {
    for own in OWN {
        let frame = control.inside(own);
        rig.send("edge1.eth1", &frame)
            .at("edge1.eth2", &frame)
            .on(
                "edge1>edge2",
                control.inside(|start| own(start.svlan(101).cvlan(1101))),
            )
            .at("edge2.eth1", &frame)
            .moves("edge1", "eth1.in acme.in eth2.out t0.out acme.out")
            .moves("edge2", "t0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}

/// Neither to another end nor to the host, and counted by its reason.
fn is_dropped(rig: &Rig, control: &Control) {
    for own in OWN {
        rig.send("edge1.eth1", control.inside(own))
            .moves("edge1", "eth1.in eth1.dropped.reserved-mac")
            .check()
            .unwrap();
    }
}

/// L2CP-1: the tenant's spanning tree runs through the fabric as over a cable.
#[test]
fn l2cp_1_stp_is_tunnelled_like_data() {
    let rig = rig();
    is_tunnelled(&rig, &stp(group(0x00)));
    // RSTP has another version and a flag field, and no other way.
    let rapid = [&[0, 0, 2, 2, 0x3c][..], &[0; 31]].concat();
    is_tunnelled(&rig, &Control::llc(group(0x00), &LLC_STP, &rapid));
}

/// L2CP-2: a tenant cannot stop a port of the fabric, nor somebody else's; priority flow control neither.
#[test]
fn l2cp_2_pause_is_dropped_always() {
    let rig = one_node();
    for opcode in [[0x00, 0x01], [0x01, 0x01]] {
        let pause = Control::typed(group(0x01), PAUSE, &[&opcode[..], &[0xff, 0xff]].concat());
        is_dropped(&rig, &pause);
        rig.agent("edge1")
            .unwrap()
            .ok(&["port", "set", "eth1", "--tunnel-lldp", "on", "--yes"])
            .unwrap();
        is_dropped(&rig, &pause);
    }
}

/// L2CP-3: LACP, marker, OAM and synchronisation messages of the slow protocols end at the port.
#[test]
fn l2cp_3_slow_protocols_are_dropped() {
    let rig = one_node();
    for subtype in [1, 2, 3, 10] {
        is_dropped(&rig, &Control::typed(group(0x02), SLOW, &[subtype, 1]));
    }
}

/// L2CP-4: 802.1X concerns the two ends of a cable.
#[test]
fn l2cp_4_802_1x_is_dropped() {
    is_dropped(&one_node(), &Control::typed(group(0x03), EAPOL, &[1, 1, 0, 0]));
}

/// L2CP-5: reserved for future standards, and 09 and 0A with them.
#[test]
fn l2cp_5_reserved_addresses_are_dropped() {
    let rig = one_node();
    for last in [0x04, 0x05, 0x06, 0x09, 0x0a] {
        is_dropped(&rig, &Control::typed(group(last), 0x88b5, b"Happy"));
    }
}

/// L2CP-6.
#[test]
fn l2cp_6_e_lmi_is_dropped() {
    is_dropped(&one_node(), &Control::typed(group(0x07), E_LMI, &[1, 0x75]));
}

/// L2CP-7: a tenant who speaks as a provider's bridge is not heard.
#[test]
fn l2cp_7_provider_stp_from_a_tenant_is_dropped() {
    is_dropped(&one_node(), &stp(group(0x08)));
}

/// L2CP-8: 0D is the provider's MVRP address.
#[test]
fn l2cp_8_the_other_provider_addresses_are_forwarded() {
    let rig = rig();
    for last in [0x0b, 0x0c, 0x0d, 0x0f] {
        is_tunnelled(&rig, &Control::typed(group(last), MVRP, &[0, 1, 1]));
    }
}

/// What goes to 0E: neighbours' names and the peers' clocks.
fn nearest_bridge() -> [Control; 2] {
    let chassis = b"\x02\x07\x04\x56\x00\x00\x00\x00\x01\x04\x05\x05eth0\x06\x02\x00\x78\x00\x00";
    [
        Control::typed(group(0x0e), LLDP, chassis),
        Control::typed(group(0x0e), PTP, &[0x02, 0x02, 0, 54]),
    ]
}

/// L2CP-9: dropped by default, tunnelled where the option says so, and dropped again when it is taken back. A node
/// believes no other in this: the port of the trunk by which the frame comes has to allow it too.
#[test]
fn l2cp_9_lldp_is_dropped_unless_it_is_to_be_tunnelled() {
    judge::expect_wrong_frames("control messages with any bytes behind their headers").unwrap();
    let rig = rig();
    let set = |node: &str, port: &str, value: &str| {
        let words = ["port", "set", port, "--tunnel-lldp", value, "--yes"];
        rig.agent(node).unwrap().ok(&words).unwrap();
    };
    for control in nearest_bridge() {
        is_dropped(&rig, &control);
    }
    set("edge1", "eth1", "on");
    for control in nearest_bridge() {
        let frame = control.inside(OWN[0]);
        rig.send("edge1.eth1", &frame)
            .at("edge1.eth2", &frame)
            .on(
                "edge1>edge2",
                control.inside(|start| start.svlan(101).cvlan(1101)),
            )
            .moves("edge1", "eth1.in acme.in eth2.out t0.out acme.out")
            .moves("edge2", "t0.in t0.dropped.reserved-mac")
            .check()
            .unwrap();
    }
    set("edge2", "t0", "on");
    for control in nearest_bridge() {
        is_tunnelled(&rig, &control);
        // The other port was not asked.
        rig.send("edge1.eth2", control.inside(OWN[0]))
            .moves("edge1", "eth2.in eth2.dropped.reserved-mac")
            .check()
            .unwrap();
    }
    // It is an option for 0E alone.
    for last in (0x01..=0x0a).map(group) {
        is_dropped(&rig, &Control::typed(last, LLDP, b"Happy"));
    }
    set("edge1", "eth1", "off");
    for control in nearest_bridge() {
        is_dropped(&rig, &control);
    }
}

/// L2CP-9: the same from the document.
#[test]
fn l2cp_9_the_option_may_stand_in_the_document() {
    judge::expect_wrong_frames("control messages with any bytes behind their headers").unwrap();
    let site = site()
        .option("edge1", "eth1", "tunnel_lldp", true)
        .option("edge2", "t0", "tunnel_lldp", true);
    let rig = Rig::start(&site.document(), &["edge1", "edge2"]).unwrap();
    for control in nearest_bridge() {
        is_tunnelled(&rig, &control);
    }
}

/// L2CP-10: what bridges never kept to themselves, and a vendor's own protocols.
#[test]
fn l2cp_10_registration_and_vendor_protocols_are_forwarded() {
    judge::expect_wrong_frames("control messages with any bytes behind their headers").unwrap();
    let rig = rig();
    is_tunnelled(&rig, &Control::llc(group(0x10), &LLC_STP, b"Happy"));
    is_tunnelled(&rig, &Control::typed(group(0x20), MMRP, &[0, 1, 1]));
    is_tunnelled(&rig, &Control::llc(group(0x21), &LLC_STP, &[0, 1, 1]));
    for last in 0x22..=0x2f {
        is_tunnelled(&rig, &Control::typed(group(last), 0x88b5, b"Happy"));
    }
    let snap = |protocol: [u8; 2]| [&LLC_SNAP_CISCO[..], &protocol].concat();
    is_tunnelled(&rig, &Control::llc(CDP, &snap([0x20, 0x00]), &[2, 180]));
    is_tunnelled(&rig, &Control::llc(PVST, &snap([0x01, 0x0b]), &[0; 42]));
}

/// The same rules for what comes out of a trunk: the node at its other end may be older, or not ours.
#[test]
fn l2cp_holds_at_a_trunk_too() {
    let rig = one_node();
    for last in 0x00..=0x0f {
        let control = Control::typed(group(last), 0x88b5, b"Happy");
        let tagged = control.inside(|start| start.svlan(101).cvlan(1101));
        let step = rig.send("edge1.t0", tagged);
        let step = if matches!(last, 0x00 | 0x0b | 0x0c | 0x0d | 0x0f) {
            let frame = control.inside(OWN[0]);
            step.at("edge1.eth1", frame.clone())
                .at("edge1.eth2", frame)
                .moves("edge1", "t0.in eth1.out eth2.out acme.out*2")
        } else {
            step.moves("edge1", "t0.in t0.dropped.reserved-mac")
        };
        step.check().unwrap();
    }
}

/// Who is not allowed to be heard is not learned either.
#[test]
fn l2cp_frames_that_are_dropped_teach_nothing() {
    let rig = rig();
    is_dropped(&rig, &stp(group(0x08)));
    assert_eq!(rig.stations("edge1", "acme-any").unwrap(), Vec::<String>::new());
    is_tunnelled(&rig, &stp(group(0x00)));
    let learned = rig.stations("edge1", "acme-any").unwrap();
    assert_eq!(learned, [format!("{ALICE} eth1 learned")]);
}
