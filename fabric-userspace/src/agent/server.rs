//! HTTP over the unix socket, and metrics over TCP.

mod limited;
mod options;
mod scrape;
mod socket;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use options::{NoOptions, OfChecks, OfDocument, OfEdit, OfRollback, Options};
pub(super) use scrape::{listen_metrics, serve_metrics};
pub(super) use socket::Socket;

use super::core::Core;
use super::{change, cluster, confirm, edits, views};
use crate::api::{self, Envelope, Item, Items, kind, path};
use crate::error::{Refusal, codes};
use crate::model::from_json;

/// What every handler sees.
#[derive(Clone)]
pub(super) struct Shared {
    /// The agent. One request at a time: nobody sees a change that is half done in the maps.
    pub core: Arc<Mutex<Core>>,
    /// Held by whoever changes what is in force, from the first look at it to the last write; taken before the core. While a
    /// shared store decides, the core is free for those who only look.
    pub(super) changes: Arc<Mutex<()>>,
    /// Turns true when the agent shall end.
    pub(super) stop: Arc<watch::Sender<bool>>,
}

type Answer<T> = Result<Json<Envelope<T>>, Problem>;

/// A refusal on its way to the client.
#[derive(Debug)]
pub(super) struct Problem {
    refusal: Box<Refusal>,
    status: StatusCode,
}

impl Problem {
    /// Of a request that is not understood.
    fn misread(refusal: Refusal) -> Self {
        Self {
            refusal: Box::new(refusal),
            status: StatusCode::BAD_REQUEST,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal.code {
            code if *code == codes::BUG || *code == codes::FAILED => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self {
            refusal: Box::new(refusal),
            status,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.refusal }))).into_response()
    }
}

fn envelope<T: Serialize>(core: &Core, kind: &str, body: T) -> Json<Envelope<T>> {
    Json(enveloped(core.revision(), kind, body))
}

fn enveloped<T>(revision: u64, kind: &str, body: T) -> Envelope<T> {
    Envelope {
        schema: "fabric/1".into(),
        kind: kind.into(),
        revision,
        body,
    }
}

fn items<T: Serialize>(core: &Core, kind: &str, items: Vec<T>) -> Answer<Items<T>> {
    Ok(envelope(core, kind, Items { items }))
}

fn item<T: Serialize>(core: &Core, kind: &str, item: T) -> Answer<Item<T>> {
    Ok(envelope(core, kind, Item { item }))
}

/// The API.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route(path::STATUS, get(status))
        .route(path::DOCUMENT, get(document).put(put_document))
        .route(path::EDIT, post(edit))
        .route(path::CONFIRM, post(confirm_pending))
        .route(path::HISTORY, get(history))
        .route(path::ROLLBACK, post(rollback))
        .route(path::ROLLBACK_PLAN, post(plan_rollback))
        .route(path::NODES, get(nodes))
        .route(path::TENANTS, get(tenants))
        .route(path::PORTS, get(ports))
        .route(path::DATACENTERS, get(datacenters))
        .route(path::GATEWAYS, get(gateways))
        .route(path::NODE_DETAILS, get(node_details))
        .route(path::LINKS, get(links))
        .route(path::STORAGE, get(storage).post(act_on_storage))
        .route(path::FDB, get(fdb))
        .route(path::FDB_FLUSH, post(flush))
        .route(path::COUNTERS, get(counters))
        .route(path::DOCTOR, get(doctor))
        .route(path::STOP, post(stop))
        .route(path::METRICS, get(scrape::metrics))
        // A document of ten thousand tenants has several megabytes, and the socket is root's alone.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn status(State(shared): State<Shared>) -> Answer<Item<api::Status>> {
    let mut core = shared.core.lock().await;
    let status = views::status(&mut core)?;
    item(&core, kind::STATUS, status)
}

async fn document(State(shared): State<Shared>) -> Answer<Item<crate::model::Document>> {
    cluster::catch_up(&shared).await?;
    let core = shared.core.lock().await;
    item(&core, kind::DOCUMENT, core.document().clone())
}

