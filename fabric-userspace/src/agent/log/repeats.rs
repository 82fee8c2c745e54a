//! Which lines are said at once, which wait, and what stands for those that waited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A line that was just said is not said again within this.
const WINDOW: Duration = Duration::from_secs(60);

/// So many lines within that time about one object say at once that another one does not hold any more: a tenant may make it so as often as
/// he likes.
const CONTRADICTIONS: u32 = 5;

/// Adds to a line how often it was repeated.
pub(super) type Mark = fn(&str, u64) -> String;

/// What a line is about.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// The same for lines that repeat each other.
    pub(super) key: String,
    /// The place in the code that says it.
    pub(super) site: String,
    /// The port or store that it tells of, if it names one.
    pub(super) object: Option<String>,
}

/// Lines that were said lately.
pub(super) struct Repeats {
    said: HashMap<String, Said>,
    /// By object.
    latest: HashMap<String, Latest>,
    mark: Mark,
}

/// What was told of an object last.
struct Latest {
    /// The place in the code.
    site: String,
    at: Instant,
    /// Since when contradictions are counted, and how many there were.
    since: Instant,
    contradictions: u32,
}

struct Said {
    object: Option<String>,
    at: Instant,
    /// Of the last of the repeats.
    last_at: Instant,
    repeated: u64,
    /// The last of the repeats, as it would have been written.
    last: String,
}

impl Repeats {
    pub(super) fn new(mark: Mark) -> Self {
        Self {
            said: HashMap::new(),
            latest: HashMap::new(),
            mark,
        }
    }

    /// What to write for a line that is to be said now.
    pub(super) fn note(&mut self, about: About, line: String, now: Instant) -> Vec<String> {
        let mut lines = self.due(now);
        if self.is_news(&about, now) {
            // What came before is told before.
            let earlier = self.said.values_mut().filter(|said| said.object == about.object);
            lines.extend(earlier.filter_map(|said| said.take(self.mark)));
            self.said.remove(&about.key);
        }
        match self.said.get_mut(&about.key) {
            Some(said) => {
                said.repeated += 1;
                said.last = line;
                said.last_at = now;
            }
            None => {
                let said = Said {
                    object: about.object,
                    at: now,
                    last_at: now,
                    repeated: 0,
                    last: String::new(),
                };
                self.said.insert(about.key, said);
                lines.push(line);
            }
        }
        lines
    }

    /// Whether another place told of the object last: held back, the line would leave the log with the opposite of how things are.
    fn is_news(&mut self, about: &About, now: Instant) -> bool {
        let Some(object) = &about.object else { return false };
        let latest = self.latest.entry(object.clone()).or_insert_with(|| Latest {
            site: about.site.clone(),
            at: now,
            since: now,
            contradictions: 0,
        });
        latest.at = now;
        if latest.site == about.site {
            return false;
        }
        latest.site.clone_from(&about.site);
        if now.saturating_duration_since(latest.since) >= WINDOW {
            (latest.since, latest.contradictions) = (now, 0);
        }
        latest.contradictions += 1;
        latest.contradictions <= CONTRADICTIONS
    }

    /// One line for each whose minute is over and that was repeated meanwhile; its next minute begins. The others are
    /// forgotten.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        let mark = self.mark;
        let is_late = |at: Instant| now.saturating_duration_since(at) >= WINDOW;
        self.latest.retain(|_, latest| !is_late(latest.at));
        self.said.retain(|_, said| {
            if !is_late(said.at) {
                return true;
            }
            let repeated = said.take(mark);
            said.at = now;
            let goes_on = repeated.is_some();
            lines.extend(repeated.map(|line| (said.last_at, line)));
            goes_on
        });
        in_order(lines)
    }

    /// One line for each that was repeated; the end of the log.
    pub(super) fn rest(&mut self) -> Vec<String> {
        self.latest.clear();
        let mark = self.mark;
        let said = self.said.drain();
        in_order(
            said.filter_map(|(_, mut said)| Some((said.last_at, said.take(mark)?)))
                .collect(),
        )
    }
}

/// What was said last stands last.
fn in_order(mut lines: Vec<(Instant, String)>) -> Vec<String> {
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

impl Said {
    /// The line for those that were held back, which are none then.
    fn take(&mut self, mark: Mark) -> Option<String> {
        let repeated = std::mem::take(&mut self.repeated);
        (repeated > 0).then(|| mark(&self.last, repeated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats() -> Repeats {
        Repeats::new(|line, repeated| format!("{line} x{repeated}"))
    }

    /// A line that names nothing.
    fn about(key: &str) -> About {
        About {
            key: key.to_owned(),
            site: key.to_owned(),
            object: None,
        }
    }

    /// What is written for lines of these sites about port eth1, one a second.
    fn of_port(repeats: &mut Repeats, sites: &[&str], start: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        for (second, site) in (0..).zip(sites) {
            let about = About {
                object: Some("port=eth1".to_owned()),
                ..about(site)
            };
            let line = format!("{site} {second}");
            lines.extend(repeats.note(about, line, start + Duration::from_secs(second)));
        }
        lines
    }

    #[test]
    fn the_last_line_about_an_object_says_how_it_is() {
        let now = Instant::now();
        assert_eq!(
            of_port(&mut repeats(), &["down", "up", "down"], now),
            ["down 0", "up 1", "down 2"]
        );
        assert_eq!(
            of_port(&mut repeats(), &["down", "down", "down"], now),
            ["down 0"]
        );
        let mut repeats = repeats();
        let lines = of_port(&mut repeats, &["down", "down", "up", "down", "down"], now);
        assert_eq!(lines, ["down 0", "down 1 x1", "up 2", "down 3"]);
        assert_eq!(
            repeats.rest(),
            ["down 4 x1"],
            "what is held back is not told out of turn"
        );
    }

    #[test]
    fn nobody_fills_the_log_with_contradictions() {
        let (mut repeats, now) = (repeats(), Instant::now());
        let sites: Vec<&str> = ["down", "up"].into_iter().cycle().take(50).collect();
        let lines = of_port(&mut repeats, &sites, now);
        assert_eq!(lines.len(), 1 + CONTRADICTIONS as usize, "{lines:?}");
        let rest = repeats.rest();
        assert_eq!(rest.last().map(String::as_str), Some("up 49 x22"), "{rest:?}");
    }

    #[test]
    fn what_repeats_is_one_line_a_minute_with_the_number_of_times() {
        let (mut repeats, start) = (repeats(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut say = |second: u64| repeats.note(about("away"), format!("away {second}"), at(second));
        assert_eq!(say(0), ["away 0"]);
        assert!((1..12).all(|second| say(second * 5).is_empty()));
        assert_eq!(say(60), ["away 55 x11"], "the minute is over");
        assert!(say(61).is_empty());
        assert_eq!(repeats.due(at(120)), ["away 61 x2"]);
        assert!(repeats.due(at(180)).is_empty(), "it was not repeated");
        let again = repeats.note(about("away"), "away again".into(), at(181));
        assert_eq!(again, ["away again"], "after a quiet minute it is news");
    }

    #[test]
    fn lines_of_two_kinds_do_not_wait_for_each_other_and_none_is_lost_at_the_end() {
        let (mut repeats, now) = (repeats(), Instant::now());
        for (key, said) in [("a", 1), ("b", 1), ("a", 0), ("b", 0), ("b", 0)] {
            assert_eq!(repeats.note(about(key), key.into(), now).len(), said);
        }
        let mut rest = repeats.rest();
        rest.sort();
        assert_eq!(rest, ["a x1", "b x2"]);
        assert!(repeats.rest().is_empty());
    }
}
