//! Reads what `cargo test` prints, and counts. Pure but for [`Tally::print`].

use std::time::Duration;

use crate::{exec, ui};

/// How much of the output of a test binary that crashed is shown.
const CRASH_LINES: usize = 20;

/// One test binary, or the doc tests of one crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// As a person knows it: `fabric_common src/lib.rs`, `tests/isolation.rs`, `fabric_common doc tests`.
    pub(crate) name: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
    /// Names of the failed tests.
    pub(crate) failures: Vec<String>,
    /// What it printed from its first `failures:` on, or its last lines if it got no further.
    pub(crate) details: Vec<String>,
    /// `-p CRATE --test NAME` as cargo says it; only of a target that failed.
    pub(crate) rerun: Option<String>,
    finished: bool,
}

impl Target {
    fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// It ended without its `test result:` line, or failed without a failed test.
    pub(crate) fn crashed(&self) -> bool {
        !self.finished || (self.rerun.is_some() && self.failed == 0)
    }
}

/// Takes the merged output of `cargo test` line by line.
#[derive(Default)]
pub(crate) struct Reader {
    current: Option<Target>,
    /// Whether we are after a `failures:` line, and thus perhaps in the list of names.
    listing: bool,
    /// Whether the target has told of a failed test.
    detailed: bool,
}

impl Reader {
    /// Returns the target that this line ends, if it begins another one.
    pub(crate) fn line(&mut self, line: &str) -> Option<Target> {
        if let Some(name) = heading(line) {
            (self.listing, self.detailed) = (false, false);
            return self.current.replace(Target::new(name));
        }
        let target = self.current.as_mut()?;
        if let Some(result) = test_result(line) {
            target.passed += result.passed;
            target.failed += result.failed;
            target.ignored += result.ignored;
            target.finished = true;
            self.listing = false;
        } else if let Some(rerun) = rerun(line) {
            target.rerun = Some(rerun.to_owned());
        } else if line == "failures:" {
            // The last such list of names counts: the first one holds what the tests printed.
            target.failures.clear();
            self.listing = true;
        } else if self.listing
            && let Some(name) = line.strip_prefix("    ")
        {
            target.failures.push(name.to_owned());
        }
        let kept = target.details.len();
        if line == "failures:" && !self.detailed {
            self.detailed = true;
            target.details.clear();
        } else if !self.detailed && kept >= CRASH_LINES {
            target.details.remove(0);
        }
        target.details.push(line.to_owned());
        None
    }

    /// The target that runs now.
    pub(crate) fn current(&self) -> Option<&str> {
        self.current.as_ref().map(|target| target.name.as_str())
    }

    /// The last target.
    pub(crate) fn finish(self) -> Option<Target> {
        self.current
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/fabric_common-0a1b)` and `Doc-tests fabric_common`.
fn heading(line: &str) -> Option<String> {
    let line = line.strip_prefix("   ")?.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} doc tests"));
    }
    let (source, binary) = line
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .split_once(" (")?;
    let Some(source) = source.strip_prefix("unittests ") else {
        return Some(source.to_owned());
    };
    let file = binary.rsplit('/').next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    Some(format!("{name} {source}"))
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

/// `test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn test_result(line: &str) -> Option<Counts> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let found = counts.split("; ").find_map(|part| part.strip_suffix(what));
        found?.trim().parse().ok()
    };
    Some(Counts {
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
    })
}

/// ``error: test failed, to rerun pass `-p fabric-common --lib` ``
fn rerun(line: &str) -> Option<&str> {
    line.strip_prefix("error: ")?
        .split_once("to rerun pass `")?
        .1
        .strip_suffix('`')
}

/// The counts of all steps and tests.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// What failed, and the command that runs it again.
    failures: Vec<(String, String)>,
}

impl Tally {
    pub(crate) fn pass(&mut self, count: usize) {
        self.passed += count;
    }

    pub(crate) fn fail(&mut self, name: &str, again: &str) {
        self.failed += 1;
        self.failures.push((name.to_owned(), again.to_owned()));
    }

    /// Passed and failed since `before`.
    pub(crate) fn since(&self, before: &Self) -> (usize, usize) {
        (self.passed - before.passed, self.failed - before.failed)
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Counts a finished target; one that crashed counts as one more failure.
    pub(crate) fn add(&mut self, target: &Target) {
        self.passed += target.passed;
        for name in &target.failures {
            self.fail(
                &format!("{}  {name}", target.name),
                &format!("cargo xtask test --filter {}", exec::quote(name)),
            );
        }
        let unnamed = target.failed.saturating_sub(target.failures.len()) + usize::from(target.crashed());
        for _ in 0..unnamed {
            let again = target.rerun.as_deref().map(|rerun| format!("cargo test {rerun}"));
            self.fail(
                &format!("{}  (ended without a result)", target.name),
                &again.unwrap_or("cargo xtask test".into()),
            );
        }
    }

    /// The failures with their commands, the time, and the line of counts as the last one.
    pub(crate) fn print(&self, time: Duration) {
        if !self.failures.is_empty() {
            ui::say("\nfailed:");
        }
        for (name, again) in &self.failures {
            ui::say(&format!("  {name}\n    again: {again}"));
        }
        ui::say(&format!("\nall steps and tests took {}", ui::seconds(time)));
        ui::say(&self.counts());
    }

    fn counts(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests;
