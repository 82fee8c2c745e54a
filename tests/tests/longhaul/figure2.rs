//! FIG 2: five switches run, every line is tapped.

use fabric_tests::fixtures::Rig;
use fabric_tests::golden;

use crate::site::{figure_2, relayed};

/// DCI-1, FIG 2 and 8: the datacenter's tag goes on where the frame enters, transit changes nothing inside it, the last switch
/// takes everything off, and the frame is the one that was sent; the same for a tenant's own VLAN and on the way back.
#[test]
fn dci_1_golden_800_is_byte_exact_on_every_line_and_at_delivery() {
    let rig = Rig::start(&figure_2(), &["n212", "n222", "n220", "n124", "n116"]).unwrap();
    for own in ["", "-own"] {
        let uni = golden::frame(&format!("uni-800{own}")).unwrap();
        let first = golden::frame(&format!("dci-800{own}")).unwrap();
        let hop = |ends, ttl| relayed(&first, ends, ttl);
        rig.send("n212.eth1", &uni)
            .on("n212>n222", hop(("n212", "n222"), 0xff))
            .on("n222>n220", hop(("n222", "n220"), 0xfe))
            .on("n220>n124", hop(("n220", "n124"), 0xfd))
            .on("n124>n116", hop(("n124", "n116"), 0xfc))
            .at("n116.eth1", &uni)
            .moves("n212", "eth1.in c.in t0.out")
            .moves("n222", "t0.in t2.out")
            .moves("n220", "t1.in t0.out")
            .moves("n124", "t2.in t0.out")
            .moves("n116", "t0.in eth1.out c.out")
            .check()
            .unwrap();
        assert_eq!(&first[..], &hop(("n212", "n222"), 0xff)[..]);
    }
    rig.well_formed().unwrap();
}

/// DCI-3: labels that nobody knows, reserved ones and broken stacks end where they come in, each with its own reason.
#[test]
fn dci_3_a_label_that_is_not_right_ends_with_its_reason() {
    let rig = Rig::start(&figure_2(), &["n124"]).unwrap();
    let good = golden::frame("dci-800").unwrap();
    let arriving = relayed(&good, ("n220", "n124"), 0xfd);
    let entry = |bytes: [u8; 4]| {
        let mut frame = arriving.clone();
        frame[14..18].copy_from_slice(&bytes);
        frame
    };
    for (frame, reason) in [
        (entry([0x00, 0x4f, 0xc1, 0xff]), "unknown-label"),
        (entry([0x00, 0x00, 0xf1, 0xff]), "reserved-label"),
        (entry([0x00, 0x3f, 0xc0, 0xff]), "bad-label-stack"),
        (entry([0x00, 0x3f, 0xc1, 0x01]), "ttl-expired"),
        (entry([0x00, 0x3f, 0xc1, 0x00]), "ttl-expired"),
        (relayed(&arriving, ("n220", "n222"), 0xfd), "not-for-us"),
    ] {
        rig.send("n124.t2", frame)
            .moves("n124", &format!("t2.in t2.dropped.{reason}"))
            .check()
            .unwrap();
    }
    rig.send("n124.t2", &arriving)
        .at("n124.t0", relayed(&arriving, ("n124", "n116"), 0xfc))
        .moves("n124", "t2.in t0.out")
        .check()
        .unwrap();
}
