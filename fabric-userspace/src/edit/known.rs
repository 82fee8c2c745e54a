//! What is known of the document that is edited, so that a verb need not look at all of its tenants.

use std::collections::BTreeSet;

use crate::allocate::{Ledger, allocate};
use crate::model::{Document, Name};

/// See the module.
#[derive(Debug)]
pub(crate) struct Known<'l> {
    ledger: Option<&'l mut Ledger>,
    /// No segment lacks a number that it would be given if one were free.
    is_complete: bool,
}

impl<'l> Known<'l> {
    pub(crate) fn nothing() -> Self {
        Self {
            ledger: None,
            is_complete: false,
        }
    }

    /// All that the ledger can tell of this document; `is_complete` if none of its segments lacks a number.
    pub(crate) fn of(document: &Document, ledger: &'l mut Ledger, is_complete: bool) -> Self {
        ledger.follow(document);
        Self {
            ledger: Some(ledger),
            is_complete,
        }
    }

    /// False if it is known not to be so.
    pub(super) fn may(&self, is: impl FnOnce(&Ledger) -> bool) -> bool {
        self.ledger.as_deref().is_none_or(is)
    }

    /// [`allocate`] after the tenant at a position was changed. What was known is not known of the document from then on.
    pub(super) fn allocate(&mut self, document: &mut Document, tenant: usize) -> BTreeSet<Name> {
        match self.ledger.take().filter(|_| self.is_complete) {
            Some(ledger) => ledger.fill(document, tenant).segments,
            None => allocate(document),
        }
    }
}
