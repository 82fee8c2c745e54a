//! The document as a whole: plan, apply, export, history, rollback, schema.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::change::{self, Request};
use super::context::{Context, Exit, Listing};
use super::transfer::{self, ExportArgs};
use super::values::{self, ChangeArgs};
use crate::api::{Confirm, Confirmed, Revision, Rollback, path};
use crate::client::Answer;
use crate::error::{Refusal, codes};
use crate::model::{Document, from_json_bytes, schema as document_schema};
use crate::render::{document, time};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The document; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Exit 3 if there are changes
    #[arg(long)]
    exit_code: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// The document; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Go back after TIME, as in 60s, unless confirmed
    #[arg(long, value_name = "TIME", value_parser = values::window)]
    confirm_within: Option<Duration>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// The revision that is meant [default: whichever waits]
    revision: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// One of fabric history
    revision: u64,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn plan(context: &mut Context<'_>, args: &PlanArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    let request = read(&args.file)?;
    let answer = request.plan(context).await?;
    let plan = change::show_plan(context, &answer)?;
    Ok(if args.exit_code && document::changes_something(&plan) {
        Exit::Changes
    } else {
        Exit::Done
    })
}

pub(super) async fn apply(context: &mut Context<'_>, args: &ApplyArgs) -> Result<Exit, Refusal> {
    let mut request = read(&args.file)?;
    if let Request::Document { confirm_within, .. } = &mut request {
        *confirm_within = args.confirm_within;
    }
    change::run(context, &request, &args.change).await
}

pub(super) async fn confirm(context: &mut Context<'_>, args: &ConfirmArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    let request = Confirm {
        revision: args.revision,
    };
    let answer = context.client.post(path::CONFIRM, &request).await?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
    } else {
        let Confirmed { revision } = answer.item()?.body.item;
        let line = format!("revision {revision} is confirmed and stays in force");
        context.output.answer(&[line.into()])?;
    }
    Ok(Exit::Done)
}

pub(super) async fn rollback(context: &mut Context<'_>, args: &RollbackArgs) -> Result<Exit, Refusal> {
    let request = Request::Rollback(Rollback {
        revision: args.revision,
    });
    change::run(context, &request, &args.change).await
}

/// The document alone, so that it can be changed and applied; with `--json` in its envelope.
pub(super) async fn export(context: &mut Context<'_>, args: &ExportArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    if let Some(exit) = transfer::export(context, &args.store).await? {
        return Ok(exit);
    }
    let answer = context.client.get(path::DOCUMENT).await?;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
    } else {
        let document: Value = answer.item()?.body.item;
        context.output.answer_json(&document, false)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn history(context: &mut Context<'_>) -> Result<Exit, Refusal> {
    let answer = context.client.get(path::HISTORY).await?;
    let listing = Listing {
        name: |revision: &Revision| revision.revision.to_string(),
        empty: "nothing was applied yet; apply a document: fabric apply -f FILE",
        picture: &|revisions, wide| document::history(revisions, time::now(), wide),
    };
    context.list(&answer, &listing)
}

/// The schema alone, as a checker wants it; with `--json` in its envelope.
pub(super) fn schema(context: &mut Context<'_>) -> Result<Exit, Refusal> {
    context.without_names()?;
    if context.is_json() {
        let answer = Answer::local("schema", &document_schema());
        context.output.answer_json(answer.json(), false)?;
    } else {
        context.output.answer_json(&document_schema(), false)?;
    }
    Ok(Exit::Done)
}

/// Reads a document and checks its form, so that a mistake is told with the name of the file.
fn read(file: &Path) -> Result<Request, Refusal> {
    let (name, text) = read_text(file)?;
    from_json_bytes::<Document>(&text)
        .map_err(|problem| Refusal::from(problem).in_file(&name).unchanged())?;
    Ok(Request::Document {
        file: name,
        text,
        confirm_within: None,
    })
}

/// The text of a file or of standard input, and what to call it.
pub(super) fn read_text(file: &Path) -> Result<(String, Vec<u8>), Refusal> {
    let (name, text) = if file == Path::new("-") {
        let mut text = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut text);
        ("standard input".to_owned(), read.map(|_| text))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    match text {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(unreadable(&name, &error)),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(codes::NO_FILE, format!("{name} cannot be read: {error}"))
        .with_cure("name a file with -f FILE; fabric export > site.json writes the document in force")
}
