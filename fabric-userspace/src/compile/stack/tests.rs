//! Literal bytes: what RFC and IEEE figures draw, put together by hand.

use std::net::IpAddr;

use fabric_common::maps::Path;

use super::Stack;

const TO: [u8; 6] = [2, 0, 0, 2, 2, 0x22];
const FROM: [u8; 6] = [2, 0, 0, 2, 2, 0x12];

fn hex(stack: &Stack) -> String {
    stack.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_pseudowire_on_a_line() {
    let stack = Stack::ethernet(TO, FROM, 0).mpls().datacenter(1020, false);
    assert_eq!(hex(&stack), "0200000202220200000202128847003fc1ff00000000");
    let aside = Stack::ethernet(TO, FROM, 500)
        .mpls()
        .transport(30_600)
        .datacenter(1020, true);
    assert_eq!(
        hex(&aside),
        "020000020222020000020212810001f48847077880ff003fc3ff00000000"
    );
}

#[test]
fn a_pseudowire_in_udp_over_ipv4() {
    let [local, remote] = ["198.51.100.2", "198.51.100.1"].map(|text| text.parse::<IpAddr>().unwrap());
    let stack = Stack::ethernet(TO, FROM, 0)
        .udp(local, remote, 6635)
        .without_ecn()
        .transport(30_600)
        .datacenter(1020, false);
    assert_eq!(
        hex(&stack),
        "0200000202220200000202120800\
         45000000000040004011\
         0000c6336402c6336401\
         000019eb00000000\
         077880ff003fc1ff00000000"
    );
    let path = stack.on(Path::default());
    assert_eq!((path.pre, path.ip_at, path.flags), (54, 14, Path::NO_ECN));
    // 4500 + 4000 + 4011 + c633 + 6402 + c633 + 6401, carries added.
    assert_eq!(path.ip_sum, 0x197d);
}

#[test]
fn vxlan_over_ipv6() {
    let [local, remote] = ["2001:db8::1", "2001:db8::2"].map(|text| text.parse::<IpAddr>().unwrap());
    let stack = Stack::ethernet(TO, FROM, 0)
        .udp(local, remote, 4789)
        .vxlan(10_001);
    assert_eq!(
        hex(&stack),
        "02000002022202000002021286dd\
         6000000000001140\
         20010db8000000000000000000000001\
         20010db8000000000000000000000002\
         000012b500000000\
         0800000000271100"
    );
    let path = stack.on(Path::default());
    assert_eq!((path.pre, path.ip_at, path.flags), (70, 14, Path::IPV6));
}
