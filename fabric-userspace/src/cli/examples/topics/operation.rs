//! The agent, and what it tells.

use super::{Topic, topic};

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
        "fabric counters",
        [
            ("fabric counters", "totals by port and by reason"),
            ("fabric counters --by reason --watch", "what is dropped now"),
            ("fabric counters --by tenant --all", "silent tenants too"),
        ],
        "fabric help REASON, fabric port show",
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
