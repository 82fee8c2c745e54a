//! Storage machines.

use super::{Topic, topic};

pub(super) const TOPICS: &[Topic] = &[
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
];
