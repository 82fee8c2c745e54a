use super::*;
use crate::error::codes;

#[test]
fn each_errno_has_its_own_code_and_names_the_driver() {
    let table = [
        ("bridge", libc::EOPNOTSUPP, "no-native-xdp"),
        ("virtio_net", libc::EOPNOTSUPP, "receive-aggregation"),
        ("veth", libc::EBUSY, "xdp-program-present"),
        ("veth", libc::EEXIST, "xdp-program-present"),
        ("veth", libc::ERANGE, "mtu-too-large"),
        ("tun", libc::EINVAL, "mtu-too-large"),
        ("veth", libc::ENOSPC, "too-few-queues"),
        ("virtio_net", libc::ENOMEM, "too-few-queues"),
        ("veth", libc::ENODEV, "no-such-port"),
        ("veth", libc::EPERM, "not-permitted"),
        ("veth", libc::EIO, "attach-refused"),
    ];
    for (driver, errno, code) in table {
        let refusal = explain_attach_error("eth1", driver, errno);
        assert_eq!(refusal.code, code, "{driver} {errno}");
        assert!(codes::explain(code).is_some(), "fabric help {code}");
        assert!(
            refusal.sentence.contains("eth1") && !refusal.cure.is_empty(),
            "{refusal:?}"
        );
    }
    let refusal = explain_attach_error("br0", "bridge", libc::EOPNOTSUPP);
    assert_eq!(
        refusal.sentence,
        "br0 (driver bridge) has no native XDP, and the generic mode would lose tags"
    );
}
