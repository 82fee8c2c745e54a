//! The same with a real native program on the port: a veth changes its offloads by itself then.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::*;
use crate::netlink::XdpMode;

const BPF_PROG_LOAD: i64 = 5;
const BPF_LINK_CREATE: i64 = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_F_XDP_HAS_FRAGS: u32 = 1 << 5;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// `r0 = XDP_PASS; exit`.
const PASS: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];

/// `union bpf_attr` as words; larger than any request here.
fn bpf(command: i64, words: &[u32]) -> io::Result<OwnedFd> {
    let mut attribute = [0u32; 32];
    attribute[..words.len()].copy_from_slice(words);
    // SAFETY: the attribute outlives the call, and the pointers in it refer to statics.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attribute.as_ptr(),
            size_of_val(&attribute),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a successful request of these kinds returns a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(answer).unwrap()) })
}

fn halves(pointer: *const u8) -> [u32; 2] {
    let bytes = (pointer as u64).to_ne_bytes();
    [0, 4].map(|at| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()))
}

fn program(frags: bool) -> OwnedFd {
    static INSNS: [u64; 2] = PASS;
    static LICENSE: &[u8] = b"GPL\0";
    let [insns_low, insns_high] = halves(INSNS.as_ptr().cast());
    let [license_low, license_high] = halves(LICENSE.as_ptr());
    let flags = if frags { BPF_F_XDP_HAS_FRAGS } else { 0 };
    let mut words = vec![
        BPF_PROG_TYPE_XDP,
        2,
        insns_low,
        insns_high,
        license_low,
        license_high,
    ];
    words.extend([0, 0, 0, 0, 0, flags]);
    bpf(BPF_PROG_LOAD, &words).unwrap()
}

/// Attaches natively by a link; dropping the descriptor detaches.
fn attach(ifindex: u32, frags: bool) -> io::Result<OwnedFd> {
    let program = program(frags);
    bpf(
        BPF_LINK_CREATE,
        &[
            program.as_raw_fd().cast_unsigned(),
            ifindex,
            BPF_XDP,
            XDP_FLAGS_DRV_MODE,
        ],
    )
}

async fn ifindex(name: &str) -> u32 {
    Netlink::connect().unwrap().link(name).await.unwrap().ifindex
}

async fn refused(name: &str, frags: bool) -> SafetyRefusal {
    let error = attach(ifindex(name).await, frags).expect_err(name);
    let driver = crate::ethtool::Ethtool::open()
        .unwrap()
        .driver(name)
        .unwrap()
        .driver;
    explain_attach_error(name, &driver, error.raw_os_error().unwrap())
}

#[test]
fn offloads_come_back_exactly_after_a_native_program_was_there() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let before = (offloads(&agent, "eth1"), offloads(&tenant, "c0"));
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        let mut changes = guard.make_safe().await.unwrap();
        let link = attach(ifindex("eth1").await, true).unwrap();
        let ours = guard.facts().await.unwrap().link.xdp.unwrap();
        assert_eq!(ours.mode, XdpMode::Native);
        assert_eq!(failures(&guard.recheck().await), ["no-other-program"]);
        guard.spec_mut().own_programs = vec![ours.id];
        assert_eq!(failures(&guard.recheck().await), [""; 0]);

        sh(&format!(
            "ip netns exec {tenant} ethtool -K c0 txvlan on tx on gro off"
        ));
        assert_eq!(
            failures(&guard.recheck().await),
            ["vlan-tags-visible", "peer-receives-redirects"]
        );
        merge(&mut changes, guard.make_safe().await.unwrap());
        assert_eq!(failures(&guard.recheck().await), [""; 0]);
        drop(link);
        let netlink = Netlink::connect().unwrap();
        eventually("the program is gone", async || {
            netlink.link("eth1").await.unwrap().xdp.is_none().then_some(())
        })
        .await;
        let outcome = restore(&netlink, &changes).await;
        assert!(
            outcome.iter().all(|one| one.outcome == Outcome::Restored),
            "{outcome:?}"
        );
    });
    assert_eq!((offloads(&agent, "eth1"), offloads(&tenant, "c0")), before);
}

