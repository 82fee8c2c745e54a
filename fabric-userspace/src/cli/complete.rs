//! Completion: a script for the shell, and live names for the script.

mod live;
mod scripts;

use clap::Args;
use clap_complete::Shell;

use super::args::command;
use super::context::{Context, Exit};
use crate::error::{Refusal, codes};
use crate::render::Line;

#[derive(Debug, Args)]
pub(super) struct ScriptArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct NamesArgs {
    /// The words before the cursor, the program's name first
    #[arg(last = true)]
    words: Vec<String>,
}

pub(super) fn script(context: &mut Context<'_>, args: &ScriptArgs) -> Result<Exit, Refusal> {
    if context.form.is_some() {
        return Err(
            Refusal::new(codes::USAGE, "a completion script has one form only")
                .with_cure(format!("fabric completions {}", args.shell)),
        );
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "fabric", &mut script);
    let script = String::from_utf8_lossy(&script);
    context.output.answer_text(&script)?;
    context.output.answer_text(scripts::live_names(args.shell))?;
    Ok(Exit::Done)
}

/// Prints the names that may stand next, one a line; nothing if the agent is away or slow.
pub(super) async fn names(context: &mut Context<'_>, args: &NamesArgs) -> Result<Exit, Refusal> {
    let names = live::names(&context.client, &args.words).await;
    context
        .output
        .answer(&names.iter().map(Line::from).collect::<Vec<_>>())?;
    Ok(Exit::Done)
}
