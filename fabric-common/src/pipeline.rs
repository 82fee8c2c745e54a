//! The way of a frame through the rooms, once per port role.

use crate::classify::{self, Classified, Labelled, Relay, Underlay};
use crate::decide::{Copied, Decision, decide, follow, relay_path, valid_next_hop};
use crate::learn;
use crate::maps::gateway::Routed;
use crate::maps::{Binding, Path, Port, TooBig};
use crate::rewrite::{bare, relay, rewrite, room};
use crate::storage;
use crate::wire::MACS;
use crate::{DropReason, Frame, Tables};

/// What the program must do with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the host's own stack.
    Pass,
    /// Send it through a port.
    Unicast {
        /// Slot of the egress port.
        slot: u16,
        /// Index in `COUNT_IN`.
        binding: u32,
        /// Length as it came, in bytes.
        len_in: usize,
        /// Index in `COUNT_OUT`.
        path: u32,
        /// Length as it goes, in bytes.
        len_out: usize,
    },
    /// Drop it as too big for its way, and tell its sender.
    TooBig(TooBig),
    /// Send a copy to every other member of the segment. Nothing but the tenant's frame is left;
    /// [`crate::flood::copy`] gives each copy its own tags.
    Flood {
        /// The segment.
        segment: u32,
        /// Split horizon group of the ingress.
        horizon: u32,
        /// Index in `COUNT_IN`.
        binding: u32,
        /// Length as it came, in bytes.
        len_in: usize,
        /// Slot of the port that it came by; 0 if a gateway has brought it from another segment, so that all members get it.
        from: u16,
        /// 1 if the kernel makes copies for that port too, and [`crate::flood::copy`] chooses; else 0.
        turns: u32,
    },
    /// Hand it to the gateway of the segment, unchanged: [`crate::gateway::route`].
    Route(Routed),
}

/// A frame from a tenant.
#[inline(always)]
pub fn from_access<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
) -> Result<Verdict, DropReason> {
    check_safe(port)?;
    let classified = classify::access(frame, port, tables)?;
    forward(frame, port, tables, &classified)
}

/// A frame with S-tag and C-tag from another node.
#[inline(always)]
pub fn from_trunk<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
) -> Result<Verdict, DropReason> {
    check_safe(port)?;
    let classified = classify::trunk(frame, port, tables)?;
    forward(frame, port, tables, &classified)
}

/// A frame of a dedicated line: with a datacenter's label, or with S-tag and C-tag alone.
#[inline(always)]
pub fn from_pseudowire<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
) -> Result<Verdict, DropReason> {
    check_safe(port)?;
    match classify::pseudowire(frame, port, tables)? {
        Labelled::Here(classified) => forward(frame, port, tables, &classified),
        Labelled::Relay(onward) => pass_on(frame, port, tables, &onward),
    }
}

/// A frame from the network that carries VXLAN or MPLS in UDP.
#[inline(always)]
pub fn from_underlay<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
) -> Result<Verdict, DropReason> {
    check_known(port)?;
    match classify::underlay(frame, port, tables)? {
        Underlay::Host => Ok(Verdict::Pass),
        Underlay::Tenant(classified) => forward(frame, port, tables, &classified),
        Underlay::Relay(onward) => pass_on(frame, port, tables, &onward),
    }
}

#[inline(always)]
fn check_known(port: &Port) -> Result<(), DropReason> {
    if port.slot == 0 {
        return Err(DropReason::UnknownPort);
    }
    Ok(())
}

#[inline(always)]
fn check_safe(port: &Port) -> Result<(), DropReason> {
    check_known(port)?;
    classify::check_safe(port)
}

/// By the datacenter's label alone; nothing inside is looked at or changed.
#[inline(always)]
fn pass_on<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
    onward: &Relay<'_>,
) -> Result<Verdict, DropReason> {
    let len_in = frame.len();
    let (path, path_id) = relay_path(tables, port.has(Port::SILENCE), onward)?;
    let len_out = relay(frame, onward, path)?;
    Ok(Verdict::Unicast {
        slot: path.slot,
        binding: onward.binding.id(),
        len_in,
        path: path_id,
        len_out,
    })
}

