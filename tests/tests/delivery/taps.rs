//! A virtual machine's port: a tap, where the kernel runs the programs in the driver or outside of it as its owner writes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::Capture;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::support::{ALICE, EVERYBODY, own};

const QUIET: Duration = Duration::from_millis(300);

nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);

/// The owner's end of a new tap `tap0`.
fn plug_in(host: &NetNs) -> File {
    let end = host.run(|| {
        let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
        // SAFETY: zeros are a valid request without a name and flags.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (place, byte) in request.ifr_name.iter_mut().zip(b"tap0") {
            *place = byte.cast_signed();
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI).try_into()?;
        // SAFETY: the request lives until the call returns.
        unsafe { tun_set_iff(file.as_raw_fd(), &raw const request) }?;
        Ok(file)
    });
    host.output(&["ip", "link", "set", "tap0", "up"]).unwrap();
    end.unwrap()
}

/// What is written without blocking goes the driver's way; the kernel's other way loses what the copies of a flooded
/// frame need, and they are dropped. Not one leaves without the fabric's tags, whatever tags the tenant has put there.
#[test]
fn a_tap_that_is_written_to_with_blocking_sends_nothing_untagged() {
    let net = Net::new().unwrap();
    let (edge, far) = (net.host("edge1").unwrap(), net.host("far").unwrap());
    let mtu = 1600;
    net.veth(
        End::port(&edge, "t0").mtu(mtu),
        End::client(&far, "far").mtu(mtu).no_arp(),
    )
    .unwrap();
    net.veth(End::port(&edge, "eth1"), End::client(&far, "third").no_arp())
        .unwrap();
    let mut tap = plug_in(&edge);
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "tap0", 10, 301)
        .at("edge1", "eth1", 10, 302)
        .at("edge2", "eth1", 10, 201);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment]);
    let agent = Agent::start(&edge, &site.document(), "edge1").unwrap();
    let ear = Capture::start(&far, "far").unwrap();

    let frame = own(EVERYBODY, ALICE, "Happy");
    tap.write_all(frame.bytes()).unwrap();
    until_true(PATIENCE, "the copy to be dropped", || {
        let counters = agent.counters()?;
        Ok(["t0", "eth1"].map(|port| counters.get(&format!("{port}.lost.bad-metadata"))) == [1, 1])
    })
    .unwrap();
    ear.expect_nothing(QUIET).unwrap();

    fcntl(&tap, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    tap.write_all(frame.bytes()).unwrap();
    let tagged = eth(EVERYBODY, ALICE)
        .svlan(101)
        .cvlan(1101)
        .vlan(10)
        .word("Happy");
    ear.expect(&[tagged], PATIENCE).unwrap();
    ear.expect_nothing(QUIET).unwrap();
}
