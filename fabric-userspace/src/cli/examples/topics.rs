//! Three examples for every command. A test runs each of them through the parser.

mod document;
mod operation;
mod plant;
mod stations;
mod storage;
mod tenants;

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

/// The topics of all commands.
pub(super) fn all() -> impl Iterator<Item = &'static Topic> {
    let groups = [
        operation::TOPICS,
        tenants::TOPICS,
        plant::TOPICS,
        storage::TOPICS,
        stations::TOPICS,
        document::TOPICS,
    ];
    groups.into_iter().flatten()
}
