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

/// By job, which has the name of the member that it copies to, the bytes that are still missing there. A job that is not in
/// step yet (`ready`) lacks at least one.
///
/// # Errors
/// Nobody listens on `socket`, or says what QMP does not say.
pub(crate) async fn poll(socket: &str) -> io::Result<BTreeMap<String, u64>> {
    timeout(PATIENCE, ask(socket))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

async fn ask(socket: &str) -> io::Result<BTreeMap<String, u64>> {
    let mut stream = BufReader::new(UnixStream::connect(socket).await?);
    for command in ["qmp_capabilities", "query-block-jobs"] {
        let mut line = json!({ "execute": command }).to_string();
        line.push('\n');
        stream.write_all(line.as_bytes()).await?;
        let answer = answer(&mut stream).await?;
        if command == "query-block-jobs" {
            return Ok(lags(&answer));
        }
    }
    Ok(BTreeMap::new())
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

fn lags(jobs: &Value) -> BTreeMap<String, u64> {
    let number = |job: &Value, field: &str| job.get(field).and_then(Value::as_u64).unwrap_or(0);
    let lag = |job: &Value| {
        let missing = number(job, "len").saturating_sub(number(job, "offset"));
        let is_ready = job.get("ready").and_then(Value::as_bool).unwrap_or(false);
        if is_ready { missing } else { missing.max(1) }
    };
    let jobs = jobs.as_array().into_iter().flatten();
    jobs.filter_map(|job| Some((job.get("device")?.as_str()?.to_owned(), lag(job))))
        .collect()
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
        assert_eq!((lags["array-2"], lags["array-3"], lags["array-4"]), (0, 60, 1));
    }
}
