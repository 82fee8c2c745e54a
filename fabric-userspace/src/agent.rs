//! The agent: carries the document out on this node, watches over it, and answers.

mod carrier;
mod change;
mod cluster;
mod confirm;
mod core;
mod edits;
mod events;
mod evpn;
mod gateway;
mod host;
mod kept;
mod log;
mod memory;
mod meter;
mod metrics;
mod needs;
mod numbers;
mod plane;
mod ports;
mod server;
mod storage;
mod take_down;
mod tasks;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Mutex, watch as channel};
use tokio::task::JoinHandle;

pub(crate) use change::{check_new, check_replacement};
pub(crate) use cluster::is_of_a_fabric;
pub use memory::{Carried, MemoryAgent};
pub use take_down::take_down;

use self::core::{Core, failed};
use self::plane::Ground;
use self::server::{Shared, Socket};
use crate::agent_options::AgentOptions;
use crate::datapath::LoadError;
use crate::error::{Code, Refusal, codes};
use crate::ids::Sizes;
use crate::model::{Document, IfName, from_json};
use crate::netlink::Watch;
use crate::safety::explain_attach_error;
use crate::store::Terms;

/// How long the end of an agent waits for one thing.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Runs until a signal or `fabric agent stop`. Forwarding goes on afterwards unless the stop says otherwise.
///
/// # Errors
/// When the agent cannot start; nothing is changed then.
pub async fn run(options: AgentOptions) -> Result<(), Refusal> {
    log::begin(options.log_format, options.log_drops);
    core::check_host()?;
    tasks::check_ageing(options.ageing, crate::datapath::longest_ageing())?;
    let begun = Instant::now();
    let signals = Signals::listen()?;
    let config = options.config.as_deref().map(read_config).transpose()?;
    let (socket, listener) = Socket::listen(&options.socket)?;
    let result = listen_and_serve(&options, config, listener, signals, begun).await;
    log::end();
    match &result {
        Ok(()) => socket.remove(),
        Err(_) => socket.undo(),
    }
    result
}

async fn listen_and_serve(
    options: &AgentOptions,
    config: Option<Document>,
    listener: UnixListener,
    signals: Signals,
    begun: Instant,
) -> Result<(), Refusal> {
    let metrics = match options.metrics {
        Some(address) => Some(server::listen_metrics(address).await?),
        None => None,
    };
    // Before the host is read for the first time: what changes from now on is not missed.
    let watch = Watch::open().map_err(|error| {
        Refusal::new(codes::FAILED, error.to_string())
            .with_cure("ulimit -n; ls /proc/self/fd")
            .unchanged()
    })?;
    let core = start(options, config).await?;
    serve(
        options,
        core,
        Sources {
            listener,
            metrics,
            watch,
            signals,
        },
        begun,
    )
    .await
}

/// What the agent listens to.
struct Sources {
    listener: UnixListener,
    metrics: Option<TcpListener>,
    watch: Watch,
    signals: Signals,
}

async fn start(options: &AgentOptions, config: Option<Document>) -> Result<Core, Refusal> {
    let mut core = try_start(options, config).await?;
    core.store.keep();
    Ok(core)
}

async fn try_start(options: &AgentOptions, config: Option<Document>) -> Result<Core, Refusal> {
    let mut core = Core::open(options, &Sizes::default(), config.as_ref(), Ground::Kernel).await?;
    let Some(document) = config.filter(|_| core.revision() == 0) else {
        return Ok(core);
    };
    if !cluster::wants_first(&core).await {
        return Ok(core);
    }
    let file = options.config.as_deref().unwrap_or(Path::new("-"));
    match core
        .apply(
            document,
            &format!("agent --config {}", file.display()),
            Terms::Final,
        )
        .await
    {
        Ok(_) => Ok(core),
        // Another node was quicker; its document is followed.
        Err(refusal) if core.cluster.is_some() && refusal.code == codes::STALE_REVISION => Ok(core),
        Err(refusal) => {
            // The first document is refused: what was made for it goes again, and nothing else does.
            if !core.adopted {
                core.undo_start().await?;
            }
            Err(refusal.in_file(&file.display().to_string()))
        }
    }
}

