//! What every command works with, how a list is shown in each form, and the exit codes of commands that were not refused.

use std::process::ExitCode;

use serde::de::DeserializeOwned;

use super::args::{Form, Global};
use super::names::{Noun, only};
use crate::client::{Answer, Client};
use crate::error::{Refusal, codes};
use crate::render::{Line, Output};

/// How a command ended that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Done, and the answer is not a good one; or the question was answered with no.
    NotWell,
    /// `fabric plan --exit-code`: there are changes.
    Changes,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::NotWell => 1,
            Exit::Changes => 3,
        })
    }
}

/// What every command works with.
pub(super) struct Context<'a> {
    pub(super) client: Client,
    pub(super) output: &'a mut Output,
    pub(super) form: Option<Form>,
}

/// How a list is shown.
pub(super) struct Listing<'a, T> {
    /// The name of an item, for `-o name`.
    pub(super) name: fn(&T) -> String,
    /// What is said if there is nothing: a sentence and the next command.
    pub(super) empty: &'a str,
    /// The picture; the flag means wide.
    pub(super) picture: &'a dyn Fn(&[T], bool) -> Vec<Line>,
}

impl<'a> Context<'a> {
    pub(super) fn new(output: &'a mut Output, global: &Global) -> Self {
        Self {
            client: Client::new(global.socket(), global.timeout),
            output,
            form: global.form(),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.form == Some(Form::Json)
    }

    pub(super) fn is_wide(&self) -> bool {
        self.form == Some(Form::Wide)
    }

    /// Whether the usual picture is shown, for which more may have to be asked.
    pub(super) fn is_picture(&self) -> bool {
        matches!(self.form, None | Some(Form::Wide))
    }

    /// Refuses `-o name` for a command whose answer has no names.
    pub(super) fn without_names(&self) -> Result<(), Refusal> {
        if self.form != Some(Form::Name) {
            return Ok(());
        }
        Err(
            Refusal::new(codes::USAGE, "the answer of this command has no names to print")
                .with_cure("leave -o name out, or use -o json"),
        )
    }

    /// Asks for a list, and shows it or the one object in it that has this name.
    pub(super) async fn list_of<T: DeserializeOwned>(
        &mut self,
        path: &str,
        noun: &Noun,
        name: Option<&str>,
        listing: &Listing<'_, T>,
    ) -> Result<Exit, Refusal> {
        let answer = self.client.get(path).await?;
        self.list(&only(answer, noun, name)?, listing)
    }

    /// Shows a list in the form that was asked for.
    pub(super) fn list<T: DeserializeOwned>(
        &mut self,
        answer: &Answer,
        listing: &Listing<'_, T>,
    ) -> Result<Exit, Refusal> {
        let items = answer.list::<T>()?;
        match self.form {
            Some(Form::Json) => self.output.answer_json(answer.json(), false)?,
            Some(Form::Name) => {
                let mut names: Vec<String> = items.iter().map(listing.name).collect();
                names.sort_by(|a, b| crate::model::natural(a, b));
                self.output
                    .answer(&names.iter().map(Line::from).collect::<Vec<_>>())?;
            }
            None | Some(Form::Wide) if items.is_empty() => self.output.note(&listing.empty.into()),
            None | Some(Form::Wide) => self.output.answer(&(listing.picture)(&items, self.is_wide()))?,
        }
        Ok(Exit::Done)
    }
}
