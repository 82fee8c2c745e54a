//! Frames with a datacenter's label: MPLS label stack, control word and the whole frame with S-tag and C-tag behind it
//! (RFC 3032, RFC 4385, RFC 4448 in tagged mode). They end here, or pass by their label alone.

use super::trunk::tags;
use super::{Classified, bound, checked, read_macs};
use crate::label::{CONTROL_WORD, COUNT, ENTRY, Entry, FIRST};
use crate::maps::{Binding, Port, label_key, route_index};
use crate::rewrite::Inner;
use crate::wire::{MACS, TPID_S, VLAN_TAG};
use crate::{DropReason, Frame, Tables};

/// What a labelled frame is to this node.
pub enum Labelled<'t> {
    /// It ends here.
    Here(Classified<'t>),
    /// It passes.
    Relay(Relay<'t>),
}

/// A frame that goes on by its label.
pub struct Relay<'t> {
    /// See [`Binding::RELAY`].
    pub binding: &'t Binding,
    /// Offset of the entry.
    pub at: usize,
    /// The datacenter's label as it came.
    pub entry: Entry,
    /// The control word behind it.
    pub word: [u8; CONTROL_WORD],
}

/// Classifies the label stack at `at` of a frame that came by `line`.
#[inline(always)]
pub(super) fn label<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    (line, at): (u32, usize),
    tables: &'t T,
) -> Result<Labelled<'t>, DropReason> {
    let about = tables
        .line(line)
        .filter(|about| about.slot != 0)
        .ok_or(DropReason::UnknownLine)?;
    let at = if about.transport == 0 {
        at
    } else {
        if entry(frame.read(at)?, false)?.label() != about.transport {
            return Err(DropReason::UnknownLabel);
        }
        at + ENTRY
    };
    // Together: a second look at bytes whose length has been compared already is one that the verifier may not follow.
    let [e0, e1, e2, e3, word @ ..] = frame.read::<{ ENTRY + CONTROL_WORD }>(at)?;
    let entry = entry([e0, e1, e2, e3], true)?;
    let relay = |binding| {
        Labelled::Relay(Relay {
            binding,
            at,
            entry,
            word,
        })
    };
    // The masks are true anyway, see `Entry::label`; the verifier forgets it.
    let label = entry.label() & (COUNT - 1);
    let site = tables.label_site(label);
    if site != 0 {
        let route = tables
            .route(route_index(line, site))
            .filter(|route| passes(route));
        return route.map(relay).ok_or(DropReason::UnknownLabel);
    }
    let known = |s_vid, c_vid| bound(tables, label_key(line, label, s_vid, c_vid));
    let inner = Inner {
        macs: at + ENTRY + CONTROL_WORD,
        body: at + ENTRY + CONTROL_WORD + MACS + 2 * VLAN_TAG,
    };
    let macs = read_macs(frame, inner.macs)?;
    let tags = tags(frame, inner.macs + MACS, TPID_S);
    if let Ok((s_vid, c_vid)) = tags
        && let Some(binding) = known(s_vid, c_vid)
    {
        if word[0] >> 4 != 0 {
            return Err(DropReason::BadControlWord);
        }
        return checked(frame, port, Classified { binding, inner, macs }).map(Labelled::Here);
    }
    match known(0, 0) {
        Some(binding) if passes(binding) => Ok(relay(binding)),
        Some(_) => Err(tags.err().unwrap_or(DropReason::UnknownTags)),
        None => Err(DropReason::UnknownLabel),
    }
}

#[inline(always)]
fn passes(binding: &Binding) -> bool {
    binding.segment() == Binding::RELAY
}

/// The entry, which must be the last of its stack or not, and whose time to live must allow one more hop.
#[inline(always)]
fn entry(bytes: [u8; ENTRY], bottom: bool) -> Result<Entry, DropReason> {
    let entry = Entry::from_wire(bytes);
    if entry.label() < FIRST {
        return Err(DropReason::ReservedLabel);
    }
    if entry.is_bottom() != bottom {
        return Err(DropReason::BadLabelStack);
    }
    if entry.ttl() < 2 {
        return Err(DropReason::TtlExpired);
    }
    Ok(entry)
}