async fn put_document(
    State(shared): State<Shared>,
    Options(query): Options<OfDocument>,
    body: String,
) -> Result<Response, Problem> {
    let document = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let _changes = shared.changes.lock().await;
        cluster::catch_up(&shared).await?;
        let document = edits::fill(document, &edits::held(&shared).await);
        let mut core = shared.core.lock().await;
        core.expect_revision(query.if_revision)?;
        if query.dry_run {
            let plan = core.plan(document).await?;
            return Ok(item(&core, kind::PLAN, plan)?.into_response());
        }
        drop(core);
        let terms = confirm::terms(query.confirm_within)?;
        let cause = query.cause.as_deref().unwrap_or("apply");
        let applied = change::apply(&shared, document, cause, terms).await?;
        let core = shared.core.lock().await;
        Ok(item(&core, kind::APPLIED, applied)?.into_response())
    })
    .await
}

/// Does the work of a request to its end, also when the client goes away in the middle: a handler is dropped then.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        let sentence = format!("the agent failed in the middle of the request: {error}");
        Err(Refusal::new(codes::BUG, sentence)
            .with_cure("fabric status; fabric doctor")
            .into())
    })
}

async fn edit(
    State(shared): State<Shared>,
    Options(query): Options<OfEdit>,
    body: String,
) -> Result<Response, Problem> {
    let edit: api::Edit = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let _changes = shared.changes.lock().await;
        cluster::catch_up(&shared).await?;
        shared.core.lock().await.expect_revision(query.if_revision)?;
        if query.dry_run {
            let held = edits::held(&shared).await;
            let mut core = shared.core.lock().await;
            let plan = core.plan_edit(&edit, &held).await?;
            return Ok(item(&core, kind::PLAN, plan)?.into_response());
        }
        let applied = edits::edit(&shared, &edit).await?;
        let core = shared.core.lock().await;
        Ok(item(&core, kind::APPLIED, applied)?.into_response())
    })
    .await
}

async fn confirm_pending(
    State(shared): State<Shared>,
    Options(NoOptions {}): Options<NoOptions>,
    body: String,
) -> Answer<Item<api::Confirmed>> {
    let request: api::Confirm = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let confirmed = confirm::confirm(&shared, &request).await?;
        let core = shared.core.lock().await;
        item(&core, kind::CONFIRMED, confirmed)
    })
    .await
}

fn refused(problem: crate::error::Problem) -> Refusal {
    Refusal::from(problem).unchanged()
}

async fn history(State(shared): State<Shared>) -> Answer<Items<api::Revision>> {
    let revisions = views::history(&shared).await?;
    let core = shared.core.lock().await;
    items(&core, kind::REVISION_LIST, revisions)
}

async fn rollback(
    State(shared): State<Shared>,
    Options(query): Options<OfRollback>,
    body: String,
) -> Answer<Item<api::Applied>> {
    let request: api::Rollback = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let _changes = shared.changes.lock().await;
        cluster::catch_up(&shared).await?;
        shared.core.lock().await.expect_revision(query.if_revision)?;
        let applied = change::rollback(&shared, request.revision).await?;
        let core = shared.core.lock().await;
        item(&core, kind::APPLIED, applied)
    })
    .await
}

async fn plan_rollback(
    State(shared): State<Shared>,
    Options(NoOptions {}): Options<NoOptions>,
    body: String,
) -> Answer<Item<api::Plan>> {
    let request: api::Rollback = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let _changes = shared.changes.lock().await;
        cluster::catch_up(&shared).await?;
        let plan = change::plan_rollback(&shared, request.revision).await?;
        let core = shared.core.lock().await;
        item(&core, kind::PLAN, plan)
    })
    .await
}

async fn nodes(State(shared): State<Shared>) -> Answer<Items<api::Node>> {
    // The store may take its time; the agent does not wait with it.
    let nodes = cluster::nodes(&shared).await?;
    let core = shared.core.lock().await;
    items(&core, kind::NODE_LIST, nodes)
}

async fn tenants(State(shared): State<Shared>) -> Answer<Items<api::Tenant>> {
    cluster::catch_up(&shared).await?;
    let mut core = shared.core.lock().await;
    let tenants = views::tenants(&mut core)?;
    items(&core, kind::TENANT_LIST, tenants)
}

async fn ports(State(shared): State<Shared>) -> Answer<Items<api::Port>> {
    cluster::catch_up(&shared).await?;
    let mut core = shared.core.lock().await;
    let ports = views::ports(&mut core).await?;
    items(&core, kind::PORT_LIST, ports)
}

async fn gateways(State(shared): State<Shared>) -> Answer<Items<api::Gateway>> {
    cluster::catch_up(&shared).await?;
    let core = shared.core.lock().await;
    let gateways = views::gateways(&core);
    items(&core, kind::GATEWAY_LIST, gateways)
}

