//! The copies of a storage machine's data, as the software that makes them tells over QMP (QEMU machine protocol).

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// How far a copy is. What one that is in step has to have beside that depends on the [`crate::model::ReplicationPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The copy has had everything once, and every new write goes to both before it is acknowledged (`write-blocking`). A job
    /// that has met an error or stands still acknowledges what the copy lacks.
    pub(crate) in_step: bool,
    /// New writes are acknowledged before the copy has them, as QEMU 8.2 and newer tell.
    pub(crate) is_late: bool,
    /// Bytes that are still missing.
    pub(crate) lag: u64,
}

/// A monitor that stays open: who connects anew for each question is in the way of others, and of the monitor itself.
pub(crate) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    /// # Errors
    /// Nobody listens on `socket`, or says what QMP does not say.
    pub(crate) async fn open(socket: &str) -> io::Result<Self> {
        patiently(async {
            let mut monitor = Self(BufReader::new(UnixStream::connect(socket).await?));
            monitor.execute("qmp_capabilities").await?;
            Ok(monitor)
        })
        .await
    }

    /// By job, which has the name of the member that it copies to, how far it is.
    ///
    /// # Errors
    /// When the other end is gone or is not heard in time; open it anew then.
    pub(crate) async fn copies(&mut self) -> io::Result<BTreeMap<String, Progress>> {
        let jobs = patiently(self.execute("query-block-jobs")).await?;
        Ok(lags(&jobs))
    }

    async fn execute(&mut self, command: &str) -> io::Result<Value> {
        let mut line = json!({ "execute": command }).to_string();
        line.push('\n');
        self.0.write_all(line.as_bytes()).await?;
        answer(&mut self.0).await
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

/// The next answer; greetings and events in between are passed over.
async fn answer(stream: &mut BufReader<UnixStream>) -> io::Result<Value> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let message: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        if let Some(error) = message.get("error") {
            return Err(io::Error::other(error.to_string()));
        }
        if let Some(answer) = message.get("return") {
            return Ok(answer.clone());
        }
    }
}

fn lags(jobs: &Value) -> BTreeMap<String, Progress> {
    let number = |job: &Value, field: &str| job.get(field).and_then(Value::as_u64).unwrap_or(0);
    let progress = |job: &Value| Progress {
        in_step: is_in_step(job),
        is_late: job.get("actively-synced").and_then(Value::as_bool) == Some(false),
        lag: number(job, "len").saturating_sub(number(job, "offset")),
    };
    let jobs = jobs.as_array().into_iter().flatten();
    jobs.filter_map(|job| Some((job.get("device")?.as_str()?.to_owned(), progress(job))))
        .collect()
}

/// A mirror that has become ready stays so when a write to its target fails (`on-target-error`): the client's write succeeds.
fn is_in_step(job: &Value) -> bool {
    let is = |field: &str| job.get(field).and_then(Value::as_bool).unwrap_or(false);
    let is_well = job.get("io-status").is_none_or(|status| status == "ok");
    is("ready") && is_well && !is("paused")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As qemu-storage-daemon 7.2 writes it.
    #[test]
    fn a_job_in_step_lacks_nothing_and_one_that_begins_lacks_something() {
        let jobs = json!([
            {"auto-finalize": true, "io-status": "ok", "device": "array-2", "auto-dismiss": true, "busy": false,
             "len": 8388608, "offset": 8388608, "status": "ready", "paused": false, "speed": 0, "ready": true, "type": "mirror"},
            {"device": "array-3", "len": 100, "offset": 40, "ready": false},
            {"device": "array-4", "len": 0, "offset": 0, "ready": false},
        ]);
        let lags = lags(&jobs);
        let progress = |in_step, lag| Progress {
            in_step,
            is_late: false,
            lag,
        };
        assert_eq!(lags["array-2"], progress(true, 0));
        assert_eq!(lags["array-3"], progress(false, 60));
        assert_eq!(lags["array-4"], progress(false, 0));
    }

    /// What is missing by then is acknowledged to clients all the same.
    #[test]
    fn a_job_that_met_an_error_or_stands_still_is_not_in_step() {
        for (job, in_step, is_late) in [
            (
                json!({"ready": true, "io-status": "failed", "paused": true, "len": 9, "offset": 4}),
                false,
                false,
            ),
            (
                json!({"ready": true, "io-status": "failed", "len": 9, "offset": 9}),
                false,
                false,
            ),
            (json!({"ready": true, "io-status": "nospace"}), false, false),
            (
                json!({"ready": true, "io-status": "ok", "paused": true}),
                false,
                false,
            ),
            (
                json!({"ready": true, "io-status": "ok", "actively-synced": false}),
                true,
                true,
            ),
            (
                json!({"ready": true, "io-status": "ok", "actively-synced": true}),
                true,
                false,
            ),
            (
                json!({"ready": true, "io-status": "ok", "paused": false}),
                true,
                false,
            ),
            (json!({"ready": true}), true, false),
        ] {
            let mut named = job.clone();
            named["device"] = json!("array-2");
            let progress = lags(&json!([named]))["array-2"];
            assert_eq!((progress.in_step, progress.is_late), (in_step, is_late), "{job}");
        }
    }
}
