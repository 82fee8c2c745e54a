//! DLV-3, DLV-13: equal VLANs of two tenants, and the tenants' own fault management.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Mac, eth};
use serde_json::Value;

use super::support::{ALICE, BOB, EVERYBODY, own, three_port_rig};

/// DLV-3: nobody has chosen numbers; the fabric gives the same VLAN at two ports two different pairs, and the wire shows
/// those that `segment show` tells.
#[test]
fn dlv_3_one_vlan_at_two_ports_of_two_tenants_gets_two_different_pairs() {
    let segment = |name: &str, port: &str| {
        let free = Segment::new(name, 0, 0)
            .at("edge1", port, 10, 301)
            .at("edge2", port, 10, 302);
        free.with("s_vid", Value::Null).with("c_vid", Value::Null)
    };
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment("acme-v10", "eth1")])
        .tenant("globex", &[segment("globex-v10", "eth2")]);
    let rig = Rig::start(&site.document(), &["edge1", "edge2"]).unwrap();
    let pairs = ["acme-v10", "globex-v10"].map(|segment| {
        let told = ["edge1", "edge2"].map(|node| {
            let answer = rig.agent(node).unwrap().json(&["segment", "show", segment]);
            let item = &answer.unwrap()["items"][0];
            ["s_vid", "base_c_vid"].map(|tag| u16::try_from(item[tag].as_u64().unwrap()).unwrap())
        });
        assert_eq!(told[0], told[1], "{segment} has other numbers at the other node");
        told[0]
    });
    assert!(
        pairs[0][0] != pairs[1][0] && pairs[0][1] != pairs[1][1],
        "{pairs:?}"
    );
    let frame = own(EVERYBODY, ALICE, "Happy");
    let tagged = |[s, c]: [u16; 2]| eth(EVERYBODY, ALICE).svlan(s).cvlan(c).vlan(10).word("Happy");
    rig.send("edge1.eth1", &frame)
        .and_send("edge1.eth2", &frame)
        .on("edge1>edge2", tagged(pairs[0]))
        .on("edge1>edge2", tagged(pairs[1]))
        .at("edge2.eth1", &frame)
        .at("edge2.eth2", &frame)
        .moves("edge1", "eth1.in acme.in eth2.in globex.in t0.out*2")
        .moves("edge2", "t0.in*2 eth1.out acme.out eth2.out globex.out")
        .check()
        .unwrap();
}

/// DLV-13: continuity checks and link traces of every level (30 to 37, 38 to 3F), and their unicast answers.
#[test]
fn dlv_13_cfm_of_a_tenant_passes() {
    const CFM: u16 = 0x8902;
    const ANSWER: u8 = 2;
    let rig = three_port_rig();
    for last in 0x30..=0x3f {
        let level = (last & 7) << 5;
        let opcode = if last < 0x38 { 1 } else { 5 };
        let message = [&[level, opcode, 4, 70][..], &[0; 70]].concat();
        let group = Mac::from([0x01, 0x80, 0xc2, 0, 0, last]);
        let frame = eth(group, ALICE).vlan(10).pcp(7).ethertype(CFM).raw(&message);
        rig.send("edge1.eth1", &frame)
            .at("edge1.eth2", &frame)
            .at("edge1.eth3", &frame)
            .moves("edge1", "eth1.in acme.in eth2.out eth3.out acme.out*2")
            .check()
            .unwrap();
    }
    let answer = eth(ALICE, BOB)
        .vlan(10)
        .ethertype(CFM)
        .raw([&[0, ANSWER, 0, 4][..], &[0; 44]].concat());
    rig.send("edge1.eth2", &answer)
        .at("edge1.eth1", &answer)
        .moves("edge1", "eth2.in acme.in eth1.out acme.out")
        .check()
        .unwrap();
}
