//! Why a driver refused a native XDP program: the errno alone tells little, with the driver it tells enough.

use super::SafetyRefusal;
use super::rules::{LARGEST_SINGLE_BUFFER_MTU, no_native_sentence, take_other_off};

/// Explains the errno of a native attach to `port`, whose driver is `driver`.
pub fn explain_attach_error(port: &str, driver: &str, errno: i32) -> SafetyRefusal {
    match errno {
        // virtio_net: "Can't set XDP while host is implementing GRO_HW/CSUM".
        libc::EOPNOTSUPP if driver == "virtio_net" => refusal(
            "receive-aggregation",
            format!("{port} (driver {driver}) refuses XDP while the host merges received frames"),
            format!(
                "ethtool -K {port} lro off rx-gro-hw off        (or guest_tso4=off,guest_tso6=off on the host)"
            ),
        ),
        libc::EOPNOTSUPP => refusal(
            "no-native-xdp",
            no_native_sentence(port, driver),
            "attach an interface whose driver has native XDP: veth, tap, virtio_net or a network card"
                .to_owned(),
        ),
        libc::EBUSY | libc::EEXIST => refusal(
            "xdp-program-present",
            format!("{port} already has another XDP program"),
            take_other_off(port),
        ),
        libc::ERANGE | libc::EINVAL => refusal(
            "mtu-too-large",
            format!(
                "{port} (driver {driver}) refuses XDP with this MTU or these ring settings ({})",
                text(errno)
            ),
            format!(
                "ip link set {port} mtu {LARGEST_SINGLE_BUFFER_MTU}        (and lower the peer's MTU as well)"
            ),
        ),
        libc::ENOSPC | libc::ENOMEM => too_few_queues(port, driver, errno),
        libc::ENODEV | libc::ENXIO | libc::ENOTCONN => refusal(
            "no-such-port",
            format!("{port} went away, or its peer did, while XDP was attached"),
            format!("ip -d link show {port}"),
        ),
        libc::EPERM | libc::EACCES => refusal(
            "not-permitted",
            format!("attaching XDP to {port} needs root, or the capabilities CAP_NET_ADMIN and CAP_BPF"),
            "sudo fabric agent".to_owned(),
        ),
        _ => refusal(
            "attach-refused",
            format!(
                "{port} (driver {driver}) refused the XDP program: {}",
                text(errno)
            ),
            format!("dmesg | tail; ethtool -i {port}"),
        ),
    }
}

/// veth wants a receive queue for each transmit queue of its peer; network cards want transmit queues of their own.
fn too_few_queues(port: &str, driver: &str, errno: i32) -> SafetyRefusal {
    let cure = if driver == "veth" {
        format!("ethtool -L {port} rx N        (N = transmit queues of the peer: ethtool -l PEER)")
    } else {
        format!("ethtool -L {port} combined N        (N = half of the maximum that ethtool -l {port} shows)")
    };
    let sentence = format!(
        "{port} (driver {driver}) has too few queues or too little memory for XDP ({})",
        text(errno)
    );
    refusal("too-few-queues", sentence, cure)
}

fn text(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

fn refusal(code: &'static str, sentence: String, cure: String) -> SafetyRefusal {
    SafetyRefusal { sentence, cure, code }
}

#[cfg(test)]
mod tests;
