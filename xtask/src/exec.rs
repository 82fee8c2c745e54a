//! The one place that runs commands. A failed one shows its whole command line and all it printed.

use std::{
    io::{BufRead, BufReader, PipeReader},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{failure::Failure, ui::Progress};

/// How often a silent command's progress line is drawn again.
const TICK: Duration = Duration::from_millis(200);
/// Ticks to wait for the pipe after the command ended: a process it left behind may hold it open for ever.
const GRACE_TICKS: usize = 10;

/// Runs to the end, showing the latest line as progress.
///
/// # Errors
/// When it cannot be started or does not exit with 0; the error holds the command line and its output.
pub(crate) fn run(command: Command, progress: &Progress) -> Result<String> {
    let shown = line(&command);
    let mut output = String::new();
    let mut latest = String::new();
    let status = stream(command, |event| {
        if let Some(text) = event {
            output.push_str(text);
            output.push('\n');
            if !text.trim().is_empty() {
                latest = text.to_owned();
            }
        }
        progress.show(&latest);
    })?;
    if status.success() {
        return Ok(output);
    }
    let mut failure = Failure::new(
        "command-failed",
        format!("this command ended with {status}: {shown}"),
        "see its output above",
    );
    failure.output = output
        .lines()
        .filter(|line| !is_status(line))
        .collect::<Vec<_>>()
        .join("\n");
    Err(failure.into())
}

/// Whether cargo only tells what it is at: hundreds of such lines would hide the error.
fn is_status(line: &str) -> bool {
    const VERBS: [&str; 8] = [
        "Adding",
        "Blocking",
        "Checking",
        "Compiling",
        "Downloaded",
        "Downloading",
        "Locking",
        "Updating",
    ];
    let plain = line
        .trim_start_matches(|c: char| c == '\x1b' || c == '[' || c == 'm' || c.is_ascii_digit() || c == ';');
    // cargo aligns its verbs to the right of twelve columns; what a compiler quotes begins otherwise.
    let Some(verb) = plain
        .strip_prefix("  ")
        .and_then(|rest| rest.split_whitespace().next())
    else {
        return false;
    };
    VERBS.contains(&verb.split('\x1b').next().unwrap_or(verb))
}

/// Runs and hands on each line of stdout and stderr in the order of arrival; `None` when nothing came for a while.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn stream(command: Command, mut on_event: impl FnMut(Option<&str>)) -> Result<ExitStatus> {
    let (mut child, lines) = spawn(command)?;
    let mut ended_for = 0;
    loop {
        match lines.recv_timeout(TICK) {
            Ok(text) => on_event(Some(&text)),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                on_event(None);
                ended_for += usize::from(child.try_wait()?.is_some());
                if ended_for > GRACE_TICKS {
                    break;
                }
            }
        }
    }
    Ok(child.wait()?)
}

fn spawn(mut command: Command) -> Result<(Child, Receiver<String>)> {
    // One pipe for both: the order between a test's output and cargo's headings is the meaning.
    let (reader, writer) = std::io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = command
        .spawn()
        .with_context(|| format!("cannot start: {}", line(&command)))?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || read_lines(reader, &sender));
    Ok((child, receiver))
}

fn read_lines(reader: PipeReader, sender: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader
        .read_until(b'\n', &mut bytes)
        .is_ok_and(|length| length > 0)
    {
        let text = String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        if sender.send(text).is_err() {
            return;
        }
        bytes.clear();
    }
}

/// The standard output of a short question to another program, or `None` if it is not there or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Becomes the command: its exit code, its terminal and Ctrl-C are then the user's directly.
pub(crate) fn replace(mut command: Command) -> anyhow::Error {
    let error = command.exec();
    Failure::new(
        "command-failed",
        format!("cannot start {}: {error}", line(&command)),
        "cargo xtask build",
    )
    .into()
}

/// The command as it can be pasted into a shell: directory, the variables that were set, arguments.
pub(crate) fn line(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(directory) = command.get_current_dir() {
        words.push(format!("cd {} &&", quote(&directory.to_string_lossy())));
    }
    for (name, value) in command.get_envs() {
        if let Some(value) = value.filter(|_| name != "CARGO_TERM_COLOR") {
            words.push(format!(
                "{}={}",
                name.to_string_lossy(),
                quote(&value.to_string_lossy())
            ));
        }
    }
    words.push(quote(&command.get_program().to_string_lossy()));
    words.extend(command.get_args().map(|arg| quote(&arg.to_string_lossy())));
    words.join(" ")
}

/// Quotes for a POSIX shell where needed.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
