//! Help texts beside what clap knows: examples, exit codes, where to read on.

mod topics;

use std::fmt::Write;

use clap::Command;
use clap::builder::Resettable;

/// Purpose, examples, usage, flags, exit codes, see also.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The first screen: what there is. Examples and options are in the long help.
const ROOT_TEMPLATE: &str = "\
{about-with-newline}{before-help}{usage-heading} {usage}
Commands:
{subcommands}{after-help}";

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  refused or failed; nothing was changed unless the message says what
  2  wrong usage";

/// One command: its words, three examples with a remark each, more exit codes, and what to read next.
struct Topic {
    command: &'static str,
    examples: [(&'static str, &'static str); 3],
    exits: &'static str,
    see: &'static str,
}

/// The command line with all its texts.
pub(super) fn with_texts(root: Command) -> Command {
    let options = root
        .clone()
        .help_template("{options}")
        .render_long_help()
        .to_string();
    let root = with_topics(root, "fabric").help_template(ROOT_TEMPLATE);
    let Some(topic) = topic_of("fabric") else {
        return root;
    };
    root.before_help(Resettable::Reset)
        .before_long_help(format!("\n{}\n", examples_text(topic)))
        .after_help("fabric COMMAND -h tells more; fabric --help has examples and options")
        .after_long_help(format!(
            "Options of all commands:\n{}\n\n{}",
            options.trim_end(),
            more_text(topic)
        ))
}

fn with_topics(command: Command, path: &str) -> Command {
    let command = command.help_template(TEMPLATE);
    let command = match topic_of(path) {
        Some(topic) => command
            .before_help(examples_text(topic))
            .after_long_help(more_text(topic)),
        None => command,
    };
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        with_topics(sub, &path)
    })
}

fn topic_of(path: &str) -> Option<&'static Topic> {
    topics::all().find(|topic| topic.command == path)
}

fn examples_text(topic: &Topic) -> String {
    let widest = topic
        .examples
        .iter()
        .map(|(line, _)| line.len())
        .max()
        .unwrap_or(0);
    let mut text = "Examples:\n".to_owned();
    for (line, remark) in topic.examples {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {line:widest$}  # {remark}");
    }
    text
}

fn more_text(topic: &Topic) -> String {
    let mut text = EXIT_CODES.to_owned();
    if !topic.exits.is_empty() {
        let _ = write!(text, "\n  {}", topic.exits);
    }
    if !topic.see.is_empty() {
        let _ = write!(text, "\n\nSee also: {}", topic.see);
    }
    text
}

#[cfg(test)]
mod tests;