#[inline(always)]
fn forward<F: Frame, T: Tables>(
    frame: &mut F,
    port: &Port,
    tables: &T,
    classified: &Classified<'_>,
) -> Result<Verdict, DropReason> {
    let Classified { binding, inner, macs } = *classified;
    let mut fixed = 0;
    if !crate::wire::is_group(macs.source()) {
        fixed = learn::source(tables, binding.segment(), macs.source(), binding.learn());
    }
    if fixed != 0
        && let Some(fixed) = valid_next_hop(tables, binding, fixed).filter(|hop| hop.decides())
    {
        if fixed.is_gateway() {
            check_gateway(tables, binding)?;
        } else {
            let to = if macs.destination() == port.mac {
                0
            } else {
                macs.destination()
            };
            if let Some(reason) = storage::speaks(frame, inner.body, tables, binding, (fixed, to)) {
                return Err(reason);
            }
        }
    }
    let len_in = frame.len();
    let copy = Copied {
        len: len_in + MACS - inner.body,
        in_one_buffer: frame.is_in_one_buffer(),
    };
    match decide(tables, binding, macs, (port.slot, copy))? {
        Decision::To(next_hop) => {
            let next_hop = if next_hop.decides() {
                if next_hop.is_gateway() {
                    return Ok(Verdict::Route(routed(port, classified, next_hop.path, 0)));
                }
                let source = match fixed {
                    0 => macs.source(),
                    _ => macs.source() | storage::MISPLACED,
                };
                let id = storage::steer(frame, inner.body, tables, binding.learn(), (next_hop, source));
                valid_next_hop(tables, binding, id).ok_or(DropReason::NoMember)?
            } else {
                next_hop
            };
            let (path, path_id) = follow(tables, (port.slot, port.has(Port::SILENCE)), binding, next_hop)?;
            let len_out = match rewrite(frame, inner, macs, path) {
                Err(DropReason::TooBig) => return Ok(Verdict::TooBig(too_big(port, classified, path))),
                len_out => len_out?,
            };
            Ok(Verdict::Unicast {
                slot: path.slot,
                binding: binding.id(),
                len_in,
                path: path_id,
                len_out,
            })
        }
        Decision::Flood { turns } => {
            bare(frame, inner, macs)?;
            Ok(Verdict::Flood {
                segment: binding.segment(),
                horizon: binding.horizon(),
                binding: binding.id(),
                len_in,
                from: port.slot,
                turns,
            })
        }
        Decision::Gateway(irb) => Ok(Verdict::Route(routed(port, classified, irb, 1))),
    }
}

/// Gateways at other nodes speak with the same address; whoever else does so forges it.
#[inline(always)]
fn check_gateway<T: Tables>(tables: &T, binding: &Binding) -> Result<(), DropReason> {
    match tables.next_hop(binding.learn()) {
        Some(from) if from.is_inside() => Ok(()),
        _ => Err(DropReason::ForgedGateway),
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the fabric's tags have fewer than 256 bytes"
)]
fn routed(port: &Port, classified: &Classified<'_>, irb: u32, flooded: u16) -> Routed {
    let Classified { binding, inner, .. } = classified;
    Routed {
        segment_horizon: binding.segment() | binding.horizon() << 24,
        back: binding.learn(),
        binding: binding.id(),
        irb,
        slot: port.slot,
        macs: inner.macs as u8,
        body: inner.body as u8,
        flooded,
        ..Routed::default()
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the fabric's tags have fewer than 256 bytes"
)]
fn too_big(port: &Port, classified: &Classified<'_>, path: &Path) -> TooBig {
    let Classified { binding, inner, .. } = classified;
    TooBig {
        segment: binding.segment(),
        back: binding.learn(),
        binding: binding.id(),
        room: room(path),
        slot: port.slot,
        macs: inner.macs as u8,
        body: inner.body as u8,
        is_direct: u16::from(binding.direct() != 0),
    }
}
