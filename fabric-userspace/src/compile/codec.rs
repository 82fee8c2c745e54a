//! How frames begin on a link. A codec is a file of its own below this one, with the layers that it puts on, and a line in
//! [`Wire::of`]; segments and nodes ask what a wire carries, and never what kind it is.

mod global_vlan;
mod i_tag;
mod mpls;
mod qinq;
mod vxlan;

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use fabric_common::maps::{Binding, Path, Port, Tunnel};

use super::HostFacts;
use super::input::SegmentInput;
use super::node::{Ethernet, Numbers, Underlay, Way};
use crate::error::Refusal;
use crate::model::{Label, ServiceVid};
use crate::validate::{Carries, NodeIx, ValidLink, VxlanEnds};

pub(super) use mpls::{Labels, Outside, labelled, onward};
pub(super) use qinq::{Tags, tagged};

use global_vlan::GlobalVlan;
use i_tag::Backbone;
use vxlan::Vxlan;

/// What a link carries: frames by S-tag and C-tag, by datacenter tag, or by one number for each segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wire {
    tags: Option<Tags>,
    labels: Option<Labels>,
    number: Option<Arc<dyn Number>>,
    marks: Marks,
}

/// A codec in which one number names the segment, and nothing names its ends.
pub(super) trait Number: Debug + Same + Send + Sync {
    /// The way out, for frames of a segment with this number in the tables.
    fn path(&self, way: &Way, input: &SegmentInput, segment: u32) -> Path;

    /// What its frames are found by: a key of `TUNNEL_KEYS` where there is a [`Number::tunnel`], else one of `TAGS`.
    fn key(&self, slot: u16, input: &SegmentInput) -> u64;

    /// The other end, where a frame must have come from a configured one.
    fn tunnel(&self, slot: u16, binding: Binding) -> Option<Tunnel> {
        let _ = (slot, binding);
        None
    }

    /// Whether the other end is no node of the fabric.
    fn is_foreign(&self) -> bool {
        false
    }

    /// The ends of a link over IP.
    fn underlay(&self) -> Option<&Underlay> {
        None
    }

    /// The outer Ethernet header of frames on a line.
    fn ethernet(&self) -> Option<&Ethernet> {
        None
    }
}

/// Equality of codecs that are only known as such.
pub(super) trait Same: Any {
    /// True for a codec of the same kind with the same contents.
    fn same(&self, other: &dyn Any) -> bool;
    /// To be looked at by another one.
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any + PartialEq> Same for T {
    fn same(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl PartialEq for dyn Number {
    fn eq(&self, other: &Self) -> bool {
        self.same(other.as_any())
    }
}

impl Eq for dyn Number {}

/// What the port's program has to know before it reads a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    /// EtherType of S-tags; 0 for none.
    tpid: u16,
    /// UDP port of VXLAN; 0 for none.
    udp_port: u16,
    /// UDP port of labels; 0 for none.
    mpls_port: u16,
    /// Flags of [`Port`].
    flags: u16,
}

impl Wire {
    /// The link as `here` sends on it: the list of all codecs.
    ///
    /// # Errors
    /// A link over IP has no address here.
    pub(super) fn of(
        link: &ValidLink,
        here: NodeIx,
        host: &HostFacts,
        numbers: Numbers,
    ) -> Result<Self, Refusal> {
        let vlan = link.carries.vlan().map_or(0, ServiceVid::get);
        let underlay = |udp_port: u16| Underlay::of(link, here, host, (vlan, udp_port, numbers.marker));
        let labels = |transport: &Option<Label>, outside| Labels {
            line: numbers.line,
            transport: transport.map_or(0, |label| label.get()),
            outside,
        };
        Ok(match &link.carries {
            Carries::Trunk { outer_tpid, .. } => Self::tagged(outer_tpid.ethertype(), vlan),
            Carries::Pseudowire {
                outer_tpid,
                transport_label,
                ends,
                ..
            } => Self {
                labels: Some(labels(
                    transport_label,
                    Outside::Line(Ethernet::of(ends, here, vlan)),
                )),
                ..Self::tagged(outer_tpid.ethertype(), vlan)
            },
            Carries::MplsUdp {
                udp_port,
                transport_label,
                ..
            } => Self {
                labels: Some(labels(transport_label, Outside::Udp(underlay(udp_port.get())?))),
                marks: Marks {
                    mpls_port: udp_port.get(),
                    ..Marks::default()
                },
                ..Self::default()
            },
            Carries::Vxlan {
                udp_port,
                strict,
                ends,
                ..
            } => Self {
                marks: Marks {
                    udp_port: udp_port.get(),
                    ..Marks::default()
                },
                ..Self::numbered(Vxlan {
                    underlay: underlay(udp_port.get())?,
                    strict: *strict,
                    foreign: matches!(ends, VxlanEnds::Foreign { .. }),
                })
            },
            Carries::ITag { b_vid, ends, .. } => Self::numbered(Backbone {
                ethernet: Ethernet::of(ends, here, vlan),
                b_vid: b_vid.get(),
            }),
            Carries::GlobalVlan { .. } => Self {
                marks: Marks {
                    flags: Port::GLOBAL_VLANS,
                    ..Marks::default()
                },
                ..Self::numbered(GlobalVlan)
            },
        })
    }

    fn tagged(tpid: u16, vlan: u16) -> Self {
        Self {
            tags: Some(Tags { tpid, vlan }),
            marks: Marks {
                tpid,
                ..Marks::default()
            },
            ..Self::default()
        }
    }

    fn numbered(codec: impl Number) -> Self {
        Self {
            number: Some(Arc::new(codec)),
            ..Self::default()
        }
    }

    /// How frames with tags alone begin, where the link carries them.
    pub(super) fn tags(&self) -> Option<Tags> {
        self.tags
    }

    /// How frames with labels begin, where the link carries them.
    pub(super) fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// How frames begin on which one number names the segment.
    pub(super) fn number(&self) -> Option<&dyn Number> {
        self.number.as_deref()
    }

    /// The ends of a link over IP.
    pub(super) fn underlay(&self) -> Option<&Underlay> {
        let labels = self.labels().and_then(Labels::underlay);
        labels.or_else(|| self.number()?.underlay())
    }

    /// The outer Ethernet header that frames of a line have; others begin with the tenant's addresses, or those of a router.
    pub(super) fn ethernet(&self) -> Option<&Ethernet> {
        let labels = self.labels().and_then(Labels::ethernet);
        labels.or_else(|| self.number()?.ethernet())
    }

    /// Whether the next router's address is known, where there is one.
    pub(super) fn is_resolved(&self) -> bool {
        self.underlay()
            .is_none_or(|underlay| underlay.neighbour.is_some())
    }

    /// Writes down what the link's port has to know. Links of one port agree, see `validate`.
    pub(super) fn mark(&self, port: &mut Port) {
        let set = |field: &mut u16, value: u16| {
            if value != 0 {
                *field = value;
            }
        };
        set(&mut port.tpid, self.marks.tpid);
        set(&mut port.udp_port, self.marks.udp_port);
        set(&mut port.mpls_port, self.marks.mpls_port);
        port.flags |= self.marks.flags;
    }
}

#[cfg(test)]
mod tests;
