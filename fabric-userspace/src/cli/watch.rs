//! What `--watch` does: repeats a view until Ctrl-C, or until nobody reads it any more.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::context::{Context, Exit};
use crate::error::{Refusal, codes};

/// Repeats `step` until Ctrl-C, or until nobody reads any more; both are a good end.
pub(super) async fn watch(
    context: &mut Context<'_>,
    every: Duration,
    mut step: impl AsyncFnMut(&mut Context<'_>) -> Result<(), Refusal>,
) -> Result<Exit, Refusal> {
    let mut interrupted = interrupts()?;
    while !context.output.is_closed() {
        tokio::select! {
            _ = interrupted.recv() => return Ok(Exit::Done),
            done = step(context) => done?,
        }
        tokio::select! {
            _ = interrupted.recv() => return Ok(Exit::Done),
            () = tokio::time::sleep(every) => {}
        }
    }
    Ok(Exit::Done)
}

fn interrupts() -> Result<Signal, Refusal> {
    signal(SignalKind::interrupt()).map_err(|error| {
        Refusal::new(codes::FAILED, format!("Ctrl-C cannot be watched for: {error}"))
            .with_cure("leave --watch out")
    })
}
