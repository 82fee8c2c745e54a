//! Links on which one number names the segment: an I-SID in a backbone, a VLAN of the whole fabric.

use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::golden;
use fabric_tests::traffic::{ping, tcp};
use fabric_tests::wire::{Captured, Tshark};
use serde_json::{Value, json};

use crate::site::mac_of;

const BYTES: u64 = 4 << 20;
const CLIENT: &str = "f2:98:19:ab:55:b4";
const RESOURCE: &str = "08:19:20:07:05:0d";

/// 212 and 116 with one link between; 202 and 110D untagged and in VLAN 30.
fn pair(kind: &str) -> Value {
    let segment = |name: &str, vlan: Value, i_sid: u32, global_vid: u16| {
        let end = |node: &str, mac: &str| json!({"node": node, "port": "eth1", "vlan": vlan, "stations": [{"mac": mac}]});
        json!({"name": name, "i_sid": i_sid, "global_vid": global_vid,
            "attachments": [end("n116", RESOURCE), end("n212", CLIENT)]})
    };
    let mut link = json!({"name": "line", "kind": kind, "ends": [
        {"node": "n116", "port": "t0"}, {"node": "n212", "port": "t0"}]});
    if kind == "i-tag" {
        link["b_vid"] = json!(500);
        link["ends"][0]["mac"] = json!(mac_of("n116"));
        link["ends"][1]["mac"] = json!(mac_of("n212"));
    }
    json!({
        "schema": "fabric/1",
        "global_vids": "4000-4094",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999",
            "i_sids": "1000100-1000199"}],
        "nodes": [{"name": "n116", "datacenter": "dc1"}, {"name": "n212", "datacenter": "dc1"}],
        "links": [link],
        "tenants": [{"name": "c", "segments": [
            segment("c", json!("untagged"), 1_000_120, 4020), segment("c-v30", json!(30), 1_000_121, 4021)]}],
    })
}

/// In at 212 as `uni`, on the line as `wire`, out at 116 as it went in.
fn crosses(rig: &Rig, uni: &[u8], wire: &[u8]) {
    rig.send("n212.eth1", uni)
        .on("n212>n116", wire.to_vec())
        .at("n116.eth1", uni.to_vec())
        .moves("n212", "eth1.in c.in t0.out")
        .moves("n116", "t0.in eth1.out c.out")
        .check()
        .unwrap();
}

/// 802.1ah: the I-SID stands for S-tag and C-tag, 22 bytes go on and come off; tshark reads the same numbers.
#[test]
fn golden_itag_800_is_byte_exact_on_the_line_and_at_delivery() {
    let rig = Rig::start(&pair("i-tag"), &["n212", "n116"]).unwrap();
    let mut on_the_line = Vec::new();
    for own in ["", "-own"] {
        let uni = golden::frame(&format!("uni-800{own}")).unwrap();
        let wire = golden::frame(&format!("itag-800{own}")).unwrap();
        assert_eq!(wire.len(), uni.len() + 22);
        crosses(&rig, &uni, &wire);
        on_the_line.push(Captured::from(wire.to_vec()));
    }
    rig.well_formed().unwrap();
    let rows = Tshark::new().fields(
        &on_the_line,
        &[
            "ieee8021ad.id",
            "ieee8021ah.isid",
            "ieee8021ah.cdst",
            "ieee8021ah.csrc",
        ],
    );
    assert_eq!(
        rows.unwrap(),
        [
            ["500", "1000120", RESOURCE, CLIENT],
            ["500", "1000121", RESOURCE, CLIENT],
        ]
    );
}

/// GLOBAL-VLAN: one tag, the same in the whole fabric.
#[test]
fn a_global_vlan_is_one_tag_on_the_line_and_none_at_delivery() {
    let rig = Rig::start(&pair("global-vlan"), &["n212", "n116"]).unwrap();
    let there = || eth(RESOURCE, CLIENT);
    crosses(&rig, &there().word("Dopey"), &there().vlan(4020).word("Dopey"));
    let own = |frame: Frame| frame.vlan(30).pcp(5).word("Dopey");
    crosses(&rig, &own(there()), &own(there().vlan(4021)));
    rig.well_formed().unwrap();
}

/// IEEE 802.1Q clause 9.7, and numbers that nobody has: each ends where it comes in, with its own reason.
#[test]
fn numbers_and_flags_that_are_not_right_end_with_their_reason() {
    let rig = Rig::start(&pair("i-tag"), &["n116"]).unwrap();
    let good = golden::frame("itag-800").unwrap();
    let with = |at: usize, bytes: &[u8]| Frame::from_bytes(good.to_vec()).set(at, bytes);
    for (frame, reason) in [
        (with(18, &[0x00, 0x0f, 0x42, 0xb7]), "unknown-i-sid"),
        (with(14, &[0x01, 0xf5]), "unknown-i-sid"),
        (with(18, &[0x08]), "bad-i-tag"),
        (with(18, &[0x02]), "bad-i-tag"),
        (with(18, &[0x00, 0x0f, 0x42, 0xb9]), "own-vlan-mismatch"),
        (with(0, &[2, 0, 0, 9, 9, 9]), "not-for-us"),
        (with(0, &[]).cut(34), "truncated"),
    ] {
        rig.send("n116.t0", frame)
            .moves("n116", &format!("t0.in t0.dropped.{reason}"))
            .check()
            .unwrap();
    }
    drop(rig);
    let rig = Rig::start(&pair("global-vlan"), &["n116"]).unwrap();
    let there = || eth(RESOURCE, CLIENT);
    for (frame, reason) in [
        (there().vlan(4022).word("Dopey"), "unknown-global-vlan"),
        (there().vlan(4020).vlan(30).word("Dopey"), "own-vlan-mismatch"),
        (there().word("Dopey"), "not-tagged"),
    ] {
        rig.send("n116.t0", frame)
            .moves("n116", &format!("t0.in t0.dropped.{reason}"))
            .check()
            .unwrap();
    }
}

/// Stations that are learned, ARP for everybody and TCP with frames of full size, both ways.
#[test]
fn tcp_crosses_a_backbone_and_a_global_vlan() {
    for kind in ["i-tag", "global-vlan"] {
        let mut document = pair(kind);
        for end in [0, 1] {
            document["tenants"][0]["segments"][0]["attachments"][end]["stations"] = json!([]);
        }
        let rig = Setup::new(&document, &["n212", "n116"])
            .apart()
            .address("n212.eth1", "192.168.0.50/24")
            .address("n116.eth1", "192.168.0.10/24")
            .start()
            .unwrap();
        let [client, resource] = ["n212.eth1", "n116.eth1"].map(|name| &rig.plug(name).unwrap().namespace);
        assert!(ping(client, "192.168.0.10", 3).unwrap().all_answered(), "{kind}");
        for (from, to, address) in [
            (client, resource, "192.168.0.10:5001"),
            (resource, client, "192.168.0.50:5001"),
        ] {
            let report = tcp(from, to, address.parse().unwrap(), BYTES).unwrap();
            assert!(report.intact() && report.bytes == BYTES, "{kind}");
        }
    }
}
