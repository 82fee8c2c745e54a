//! One lab from its start to its end: built, shown, told, and taken down or kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use super::console::{Console, seconds};
use super::findings::{Failure, Findings, part};
use super::home::{self, Home};
use super::report;
use crate::fabric::{Agent, binary};
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::{Net, count_links};
use crate::wire::judge;

/// A topology and what is shown with it.
pub trait Lab: Sized {
    /// As in `figure 1`.
    const TITLE: &'static str;
    /// What is shown, in a few words.
    const SHOWS: &'static str;

    /// Builds it in an empty net; the agents' files go into `folder`.
    ///
    /// # Errors
    /// When a step fails; what was made by then is gone.
    fn build(net: Net, folder: &Path) -> Result<Self>;

    /// Its namespaces.
    fn namespaces(&self) -> Vec<NetNs>;

    /// Its agents.
    fn agents(&self) -> &[Agent];

    /// Runs everything and fills `findings` as far as it gets.
    ///
    /// # Errors
    /// The part that failed.
    fn show(&mut self, findings: &mut Findings, progress: &dyn Fn(&str)) -> Result<(), Failure>;

    /// Its picture, drawn with box characters.
    fn picture(&self) -> String;

    /// Commands to look around with while it is up.
    fn hints(&self, look: &Look) -> Vec<String>;

    /// Leaves it up after this process.
    ///
    /// # Errors
    /// When it cannot be protected from the next sweep.
    fn keep(self) -> Result<()>;

    /// Takes it down.
    ///
    /// # Errors
    /// What was left behind, or an error in an agent's log.
    fn tear_down(self) -> Result<()>;
}

/// Leaves a net up, and in it the agents; who they are can be asked over their sockets.
///
/// # Errors
/// When the mark that protects the net cannot be written.
pub(super) fn keep_running(net: Net, agents: impl IntoIterator<Item = Agent>) -> Result<()> {
    net.keep()?;
    for agent in agents {
        drop(agent.keep());
    }
    Ok(())
}

/// Where a kept lab is.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its namespaces begin so.
    pub prefix: String,
    home: PathBuf,
    binary: PathBuf,
}

impl Look {
    /// A call of the command line to the agent of `node`.
    #[must_use]
    pub fn fabric(&self, node: &str, words: &str) -> String {
        let (binary, home) = (self.binary.display(), self.home.display());
        format!("{binary} --socket {home}/{node}/fabric.sock {words}")
    }
}

/// The step lines of one session.
struct Steps {
    console: Console,
    next: usize,
    all: usize,
}

/// What one session does.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Where it is shown.
    pub console: Console,
    /// Leave it up.
    pub keep: bool,
    /// First step and number of steps.
    pub steps: (usize, usize),
}

impl Session {
    /// Runs the lab `L` and gives the exit code.
    #[must_use]
    pub fn run<L: Lab>(self) -> ExitCode {
        let started = Instant::now();
        let (mut findings, mut left_up) = (Findings::default(), None);
        let outcome = self.build_and_show::<L>(&mut findings, &mut left_up);
        let code = match outcome {
            Ok(()) => {
                let end = if left_up.is_some() {
                    "left up"
                } else {
                    "everything removed"
                };
                report::say_ok(self.console, &findings, started.elapsed(), end);
                ExitCode::SUCCESS
            }
            Err(failure) => self.fail(&failure),
        };
        if let Some(lines) = left_up {
            lines.iter().for_each(|line| self.console.say(line));
        }
        code
    }

    fn build_and_show<L: Lab>(
        self,
        findings: &mut Findings,
        left_up: &mut Option<Vec<String>>,
    ) -> Result<(), Failure> {
        let mut steps = Steps::new(self);
        let net = part("lab", home::sweep().and_then(|()| Net::new()))?;
        let home = part("lab", Home::new(net.prefix()))?;
        let prefix = net.prefix().to_owned();
        let evidence =
            |failure: Failure, findings: &Findings| keep_evidence(failure, findings, &home, &prefix);
        let built = steps.run("lab", |_| {
            let lab = part("lab", L::build(net, home.path()))?;
            Ok((part("lab", what_is_up(&lab))?, "up", lab))
        });
        let mut lab = built.map_err(|failure| evidence(failure, findings))?;
        let shown = steps.run("show", |progress| {
            lab.show(findings, progress)?;
            progress("tshark reads the captures");
            findings.judged = part("captures", judge::verdict())?;
            Ok((L::SHOWS.to_owned(), "", ()))
        });
        self.console.say("");
        self.console.say(&self.console.drawn(&lab.picture()));
        report::say(self.console, findings);
        let shown = shown.map_err(|failure| evidence(failure, findings));
        if self.keep && interrupt::received().is_none() {
            *left_up = Some(part("keep", keep(lab, home))?);
            return shown;
        }
        let down = lab.tear_down().and_then(|()| home.remove());
        shown.and(part("clean-up", down))
    }

