//! Calls to etcd: each with a time limit, tried again at another member while that may help.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::failure::Failure;
use super::link::{Link, tls};
use super::stream::Stream;
use super::wire::{Decided, Found, Leased, Streamed, path, txn};
use crate::error::Refusal;

/// One try at one member. A leader's election takes up to a second with etcd's defaults.
const TRY: Duration = Duration::from_millis(1500);
/// All tries of one call.
const CALL: Duration = Duration::from_secs(5);
/// Pause between tries, doubled up to the second one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));
/// Connections that are kept for the next call.
const IDLE: usize = 4;

/// A client of all members.
pub(super) struct Client {
    pub(super) address: Address,
    tls: Option<TlsConnector>,
    /// Member that is asked first.
    preferred: AtomicUsize,
    idle: Mutex<Vec<Link>>,
    /// Proof of who we are, for an etcd with authentication.
    token: Mutex<Option<String>>,
}

impl Client {
    /// Reads certificates; no member is asked yet.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub(super) fn new(address: Address) -> Result<Self, Refusal> {
        Ok(Self {
            tls: address.tls.as_ref().map(tls).transpose()?,
            address,
            preferred: AtomicUsize::new(0),
            idle: Mutex::default(),
            token: Mutex::default(),
        })
    }

    /// Asks until somebody answers or the time is over. What a member refuses is believed when no other answers otherwise: one may have
    /// a wrong certificate, or no gateway.
    pub(super) async fn call<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        let end = Instant::now() + CALL;
        let mut pause = PAUSE.0;
        let mut tried = 0;
        let mut refused = None;
        // What a member that then fell silent may have carried out.
        let mut unanswered = None;
        loop {
            let (failure, may_be_done) = match self.attempt(path, body).await {
                Ok(answer) => return Ok(answer),
                Err(missed) => missed,
            };
            match &failure {
                Failure::Expired => self.set_token(None),
                Failure::Full | Failure::Compacted => return Err(unanswered.unwrap_or(failure)),
                Failure::Away(_) | Failure::Denied(_) | Failure::Refused(_) => {
                    tried += 1;
                    self.next_member();
                }
            }
            match &failure {
                Failure::Away(_) if may_be_done => unanswered = unanswered.or(Some(failure.clone())),
                Failure::Denied(_) | Failure::Refused(_) => refused = refused.or(Some(failure.clone())),
                Failure::Away(_) | Failure::Expired | Failure::Full | Failure::Compacted => {}
            }
            let is_over = Instant::now() + pause >= end;
            if let Some(refused) = refused.take_if(|_| is_over || tried >= self.address.endpoints.len()) {
                return Err(unanswered.unwrap_or(refused));
            }
            if is_over {
                return Err(failure);
            }
            // Who refuses answers at once, and so may the next one.
            if !matches!(failure, Failure::Denied(_) | Failure::Refused(_)) {
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }

    /// Asks one member once. For what must not be done twice. With a failure comes whether the member may have done it all the same.
    async fn attempt<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, (Failure, bool)> {
        let answer = timeout(TRY, self.exchange(path, body));
        let late = |_| {
            Err((
                Failure::Away(format!("{}: no answer in time", self.member())),
                true,
            ))
        };
        let bytes = answer.await.unwrap_or_else(late)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            (
                Failure::Refused(format!("its answer is not understood: {error}")),
                true,
            )
        })
    }

    async fn exchange(&self, path: &str, body: &Value) -> Result<Vec<u8>, (Failure, bool)> {
        let before = |failure| (failure, false);
        let token = self.authenticate().await.map_err(before)?;
        let mut link = self.link().await.map_err(before)?;
        let answer = post(&mut link, path, token.as_deref(), body).await;
        let answer = answer.map_err(|failure| (failure, true))?;
        self.keep(link);
        Ok(answer)
    }

    /// A token, if this etcd wants one.
    async fn authenticate(&self) -> Result<Option<String>, Failure> {
        #[derive(serde::Deserialize)]
        struct Token {
            token: String,
        }
        let Some(user) = &self.address.user else {
            return Ok(None);
        };
        if let Some(token) = self.token() {
            return Ok(Some(token));
        }
        let body = json!({ "name": user.name, "password": user.password.reveal() });
        let mut link = self.link().await?;
        let answer = post(&mut link, path::AUTHENTICATE, None, &body).await?;
        self.keep(link);
        let token: Token = serde_json::from_slice(&answer)
            .map_err(|_| Failure::Refused("its answer to a log-in is not understood".to_owned()))?;
        self.set_token(Some(token.token.clone()));
        Ok(Some(token.token))
    }

    fn token(&self) -> Option<String> {
        self.token.lock().ok()?.clone()
    }

    fn set_token(&self, new: Option<String>) {
        if let Ok(mut token) = self.token.lock() {
            *token = new;
        }
    }

    fn member(&self) -> &str {
        let members = &self.address.endpoints;
        &members[self.preferred.load(Ordering::Relaxed) % members.len()]
    }

    fn next_member(&self) {
        self.preferred.fetch_add(1, Ordering::Relaxed);
    }

    async fn link(&self) -> Result<Link, Failure> {
        let member = self.member();
        let idle = self.idle.lock().ok().and_then(|mut idle| {
            idle.retain(Link::is_open);
            let at = idle.iter().position(|link| link.endpoint == member)?;
            Some(idle.swap_remove(at))
        });
        match idle {
            Some(link) => Ok(link),
            None => Link::open(member, self.tls.as_ref()).await,
        }
    }

    fn keep(&self, link: Link) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE
        {
            idle.push(link);
        }
    }

    /// Opens an answer without an end at one member.
    pub(super) async fn stream(&self, path: &str, body: &Value) -> Result<Stream, Failure> {
        let open = async {
            let token = self.authenticate().await?;
            let mut link = Link::open(self.member(), self.tls.as_ref()).await?;
            let answer = link
                .send(path, token.as_deref(), body.to_string().into_bytes())
                .await?;
            Stream::begin(link, answer).await
        };
        let opened = timeout(TRY, open)
            .await
            .unwrap_or_else(|_| Err(Failure::Away(format!("{}: no answer in time", self.member()))));
        match &opened {
            Err(Failure::Expired) => self.set_token(None),
            Err(_) => self.next_member(),
            Ok(_) => {}
        }
        opened
    }

    /// Reads keys.
    pub(super) async fn range(&self, request: &Value) -> Result<Found, Failure> {
        self.call(path::RANGE, request).await
    }

    /// Decides a transaction. It may be carried out more than once: the conditions must make the second one fail, and
    /// the caller must know its own work again.
    pub(super) async fn txn(&self, conditions: &[Value], operations: &[Value]) -> Result<Decided, Failure> {
        self.call(path::TXN, &txn(conditions, operations)).await
    }

    /// A new lease of `seconds`.
    pub(super) async fn grant(&self, seconds: u32) -> Result<i64, Failure> {
        let request = json!({ "TTL": seconds.to_string() });
        Ok(self.call::<Leased>(path::LEASE_GRANT, &request).await?.id)
    }

    /// Renews a lease; false if it is gone.
    pub(super) async fn renew(&self, lease: i64) -> Result<bool, Failure> {
        let request = json!({ "ID": lease.to_string() });
        let answer: Streamed<Leased> = self.call(path::LEASE_KEEP, &request).await?;
        match (answer.result, answer.error) {
            (Some(leased), _) => Ok(leased.ttl > 0),
            (None, Some(error)) => Err(Failure::of_code(error.grpc_code, error.message)),
            (None, None) => Ok(false),
        }
    }

    /// What is left of a lease; nothing if it is gone.
    pub(super) async fn left(&self, lease: i64) -> Result<Duration, Failure> {
        let request = json!({ "ID": lease.to_string() });
        let leased: Leased = self.call(path::LEASE_LEFT, &request).await?;
        Ok(Duration::from_secs(u64::try_from(leased.ttl).unwrap_or(0)))
    }

    /// Ends a lease, and with it its keys.
    pub(super) async fn revoke(&self, lease: i64) -> Result<(), Failure> {
        let request = json!({ "ID": lease.to_string() });
        self.call::<Value>(path::LEASE_REVOKE, &request).await.map(drop)
    }
}

async fn post(link: &mut Link, path: &str, token: Option<&str>, body: &Value) -> Result<Vec<u8>, Failure> {
    let answer = link.send(path, token, body.to_string().into_bytes()).await?;
    let status = answer.status();
    let endpoint = &link.endpoint;
    let bytes = answer
        .into_body()
        .collect()
        .await
        .map_err(|error| Failure::Away(format!("{endpoint}: {error}")))?
        .to_bytes();
    if status.is_success() {
        Ok(bytes.to_vec())
    } else {
        Err(Failure::of(status.as_u16(), &bytes))
    }
}
