//! Datacenters, nodes, links and gateways.

use super::{Topic, topic};

pub(super) const TOPICS: &[Topic] = &[
    topic(
        "fabric datacenter",
        [
            ("fabric datacenter list", "their numbers"),
            ("fabric datacenter show dc1", "nodes and segments"),
            ("fabric datacenter remove dc2", "refused while it is used"),
        ],
        "fabric node, fabric link, fabric plan",
    ),
    topic(
        "fabric datacenter add",
        [
            (
                "fabric datacenter add d2 --id 2 --s-vids 200-299 --c-vids 900-999",
                "tags",
            ),
            (
                "fabric datacenter add d3 --id 3 --s-vids 3 --c-vids 4 --labels 300-399",
                "MPLS",
            ),
            (
                "fabric datacenter add d3 --id 3 --s-vids 3 --c-vids 4 --dry-run",
                "look",
            ),
        ],
        "fabric datacenter list, fabric node add",
    ),
    topic(
        "fabric datacenter remove",
        [
            ("fabric datacenter remove dc2", "refused while it is used"),
            ("fabric datacenter remove dc2 --dry-run", "only look"),
            ("fabric datacenter remove dc2 --json", "for programs"),
        ],
        "fabric datacenter show, fabric rollback",
    ),
    topic(
        "fabric datacenter list",
        [
            ("fabric datacenter list", "ranges and users"),
            ("fabric datacenter list -o wide", "VNIs and I-SIDs too"),
            ("fabric datacenter list --json", "for programs"),
        ],
        "fabric datacenter show",
    ),
    topic(
        "fabric datacenter show",
        [
            ("fabric datacenter show", "all datacenters"),
            ("fabric datacenter show dc1", "one of them"),
            ("fabric datacenter show 1 --json", "by id, for programs"),
        ],
        "fabric node list, fabric segment list",
    ),
    topic(
        "fabric node",
        [
            ("fabric node list", "who has which revision"),
            ("fabric node show edge1", "ports, links, segments"),
            ("fabric node add edge3 --datacenter dc1", "one more"),
        ],
        "fabric datacenter, fabric link",
    ),
    topic(
        "fabric node add",
        [
            ("fabric node add edge3 --datacenter dc1", "one more machine"),
            ("fabric node add edge3 --datacenter dc1 --dry-run", "only look"),
            ("fabric node add edge3 --datacenter dc1 --json", "for programs"),
        ],
        "fabric link add, fabric agent",
    ),
    topic(
        "fabric node remove",
        [
            ("fabric node remove edge3", "refused while it is used"),
            ("fabric node remove edge3 --dry-run", "only look"),
            ("fabric node remove edge3 --json", "for programs"),
        ],
        "fabric node show, fabric rollback",
    ),
    topic(
        "fabric node list",
        [
            ("fabric node list", "who has which revision"),
            ("fabric node list -o wide", "with versions"),
            ("fabric node list --json", "for programs"),
        ],
        "fabric node show, fabric status --wait",
    ),
    topic(
        "fabric node show",
        [
            ("fabric node show", "all nodes"),
            ("fabric node show edge1", "one of them"),
            ("fabric node show edge1 --json", "for programs"),
        ],
        "fabric port list, fabric link list",
    ),
    topic(
        "fabric link",
        [
            ("fabric link list", "ways between nodes"),
            ("fabric link show trunk0", "its byte budget"),
            ("fabric link down trunk0", "before work on the line"),
        ],
        "fabric node, fabric plan, fabric doctor",
    ),
    topic(
        "fabric link add",
        [
            ("fabric link add l1 --kind trunk --end a:t0 --end b:t0", "a line"),
            (
                "fabric link add l2 --kind pseudowire --end a:p0 --end b:p0",
                "MPLS",
            ),
            (
                "fabric link add l3 --kind vxlan --end a:u0,192.0.2.1 --end 192.0.2.2",
                "out",
            ),
        ],
        "fabric link show, fabric schema",
    ),
    topic(
        "fabric link remove",
        [
            ("fabric link remove l1", "refused if somebody needs it"),
            ("fabric link remove l1 --dry-run", "only look"),
            ("fabric link remove l1 --yes", "do not ask"),
        ],
        "fabric link down, fabric rollback",
    ),
    topic(
        "fabric link down",
        [
            ("fabric link down l1", "before work on the line"),
            ("fabric link down l1 --dry-run", "only look"),
            ("fabric link up l1", "after it"),
        ],
        "fabric link list",
    ),
    topic(
        "fabric link up",
        [
            ("fabric link up l1", "in service again"),
            ("fabric link up l1 --dry-run", "only look"),
            ("fabric link up l1 --json", "for programs"),
        ],
        "fabric link list",
    ),
    topic(
        "fabric link list",
        [
            ("fabric link list", "SPARE in bytes"),
            ("fabric link list -o wide", "ends, addresses, VLANs"),
            ("fabric link list -o name", "names only"),
        ],
        "fabric link show",
    ),
    topic(
        "fabric link show",
        [
            ("fabric link show", "all links"),
            ("fabric link show trunk0", "one of them"),
            ("fabric link show trunk0 --json", "for programs"),
        ],
        "fabric help mtu-too-small",
    ),
    topic(
        "fabric gateway",
        [
            ("fabric gateway list", "routers of tenants"),
            ("fabric gateway show gw-a", "addresses, routes, neighbours"),
            ("fabric gateway remove gw-a", "its segments stay"),
        ],
        "fabric segment list, fabric schema",
    ),
    topic(
        "fabric gateway add",
        [
            (
                "fabric gateway add g -t a --mac 02:00:00:00:00:fe -s a=10.0.0.1/24",
                "a LAN",
            ),
            (
                "fabric gateway add g -t a --mac 02:00:00:00:00:fe -s b=fd00::1/64",
                "IPv6",
            ),
            ("fabric gateway remove g", "undo"),
        ],
        "fabric gateway show, fabric schema",
    ),
    topic(
        "fabric gateway remove",
        [
            ("fabric gateway remove gw-a", "its segments stay"),
            ("fabric gateway remove gw-a --dry-run", "only look"),
            ("fabric gateway remove gw-a --yes", "do not ask"),
        ],
        "fabric rollback",
    ),
    topic(
        "fabric gateway list",
        [
            ("fabric gateway list", "with their addresses"),
            ("fabric gateway list -o wide", "with MAC addresses"),
            ("fabric gateway list --json", "for programs"),
        ],
        "fabric gateway show",
    ),
    topic(
        "fabric gateway show",
        [
            ("fabric gateway show", "all gateways"),
            ("fabric gateway show gw-a", "one of them"),
            ("fabric gateway show gw-a --json", "for programs"),
        ],
        "fabric counters --by reason",
    ),
];
