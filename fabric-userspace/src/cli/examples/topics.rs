//! Three examples for every command. A test runs each of them through the parser.

use super::Topic;

const fn topic(
    command: &'static str,
    examples: [(&'static str, &'static str); 3],
    see: &'static str,
) -> Topic {
    Topic {
        command,
        examples,
        exits: "",
        see,
    }
}

impl Topic {
    const fn exits(mut self, exits: &'static str) -> Self {
        self.exits = exits;
        self
    }
}

pub(super) const TOPICS: &[Topic] = &[
    topic(
        "fabric",
        [
            ("fabric status", "is everything well?"),
            ("fabric tenant attach acme --port eth1 --vlan 10", "lend a VLAN"),
            ("fabric help unmapped-vlan", "what a reason means"),
        ],
        "fabric help COMMAND, fabric help CODE; also: fabric import, fabric confirm, fabric completions",
    ),
    topic(
        "fabric agent",
        [
            (
                "fabric agent --state-dir /var/lib/fabric",
                "run in the foreground",
            ),
            (
                "fabric agent --state-dir . --config site.json",
                "start with a document",
            ),
            ("fabric agent stop --detach", "take everything down"),
        ],
        "fabric status",
    ),
    topic(
        "fabric agent stop",
        [
            ("fabric agent stop", "forwarding goes on"),
            ("fabric agent stop --detach", "the data path goes down too"),
            ("fabric agent stop --socket /tmp/lab.sock", "another agent"),
        ],
        "fabric status",
    ),
    topic(
        "fabric status",
        [
            ("fabric status", "one look; rates over 0.25 s"),
            ("fabric status --watch 2", "every two seconds"),
            ("fabric status --check", "for scripts: exit 1 unless ok"),
        ],
        "fabric doctor, fabric counters",
    )
    .exits("1  also with --check, if the state is not ok"),
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
    topic(
        "fabric storage",
        [
            ("fabric storage list", "who is in charge"),
            ("fabric storage show vsm-a", "members, copies, last switch"),
            (
                "fabric storage switch vsm-a --to array-2",
                "before work on array-1",
            ),
        ],
        "fabric tenant attach, fabric counters",
    ),
    topic(
        "fabric storage add",
        [
            (
                "fabric storage add v --mac 02:00:00:00:00:09 -s lan=10.0.0.9 -m a=eth5",
                "new",
            ),
            ("fabric storage remove v", "undo"),
            ("fabric storage show v", "look"),
        ],
        "fabric storage show, fabric schema",
    ),
    topic(
        "fabric storage remove",
        [
            ("fabric storage remove vsm-a", "refused while clients use it"),
            ("fabric storage remove vsm-a --force", "all the same"),
            ("fabric storage remove vsm-a --dry-run", "only look"),
        ],
        "fabric storage drain, fabric rollback",
    ),
    topic(
        "fabric storage list",
        [
            ("fabric storage list", "who is in charge"),
            ("fabric storage list -o wide", "with counts"),
            ("fabric storage list --json", "for programs"),
        ],
        "fabric storage show",
    ),
    topic(
        "fabric storage show",
        [
            ("fabric storage show", "all storage machines"),
            ("fabric storage show vsm-a", "one of them"),
            ("fabric storage show vsm-a --json", "for programs"),
        ],
        "fabric storage switch, fabric counters --by reason",
    ),
    topic(
        "fabric storage switch",
        [
            (
                "fabric storage switch vsm-a --to array-2",
                "before work on array-1",
            ),
            (
                "fabric storage switch vsm-a --to array-2 --force",
                "though it lacks writes",
            ),
            ("fabric storage switch vsm-a --to array-2 --json", "for programs"),
        ],
        "fabric storage show, fabric storage restore",
    ),
    topic(
        "fabric storage drain",
        [
            ("fabric storage drain vsm-a --member array-1", "out of use"),
            ("fabric storage restore vsm-a --member array-1", "and back"),
            (
                "fabric storage drain vsm-a --member array-1 --json",
                "for programs",
            ),
        ],
        "fabric storage restore",
    ),
    topic(
        "fabric storage nudge",
        [
            ("fabric storage nudge vsm-a", "clients look at their connections"),
            ("fabric storage show vsm-a", "how many there are"),
            ("fabric storage nudge vsm-a --json", "for programs"),
        ],
        "fabric storage switch",
    ),
    topic(
        "fabric storage restore",
        [
            ("fabric storage restore vsm-a", "everybody may serve again"),
            ("fabric storage restore vsm-a --member array-1", "one of them"),
            ("fabric storage restore vsm-a --json", "for programs"),
        ],
        "fabric storage drain, fabric storage switch",
    ),
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
    topic(
        "fabric counters",
        [
            ("fabric counters", "totals by port and by reason"),
            ("fabric counters --by reason --watch", "what is dropped now"),
            ("fabric counters --by tenant --all", "silent tenants too"),
        ],
        "fabric help REASON, fabric port show",
    ),
    topic(
        "fabric plan",
        [
            ("fabric plan -f site.json", "what would change"),
            ("fabric export | fabric plan -f -", "from standard input"),
            ("fabric plan -f site.json --exit-code", "for scripts"),
        ],
        "fabric apply, fabric schema",
    )
    .exits("3  with --exit-code, if there are changes"),
    topic(
        "fabric apply",
        [
            ("fabric apply -f site.json", "asks if traffic stops"),
            (
                "fabric apply -f site.json --confirm-within 60s",
                "goes back by itself",
            ),
            ("fabric apply -f - --yes < site.json", "from standard input"),
        ],
        "fabric plan, fabric export, fabric confirm, fabric rollback",
    ),
    topic(
        "fabric confirm",
        [
            ("fabric confirm", "keep what was applied with --confirm-within"),
            ("fabric confirm 43", "only if it is this revision"),
            ("fabric confirm --json", "for programs"),
        ],
        "fabric apply, fabric history, fabric rollback",
    ),
    topic(
        "fabric export",
        [
            ("fabric export", "the document in force"),
            ("fabric export > site.json", "to change and apply it"),
            ("fabric export --store etcd://h1/prod", "of a store"),
        ],
        "fabric apply, fabric schema",
    ),
    topic(
        "fabric import",
        [
            (
                "fabric import -f site.json --store etcd://h1/prod",
                "before the first agent",
            ),
            (
                "fabric import -f - --store etcd://h1/prod --replace",
                "over what is there",
            ),
            ("fabric import -f site.json --state-dir .", "back to one host"),
        ],
        "fabric export, fabric node list",
    ),
    topic(
        "fabric history",
        [
            ("fabric history", "newest first"),
            ("fabric history -o wide", "with exact times"),
            ("fabric history --json", "for programs"),
        ],
        "fabric rollback",
    ),
    topic(
        "fabric rollback",
        [
            ("fabric rollback 42", "asks if traffic stops"),
            ("fabric rollback 42 --dry-run", "only look"),
            ("fabric rollback 42 --yes", "do not ask"),
        ],
        "fabric history",
    ),
    topic(
        "fabric doctor",
        [
            ("fabric doctor", "all ports in use"),
            ("fabric doctor eth1", "one interface, in use or not"),
            ("fabric doctor --json", "for programs"),
        ],
        "fabric port show",
    )
    .exits("1  also if a check failed; warnings give 0"),
    topic(
        "fabric schema",
        [
            ("fabric schema", "JSON Schema 2020-12"),
            ("fabric schema > fabric.schema.json", "for an editor"),
            ("fabric schema | less", "to read"),
        ],
        "fabric export, fabric plan",
    ),
    topic(
        "fabric completions",
        [
            ("fabric completions bash > /etc/bash_completion.d/fabric", "bash"),
            ("fabric completions zsh > ~/.zfunc/_fabric", "zsh"),
            (
                "fabric completions fish > ~/.config/fish/completions/fabric.fish",
                "fish",
            ),
        ],
        "fabric help",
    ),
    topic(
        "fabric help",
        [
            ("fabric help tenant attach", "a command"),
            ("fabric help attachment-taken", "an error code"),
            ("fabric help unmapped-vlan", "a drop reason"),
        ],
        "fabric counters --by reason",
    ),
];
