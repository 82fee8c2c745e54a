//! The agent: carries the document out on this node, watches over it, and answers.

mod change;
mod core;
mod edits;
mod host;
mod meter;
mod metrics;
mod ports;
mod server;
mod store;
mod tasks;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use self::core::{Core, failed};
use self::server::{Shared, Stop};
use crate::agent_options::{AgentOptions, LogFormat};
use crate::datapath::LoadError;
use crate::error::{Code, Refusal, codes};
use crate::ids::Sizes;
use crate::model::{Document, IfName, from_json};
use crate::safety::explain_attach_error;

/// Runs until a signal or `fabric agent stop`. Forwarding goes on afterwards unless the stop says otherwise.
///
/// # Errors
/// When the agent cannot start; nothing is changed then.
pub async fn run(options: AgentOptions) -> Result<(), Refusal> {
    log(options.log_format);
    let config = options.config.as_deref().map(read_config).transpose()?;
    let mut core = Core::open(
        options.node.clone(),
        &options.state_dir,
        &Sizes::default(),
        config.as_ref(),
        options.log_drops,
    )
    .await?;
    if let Some(document) = config.filter(|_| core.revision() == 0) {
        let cause = format!(
            "agent --config {}",
            options.config.as_deref().unwrap_or(Path::new("-")).display()
        );
        core.apply(document, &cause).await?;
    }
    let shared = Shared {
        core: Arc::new(Mutex::new(core)),
        stop: Arc::new(Stop::default()),
    };
    let listener = server::listen(&options.socket)?;
    if let Some(address) = options.metrics {
        server::serve_metrics(address, shared.clone()).await?;
    }
    let router = server::router(shared.clone());
    let served = tokio::spawn(async move { axum::serve(listener, router).await });
    let tasks = tasks::spawn(&shared, options.ageing).await?;
    ready(&shared).await;
    wait_for_end(&shared).await?;
    served.abort();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = std::fs::remove_file(&options.socket);
    let detach = shared.stop.detach.load(Ordering::Acquire);
    tracing::info!(detach, "stopped");
    if detach { take_down(shared).await } else { Ok(()) }
}

fn log(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second agent in one process, as in a test, keeps the first one's log.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

fn read_config(path: &Path) -> Result<Document, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Refusal::new(codes::FAILED, format!("cannot read {}: {error}", path.display()))
            .with_cure(format!("ls -l {}", path.display()))
    })?;
    from_json(&text).map_err(|problem| Refusal::from(problem).in_file(&path.display().to_string()))
}

async fn ready(shared: &Shared) {
    let core = shared.core.lock().await;
    let elapsed_ms = core.started.elapsed().as_millis();
    tracing::info!(
        node = %core.node,
        revision = core.revision(),
        ports = core.ports.iter().count(),
        adopted = core.adopted,
        elapsed_ms,
        "ready"
    );
    // Not under systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

async fn wait_for_end(shared: &Shared) -> Result<(), Refusal> {
    let listen = |kind| signal(kind).map_err(|error| Refusal::new(codes::FAILED, error.to_string()));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = shared.stop.notify.notified() => {}
    }
    Ok(())
}

/// Takes the data path down and puts every interface back as it was.
async fn take_down(shared: Shared) -> Result<(), Refusal> {
    let mut core = shared.core.lock_owned().await;
    let names: Vec<IfName> = core.ports.iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        core.give_back(&name).await;
    }
    for (key, error) in core.hops.remove_added().await {
        tracing::warn!(address = %key.address, %error, "a neighbour entry could not be removed");
    }
    core.remove_data_path().map_err(failed)
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
