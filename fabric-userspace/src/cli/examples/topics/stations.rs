//! Where stations are.

use super::{Topic, topic};

pub(super) const TOPICS: &[Topic] = &[
    topic(
        "fabric fdb",
        [
            ("fabric fdb show --segment acme-v10", "who is where"),
            ("fabric fdb flush --tenant acme", "forget what was learned"),
            (
                "fabric fdb remove 02:00:00:00:00:01 --segment disks",
                "let it move",
            ),
        ],
        "fabric segment show",
    ),
    topic(
        "fabric fdb show",
        [
            ("fabric fdb show", "all addresses of this node"),
            ("fabric fdb show --segment acme-v10", "of one segment"),
            ("fabric fdb show 02:00:00:00:00:01", "one address"),
        ],
        "fabric fdb flush, fabric segment show",
    ),
    topic(
        "fabric fdb flush",
        [
            ("fabric fdb flush --segment acme-v10", "of one segment"),
            (
                "fabric fdb flush --tenant acme --mac 02:00:00:00:00:01",
                "one address",
            ),
            ("fabric fdb flush --all", "of everybody"),
        ],
        "fabric fdb show",
    ),
    topic(
        "fabric fdb add",
        [
            (
                "fabric fdb add 02:00:00:00:00:01 --segment s1 --port eth5",
                "here",
            ),
            (
                "fabric fdb add 02:00:00:00:00:01 --segment s1 --link dc2",
                "there",
            ),
            (
                "fabric fdb add 02:00:00:00:00:01 --segment s1 --link dc2 --dry-run",
                "look",
            ),
        ],
        "fabric fdb show",
    ),
    topic(
        "fabric fdb remove",
        [
            (
                "fabric fdb remove 02:00:00:00:00:01 --segment disks",
                "let it move",
            ),
            (
                "fabric fdb remove 02:00:00:00:00:01 --segment disks --dry-run",
                "only look",
            ),
            (
                "fabric fdb remove 02:00:00:00:00:01 --segment disks --yes",
                "do not ask",
            ),
        ],
        "fabric fdb show",
    ),
];
