//! Text with a tone: whatever becomes part of a line is escaped, and colours are added only when it is written.

use std::borrow::Cow;

use crate::model::is_harmful;

/// What a piece of text means; its colour repeats the word and never replaces it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Names of objects, and titles.
    Name,
    /// Side notes.
    Dim,
    /// A good verdict.
    Good,
    /// A warning.
    Warn,
    /// A bad verdict.
    Bad,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Name => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[1;31m",
        }
    }
}

/// One line of a picture, or one cell of a table: pieces of escaped text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one tone.
    pub fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        Self::new().with(tone, text)
    }

    /// The line with more text at its end.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.push(tone, text);
        self
    }

    /// The line with more ordinary text at its end.
    #[must_use]
    pub fn and(self, text: impl AsRef<str>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// Adds text at the end.
    pub fn push(&mut self, tone: Tone, text: impl AsRef<str>) {
        self.push_escaped(tone, escape(text.as_ref()));
    }

    fn push_escaped(&mut self, tone: Tone, text: Cow<'_, str>) {
        match self.0.last_mut() {
            Some((last, before)) if *last == tone => before.push_str(&text),
            _ if text.is_empty() => {}
            _ => {
                // Most cells of a table stay of one piece, and a table may have a million rows.
                self.0.reserve_exact(1);
                self.0.push((tone, text.into_owned()));
            }
        }
    }

    /// Adds another line's text at the end.
    pub fn append(&mut self, other: Self) {
        for (tone, text) in other.0 {
            self.push_escaped(tone, text.into());
        }
    }

    /// Adds blanks until the line is `width` characters wide.
    pub fn pad(&mut self, width: usize) {
        let missing = width.saturating_sub(self.width());
        self.push(Tone::Plain, " ".repeat(missing));
    }

    /// Width in characters. Names with wide characters (CJK) are counted as narrow: a column may then be off.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Writes the line without its end, with or without colours.
    pub fn write_to(&self, out: &mut String, colored: bool) {
        for (tone, text) in &self.0 {
            let code = if colored { tone.code() } else { "" };
            out.push_str(code);
            out.push_str(text);
            if !code.is_empty() {
                out.push_str("\x1b[0m");
            }
        }
    }

    /// The text alone.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write_to(&mut text, false);
        text
    }
}

impl<T: AsRef<str>> From<T> for Line {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// `text` without characters that move the cursor, end a line or reorder what stands beside them.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_harmful(char) {
            safe.extend(char.escape_default());
        } else {
            safe.push(char);
        }
    }
    safe.into()
}

/// The text of a JSON document in which such characters are written as `\\u202e`: only strings can hold them.
pub fn escape_json(text: &str) -> Cow<'_, str> {
    let harmful = |char| char != '\n' && is_harmful(char);
    if !text.contains(harmful) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if harmful(char) {
            // All of them are within the first 65,536: one unit each.
            safe.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            safe.push(char);
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_leave_its_place() {
        let line = Line::from("a\x1b[2Jb\nc\u{202e}d\tä");
        assert_eq!(line.text(), "a\\u{1b}[2Jb\\nc\\u{202e}d\\tä");
        assert_eq!(escape("plain \"quoted\" \\"), "plain \"quoted\" \\");
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({"a": "\u{202e}\u{7f}\u{9b}31m\n\u{1b}ä", "b": [1]});
        let text = format!("{value:#}");
        let safe = escape_json(&text);
        assert!(safe.contains("\\u202e\\u007f\\u009b31m\\n\\u001bä"), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"),
            value
        );
        assert!(matches!(escape_json("{\n}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn colour_surrounds_the_text_and_is_not_part_of_its_width() {
        let line = Line::toned(Tone::Good, "ok").and(" fine");
        let mut colored = String::new();
        line.write_to(&mut colored, true);
        assert_eq!(colored, "\x1b[32mok\x1b[0m fine");
        assert_eq!((line.text().as_str(), line.width()), ("ok fine", 7));
    }
}
