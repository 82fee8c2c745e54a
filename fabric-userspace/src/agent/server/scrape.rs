//! `/metrics`: of this moment for who may use the control socket, and of a moment ago for everybody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::limited::Limited;
use super::{Problem, Shared};
use crate::agent::metrics;
use crate::api::path;
use crate::error::{Refusal, codes};

/// For so long the same text is handed out over TCP. The core is taken for each text, by turns with what carriers and changes need.
const HELD: Duration = Duration::from_secs(1);

/// Takes the address of `/metrics`.
///
/// # Errors
/// When the address cannot be had.
pub(in crate::agent) async fn listen_metrics(address: SocketAddr) -> Result<TcpListener, Refusal> {
    TcpListener::bind(address).await.map_err(|error| {
        Refusal::new(
            codes::FAILED,
            format!("cannot serve metrics on {address}: {error}"),
        )
        .with_cure("choose another --metrics ADDR:PORT")
        .unchanged()
    })
}

/// Serves `/metrics` and nothing else.
pub(in crate::agent) fn serve_metrics(listener: TcpListener, shared: Shared) {
    let recent = Arc::new(Recent::new(HELD));
    let router = Router::new()
        .route(path::METRICS, get(metrics_of_late))
        .with_state((shared, recent));
    tokio::spawn(async move { axum::serve(Limited::new(listener), router).await });
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Result<Response, Problem> {
    Ok(answer(text(&shared).await?.into()))
}

async fn metrics_of_late(State((shared, recent)): State<(Shared, Arc<Recent>)>) -> Result<Response, Problem> {
    Ok(answer(recent.get(text(&shared)).await?))
}

async fn text(shared: &Shared) -> Result<String, Refusal> {
    metrics::text(&mut *shared.core.lock().await).await
}

fn answer(text: Bytes) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// A text for many who ask: made by one of them at a time, and handed out again for a while.
struct Recent {
    held: Duration,
    /// With when it was made.
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Recent {
    fn new(held: Duration) -> Self {
        Self {
            held,
            last: Mutex::new(None),
        }
    }

    /// The text, by `make` if the last one is too old.
    ///
    /// # Errors
    /// Those of `make`; the next one who asks tries again.
    async fn get<E>(&self, make: impl Future<Output = Result<String, E>>) -> Result<Bytes, E> {
        let mut last = self.last.lock().await;
        if let Some((_, text)) = last.as_ref().filter(|(made, _)| made.elapsed() < self.held) {
            return Ok(text.clone());
        }
        let text = Bytes::from(make.await?);
        *last = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// How many texts are made for this many who ask at once, and how many of them are being made at once at most.
    async fn made(recent: &Recent, ask: usize) -> (usize, usize) {
        let (made, at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let make = async || {
            most.fetch_max(at_once.fetch_add(1, Relaxed) + 1, Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
            at_once.fetch_sub(1, Relaxed);
            Ok::<_, ()>(made.fetch_add(1, Relaxed).to_string())
        };
        let mut asking: Vec<_> = (0..ask).map(|_| Box::pin(recent.get(make()))).collect();
        std::future::poll_fn(|context| {
            asking.retain_mut(|one| one.as_mut().poll(context).is_pending());
            match asking.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        drop(asking);
        (made.into_inner(), most.into_inner())
    }

    #[tokio::test]
    async fn many_who_ask_at_once_get_one_text() {
        let recent = Recent::new(Duration::from_secs(3600));
        assert_eq!(made(&recent, 16).await, (1, 1));
        assert_eq!(made(&recent, 16).await, (0, 0), "it is handed out again");
    }

    #[tokio::test]
    async fn an_old_text_is_made_anew_by_one_at_a_time() {
        let recent = Recent::new(Duration::ZERO);
        assert_eq!(made(&recent, 4).await, (4, 1));
    }

    #[tokio::test]
    async fn a_text_that_could_not_be_made_is_tried_again() {
        let recent = Recent::new(Duration::from_secs(3600));
        assert_eq!(recent.get(async { Err("a map") }).await, Err("a map"));
        assert_eq!(made(&recent, 1).await, (1, 1));
    }
}
