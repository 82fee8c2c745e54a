//! Runs `cargo test` over the default members and follows its output target by target.

use std::{
    env,
    fs::File,
    io::{BufWriter, Write},
    num::NonZero,
    path::PathBuf,
    process::{Command, ExitStatus},
    thread,
    time::Instant,
};

use anyhow::Result;

use super::{
    Session,
    report::{Reader, Tally, Target},
};
use crate::{
    exec, sudo,
    ui::{self, Done, Progress},
    workspace::Workspace,
};

/// Compiles, then runs every test, doc tests included.
pub(super) fn run(session: &mut Session, filter: Option<&str>) {
    let compile = cargo_test(&session.workspace, &["--no-run"]);
    let compiled = session.step("compile", "cargo test --no-run", |_, progress| {
        exec::run(compile, progress)?;
        Ok((Done::new("the tests", "ok"), ()))
    });
    if compiled.is_none() {
        session
            .tally
            .fail("tests (not run: they do not compile)", "cargo test --no-run");
        return;
    }
    let (workspace, tally) = (&session.workspace, &mut session.tally);
    let followed = session.steps.run("tests", |progress| {
        // Compiling may have taken longer than sudo remembers the password, and no test is asked for it.
        progress.clear();
        sudo::prepare(super::WHY)?;
        follow(workspace, filter, tally, progress)
    });
    if let Err(error) = followed {
        ui::say(&crate::failure::render(&error));
        session.tally.fail("step tests", "cargo xtask test");
    }
}

/// How many tests of a target run at once.
const THREADS: &str = "RUST_TEST_THREADS";

/// More than there are CPUs where those are few: most tests wait, for a lease, a timer or a carrier.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).max(4)
}

fn cargo_test(workspace: &Workspace, args: &[&str]) -> Command {
    let mut cargo = workspace.cargo("test");
    cargo
        .env("CARGO_TERM_COLOR", "never")
        .env("FABRIC_BIN", workspace.release("fabric"));
    if env::var_os(THREADS).is_none() {
        cargo.env(THREADS, threads().to_string());
    }
    cargo
        .args(["--no-fail-fast", "--target-dir"])
        .arg(workspace.target())
        .args(args);
    cargo
}

fn follow(
    workspace: &Workspace,
    filter: Option<&str>,
    tally: &mut Tally,
    progress: &Progress,
) -> Result<(Done, ())> {
    let before = tally.clone();
    let mut cargo = cargo_test(workspace, &[]);
    if !sudo::is_root() {
        // Only the test binaries get root; cargo stays the user.
        cargo.env(runner_variable(), "sudo -E");
    }
    cargo.args(filter.map(|_| "--").into_iter().chain(filter));
    let log = workspace.target().join("xtask-test.log");
    let status = watch(cargo, &log, tally, progress)?;
    let (passed, failed) = tally.since(&before);
    if !status.success() && failed == 0 {
        tally.fail(
            &format!("cargo test ended with {status}; see {}", log.display()),
            "cargo test",
        );
    }
    if let Some(name) = filter.filter(|_| passed + failed == 0) {
        tally.fail(&format!("no test's name contains {name}"), "cargo test -- --list");
    }
    let (passed, failed) = tally.since(&before);
    if failed > 0 {
        progress.note(&format!("      all that the tests printed: {}", log.display()));
    }
    Ok((
        Done::new(
            format!("{passed} passed, {failed} failed"),
            if failed == 0 { "ok" } else { "FAIL" },
        ),
        (),
    ))
}

/// Prints a line a target and keeps everything in `log`.
fn watch(cargo: Command, log: &PathBuf, tally: &mut Tally, progress: &Progress) -> Result<ExitStatus> {
    let mut log = BufWriter::new(File::create(log)?);
    let mut reader = Reader::default();
    let mut began = Instant::now();
    let mut done = 0_usize;
    let status = exec::stream(cargo, |event| {
        if let Some(line) = event {
            // A full disk must not fail the tests.
            let _ = writeln!(log, "{line}");
            done += usize::from(line.starts_with("test ") && !line.starts_with("test result"));
            if let Some(target) = reader.line(line) {
                finished(&target, began, tally, progress);
            }
            if line.starts_with("     Running ") || line.starts_with("   Doc-tests ") {
                began = Instant::now();
            }
        }
        progress.show(&format!(
            "{done} done, {}",
            reader.current().unwrap_or("starting")
        ));
    })?;
    if let Some(target) = reader.finish() {
        finished(&target, began, tally, progress);
    }
    Ok(status)
}

fn finished(target: &Target, began: Instant, tally: &mut Tally, progress: &Progress) {
    tally.add(target);
    if let Some(line) = summary(target) {
        progress.note(&format!(
            "      {:<32} {line:>32} {:>9}",
            target.name,
            ui::seconds(began.elapsed())
        ));
    }
    if target.failed > 0 || target.crashed() {
        target
            .details
            .iter()
            .for_each(|line| progress.note(&format!("        {line}")));
    }
}

/// `None` for a target without tests.
fn summary(target: &Target) -> Option<String> {
    let parts = [
        (target.passed, "passed"),
        (target.failed, "failed"),
        (target.ignored, "ignored"),
    ];
    let mut parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if target.crashed() {
        parts.push("ended without a result".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER` for the host.
fn runner_variable() -> String {
    let version = exec::ask(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap_or("x86_64-unknown-linux-gnu");
    format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"))
}
