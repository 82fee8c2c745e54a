//! One switch with a trunk whose other end is in the test's hands, and one whole site.

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, eth};
use serde_json::{Value, json};

/// At the switch's port `eth1` (and `eth2`: segments are apart).
pub(crate) const ALICE: &str = "56:00:00:00:00:01";
/// At the same port of the other switch.
pub(crate) const SAM: &str = "56:00:00:00:00:02";
pub(crate) const EVERYBODY: &str = "ff:ff:ff:ff:ff:ff";

/// Both ends of every segment: untagged (S 100) and VLAN 10 (S 101) on `eth1`, all VLANs (S 102) on `eth2`, VLAN 10 of
/// another client (S 111) on `eth3`. ALICE is at C 300 + n, SAM at C 200 + n.
pub(crate) fn site() -> Site {
    let ends = |name: &str, s_vid: u16, port: &str, vlan: Value| {
        let offset = s_vid - 100;
        Segment::new(name, s_vid, 1000 + s_vid)
            .at("edge1", port, vlan.clone(), 300 + offset)
            .station(ALICE)
            .at("edge2", port, vlan, 200 + offset)
            .station(SAM)
    };
    let acme = [
        ends("acme", 100, "eth1", "untagged".into()),
        ends("acme-v10", 101, "eth1", 10.into()),
        ends("acme-any", 102, "eth2", "any".into()),
    ];
    Site::new(&["edge1", "edge2"])
        .tenant("acme", &acme)
        .tenant("globex", &[ends("globex-v10", 111, "eth3", 10.into())])
}

/// The switch edge1 alone: what the test holds is `edge1.t0`.
pub(crate) fn switch() -> Rig {
    let site = site().trunk("trunk0", "edge1", "edge2");
    Rig::start(&site.document(), &["edge1"]).unwrap()
}

/// Both switches, the wire between them tapped, with room for frames of `mtu` bytes and their tags.
pub(crate) fn both_switches(mtu: u32) -> Rig {
    let site = site().trunk("trunk0", "edge1", "edge2");
    Setup::new(&site.document(), &["edge1", "edge2"])
        .mtu(mtu)
        .link_mtu(mtu + 100)
        .start()
        .unwrap()
}

/// A trunk whose outer tags are 0x8100, as some carriers want it.
pub(crate) fn customer_trunk(name: &str, one: (&str, &str), other: (&str, &str)) -> Value {
    let [one, other] = [one, other].map(|(node, port)| json!({"node": node, "port": port}));
    json!({"name": name, "kind": "trunk", "outer_tpid": "0x8100", "ends": [one, other]})
}

/// For hosts with addresses of their own, which are learned.
pub(crate) fn without_stations(mut document: Value) -> Value {
    let tenants = document["tenants"].as_array_mut().unwrap();
    let segments = tenants
        .iter_mut()
        .flat_map(|tenant| tenant["segments"].as_array_mut().unwrap());
    for end in segments.flat_map(|segment| segment["attachments"].as_array_mut().unwrap()) {
        end["stations"] = json!([]);
    }
    document
}

/// From ALICE to SAM.
pub(crate) fn there() -> Frame {
    eth(SAM, ALICE)
}

/// From SAM to ALICE.
pub(crate) fn back() -> Frame {
    eth(ALICE, SAM)
}

/// Into `port` of the switch as `uni`, out of its trunk as `nni`.
pub(crate) fn goes_out(rig: &Rig, port: &str, tenant: &str, uni: &Frame, nni: &Frame) {
    rig.send(&format!("edge1.{port}"), uni)
        .at("edge1.t0", nni)
        .moves("edge1", &format!("{port}.in {tenant}.in t0.out"))
        .check()
        .unwrap();
}

/// Into the trunk of the switch as `nni`, out of `port` as `uni`.
pub(crate) fn comes_in(rig: &Rig, port: &str, tenant: &str, nni: &Frame, uni: &Frame) {
    rig.send("edge1.t0", nni)
        .at(&format!("edge1.{port}"), uni)
        .moves("edge1", &format!("t0.in {port}.out {tenant}.out"))
        .check()
        .unwrap();
}

/// Into `port` of the switch, and no further.
pub(crate) fn is_dropped(rig: &Rig, port: &str, frame: &Frame, reason: &str) {
    rig.send(&format!("edge1.{port}"), frame)
        .moves("edge1", &format!("{port}.in {port}.dropped.{reason}"))
        .check()
        .unwrap();
}