    fn fail(self, failure: &Failure) -> ExitCode {
        if let Some(signal) = interrupt::received().filter(|_| interrupt::caused(&failure.error)) {
            let removed = if failure.what == "clean-up" {
                format!("but not all was removed: {:#}", failure.error)
            } else {
                "everything removed".to_owned()
            };
            self.console.say(&format!("lab: interrupted, {removed}"));
            // As shells do for a process that a signal has ended.
            return ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(1));
        }
        let verdict = self.console.bad("FAILED");
        let reason = format!("{:#}", failure.error);
        self.console
            .say(&format!("lab: {verdict}  {}: {reason}", failure.what));
        ExitCode::FAILURE
    }
}

impl Steps {
    fn new(session: Session) -> Self {
        Self {
            console: session.console,
            next: session.steps.0,
            all: session.steps.1,
        }
    }

    /// Runs one step and prints its line, also when it fails.
    fn run<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&dyn Fn(&str)) -> Result<(String, &'static str, T), Failure>,
    ) -> Result<T, Failure> {
        let (started, console) = (Instant::now(), self.console);
        let label = format!("[{}/{}] {name:<8}", self.next, self.all);
        self.next += 1;
        let progress = |text: &str| console.progress(&label, started, text);
        progress("");
        let outcome = work(&progress);
        console.clear();
        let (detail, word) = match &outcome {
            Ok((detail, word, _)) => (detail.as_str(), console.good(&format!("{word:>9}"))),
            Err(_) => ("", console.bad(&format!("{:>9}", "FAIL"))),
        };
        console.say(&format!(
            "{label}{detail:<48}{word} {:>9}",
            seconds(started.elapsed())
        ));
        outcome.map(|(_, _, value)| value)
    }
}

fn what_is_up<L: Lab>(lab: &L) -> Result<String> {
    let namespaces = lab.namespaces();
    let mut ends = 0;
    for namespace in &namespaces {
        ends += count_links(namespace, "veth")?;
    }
    let (all, pairs, agents) = (namespaces.len(), ends / 2, lab.agents().len());
    Ok(format!(
        "{}: {all} namespaces, {pairs} veth pairs, {agents} agents",
        L::TITLE
    ))
}

/// Leaves the lab up; gives the lines that say how to look around and how to remove it.
fn keep<L: Lab>(lab: L, home: Home) -> Result<Vec<String>> {
    let prefix = home.prefix();
    let look = Look {
        binary: shortened(&binary()?),
        home: home.path().to_owned(),
        prefix: prefix.clone(),
    };
    let mut lines = vec!["look around:".to_owned()];
    lines.extend(lab.hints(&look).iter().map(|line| format!("  {line}")));
    let own = shortened(&std::env::current_exe().context("cannot find this program")?);
    lines.push(format!("remove it:\n  {} --down {prefix}", own.display()));
    lab.keep()?;
    home.keep();
    Ok(lines)
}

/// As one would type it here.
fn shortened(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let (Ok(here), Ok(path)) = (here, path.canonicalize()) else {
        return path.to_owned();
    };
    path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)
}

/// Copies captures and logs to a place that outlives the lab, and says so in the reason.
fn keep_evidence(failure: Failure, findings: &Findings, home: &Home, prefix: &str) -> Failure {
    if interrupt::caused(&failure.error) {
        return failure;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/lab")
        .join(prefix);
    let note = match findings.save(&folder, &home.logs()) {
        Ok(()) => format!("captures and logs kept in target/lab/{prefix}"),
        Err(error) => format!("captures and logs could not be kept: {error:#}"),
    };
    let reason = format!("{:#}", failure.error);
    Failure {
        what: failure.what,
        error: anyhow!("{reason} ({note})"),
    }
}
