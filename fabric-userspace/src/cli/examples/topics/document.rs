//! The document and its revisions.

use super::{Topic, topic};

pub(super) const TOPICS: &[Topic] = &[
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
];
