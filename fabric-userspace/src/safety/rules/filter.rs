//! Does a network card hand over the frames that are not addressed to itself?

use crate::safety::Check;
use crate::safety::cure::{
    VLAN_FILTER, asked_filters, lacks_promiscuity, takes_others_frames, tell_on, turn_off,
};
use crate::safety::facts::PortFacts;

/// A veth and a tap filter nothing, and are asked for the same: that costs them nothing.
pub(super) fn takes_every_frame(facts: &PortFacts) -> Option<Check> {
    let row = |detail: String| Check::ok("takes-every-frame", "card filters no frames", detail);
    let port = facts.name();
    let filters: Vec<&str> = asked_filters(&facts.features).collect();
    let mut found = Vec::new();
    let mut cures = Vec::new();
    if lacks_promiscuity(facts) {
        found.push("promisc off".to_owned());
        cures.push(format!("ip link set {port} promisc on"));
    }
    if !filters.is_empty() {
        found.push(tell_on(&facts.features, &filters));
        cures.push(turn_off("", port, &facts.features, &filters));
    }
    if !found.is_empty() {
        let found = found.join(", ");
        let sentence = format!("{port} may drop frames before the fabric sees them, {found}");
        return Some(
            row(found)
                .why("a card drops what is for other addresses than its own and in VLANs that nobody registered")
                .cure(cures.join(" && "))
                .fail("frames-filtered", sentence),
        );
    }
    told(facts).map(row)
}

/// `None` where there is nothing to tell.
fn told(facts: &PortFacts) -> Option<String> {
    let kept = tell_on(&facts.features, &VLAN_FILTER);
    match (takes_others_frames(facts.role), kept.is_empty()) {
        (true, true) => Some("promisc on".to_owned()),
        (true, false) => Some(format!("promisc on; {kept}, which leaves it alone")),
        (false, _) => None,
    }
}