async fn datacenters(State(shared): State<Shared>) -> Answer<Items<api::Datacenter>> {
    cluster::catch_up(&shared).await?;
    let core = shared.core.lock().await;
    let datacenters = views::datacenters(&core);
    items(&core, kind::DATACENTER_LIST, datacenters)
}

async fn node_details(State(shared): State<Shared>) -> Answer<Items<api::NodeDetail>> {
    cluster::catch_up(&shared).await?;
    let core = shared.core.lock().await;
    let nodes = views::node_details(&core);
    items(&core, kind::NODE_DETAIL_LIST, nodes)
}

async fn links(State(shared): State<Shared>) -> Answer<Items<api::Link>> {
    cluster::catch_up(&shared).await?;
    let core = shared.core.lock().await;
    let links = views::links(&core);
    items(&core, kind::LINK_LIST, links)
}

async fn storage(State(shared): State<Shared>) -> Answer<Items<api::Vsm>> {
    cluster::catch_up(&shared).await?;
    let mut core = shared.core.lock().await;
    let storage = views::storage(&mut core)?;
    items(&core, kind::STORAGE_LIST, storage)
}

async fn act_on_storage(
    State(shared): State<Shared>,
    Options(NoOptions {}): Options<NoOptions>,
    body: String,
) -> Answer<Item<api::Acted>> {
    let request: api::StorageAct = from_json(&body).map_err(refused)?;
    let note = super::storage::act(&shared, &request).await?;
    let mut core = shared.core.lock().await;
    let all = views::storage(&mut core)?;
    let found = all.into_iter().find(|vsm| vsm.name == request.storage.as_str());
    let storage = found.ok_or_else(|| Refusal::new(codes::BUG, "the storage machine is gone"))?;
    item(&core, kind::ACTED, api::Acted { note, storage })
}

async fn fdb(
    State(shared): State<Shared>,
    Options(which): Options<api::WhichStations>,
) -> Result<Response, Problem> {
    cluster::catch_up(&shared).await?;
    let mut core = shared.core.lock().await;
    let (stations, revision) = (views::stations(&mut core, &which)?, core.revision());
    drop(core);
    // A hundred megabytes, and the agent's other tasks may have this thread alone.
    let written = tokio::task::spawn_blocking(move || {
        let items = stations.views();
        serde_json::to_vec(&enveloped(revision, kind::FDB_LIST, Items { items }))
            .map_err(|error| error.to_string())
    });
    let written = written.await.unwrap_or_else(|error| Err(error.to_string()));
    let body =
        written.map_err(|error| Refusal::new(codes::BUG, format!("the stations cannot be told: {error}")))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn flush(
    State(shared): State<Shared>,
    Options(NoOptions {}): Options<NoOptions>,
    body: String,
) -> Answer<Item<api::Flushed>> {
    let request: api::WhichStations = from_json(&body).map_err(refused)?;
    let mut core = shared.core.lock().await;
    let entries = core.flush(&request)?;
    item(&core, kind::FLUSHED, api::Flushed { entries })
}

async fn counters(State(shared): State<Shared>) -> Answer<Item<api::Counters>> {
    let mut core = shared.core.lock().await;
    let counters = views::counters(&mut core).await?;
    item(&core, kind::COUNTERS, counters)
}

async fn doctor(
    State(shared): State<Shared>,
    Options(which): Options<OfChecks>,
) -> Answer<Items<api::PortChecks>> {
    let core = shared.core.lock().await;
    let checks = views::doctor(&core, which.port.as_deref()).await?;
    items(&core, kind::PORT_CHECKS_LIST, checks)
}

async fn stop(
    State(shared): State<Shared>,
    Options(NoOptions {}): Options<NoOptions>,
    body: String,
) -> Answer<Item<api::Stop>> {
    let request: api::Stop = from_json(&body).map_err(refused)?;
    to_the_end(async move {
        let _changes = shared.changes.lock().await;
        let mut core = shared.core.lock().await;
        let down = if request.detach {
            core.take_down().await
        } else {
            Ok(())
        };
        if request.detach && down.is_ok() {
            cluster::leave(&mut core).await;
        }
        // Also when something stays: a data path that is half down is of no use to anybody.
        shared.stop.send_replace(true);
        down?;
        item(&core, kind::STOPPING, request)
    })
    .await
}
