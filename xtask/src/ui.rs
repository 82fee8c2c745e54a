//! Step lines: `[2/4] build   fabric, fabric-ebpf        38.9 s`, and the progress of a long step.

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    time::{Duration, Instant},
};

use anyhow::Result;

/// Prints one numbered line a step.
pub(crate) struct Steps {
    number: usize,
    total: usize,
}

/// What the line of a finished step says.
pub(crate) struct Done {
    pub(crate) detail: String,
    /// A verdict such as `present` or `installed`; may be empty.
    pub(crate) word: &'static str,
}

impl Done {
    pub(crate) fn new(detail: impl Into<String>, word: &'static str) -> Self {
        Self {
            detail: detail.into(),
            word,
        }
    }
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { number: 0, total }
    }

    /// Runs one step and prints its line, also when it fails.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Progress) -> Result<(Done, T)>,
    ) -> Result<T> {
        self.number += 1;
        let label = format!("[{}/{}] {name:<8}", self.number, self.total);
        let progress = Progress::new(label.clone());
        progress.show("");
        let outcome = work(&progress);
        progress.clear();
        let time = seconds(progress.started.elapsed());
        match outcome {
            Ok((done, value)) => {
                say(&format!(
                    "{label}{:<48}{} {time:>9}",
                    done.detail,
                    verdict(done.word)
                ));
                Ok(value)
            }
            Err(error) => {
                say(&format!("{label}{:<48}{} {time:>9}", "", verdict("FAIL")));
                Err(error)
            }
        }
    }
}

/// The line that a terminal shows while a step runs; nothing elsewhere.
pub(crate) struct Progress {
    label: String,
    started: Instant,
    visible: bool,
}

impl Progress {
    fn new(label: String) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            label,
            started: Instant::now(),
            visible: stderr().is_terminal() && !dumb,
        }
    }

    /// Replaces the progress line by `text` and the time since the step began.
    pub(crate) fn show(&self, text: &str) {
        if self.visible {
            let time = seconds(self.started.elapsed());
            // Without auto-wrap a long line is cut at the edge instead of scrolling the terminal.
            let _ = write!(
                stderr(),
                "\r\x1b[2K\x1b[?7l{}{time:>9}  {}\x1b[?7h",
                self.label,
                text.trim()
            );
            let _ = stderr().flush();
        }
    }

    pub(crate) fn clear(&self) {
        if self.visible {
            let _ = write!(stderr(), "\r\x1b[2K");
            let _ = stderr().flush();
        }
    }

    /// Prints a lasting line under the running step.
    pub(crate) fn note(&self, line: &str) {
        self.clear();
        say(line);
    }
}

/// Prints a line of the answer. A closed pipe ends the output, not the work.
pub(crate) fn say(line: &str) {
    let mut out = stdout();
    let _ = writeln!(out, "{}", line.trim_end());
    let _ = out.flush();
}

/// `12.3 s`: the unit of every time in this output.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// A verdict in eight columns, coloured on a terminal only; the colour repeats the word.
fn verdict(word: &str) -> String {
    let padded = format!("{word:>9}");
    if !colours() {
        return padded;
    }
    match word {
        "FAIL" => format!("\x1b[31m{padded}\x1b[0m"),
        _ => format!("\x1b[32m{padded}\x1b[0m"),
    }
}

/// Whether stdout gets colours: a terminal that nobody switched off.
fn colours() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    set("CLICOLOR_FORCE") || (stdout().is_terminal() && !set("NO_COLOR") && !dumb)
}
