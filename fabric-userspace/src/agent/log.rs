//! The agent's log: a sentence and its fields a line, on standard error. What repeats is folded into one line a minute.

mod repeats;

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::agent_options::LogFormat;
use repeats::{About, Repeats};

/// How often lines that have waited long enough are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// The lines that wait, of the only log there is.
static WAITING: OnceLock<Arc<Mutex<Repeats>>> = OnceLock::new();

/// Begins the log. A second agent in one process, as in a test, keeps the first one's.
pub(super) fn begin(format: LogFormat, log_drops: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // The programs tell of drops one level below.
    let filter = match "fabric_ebpf=debug".parse() {
        Ok(drops) if log_drops => filter.add_directive(drops),
        _ => filter,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let plain = Format::default().with_target(false);
    let repeats = |mark| Arc::clone(WAITING.get_or_init(|| Arc::new(Mutex::new(Repeats::new(mark)))));
    let _ = match format {
        LogFormat::Text => builder
            .event_format(Folding {
                inner: plain.with_ansi(std::io::stderr().is_terminal()),
                repeats: repeats(mark_text),
            })
            .try_init(),
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(Folding {
                inner: plain.json(),
                repeats: repeats(mark_json),
            })
            .try_init(),
    };
}

/// Writes what has been held back for a minute, again and again.
pub(super) async fn fold() {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        write(|repeats| repeats.due(Instant::now()));
    }
}

/// Writes everything that has been held back.
pub(super) fn end() {
    write(Repeats::rest);
}

fn write(take: impl FnOnce(&mut Repeats) -> Vec<String>) {
    let Some(repeats) = WAITING.get() else { return };
    let lines = take(&mut repeats.lock().unwrap_or_else(PoisonError::into_inner));
    // Nobody reads the log: then nobody misses the lines either.
    let _ = std::io::stderr().write_all(lines.concat().as_bytes());
}

fn mark_text(line: &str, repeated: u64) -> String {
    format!("{} repeated={repeated}\n", line.trim_end())
}

fn mark_json(line: &str, repeated: u64) -> String {
    let marked = serde_json::from_str(line).map(|mut record: serde_json::Value| {
        record["fields"]["repeated"] = repeated.into();
        format!("{record}\n")
    });
    marked.unwrap_or_else(|_| line.to_owned())
}

/// Formats events as `inner` does, and holds repeats back.
struct Folding<F> {
    inner: F,
    repeats: Arc<Mutex<Repeats>>,
}

impl<S, N, F> FormatEvent<S, N> for Folding<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        // Whoever asks for more than the agent says by itself wants to see all of it.
        if *event.metadata().level() > Level::INFO {
            return writer.write_str(&line);
        }
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        for line in repeats.note(about(event), line, Instant::now()) {
            writer.write_str(&line)?;
        }
        Ok(())
    }
}

/// Lines are the same by the sentence and every field but numbers, which count how often or how long.
fn about(event: &Event<'_>) -> About {
    let site = format!("{:?}", event.metadata().callsite());
    let mut fields = Fields {
        key: site.clone(),
        object: None,
    };
    event.record(&mut fields);
    About {
        key: fields.key,
        site,
        object: fields.object,
    }
}

struct Fields {
    key: String,
    /// The first field that is neither the sentence nor a cause.
    object: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let told = format!("{}={value:?}", field.name());
        self.key.push('\n');
        self.key.push_str(&told);
        if !["message", "error", "problem"].contains(&field.name()) {
            self.object.get_or_insert(told);
        }
    }

    fn record_f64(&mut self, _: &Field, _: f64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_u64(&mut self, _: &Field, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::{mark_json, mark_text};

    #[test]
    fn a_folded_line_says_how_often_in_its_own_form() {
        let text = "2026-11-22T11:10:40.120Z  WARN store unreachable store=\"etcd\"\n";
        assert_eq!(
            mark_text(text, 12),
            "2026-11-22T11:10:40.120Z  WARN store unreachable store=\"etcd\" repeated=12\n"
        );
        let json = "{\"level\":\"WARN\",\"fields\":{\"message\":\"store unreachable\"}}\n";
        let marked: serde_json::Value = serde_json::from_str(&mark_json(json, 12)).expect("JSON");
        assert_eq!(marked["fields"]["repeated"], 12);
        assert_eq!(marked["fields"]["message"], "store unreachable");
    }
}
