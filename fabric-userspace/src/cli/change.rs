//! Everything that changes the document goes this one way: plan, question, change, what came of it.

use std::time::Duration;

use super::context::{Context, Exit};
use super::values::ChangeArgs;
use crate::api::{Applied, Edit, Envelope, Item, Plan, Rollback, path};
use crate::client::{Answer, with_query};
use crate::error::Refusal;
use crate::render::{Line, document};

/// A change of the document.
pub(super) enum Request {
    /// A whole new one.
    Document {
        /// Where it came from, for messages.
        file: String,
        /// As it was written.
        text: Vec<u8>,
        /// How long it is in force unless it is confirmed; `None` for good.
        confirm_within: Option<Duration>,
    },
    /// A command's change.
    Edit(Box<Edit>),
    /// Back to a kept revision.
    Rollback(Rollback),
}

impl From<Edit> for Request {
    fn from(edit: Edit) -> Self {
        Self::Edit(Box::new(edit))
    }
}

impl Request {
    /// Makes the change, if the revision in force is still the given one.
    async fn send(&self, context: &Context<'_>, revision: Option<u64>) -> Result<Answer, Refusal> {
        let client = &context.client;
        let guard = revision.map(|revision| ("if_revision", revision.to_string()));
        let mut query: Vec<_> = guard.into_iter().collect();
        match self {
            Self::Document {
                file,
                text,
                confirm_within,
            } => {
                query.push(("cause", format!("apply {file}")));
                query.extend(confirm_within.map(|time| ("confirm_within", time.as_secs().to_string())));
                let answer = client
                    .put(&with_query(path::DOCUMENT, &query), text.clone())
                    .await;
                answer.map_err(|refusal| in_file(refusal, file))
            }
            Self::Edit(edit) => client.post(&with_query(path::EDIT, &query), edit).await,
            Self::Rollback(back) => client.post(&with_query(path::ROLLBACK, &query), back).await,
        }
    }

    /// Asks what would change.
    pub(super) async fn plan(&self, context: &Context<'_>) -> Result<Answer, Refusal> {
        let client = &context.client;
        let dry = |path| with_query(path, &[("dry_run", "true".to_owned())]);
        match self {
            Self::Document { file, text, .. } => {
                let answer = client.put(&dry(path::DOCUMENT), text.clone()).await;
                answer.map_err(|refusal| in_file(refusal, file))
            }
            Self::Edit(edit) => client.post(&dry(path::EDIT), edit).await,
            Self::Rollback(back) => client.post(path::ROLLBACK_PLAN, back).await,
        }
    }

    // A command says what it did in its own words; a document is told by its plan.
    fn shows_plan(&self) -> bool {
        !matches!(self, Self::Edit(_))
    }
}

// What has a path is wrong in the text; the rest (no root, no agent) has nothing to do with the file.
fn in_file(refusal: Refusal, file: &str) -> Refusal {
    if refusal.path.is_some() {
        refusal.in_file(file)
    } else {
        refusal
    }
}

/// Makes a change, or only shows it.
pub(super) async fn run(
    context: &mut Context<'_>,
    request: &Request,
    args: &ChangeArgs,
) -> Result<Exit, Refusal> {
    context.without_names()?;
    if args.dry_run {
        let answer = request.plan(context).await?;
        show_plan(context, &answer)?;
        return Ok(Exit::Done);
    }
    let mut consent = Consent::Given {
        revision: None,
        plan_shown: false,
    };
    if context.output.can_ask() && !args.yes {
        consent = ask(context, request).await?;
    }
    match consent {
        Consent::Refused => {
            context.output.note(&"Nothing was changed.".into());
            Ok(Exit::NotWell)
        }
        Consent::Given { revision, plan_shown } => {
            let answer = request.send(context, revision).await?;
            show_applied(context, request, &answer, plan_shown)
        }
    }
}

enum Consent {
    Given {
        /// The revision that the person saw the plan for.
        revision: Option<u64>,
        plan_shown: bool,
    },
    Refused,
}

async fn ask(context: &mut Context<'_>, request: &Request) -> Result<Consent, Refusal> {
    let plan: Plan = request.plan(context).await?.item()?.body.item;
    let stops = !plan.stops.is_empty();
    let is_shown = stops || (request.shows_plan() && document::changes_something(&plan));
    if is_shown {
        context.output.answer(&document::preview(&plan))?;
    }
    if stops && !context.output.ask(&document::question(&plan.stops)) {
        return Ok(Consent::Refused);
    }
    Ok(Consent::Given {
        revision: is_shown.then_some(plan.from_revision),
        plan_shown: is_shown,
    })
}

/// Shows a plan in the form that was asked for.
pub(super) fn show_plan(context: &mut Context<'_>, answer: &Answer) -> Result<Plan, Refusal> {
    let plan: Plan = answer.item()?.body.item;
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
    } else {
        context.output.answer(&document::plan(&plan))?;
    }
    Ok(plan)
}

fn show_applied(
    context: &mut Context<'_>,
    request: &Request,
    answer: &Answer,
    plan_shown: bool,
) -> Result<Exit, Refusal> {
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
        return Ok(Exit::Done);
    }
    let Envelope { revision, body, .. } = answer.item()?;
    let Item { item }: Item<Applied> = body;
    let mut lines: Vec<Line> = Vec::new();
    if !request.shows_plan() {
        lines.extend(document::edited(revision, &item));
    } else {
        if !plan_shown && document::changes_something(&item.plan) {
            lines.extend(document::preview(&item.plan));
        }
        lines.extend(document::applied(revision, &item));
    }
    context.output.answer(&lines)?;
    Ok(Exit::Done)
}
