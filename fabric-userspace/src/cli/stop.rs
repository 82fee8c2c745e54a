use std::time::{Duration, Instant};

use serde_json::Value;

use super::agent::{AgentArgs, StopArgs, StopVerb};
use super::context::{Context, Exit};
use crate::api::{Stop, kind, path};
use crate::client::Answer;
use crate::error::{Refusal, codes};

/// How often a stopping agent is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
    let question = "all tenants of this node lose their connections. Go on?";
    if args.detach && !args.yes && context.output.can_ask() && !context.output.ask(question) {
        context.output.note(&"Nothing was changed.".into());
        return Ok(Exit::NotWell);
    }
    stop(context, &args).await
}

async fn stop(context: &mut Context<'_>, args: &StopArgs) -> Result<Exit, Refusal> {
    let process = context.client.listener().await;
    let said = match context
        .client
        .post(path::STOP, &Stop { detach: args.detach })
        .await
    {
        Ok(answer) => answer.json().clone(),
        // It was there, and is gone before it could say so.
        Err(refusal) if refusal.code == codes::AGENT_AWAY && process.is_some() => {
            Answer::local(kind::STOPPING, &Stop { detach: args.detach })
                .json()
                .clone()
        }
        Err(refusal) if refusal.code == codes::AGENT_AWAY => return take_down(context, args, refusal).await,
        Err(refusal) => return Err(refusal),
    };
    gone(context, process).await?;
    show(context, args, process, &said)?;
    Ok(Exit::Done)
}

/// Nobody answers: what an agent has left below its state directory is taken down from here.
async fn take_down(context: &mut Context<'_>, args: &StopArgs, nobody: Refusal) -> Result<Exit, Refusal> {
    let Some(state_dir) = &args.state_dir else {
        if args.detach {
            return Err(nobody.with_cure("fabric agent stop --detach --state-dir DIR"));
        }
        return Err(nobody);
    };
    let was_there = crate::agent::take_down(state_dir).await?;
    if context.is_json() {
        let said = Answer::local(kind::STOPPING, &Stop { detach: true });
        context.output.answer_json(said.json(), false)?;
        return Ok(Exit::Done);
    }
    let said = if was_there {
        "no agent ran; the data path is down, the interfaces are as they were before"
    } else {
        "no agent ran, and there was nothing to take down"
    };
    context.output.answer(&[said.to_owned().into()])?;
    Ok(Exit::Done)
}

/// Waits until the agent has ended, so that what it takes down is down, and another one can be started at once.
async fn gone(context: &Context<'_>, process: Option<i32>) -> Result<(), Refusal> {
    let start = Instant::now();
    while context.client.listener().await.is_some() || process.is_some_and(is_running) {
        if start.elapsed() > context.client.timeout() {
            let shown = context.client.socket().display();
            let sentence = format!("the agent at {shown} agreed to stop but has not ended");
            return Err(Refusal::new(codes::TIMED_OUT, sentence).with_cure(
                "look at its log: journalctl -u fabric-agent; wait longer with --timeout SECONDS",
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Whether a process is there and has not ended; of process 0, an agent in another pid namespace, nothing is known.
fn is_running(process: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
        return false;
    };
    // proc_pid_stat(5): the state follows the name, which may hold parentheses itself.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, Some('Z' | 'X'))
}

fn show(
    context: &mut Context<'_>,
    args: &StopArgs,
    process: Option<i32>,
    said: &Value,
) -> Result<(), Refusal> {
    if context.is_json() {
        return context.output.answer_json(said, false);
    }
    let what = if args.detach {
        "the data path is down, the interfaces are as they were before"
    } else {
        "forwarding goes on; changes wait for the next agent"
    };
    let process = process
        .filter(|process| *process > 0)
        .map_or(String::new(), |process| format!(" (pid {process})"));
    context
        .output
        .answer(&[format!("agent stopped{process}; {what}").into()])
}
