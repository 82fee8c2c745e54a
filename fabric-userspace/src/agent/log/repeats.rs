//! Which lines are said at once, which wait, and what stands for those that waited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A line that was just said is not said again within this.
const WINDOW: Duration = Duration::from_secs(60);

/// Adds to a line how often it was repeated.
pub(super) type Mark = fn(&str, u64) -> String;

/// Lines that were said lately.
pub(super) struct Repeats {
    said: HashMap<String, Said>,
    mark: Mark,
}

struct Said {
    at: Instant,
    repeated: u64,
    /// The last of the repeats, as it would have been written.
    last: String,
}

impl Repeats {
    pub(super) fn new(mark: Mark) -> Self {
        Self {
            said: HashMap::new(),
            mark,
        }
    }

    /// What to write for a line that is to be said now.
    pub(super) fn note(&mut self, key: String, line: String, now: Instant) -> Vec<String> {
        let mut lines = self.due(now);
        match self.said.get_mut(&key) {
            Some(said) => {
                said.repeated += 1;
                said.last = line;
            }
            None => {
                let said = Said {
                    at: now,
                    repeated: 0,
                    last: String::new(),
                };
                self.said.insert(key, said);
                lines.push(line);
            }
        }
        lines
    }

    /// One line for each whose minute is over and that was repeated meanwhile; its next minute begins. The others are
    /// forgotten.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        let mark = self.mark;
        self.said.retain(|_, said| {
            if now.saturating_duration_since(said.at) < WINDOW {
                return true;
            }
            if said.repeated == 0 {
                return false;
            }
            lines.push(mark(&said.last, said.repeated));
            (said.at, said.repeated) = (now, 0);
            true
        });
        lines
    }

    /// One line for each that was repeated; the end of the log.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let said = self.said.drain().map(|(_, said)| said);
        said.filter(|said| said.repeated > 0)
            .map(|said| (self.mark)(&said.last, said.repeated))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats() -> Repeats {
        Repeats::new(|line, repeated| format!("{line} x{repeated}"))
    }

    #[test]
    fn what_repeats_is_one_line_a_minute_with_the_number_of_times() {
        let (mut repeats, start) = (repeats(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut say = |second: u64| repeats.note("away".into(), format!("away {second}"), at(second));
        assert_eq!(say(0), ["away 0"]);
        assert!((1..12).all(|second| say(second * 5).is_empty()));
        assert_eq!(say(60), ["away 55 x11"], "the minute is over");
        assert!(say(61).is_empty());
        assert_eq!(repeats.due(at(120)), ["away 61 x2"]);
        assert!(repeats.due(at(180)).is_empty(), "it was not repeated");
        let again = repeats.note("away".into(), "away again".into(), at(181));
        assert_eq!(again, ["away again"], "after a quiet minute it is news");
    }

    #[test]
    fn lines_of_two_kinds_do_not_wait_for_each_other_and_none_is_lost_at_the_end() {
        let (mut repeats, now) = (repeats(), Instant::now());
        for (key, said) in [("a", 1), ("b", 1), ("a", 0), ("b", 0), ("b", 0)] {
            assert_eq!(repeats.note(key.into(), key.into(), now).len(), said);
        }
        let mut rest = repeats.rest();
        rest.sort();
        assert_eq!(rest, ["a x1", "b x2"]);
        assert!(repeats.rest().is_empty());
    }
}
