//! From one switch to the other: what the far port delivers is what the near one was given.

use fabric_tests::frame::Frame;

use super::support::{both_switches, there};

type Tags = fn(Frame) -> Frame;

/// TAG-1 to TAG-3, TAG-5, TAG-7, TAG-8: no own tag, one with its priority and drop eligibility, a priority tag, several,
/// and tags that are none for us. The wire in between has S and C in front of them.
#[test]
fn tag_1_to_8_own_tags_arrive_at_the_far_port_as_they_left() {
    let rig = both_switches(1500);
    let (untagged, in_10, any) = (("eth1", 100, 200), ("eth1", 101, 201), ("eth2", 102, 202));
    let cases: [((&str, u16, u16), Tags); 12] = [
        (untagged, |frame| frame),
        (untagged, |frame| frame.vlan(0).pcp(3)),
        (untagged, |frame| frame.tag(0x9100, 10)),
        (untagged, |frame| frame.tag(0x9200, 10)),
        (untagged, |frame| frame.tag(0x9300, 10)),
        (in_10, |frame| frame.vlan(10)),
        (in_10, |frame| frame.vlan(10).pcp(5)),
        (in_10, |frame| frame.vlan(10).dei()),
        (in_10, |frame| frame.vlan(10).vlan(20)),
        (any, |frame| frame),
        (any, |frame| frame.vlan(10).vlan(20).vlan(30).pcp(7)),
        (any, |frame| frame.tag(0x9100, 10).vlan(20)),
    ];
    for ((port, s_vid, c_vid), tags) in cases {
        let uni = tags(there()).word("Happy");
        let nni = tags(there().svlan(s_vid).cvlan(c_vid)).word("Happy");
        rig.send(&format!("edge1.{port}"), &uni)
            .on("edge1>edge2", &nni)
            .at(&format!("edge2.{port}"), &uni)
            .moves("edge1", &format!("{port}.in acme.in t0.out"))
            .moves("edge2", &format!("t0.in {port}.out acme.out"))
            .check()
            .unwrap();
    }
}
