use std::time::{Duration, Instant};

use super::agent::{AgentArgs, StopArgs, StopVerb};
use super::context::{Context, Exit};
use crate::api::{Envelope, Item, Stop, Stopped, path};
use crate::client::Answer;
use crate::error::{Refusal, codes};
use crate::render::Line;

/// How often a stopping agent is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn run(context: &mut Context<'_>, args: AgentArgs) -> Result<Exit, Refusal> {
    context.without_names()?;
    if args.options.any() {
        return Err(
            Refusal::new(codes::USAGE, "options of a running agent mean nothing to stop")
                .with_cure("fabric agent stop --socket PATH [--detach]"),
        );
    }
    let Some(StopVerb::Stop(args)) = args.stop else {
        return Err(Refusal::new(codes::USAGE, "what is the agent to do?").with_cure("fabric agent --help"));
    };
    stop(context, &args).await
}

async fn stop(context: &mut Context<'_>, args: &StopArgs) -> Result<Exit, Refusal> {
    let question = "all tenants of this node lose their connections. Go on?";
    if args.detach && !args.yes && context.output.can_ask() && !context.output.ask(question) {
        context.output.note(&"Nothing was changed.".into());
        return Ok(Exit::NotWell);
    }
    let request = Stop { detach: args.detach };
    let answer = context.client.post(path::STOP, &request).await?;
    gone(context).await?;
    show(context, &answer)
}

/// Waits until nobody listens, so that another agent can be started at once.
async fn gone(context: &Context<'_>) -> Result<(), Refusal> {
    let start = Instant::now();
    while context.client.is_answered().await {
        if start.elapsed() > context.client.timeout() {
            return Err(Refusal::new(
                codes::TIMED_OUT,
                format!(
                    "the agent agreed to stop but still listens on {}",
                    context.client.socket().display()
                ),
            )
            .with_cure("look at its log: journalctl -u fabric-agent"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn show(context: &mut Context<'_>, answer: &Answer) -> Result<Exit, Refusal> {
    if context.is_json() {
        context.output.answer_json(answer.json(), false)?;
        return Ok(Exit::Done);
    }
    let Envelope { body, .. } = answer.item()?;
    let Item { item: stopped }: Item<Stopped> = body;
    let what = if stopped.detached {
        "the data path is down, the interfaces are as they were before"
    } else {
        "forwarding goes on; changes wait for the next agent"
    };
    let mut lines = vec![Line::from(format!("agent stopped (pid {}); {what}", stopped.pid))];
    lines.extend(
        stopped
            .interface_changes
            .iter()
            .map(|change| format!("  {change}").into()),
    );
    context.output.answer(&lines)?;
    Ok(Exit::Done)
}
