//! `fabric agent stop`: returns when the agent has ended; with `--state-dir` it takes down what a dead one has left.

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
        Err(refusal) if refusal.code != codes::AGENT_AWAY => return Err(refusal),
        Err(refusal) if process.is_none() => return take_down(context, args, "no agent ran", refusal).await,
        Err(_) if args.detach => return died(context, args, process).await,
        // It was there, and is gone before it could say so: gone is all that was asked for.
        Err(_) => Answer::local(kind::STOPPING, &Stop { detach: args.detach })
            .json()
            .clone(),
    };
    gone(context, process).await?;
    show(context, args, process, &said)?;
    Ok(Exit::Done)
}

/// It ended before it could say that everything is down: somebody may have killed it in the middle of that.
async fn died(context: &mut Context<'_>, args: &StopArgs, process: Option<i32>) -> Result<Exit, Refusal> {
    let unknown = Refusal::new(
        codes::AGENT_AWAY,
        format!(
            "the agent at {} ended before it answered, and it is not known whether everything was taken down",
            context.client.socket().display()
        ),
    )
    .with_cure(
        "fabric agent stop --detach --state-dir DIR; or start the agent and stop it again with --detach",
    );
    if args.state_dir.is_none() || gone(context, process).await.is_err() {
        return Err(unknown);
    }
    take_down(context, args, "the agent ended before it answered", unknown).await
}

/// Nobody answers, for the reason `why`: what an agent has left below its state directory is taken down from here.
async fn take_down(
    context: &mut Context<'_>,
    args: &StopArgs,
    why: &str,
    nobody: Refusal,
) -> Result<Exit, Refusal> {
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
        "; the data path is down, the interfaces are as they were before"
    } else {
        ", and there was nothing to take down"
    };
    context.output.answer(&[format!("{why}{said}").into()])?;
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;
    use crate::cli::args::{Command, parse};
    use crate::render::Output;

    /// Hears the request and hangs up, as an agent that is killed in the middle of it.
    fn hang_up(socket: &Path) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(socket).expect("a socket");
        std::thread::spawn(move || {
            let mut asked = String::new();
            // The first connection only looks whether somebody listens.
            for stream in listener.incoming().take(2) {
                let mut bytes = [0; 4096];
                let count = stream
                    .and_then(|mut stream| stream.read(&mut bytes))
                    .expect("read");
                asked.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            asked
        })
    }

    #[tokio::test]
    async fn an_agent_that_dies_while_it_takes_down_has_not_said_that_all_is_down() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("agent.sock");
        let dying = hang_up(&socket);
        let line = format!("fabric agent stop --detach --yes --socket {}", socket.display());
        let words: Vec<_> = line.split(' ').map(Into::into).collect();
        let cli = parse(&words).expect("legal");
        let Command::Agent(args) = cli.command else {
            panic!("not the agent: {line}")
        };
        let mut output = Output::of_process(cli.global.color, false);
        let refusal = run(&mut Context::new(&mut output, &cli.global), args)
            .await
            .expect_err("nobody has said so");
        assert!(dying.join().expect("no panic").starts_with("POST /v1/stop"));
        assert_eq!(refusal.code, codes::AGENT_AWAY);
        let unknown = "it is not known whether everything was taken down";
        assert!(refusal.sentence.ends_with(unknown), "{refusal}");
        assert!(
            refusal
                .cure
                .is_some_and(|cure| cure.contains("stop it again with --detach"))
        );
    }
}
