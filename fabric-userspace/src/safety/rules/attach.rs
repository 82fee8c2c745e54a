//! Can a native XDP program be attached at all?

use fabric_common::maps::program;

use crate::netlink::{VlanTpid, XdpMode};
use crate::safety::Check;
use crate::safety::facts::{HYPER_V, KernelRelease, MLX5, PortFacts};

/// Kinds whose drivers have no native XDP on any kernel from 6.1 to 7.2.
const WITHOUT_NATIVE_XDP: [&str; 18] = [
    "bridge",
    "vlan",
    "macvlan",
    "ipvlan",
    "macvtap",
    "ipvtap",
    "vxlan",
    "geneve",
    "dummy",
    "ifb",
    "team",
    "vrf",
    "wireguard",
    "gre",
    "gretap",
    "ip6gretap",
    "macsec",
    "openvswitch",
];
/// Kinds that hand a program on to their members, where each frame is told to have come in at the member (`xdp_rxq_info`).
const BY_MEMBERS: [&str; 2] = ["bond", "team"];
/// Drivers that may leave no room in front of a frame for metadata (`xdp_set_data_meta_invalid`): amzn/amzn-drivers#265, and
/// Linux's `mvneta_swbm_rx_frame`.
const WITHOUT_METADATA: [&str; 2] = ["ena", "mvneta"];
/// The largest MTU with which a frame still fits into one buffer of a veth.
pub(crate) const LARGEST_SINGLE_BUFFER_MTU: u32 = 3498;
/// With this flag of mlx5 and frames in several buffers the first buffer is empty for XDP (Linux commit cd02a1a24897).
const STRIDING: &str = "rx_striding_rq";
/// Characters of a program's name that the kernel keeps (`BPF_OBJ_NAME_LEN`).
const KERNEL_NAME: usize = 15;
/// Port tables are arrays with this many entries.
const LARGEST_IFINDEX: u32 = 65_535;

pub(super) fn native_xdp(facts: &PortFacts) -> Check {
    let row = |detail: String| Check::ok("native-xdp", "native XDP, frags", detail);
    if lacks_native_xdp(facts) {
        let detail = format!("driver {} has no native XDP", facts.driver);
        return row(detail)
            .why("the generic mode would lose tags")
            .cure(instead(facts))
            .fail("no-native-xdp", no_native_sentence(facts.name(), &facts.driver));
    }
    if receives_by_members(facts) {
        return by_members(facts, row);
    }
    if facts.link.mtu > LARGEST_SINGLE_BUFFER_MTU && !redirects_frags(facts) {
        return jumbo_refused(facts, row);
    }
    if facts.link.mtu > LARGEST_SINGLE_BUFFER_MTU && begins_empty(facts) {
        return begins_empty_refused(facts, row);
    }
    match facts.xdp_features {
        Some(features) if !features.native => {
            row(format!("driver {} does not announce native XDP", facts.driver))
                .why("the attach itself will tell; the generic mode is never used")
                .cure(instead(facts))
                .warn("no-native-xdp")
        }
        _ => row(frags_told(facts)),
    }
}

pub(crate) fn no_native_sentence(port: &str, driver: &str) -> String {
    format!("{port} (driver {driver}) has no native XDP, and the generic mode would lose tags")
}

pub(super) fn no_other_program(facts: &PortFacts) -> Check {
    let row = |detail: String| Check::ok("no-other-program", "no other XDP program", detail);
    let Some(program) = facts.link.xdp else {
        return if facts.attached {
            program_missing(facts, row)
        } else {
            row("none attached".to_owned())
        };
    };
    if program.mode == XdpMode::Native && facts.own_programs.contains(&program.id) {
        return row(format!("ours, program {}", program.id));
    }
    let mode = match program.mode {
        XdpMode::Native => "native",
        XdpMode::Generic => "generic",
        XdpMode::Offloaded => "offloaded",
        XdpMode::Several => "several modes",
    };
    let port = facts.name();
    if let Some(name) = facts.foreign_program.as_deref().filter(|name| is_fabrics(name)) {
        return row(format!("program {} ({name}) is another agent's", program.id))
            .why("one agent looks after a port; the other's tenants would lose it")
            .cure(format!(
                "choose another port, or: fabric --socket SOCKET agent stop --detach        (of the agent that uses {port})"
            ))
            .fail(
                "xdp-program-present",
                format!("{port} is already used by another fabric agent"),
            );
    }
    row(format!("program {} is attached ({mode})", program.id))
        .why("an interface has room for one program; it is never replaced without being asked")
        .cure(take_other_off(port))
        .fail(
            "xdp-program-present",
            format!(
                "{port} already has another XDP program ({mode}, id {})",
                program.id
            ),
        )
}

