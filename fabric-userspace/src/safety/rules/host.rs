//! Does the host itself need the interface?

use crate::safety::Check;
use crate::safety::cure::takes_others_frames;
use crate::safety::facts::PortFacts;

/// With an address only, it may be one that nobody needs; without its default route the host is cut off, and whoever attaches
/// the port with it, unless there is another one. What is in use has done that already.
pub(super) fn not_needed_by_host(facts: &PortFacts) -> Option<Check> {
    if !takes_others_frames(facts.role) {
        return None;
    }
    let port = facts.name();
    let row = |detail: String| {
        Check::ok("host-does-without", "host does without it", detail)
            .why("what comes in is the tenants': the host gets no frame by this interface any more")
    };
    if let Some(by) = &facts.host.default_route {
        let found = row(format!("the host's default route leaves by {by}")).cure(format!(
            "choose another interface, or move the route: ip route show default dev {by}"
        ));
        let sentence = format!("{port} is the host's way out, its default route leaves by {by}");
        return Some(if facts.in_use || facts.host.has_other_way {
            found.warn("port-of-host")
        } else {
            found.fail("port-of-host", sentence)
        });
    }
    let told = facts
        .host
        .addresses
        .iter()
        .map(|(address, on)| format!("{address} on {on}"));
    let told: Vec<String> = told.collect();
    let (_, on) = facts.host.addresses.first()?;
    Some(
        row(format!("the host has {}", told.join(", ")))
            .cure(format!(
                "if it is needed, move it to another interface: ip addr show dev {on}"
            ))
            .warn("port-of-host"),
    )
}
