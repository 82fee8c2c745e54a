//! An object of the document as rows of named values, which can be compared without knowing what they are.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{AttachmentKey, Line, Sign};
use crate::model::natural;

/// One row: the object itself (empty subject) or a part of it.
pub(super) struct Item {
    /// Tells the part within its object, and orders the rows.
    pub(super) key: Vec<String>,
    /// What people read.
    pub(super) subject: String,
    /// Said of a new or removed part, not compared.
    pub(super) context: Vec<String>,
    /// Compared values; `None` is unset.
    pub(super) fields: Vec<(&'static str, Option<String>)>,
    /// Said after everything else.
    pub(super) note: &'static str,
    pub(super) attachment: Option<AttachmentKey>,
}

impl Item {
    pub(super) fn new(key: &[&str], subject: impl Into<String>) -> Self {
        Self {
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            subject: subject.into(),
            context: Vec::new(),
            fields: Vec::new(),
            note: "",
            attachment: None,
        }
    }

    pub(super) fn field(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.fields.push((name, value.map(|value| value.to_string())));
        self
    }

    pub(super) fn context(mut self, text: impl Into<String>) -> Self {
        self.context.push(text.into());
        self
    }

    /// All that is known of the part in one row: `edge1, C-VID 301`.
    pub(super) fn detail(&self) -> String {
        let set = self
            .fields
            .iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
        let parts: Vec<String> = self.context.iter().cloned().chain(set).collect();
        format!("{}{}", parts.join(", "), self.note)
    }

    pub(super) fn line(&self, sign: Sign) -> Line {
        Line {
            sign,
            subject: self.subject.clone(),
            detail: self.detail(),
            old: None,
            new: None,
            attachment: self.attachment.clone(),
        }
    }

    fn changed_lines<'a>(&'a self, old: &'a Item) -> impl Iterator<Item = Line> + 'a {
        let pairs = old
            .fields
            .iter()
            .zip(&self.fields)
            .filter(|(before, after)| before.1 != after.1);
        pairs.map(|(before, after)| {
            let value = |value: &Option<String>| Some(value.clone().unwrap_or_else(|| "-".to_owned()));
            Line {
                sign: Sign::Change,
                subject: format!("{} {}", self.subject, after.0).trim_start().to_owned(),
                detail: String::new(),
                old: value(&before.1),
                new: value(&after.1),
                attachment: self.attachment.clone(),
            }
        })
    }
}

/// Rows that differ, in natural order of their keys.
pub(super) fn lines(old: &[Item], new: &[Item]) -> Vec<Line> {
    let mut before: HashMap<&[String], &Item> = old.iter().map(|item| (item.key.as_slice(), item)).collect();
    let mut lines: Vec<(&[String], Line)> = Vec::new();
    for item in new {
        match before.remove(item.key.as_slice()) {
            Some(same) => lines.extend(item.changed_lines(same).map(|line| (item.key.as_slice(), line))),
            None => lines.push((&item.key, item.line(Sign::Add))),
        }
    }
    lines.extend(
        before
            .values()
            .map(|item| (item.key.as_slice(), item.line(Sign::Remove))),
    );
    // Stable, so that the fields of one row keep their order.
    lines.sort_by(|a, b| order(a.0, b.0));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Natural order, part by part.
pub(super) fn order(left: &[String], right: &[String]) -> Ordering {
    let parts = left.iter().zip(right).map(|(a, b)| natural(a, b));
    parts
        .fold(Ordering::Equal, Ordering::then)
        .then(left.len().cmp(&right.len()))
}
