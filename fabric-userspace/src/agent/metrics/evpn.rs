//! Stations by BGP.

use super::Text;
use crate::agent::core::Core;
use crate::agent::evpn::{Summary, Unplaced};

type Family = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(&Summary) -> [(&'static str, u64); 2],
);

/// Nothing without a routing daemon: then nobody is to wonder why they are 0.
pub(super) fn evpn(text: &mut Text, core: &Core) {
    let Some(evpn) = &core.evpn else {
        return;
    };
    let families: [Family; 3] = [
        (
            "fabric_evpn_vnis",
            "gauge",
            "VNIs of segments with foreign VTEPs at this node; missing while their interfaces cannot be made.",
            "state",
            |sum| [("ready", sum.vnis), ("missing", sum.missing)],
        ),
        (
            "fabric_evpn_stations",
            "gauge",
            "Stations that are where BGP says, and stations of ours that it is told of.",
            "direction",
            |sum| [("taken", sum.held), ("told", sum.offered)],
        ),
        (
            "fabric_evpn_moves_total",
            "counter",
            "Stations that moved from a foreign VTEP to us, and from us to one.",
            "direction",
            |sum| [("here", sum.moved_here), ("away", sum.moved_away)],
        ),
    ];
    let summary = evpn.summary();
    for (name, kind, help, label, values) in families {
        text.family(name, kind, help);
        for (content, value) in values(&summary) {
            text.sample(name, &[(label, content)], value);
        }
    }
    let name = "fabric_evpn_refused_stations";
    text.family(
        name,
        "gauge",
        "Stations that BGP names and that are not taken over, by reason.",
    );
    for why in Unplaced::ALL {
        text.sample(name, &[("reason", why.name())], evpn.unplaced(why));
    }
}
