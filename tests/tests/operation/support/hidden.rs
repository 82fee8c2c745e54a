//! Frames whose outer tag a kernel put on.

use fabric_tests::bpf::{Hook, TcProgram};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wire::{Capture, Filter, RawSocket};

use super::{ALICE, EVERYBODY};

pub(crate) const STAG: u16 = 0x88a8;
pub(crate) const CTAG: u16 = 0x8100;
pub(crate) const SECRET: &[u8] = b"sent with a hidden tag";

/// What is sent here leaves the host through `c0` with a tag that the host's kernel has put on: beside the frame, as long
/// as the offload of `c0` is on.
pub(crate) fn tagged_by_kernel(net: &Net, host: &NetNs, (tpid, vid): (u16, u16)) -> RawSocket {
    let name = format!("k{vid}");
    let wire = format!("{name}w");
    net.veth(End::port(host, &name).no_arp(), End::port(host, &wire).no_arp())
        .unwrap();
    let push = TcProgram::push_vlan(tpid, vid, host.ifindex("c0").unwrap()).unwrap();
    push.attach(host, &wire, Hook::Ingress).unwrap();
    RawSocket::open(host, &name).unwrap()
}

pub(crate) fn is_on(host: &NetNs, interface: &str, feature: &str) -> bool {
    let told = host.output(&["ethtool", "-k", interface]).unwrap();
    told.contains(&format!("{feature}: on"))
}

pub(crate) fn secret() -> Frame {
    eth(EVERYBODY, ALICE).payload(SECRET).pad(60)
}

fn is_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET)
}

/// Hears these frames, and only these, behind a port.
pub(crate) fn ear(host: &NetNs) -> Capture {
    Capture::start_filtered(host, "c0", Filter::Only(is_secret)).unwrap()
}
