//! Paths of the document that are written out only when there is a problem to tell.

use std::fmt;

/// Where a segment stands; `Display` is its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tenant: usize,
    pub(super) segment: usize,
}

/// Where an end of a segment stands; `Display` is its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) place: Place,
    pub(super) part: Part,
}

/// The part of a segment that has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Base,
    Attachment(usize),
    Remote(usize),
}

impl Place {
    pub(super) fn attachment(self, at: usize) -> End {
        End {
            place: self,
            part: Part::Attachment(at),
        }
    }

    pub(super) fn remote(self, at: usize) -> End {
        End {
            place: self,
            part: Part::Remote(at),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants[{}].segments[{}]", self.tenant, self.segment)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Base => self.place.fmt(f),
            Part::Attachment(at) => write!(f, "{}.attachments[{at}]", self.place),
            Part::Remote(at) => write!(f, "{}.remotes[{at}]", self.place),
        }
    }
}