/// Whether the fabric's object has a program of this name. The kernel cuts names off.
fn is_fabrics(name: &str) -> bool {
    [
        program::ACCESS,
        program::TRUNK,
        program::PSEUDOWIRE,
        program::UNDERLAY,
    ]
    .iter()
    .any(|ours| ours.get(..KERNEL_NAME).unwrap_or(ours) == name)
}

/// A program that was attached by a link does not go by `ip link`.
pub(crate) fn take_other_off(port: &str) -> String {
    format!(
        "bpftool net show dev {port}; ip link set dev {port} xdp off        \
         (by a link: bpftool link detach id ID)"
    )
}

/// The agent puts it back by itself; what hinders it is in its log.
fn program_missing(facts: &PortFacts, row: impl Fn(String) -> Check) -> Check {
    let port = facts.name();
    row("the fabric's is not on the port".to_owned())
        .why("the host receives the tenant's frames")
        .cure(format!("bpftool net show dev {port}; ip -d link show {port}"))
        .fail(
            "program-missing",
            format!("{port} is without the fabric's XDP program"),
        )
}

pub(super) fn ifindex_in_range(facts: &PortFacts) -> Check {
    let ifindex = facts.link.ifindex;
    let row = Check::ok(
        "ifindex",
        "ifindex in range",
        format!("{ifindex} of at most {LARGEST_IFINDEX}"),
    );
    if ifindex <= LARGEST_IFINDEX {
        return row;
    }
    let port = facts.name();
    row.why("the port tables are direct arrays")
        .cure(format!(
            "recreate {port} with a smaller number: ip link add {port} index 1000 type ..."
        ))
        .fail(
            "ifindex-too-large",
            format!("{port} has ifindex {ifindex}, the port tables end at {LARGEST_IFINDEX}"),
        )
}

/// What is for everybody carries metadata to the programs that make the copies.
pub(super) fn takes_metadata(facts: &PortFacts) -> Option<Check> {
    let (port, driver) = (facts.name(), facts.driver.as_str());
    let cure = match driver {
        "tun" if facts.kernel < KernelRelease::TAPS_METADATA => {
            format!("use Linux {} or newer", KernelRelease::TAPS_METADATA)
        }
        _ if WITHOUT_METADATA.contains(&driver) => format!(
            "see whether it happens: fabric counters (no-headroom of {port}); then use a port of another driver"
        ),
        _ => return None,
    };
    let row = Check::ok(
        "metadata",
        "copies",
        format!("{driver} may have no room for metadata"),
    );
    Some(
        row.why("broadcasts that come in here are dropped as no-headroom where a segment has more than two members")
            .cure(cure)
            .warn("no-metadata"),
    )
}

fn lacks_native_xdp(facts: &PortFacts) -> bool {
    let kind = facts.link.kind.as_deref();
    // The driver's own word is newer than our list.
    let announced = facts.xdp_features.is_some_and(|features| features.native);
    let known = kind.is_some_and(|kind| WITHOUT_NATIVE_XDP.contains(&kind)) || facts.link.name == "lo";
    known && !announced
}

/// A card of Hyper-V has a member while its virtual function is there, and receives by it.
fn receives_by_members(facts: &PortFacts) -> bool {
    let kind = facts.link.kind.as_deref();
    let has_function = facts.driver == HYPER_V && !facts.members.is_empty();
    kind.is_some_and(|kind| BY_MEMBERS.contains(&kind)) || has_function
}

