//! Tenants, their segments and the ports that they are attached to.

use super::{Topic, topic};

pub(super) const TOPICS: &[Topic] = &[
    topic(
        "fabric tenant",
        [
            ("fabric tenant list", "tenants and traffic"),
            ("fabric tenant show acme", "where it is attached"),
            ("fabric tenant attach acme --port eth1 --vlan 10", "lend a VLAN"),
        ],
        "fabric segment, fabric plan",
    ),
    topic(
        "fabric tenant attach",
        [
            ("fabric tenant attach acme --port eth1 --vlan 10", "one VLAN"),
            ("fabric tenant attach acme --port eth1 --untagged", "no tag"),
            ("fabric tenant attach acme --port eth2 --any", "the whole port"),
        ],
        "fabric tenant detach, fabric doctor PORT",
    ),
    topic(
        "fabric tenant detach",
        [
            ("fabric tenant detach acme --port eth1 --vlan 10", "one VLAN"),
            ("fabric tenant detach acme --port eth1 --untagged", "no tag"),
            (
                "fabric tenant detach acme --port eth2 --any --dry-run",
                "only look",
            ),
        ],
        "fabric tenant attach, fabric tenant show",
    ),
    topic(
        "fabric tenant list",
        [
            ("fabric tenant list", "rates over 0.25 s"),
            ("fabric tenant list -o wide", "exact totals, and the tags"),
            ("fabric tenant list --json", "for programs"),
        ],
        "fabric tenant show",
    ),
    topic(
        "fabric tenant show",
        [
            ("fabric tenant show", "all tenants"),
            ("fabric tenant show acme", "one of them"),
            ("fabric tenant show acme --json", "for programs"),
        ],
        "fabric segment show, fabric fdb show --tenant NAME",
    ),
    topic(
        "fabric tenant remove",
        [
            ("fabric tenant remove acme", "asks if traffic stops"),
            ("fabric tenant remove acme --dry-run", "only look"),
            ("fabric tenant remove acme --yes", "do not ask"),
        ],
        "fabric history, fabric rollback",
    ),
    topic(
        "fabric segment",
        [
            ("fabric segment list", "all LANs and their tags"),
            ("fabric segment show acme-v10", "ends and addresses"),
            ("fabric segment add disks --tenant acme", "another LAN"),
        ],
        "fabric tenant",
    ),
    topic(
        "fabric segment add",
        [
            ("fabric segment add disks --tenant acme", "tags are chosen"),
            (
                "fabric segment add disks --tenant acme --s-vid 130",
                "a given tag",
            ),
            ("fabric segment add disks --tenant acme --dry-run", "only look"),
        ],
        "fabric tenant attach --segment NAME",
    ),
    topic(
        "fabric segment remove",
        [
            ("fabric segment remove disks", "asks if traffic stops"),
            ("fabric segment remove disks --dry-run", "only look"),
            ("fabric segment remove disks --yes", "do not ask"),
        ],
        "fabric history, fabric rollback",
    ),
    topic(
        "fabric segment list",
        [
            ("fabric segment list", "all segments"),
            ("fabric segment list --tenant acme", "of one tenant"),
            ("fabric segment list -o wide", "ids, limits, moves"),
        ],
        "fabric segment show",
    ),
    topic(
        "fabric segment show",
        [
            ("fabric segment show", "all segments"),
            ("fabric segment show acme-v10", "one of them"),
            ("fabric segment show 3 --json", "by id, for programs"),
        ],
        "fabric fdb show --segment NAME",
    ),
    topic(
        "fabric port",
        [
            ("fabric port list", "ports in use"),
            ("fabric port show eth1", "what was changed, where frames went"),
            ("fabric port set eth1 --tunnel-lldp on", "carry LLDP"),
        ],
        "fabric doctor, fabric counters",
    ),
    topic(
        "fabric port list",
        [
            ("fabric port list", "ports in use"),
            ("fabric port list -o wide", "ifindex, MAC, bytes"),
            ("fabric port list -o name", "names only"),
        ],
        "fabric port show, fabric doctor",
    ),
    topic(
        "fabric port show",
        [
            ("fabric port show", "all ports"),
            ("fabric port show eth1", "one of them"),
            ("fabric port show 7 --json", "by ifindex, for programs"),
        ],
        "fabric doctor PORT, fabric counters --by reason",
    ),
    topic(
        "fabric port set",
        [
            ("fabric port set eth1 --drop-group-source off", "let them pass"),
            ("fabric port set eth1 --tunnel-lldp on", "carry LLDP"),
            ("fabric port set eth1 --tunnel-lldp off --dry-run", "only look"),
        ],
        "fabric port show",
    ),
];