#[test]
fn a_peer_with_a_native_program_needs_no_gro() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    sh(&format!("ip -n {agent} link add eth1 type veth peer name far1"));
    sh(&format!(
        "ip -n {agent} link set eth1 up && ip -n {agent} link set far1 up"
    ));
    inside(&agent, async || {
        let _link = attach(ifindex("far1").await, true).unwrap();
        let changes = guard(Role::Trunk).make_safe().await.unwrap();
        assert!(
            changes.iter().all(|change| change.feature != "rx-gro"),
            "{changes:?}"
        );
        let features = Netlink::connect()
            .unwrap()
            .xdp_features(ifindex("eth1").await)
            .await;
        assert!(
            features.is_none_or(|features| features.receives_redirects),
            "the kernel agrees"
        );
    });
}

#[test]
fn a_port_that_came_up_before_its_peers_gro_is_cured() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = (lab.namespace("agent"), lab.namespace("tenant"));
    sh(&format!(
        "ip -n {agent} link add eth1 type veth peer name c0 netns {tenant} && ip -n {agent} link set eth1 up \
         && ip netns exec {agent} ethtool -K eth1 rxvlan off rx-vlan-stag-hw-parse off \
         && ip -n {agent} link set eth1 promisc on \
         && ip netns exec {tenant} ethtool -K c0 gro on txvlan off tx-vlan-stag-hw-insert off tx off \
         && ip -n {tenant} link set c0 up"
    ));
    let before = offloads(&tenant, "c0");
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = ifindex("eth1").await;
        let _link = attach(port, true).unwrap();
        let told = netlink.xdp_features(port).await;
        if told.is_none_or(|features| features.receives_redirects) {
            eprintln!("skipped: this kernel does not forget");
            return;
        }
        let mut guard = guard(Role::Access);
        guard.spec_mut().own_programs = vec![guard.facts().await.unwrap().link.xdp.unwrap().id];
        assert_eq!(failures(&guard.recheck().await), ["peer-receives-redirects"]);
        let mut kept = Vec::new();
        merge(&mut kept, guard.make_safe().await.unwrap());
        assert_eq!(kept, [], "nothing to put back");
        assert_eq!(failures(&guard.recheck().await), [""; 0]);
        assert!(netlink.xdp_features(port).await.unwrap().receives_redirects);
    });
    assert_eq!(offloads(&tenant, "c0"), before);
}

#[test]
fn the_kernels_refusals_are_explained() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    let ip = format!("ip -n {agent} link");
    sh(&format!(
        "{ip} add br0 type bridge && {ip} add eth1 type veth peer name far1"
    ));
    sh(&format!(
        "{ip} add eth2 mtu 9000 type veth peer name far2 mtu 9000"
    ));
    sh(&format!(
        "{ip} add eth3 numrxqueues 1 type veth peer name far3 numtxqueues 2"
    ));
    inside(&agent, async || {
        let bridge = refused("br0", true).await;
        assert_eq!(bridge.code, "no-native-xdp");
        assert_eq!(
            bridge.sentence,
            "br0 (driver bridge) has no native XDP, and the generic mode would lose tags"
        );
        let _first = attach(ifindex("eth1").await, true).unwrap();
        assert_eq!(refused("eth1", true).await.code, "xdp-program-present");
        assert_eq!(refused("eth2", false).await.code, "mtu-too-large");
        assert!(
            attach(ifindex("eth2").await, true).is_ok(),
            "with frags the MTU is no matter"
        );
    });
}

#[test]
fn a_tap_need_only_be_promiscuous_and_takes_a_native_program() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    if std::fs::metadata("/dev/net/tun").is_err() {
        eprintln!("skipped: no /dev/net/tun");
        return;
    }
    sh(&format!(
        "ip -n {agent} tuntap add eth1 mode tap && ip -n {agent} link set eth1 up"
    ));
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        let changes = guard.make_safe().await.unwrap();
        let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
        assert_eq!(changes, ["eth1: promisc off -> on"]);
        let _link = attach(ifindex("eth1").await, true).unwrap();
        assert_eq!(failures(&guard.recheck().await), ["no-other-program"]);
    });
}
