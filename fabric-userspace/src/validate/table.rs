//! Objects by name and by position in the document: each name once, and an object that is wrong is still found by its name.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use crate::error::{Problem, codes};
use crate::model::Name;

/// Named objects of one kind. An object that did not pass its own checks is known by name, so that those who
/// refer to it are not blamed as well.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    index: HashMap<Name, usize>,
    /// By position in the document, that among [`Self::items`].
    at: Vec<Option<usize>>,
    items: Vec<T>,
}

impl<T> Table<T> {
    /// Takes each name once; the second object of a name is a problem at `what[n].name`.
    pub(super) fn of<'d>(
        what: &str,
        names: impl Iterator<Item = &'d Name>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut index = HashMap::new();
        for (at, name) in names.enumerate() {
            let first = *index.entry(name.clone()).or_insert(at);
            if first != at {
                problems.push(duplicate(
                    &format!("{what}[{at}].name"),
                    name,
                    &format!("{what}[{first}]"),
                ));
            }
        }
        Self {
            index,
            at: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Adds the next object of the document, or `None` if it is not right.
    pub(super) fn push(&mut self, item: Option<T>) {
        self.at.push(item.as_ref().map(|_| self.items.len()));
        self.items.extend(item);
    }

    pub(super) fn find<N: Hash + Eq + ?Sized>(&self, name: &N) -> Option<usize>
    where
        Name: Borrow<N>,
    {
        self.index.get(name).copied()
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.items.get((*self.at.get(at)?)?)
    }

    /// Names that are there, for the cure of an unknown one.
    pub(super) fn names(&self) -> String {
        let mut names: Vec<&str> = self.index.keys().map(Name::as_str).collect();
        names.sort_by(|a, b| crate::model::natural(a, b));
        let more = if names.len() > 8 { ", …" } else { "" };
        names.truncate(8);
        if names.is_empty() {
            "none".to_owned()
        } else {
            format!("{}{more}", names.join(", "))
        }
    }

    /// All objects; complete if there was no problem, and at their positions then.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    /// [`Self::items`], to be completed.
    pub(super) fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

pub(super) fn duplicate(path: &str, name: &impl std::fmt::Display, first: &str) -> Problem {
    Problem::new(
        codes::DUPLICATE_NAME,
        path,
        format!("is {name}, which is the name of {first} already"),
        "give one of them another name, or remove it",
    )
}
