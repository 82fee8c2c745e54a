//! An agent that answers from files and remembers what it was asked.

use std::collections::HashMap;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// The text of a file of `tests/data`.
pub(crate) fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a file of tests/data")
}

/// One request, as `POST /v1/edit?dry_run=true`, and its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Memory {
    asked: Vec<Asked>,
    answers: HashMap<String, (u16, String)>,
    delay: Duration,
}

struct Shared {
    memory: Mutex<Memory>,
    end: Notify,
}

pub(crate) struct FakeAgent {
    dir: TempDir,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl FakeAgent {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let shared = Arc::new(Shared {
            memory: Mutex::default(),
            end: Notify::new(),
        });
        let at_server = Arc::clone(&shared);
        // Bound here, so that it can be connected to when this function returns.
        let listener = StdListener::bind(dir.path().join("agent.sock")).expect("a socket");
        let server = std::thread::spawn(move || serve(listener, at_server));
        Self {
            dir,
            shared,
            server: Some(server),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    /// From now on `what`, as in `GET /v1/tenants`, has this answer; with any query, unless it names one.
    pub(crate) fn answer(&self, what: &str, body: impl ToString) {
        self.answer_with(what, 200, body);
    }

    pub(crate) fn refuse(&self, what: &str, code: &str, sentence: &str, path: Option<&str>) {
        let refusal =
            json!({"sentence": sentence, "cure": "try again", "code": code, "path": path, "also": []});
        self.answer_with(what, 409, json!({ "error": refusal }));
    }

    pub(crate) fn answer_with(&self, what: &str, status: u16, body: impl ToString) {
        let mut memory = self.shared.memory.lock().expect("no panic before");
        memory.answers.insert(what.to_owned(), (status, body.to_string()));
    }

    pub(crate) fn answer_late(&self, delay: Duration) {
        self.shared.memory.lock().expect("no panic before").delay = delay;
    }

    /// What it was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.memory.lock().expect("no panic before").asked)
    }

    /// The only request since the last call, with its body as JSON.
    pub(crate) fn asked_once(&self) -> (String, Value) {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        let body = serde_json::from_str(&asked[0].body).unwrap_or(Value::Null);
        (asked[0].what.clone(), body)
    }
}

impl Drop for FakeAgent {
    fn drop(&mut self) {
        self.shared.end.notify_one();
        if let Some(server) = self.server.take() {
            // A test that already fails must show its own message.
            let _ = server.join();
        }
    }
}

fn serve(listener: StdListener, shared: Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket option");
        let listener = UnixListener::from_std(listener).expect("a socket");
        let app = Router::new().fallback(respond).with_state(Arc::clone(&shared));
        let end = async move { shared.end.notified().await };
        axum::serve(listener, app)
            .with_graceful_shutdown(end)
            .await
            .expect("a server");
    });
}

async fn respond(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let (what, path) = (format!("{method} {uri}"), format!("{method} {}", uri.path()));
    let (answer, delay) = {
        let mut memory = shared.memory.lock().expect("no panic before");
        memory.asked.push(Asked {
            what: what.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let answer = memory.answers.get(&what).or_else(|| memory.answers.get(&path));
        (answer.cloned(), memory.delay)
    };
    tokio::time::sleep(delay).await;
    let (status, text) = answer.unwrap_or_else(|| usual(&method, uri.path(), uri.query()));
    if what == "POST /v1/stop" {
        shared.end.notify_one();
    }
    let status = StatusCode::from_u16(status).expect("a status");
    (status, text).into_response()
}

fn usual(method: &Method, path: &str, query: Option<&str>) -> (u16, String) {
    let is_dry = query.is_some_and(|query| query.contains("dry_run=true"));
    let file = match (method.as_str(), path) {
        ("GET", "/v1/status") => "status",
        ("GET", "/v1/tenants") => "tenants",
        ("GET", "/v1/ports") => "ports",
        ("GET", "/v1/links") => "links",
        ("GET", "/v1/datacenters") => "datacenters",
        ("GET", "/v1/nodes") => "nodes",
        ("GET", "/v1/nodes/details") => "node-details",
        ("GET", "/v1/fdb") => "fdb",
        ("GET", "/v1/counters") => "counters",
        ("GET", "/v1/doctor") => "doctor",
        ("GET", "/v1/history") => "history",
        ("GET", "/v1/document") => "document",
        ("POST", "/v1/rollback/plan") => "plan",
        ("PUT", "/v1/document") | ("POST", "/v1/edit") if is_dry => "plan",
        ("PUT", "/v1/document") | ("POST", "/v1/rollback") => "applied-document",
        ("POST", "/v1/edit") => "applied-edit",
        ("POST", "/v1/fdb/flush") => "flushed",
        ("POST", "/v1/stop") => "stopping",
        _ => return (404, String::new()),
    };
    (200, data(file))
}

const SOCKET_VARIABLE: &str = "FABRIC_TEST_AGENT_SOCKET";

/// An agent in a process of its own, which outlives its socket for a while. Then it writes what it was asked beside
/// the socket.
pub(crate) fn spawn_process(socket: &Path) -> Child {
    let child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "fake::agent_process",
            "--exact",
            "--ignored",
            "--quiet",
            "--test-threads=1",
        ])
        .env(SOCKET_VARIABLE, socket)
        .stdout(Stdio::null())
        .spawn()
        .expect("this test starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        assert!(Instant::now() < deadline, "no agent at {}", socket.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
#[ignore = "not a test: the process of spawn_process"]
fn agent_process() {
    let Some(socket) = std::env::var_os(SOCKET_VARIABLE).map(PathBuf::from) else {
        return;
    };
    let shared = Arc::new(Shared {
        memory: Mutex::default(),
        end: Notify::new(),
    });
    serve(StdListener::bind(&socket).expect("a socket"), Arc::clone(&shared));
    std::fs::remove_file(&socket).expect("removed");
    // As long as a real agent needs to put interfaces back.
    std::thread::sleep(Duration::from_millis(300));
    let asked = std::mem::take(&mut shared.memory.lock().expect("no panic before").asked);
    let text: Vec<String> = asked
        .iter()
        .map(|asked| format!("{} {}", asked.what, asked.body))
        .collect();
    std::fs::write(socket.with_extension("asked"), text.join("\n")).expect("written");
}