async fn serve(options: &AgentOptions, core: Core, sources: Sources, begun: Instant) -> Result<(), Refusal> {
    let Sources {
        listener,
        metrics,
        watch,
        signals,
    } = sources;
    let (shared, mut tasks) = begin(options, core, Some(watch)).await;
    if let Some(metrics) = metrics {
        server::serve_metrics(metrics, shared.clone());
    }
    tasks.extend(evpn::spawn(&shared).await?);
    tasks.push(tokio::spawn(log::fold()));
    let served = answer(&shared, listener);
    ready(&shared, begun).await;
    wait_for_end(&shared, signals).await;
    tasks.iter().for_each(JoinHandle::abort);
    // The answer to `fabric agent stop` goes out first; who keeps a connection open does not keep the agent.
    let _ = tokio::time::timeout(LAST_WORK, served).await;
    // A change that waits for a store does not keep the agent either.
    if tokio::time::timeout(LAST_WORK, keep_last_words(&shared))
        .await
        .is_err()
    {
        tracing::error!("what was counted last could not be saved: a change is in progress");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Keeps what was counted by numbers that were given up last, since the next agent does not know whose they were, and who is in charge of
/// storage machines.
async fn keep_last_words(shared: &Shared) {
    let _changes = shared.changes.lock().await;
    let mut core = shared.core.lock().await;
    if core.ended {
        return;
    }
    if let Err(error) = core.reclaim() {
        tracing::error!(%error, "what was counted last could not be saved");
    }
    // Who watches over storage machines has gone on until now, and nobody has listened.
    core.save_storage();
}

/// Begins what the agent does beside answering.
async fn begin(options: &AgentOptions, core: Core, watch: Option<Watch>) -> (Shared, Vec<JoinHandle<()>>) {
    let shared = Shared {
        core: Arc::new(Mutex::new(core)),
        changes: Arc::default(),
        stop: Arc::new(channel::channel(false).0),
    };
    let mut tasks = tasks::spawn(&shared, options.ageing, watch).await;
    tasks.extend(cluster::spawn(&shared).await);
    tasks.extend(storage::spawn(&shared).await);
    tasks.push(confirm::spawn(&shared));
    (shared, tasks)
}

/// Answers until the agent shall end, and then those who have asked already.
fn answer(shared: &Shared, listener: UnixListener) -> JoinHandle<std::io::Result<()>> {
    let stopped = shared.stop.subscribe();
    let served = axum::serve(listener, server::router(shared.clone()));
    tokio::spawn(served.with_graceful_shutdown(end(stopped)).into_future())
}

async fn end(mut stopped: channel::Receiver<bool>) {
    // An error means that the sender is gone, which is an end as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn read_config(path: &Path) -> Result<Document, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Refusal::new(codes::FAILED, format!("cannot read {}: {error}", path.display()))
            .with_cure(format!("ls -l {}", path.display()))
    })?;
    from_json(&text).map_err(|problem| Refusal::from(problem).in_file(&path.display().to_string()))
}

async fn ready(shared: &Shared, begun: Instant) {
    let core = shared.core.lock().await;
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (revision, ports) = (core.revision(), core.ports.iter().count());
    tracing::info!(node = %core.node, revision, ports, adopted = core.adopted, elapsed_ms, "ready");
    // Not under systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// Requests to end. Heard from the first moment on: one that comes while the agent starts ends it in order afterwards.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Refusal> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Refusal::new(codes::FAILED, format!("cannot listen to signals: {error}"))
                    .with_cure("ulimit -n; ls /proc/self/fd")
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
}

async fn wait_for_end(shared: &Shared, mut signals: Signals) {
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
        () = end(shared.stop.subscribe()) => {}
    }
    shared.stop.send_replace(true);
}

/// Why a program could not be attached, in the words of the driver that refused it.
fn attach_refusal(port: &IfName, driver: &str, error: &LoadError) -> Refusal {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let errno = std::iter::from_fn(|| {
        let now = source?;
        source = now.source();
        Some(
            now.downcast_ref::<std::io::Error>()
                .and_then(std::io::Error::raw_os_error),
        )
    })
    .flatten()
    .next();
    match errno {
        Some(errno) => {
            let refusal = explain_attach_error(port.as_str(), driver, errno);
            Refusal::new(Code::from_static(refusal.code), refusal.sentence).with_cure(refusal.cure)
        }
        None => Refusal::new(codes::NO_NATIVE_XDP, format!("{port}: {error}")).with_cure("fabric doctor"),
    }
}
