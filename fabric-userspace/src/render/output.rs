//! The two streams of a command: stdout for the answer, stderr for everything else.

mod color;

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

use serde_json::Value;

use super::text::escape_json;
use super::{Line, Tone, refusal};
use crate::error::{Refusal, codes};

pub use color::ColorChoice;

/// Where a command writes. Nothing else in the program may write to stdout.
///
/// A reader that went away (`fabric … | head -1`) is no error: what would still be said to it is left out.
pub struct Output {
    out: Stream,
    err: Stream,
    json: bool,
    drawn: Option<usize>,
}

struct Stream {
    writer: Box<dyn Write>,
    colored: bool,
    is_terminal: bool,
    is_closed: bool,
}

impl Output {
    /// The streams of this process; `json` is the form of errors.
    pub fn of_process(color: ColorChoice, json: bool) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (out_terminal, err_terminal) = (out.is_terminal(), err.is_terminal());
        Self {
            out: Stream::new(Box::new(out), out_terminal, color),
            err: Stream::new(Box::new(err), err_terminal, color),
            json,
            drawn: None,
        }
    }

    /// Writes lines of an answer.
    ///
    /// # Errors
    /// The stream takes no more, for another reason than that its reader went away.
    pub fn answer(&mut self, lines: &[Line]) -> Result<(), Refusal> {
        let text = self.out.text_of(lines);
        self.out.write(&text).map_err(|error| not_written(&error))
    }

    /// Writes text that is an answer as it is: a script, a help text, a document.
    ///
    /// # Errors
    /// As for [`Self::answer`].
    pub fn answer_text(&mut self, text: &str) -> Result<(), Refusal> {
        self.out.write(text).map_err(|error| not_written(&error))
    }

    /// Writes one JSON document; on one line if there will be more of them.
    ///
    /// # Errors
    /// As for [`Self::answer`].
    pub fn answer_json(&mut self, value: &Value, on_one_line: bool) -> Result<(), Refusal> {
        let text = if on_one_line {
            format!("{value}\n")
        } else {
            format!("{value:#}\n")
        };
        self.answer_text(&escape_json(&text))
    }

    /// Writes a picture in place of the one before it; on anything but a terminal, below it.
    ///
    /// # Errors
    /// As for [`Self::answer`].
    pub fn redraw(&mut self, lines: &[Line]) -> Result<(), Refusal> {
        let rows = terminal_size::terminal_size().map_or(usize::MAX, |(_, height)| usize::from(height.0));
        // A picture taller than the screen would scroll, and the next one would not find its beginning.
        let shown = if self.out.is_terminal {
            &lines[..lines.len().min(rows.saturating_sub(1))]
        } else {
            lines
        };
        let before = self.drawn.replace(shown.len());
        let body = self.out.text_of(shown);
        let text = match before {
            None if self.out.is_terminal => format!("\x1b[?7l{body}\x1b[?7h"),
            // Without automatic wrapping, or a long line would count as two.
            Some(drawn) if self.out.is_terminal => {
                let up = if drawn > 0 {
                    format!("\x1b[{drawn}A")
                } else {
                    String::new()
                };
                format!("{up}\r\x1b[J\x1b[?7l{body}\x1b[?7h")
            }
            None => body,
            Some(_) => format!("\n{body}"),
        };
        self.answer_text(&text)
    }

    /// Whether nobody reads the answer any more.
    pub fn is_closed(&self) -> bool {
        self.out.is_closed
    }

    /// A side remark for people; programs that asked for JSON do not get it.
    pub fn note(&mut self, line: &Line) {
        if !self.json {
            self.say(std::slice::from_ref(line));
        }
    }

    /// Shows why nothing was done.
    pub fn refuse(&mut self, refusal: &Refusal) {
        if self.json {
            let text = format!("{:#}\n", refusal::json(refusal));
            self.err.say(&escape_json(&text));
        } else {
            self.say(&refusal::lines(refusal));
        }
    }

    /// Text for stderr as it is.
    pub fn say_text(&mut self, text: &str) {
        self.err.say(text);
    }

    fn say(&mut self, lines: &[Line]) {
        let text = self.err.text_of(lines);
        self.err.say(&text);
    }

    /// Whether a person is there to be asked: stdin and stderr are terminals.
    pub fn can_ask(&self) -> bool {
        !self.json && self.err.is_terminal && io::stdin().is_terminal()
    }

    /// Asks a question; anything but `y` or `yes` means no.
    pub fn ask(&mut self, question: &str) -> bool {
        let question = Line::toned(Tone::Name, question).and(" [y/N] ");
        let mut text = String::new();
        question.write_to(&mut text, self.err.colored);
        self.err.say(&text);
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

impl Stream {
    fn new(writer: Box<dyn Write>, is_terminal: bool, color: ColorChoice) -> Self {
        Self {
            writer,
            colored: color.applies_to(is_terminal),
            is_terminal,
            is_closed: false,
        }
    }

    fn text_of(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines {
            line.write_to(&mut text, self.colored);
            text.push('\n');
        }
        text
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let written = self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => other,
        }
    }

    // There is no place left to complain about stderr itself.
    fn say(&mut self, text: &str) {
        if self.write(text).is_err() {
            self.is_closed = true;
        }
    }
}

fn not_written(error: &io::Error) -> Refusal {
    Refusal::new(
        codes::FAILED,
        format!("the answer could not be written to standard output: {error}"),
    )
    .with_cure("write it to a place with room; a change that was asked for is made nevertheless")
}

#[cfg(test)]
mod tests;
