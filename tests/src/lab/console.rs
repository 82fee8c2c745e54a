//! What a person sees: step lines, a progress line, colours where there is a terminal for them.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use super::isolation::Tenant;

/// How this process may write.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    colours: bool,
    boxes: bool,
    progress: bool,
}

/// Colours that tell tenants apart on a terminal; the names stand there all the same.
const TENANT_COLOURS: [u8; 4] = [36, 33, 35, 34];

impl Console {
    /// By what standard output and error are, and the environment (`NO_COLOR`, `CLICOLOR_FORCE`, `TERM`, locale).
    #[must_use]
    pub fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = stdout().is_terminal();
        Self {
            colours: (terminal && !set("NO_COLOR") && !dumb) || set("CLICOLOR_FORCE"),
            boxes: terminal && !dumb && speaks_utf8(),
            progress: stderr().is_terminal() && !dumb,
        }
    }

    /// Neither colours nor box characters nor progress.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            colours: false,
            boxes: false,
            progress: false,
        }
    }

    /// Prints a line of the answer. A closed pipe ends the output, not the work.
    pub fn say(self, line: &str) {
        let _ = writeln!(stdout(), "{}", line.trim_end());
        let _ = stdout().flush();
    }

    /// Shows on a terminal what is going on.
    pub fn progress(self, label: &str, started: Instant, text: &str) {
        if self.progress {
            let time = seconds(started.elapsed());
            // Without auto-wrap a long line is cut at the edge instead of scrolling the terminal.
            let _ = write!(stderr(), "\r\x1b[2K\x1b[?7l{label}{time:>8}  {text}\x1b[?7h");
            let _ = stderr().flush();
        }
    }

    /// Removes the progress line.
    pub fn clear(self) {
        if self.progress {
            let _ = write!(stderr(), "\r\x1b[2K");
            let _ = stderr().flush();
        }
    }

    /// Good news.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint(32, text)
    }

    /// Bad news.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint(31, text)
    }

    /// A note.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint(2, text)
    }

    /// A heading.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint(1, text)
    }

    /// `text` in the colour of a tenant.
    #[must_use]
    pub fn tenant(self, tenant: Tenant, text: &str) -> String {
        self.paint(TENANT_COLOURS[tenant.number() % TENANT_COLOURS.len()], text)
    }

    /// Box characters as they are, or the nearest ASCII ones.
    #[must_use]
    pub fn drawn(self, picture: &str) -> String {
        if self.boxes {
            return picture.to_owned();
        }
        picture.chars().map(as_ascii).collect()
    }

    fn paint(self, code: u8, text: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

fn as_ascii(character: char) -> char {
    match character {
        '─' => '-',
        '╌' => '.',
        '═' => '=',
        '│' => '|',
        '╘' => '`',
        '╲' => '\\',
        '╱' => '/',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '╞' | '╡' => '+',
        other => other,
    }
}

/// The first of the three that is set decides (locale(7)).
fn speaks_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let locale = set.unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// `12.3 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Three digits and a unit: `2.84 Gbit/s`.
#[must_use]
pub fn rate(bits_per_second: f64) -> String {
    let (value, unit) = match bits_per_second {
        rate if rate >= 1e9 => (rate / 1e9, "Gbit/s"),
        rate if rate >= 1e6 => (rate / 1e6, "Mbit/s"),
        rate => (rate / 1e3, "kbit/s"),
    };
    let decimals = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

/// `1.8 ms`.
#[must_use]
pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_digits() {
        assert_eq!(rate(2.844e9), "2.84 Gbit/s");
        assert_eq!(rate(28.44e9), "28.4 Gbit/s");
        assert_eq!(rate(284.4e6), "284 Mbit/s");
        assert_eq!(rate(1200.0), "1.20 kbit/s");
    }

    #[test]
    fn a_picture_without_a_terminal_is_ascii() {
        assert!(Console::plain().drawn("┌─╌═│╘┤ edge1 ╞").is_ascii());
    }
}
