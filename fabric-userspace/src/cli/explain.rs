//! `fabric help`: commands, error codes and drop reasons.

use clap::Args;
use fabric_common::DropReason;
use serde::Serialize;

use super::args::command;
use super::context::{Context, Exit};
use crate::client::Answer;
use crate::error::{Refusal, codes};
use crate::model::most_similar;
use crate::render::{Line, Table, Tone};

#[derive(Debug, Args)]
pub(super) struct HelpArgs {
    /// A command, an error code or a drop reason
    #[arg(value_name = "TOPIC")]
    words: Vec<String>,
}

/// An error code or drop reason, explained.
#[derive(Debug, Serialize)]
struct Explanation {
    name: String,
    what: &'static str,
    meaning: &'static str,
    cure: Option<&'static str>,
}

pub(super) fn run(context: &mut Context<'_>, args: &HelpArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    if let Some(mut found) = command_at(&args.words) {
        if context.is_json() {
            return Err(
                Refusal::new(codes::USAGE, "the help of a command is text for people, not JSON")
                    .with_cure("leave --json out"),
            );
        }
        context
            .output
            .answer_text(&found.render_long_help().to_string())?;
        return Ok(Exit::Done);
    }
    let name = args.words.join(" ");
    let explanation = explanation(&name).ok_or_else(|| unknown(&name))?;
    if context.is_json() {
        let answer = Answer::local("explanation", &explanation);
        context.output.answer_json(answer.json(), false)?;
    } else {
        context.output.answer(&lines(&explanation))?;
    }
    Ok(Exit::Done)
}

fn command_at(words: &[String]) -> Option<clap::Command> {
    let mut found = command();
    found.build();
    for word in words {
        found = found.find_subcommand(word)?.clone();
    }
    Some(found)
}

fn explanation(name: &str) -> Option<Explanation> {
    let reason = DropReason::ALL.iter().find(|reason| reason.name() == name);
    if let Some(reason) = reason {
        return Some(Explanation {
            name: name.to_owned(),
            what: "drop reason",
            meaning: reason.help(),
            cure: Some(reason.cure()),
        });
    }
    codes::explain(name).map(|meaning| Explanation {
        name: name.to_owned(),
        what: "error code",
        meaning,
        cure: None,
    })
}

fn lines(explanation: &Explanation) -> Vec<Line> {
    let head = Line::toned(Tone::Name, &explanation.name).with(Tone::Dim, format!("  {}", explanation.what));
    let mut table = Table::bare(&["", ""]);
    table.row([Line::toned(Tone::Dim, "  meaning"), explanation.meaning.into()]);
    if let Some(cure) = explanation.cure {
        table.row([Line::toned(Tone::Dim, "  cure"), cure.into()]);
    }
    std::iter::once(head).chain(table.lines()).collect()
}

fn unknown(name: &str) -> Refusal {
    let command = command();
    let mut known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    known.extend(codes::ALL.iter().map(|(code, _)| *code));
    known.extend(DropReason::ALL.iter().map(|reason| reason.name()));
    let meant = most_similar(name, &known).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
    Refusal::new(
        codes::USAGE,
        format!("there is no command, error code or drop reason {name}{meant}"),
    )
    .with_cure("fabric help")
}