fn by_members(facts: &PortFacts, row: impl Fn(String) -> Check) -> Check {
    let (port, driver) = (facts.name(), facts.driver.as_str());
    let cure = if driver == HYPER_V {
        // What the function does not take comes by the card itself: neither has all.
        format!("turn SR-IOV (accelerated networking) off for {port} on the host")
    } else {
        instead(facts)
    };
    row(format!("{port} receives by other interfaces"))
        .why("XDP sees each frame at the interface that received it, which is no port: it would be dropped")
        .cure(cure)
        .fail(
            "no-native-xdp",
            format!("{port} (driver {driver}) has no native XDP of its own, frames come in at its members"),
        )
}

fn redirects_frags(facts: &PortFacts) -> bool {
    // On a veth the driver's word covers receiving only; whether redirect keeps the frame is up to the kernel.
    facts.kernel >= KernelRelease::REDIRECTS_FRAGS && facts.xdp_features.is_none_or(|features| features.frags)
}

fn jumbo_refused(facts: &PortFacts, row: impl Fn(String) -> Check) -> Check {
    let (port, mtu, kernel) = (facts.name(), facts.link.mtu, facts.kernel);
    let lacking = if kernel < KernelRelease::REDIRECTS_FRAGS {
        format!("kernel {kernel} loses redirected jumbo frames")
    } else {
        format!("driver {} takes no frame in several buffers", facts.driver)
    };
    row(format!("MTU {mtu}, {lacking}"))
        .why("frames over about 3.5 kB would vanish while redirect reports success")
        .cure(format!(
            "ip link set {port} mtu {LARGEST_SINGLE_BUFFER_MTU}        (or run kernel 6.12 or newer)"
        ))
        .fail(
            "jumbo-unsupported",
            format!("{port} has MTU {mtu}, but {lacking}"),
        )
}

fn begins_empty(facts: &PortFacts) -> bool {
    facts.driver == MLX5 && facts.private_flags.iter().any(|flag| flag == STRIDING)
}

fn begins_empty_refused(facts: &PortFacts, row: impl Fn(String) -> Check) -> Check {
    let (port, mtu) = (facts.name(), facts.link.mtu);
    row(format!("MTU {mtu}, {STRIDING} on"))
        .why("the first buffer of each frame would be empty, and the frame be dropped as truncated")
        .cure(format!("ethtool --set-priv-flags {port} {STRIDING} off"))
        .fail(
            "jumbo-unsupported",
            format!("{port} (driver {MLX5}) has MTU {mtu}, but {STRIDING} is on"),
        )
}

fn frags_told(facts: &PortFacts) -> String {
    let kernel = facts.kernel;
    if !redirects_frags(facts) {
        return format!(
            "driver {}, kernel {kernel}, MTU up to {LARGEST_SINGLE_BUFFER_MTU}",
            facts.driver
        );
    }
    // Several buffers can be redirected but not cloned.
    let floods = if facts.link.mtu > LARGEST_SINGLE_BUFFER_MTU {
        ", floods to several up to 3500 bytes"
    } else {
        ""
    };
    format!("kernel {kernel} redirects jumbo frames{floods}")
}

/// What to attach in place of a virtual device.
fn instead(facts: &PortFacts) -> String {
    let port = facts.name();
    if !facts.members.is_empty() {
        return format!("attach a member of {port} instead: {}", facts.members.join(", "));
    }
    match (&facts.lower, facts.link.vlan) {
        (Some(lower), Some(VlanTpid::Dot1Ad)) => {
            format!("attach {lower} instead; the fabric puts the S-tag on itself")
        }
        (Some(lower), _) => format!("attach {lower} instead, with --vlan"),
        (None, _) => {
            "attach an interface whose driver has native XDP: veth, tap, virtio_net or a network card"
                .to_owned()
        }
    }
}
