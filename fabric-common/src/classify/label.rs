//! Frames with a datacenter's label: MPLS label stack, control word and the whole frame with S-tag and C-tag behind it
//! (RFC 3032, RFC 4385, RFC 4448 in tagged mode). They end here, or pass by their label alone.

use super::trunk::tags;
use super::{Classified, bound, opened};
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
        if entry(frame, at, false)?.label() != about.transport {
            return Err(DropReason::UnknownLabel);
        }
        at + ENTRY
    };
    let entry = entry(frame, at, true)?;
    let relay = |binding| Labelled::Relay(Relay { binding, at, entry });
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
    let inner = tags(frame, at + ENTRY + CONTROL_WORD + MACS, TPID_S);
    if let Ok((s_vid, c_vid)) = inner
        && let Some(binding) = known(s_vid, c_vid)
    {
        return ends_here(frame, port, binding, at).map(Labelled::Here);
    }
    match known(0, 0) {
        Some(binding) if passes(binding) => Ok(relay(binding)),
        Some(_) => Err(inner.err().unwrap_or(DropReason::UnknownTags)),
        None => Err(DropReason::UnknownLabel),
    }
}

#[inline(always)]
fn passes(binding: &Binding) -> bool {
    binding.segment() == Binding::RELAY
}

/// The entry at `at`, which must be the last of its stack or not, and whose time to live must allow one more hop.
#[inline(always)]
fn entry<F: Frame>(frame: &F, at: usize, bottom: bool) -> Result<Entry, DropReason> {
    let entry = Entry::from_wire(frame.read(at)?);
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

#[inline(always)]
fn ends_here<'t, F: Frame>(
    frame: &F,
    port: &Port,
    binding: &'t Binding,
    at: usize,
) -> Result<Classified<'t>, DropReason> {
    let [first, _, _, _] = frame.read::<CONTROL_WORD>(at + ENTRY)?;
    if first >> 4 != 0 {
        return Err(DropReason::BadControlWord);
    }
    let macs = at + ENTRY + CONTROL_WORD;
    let inner = Inner {
        macs,
        body: macs + MACS + 2 * VLAN_TAG,
    };
    opened(frame, port, binding, inner)
}
