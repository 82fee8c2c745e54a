//! The byte budget: does the largest frame fit through each egress?
//!
//! Linux sends frames up to MTU + 14 + one VLAN tag of 4 (`xdp_ok_fwd_dev`); a frame without an outer
//! VLAN tag must keep to MTU + 14, or the next host on the way may refuse it. A veth also drops what is too large for
//! its peer.

use serde::{Deserialize, Serialize};

use super::Check;
use super::facts::{EgressFacts, EgressLink, PortFacts};

/// Destination, source, EtherType.
const ETHERNET: u32 = 14;
const VLAN_TAG: u32 = 4;

/// One contribution to the length of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `S`, `C`, `VXLAN`, ...
    pub name: String,
    pub bytes: u32,
}

/// A line behind an egress that takes less than the egress sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineLimit {
    /// The link, as the document names it.
    pub link: String,
    /// Largest packet of the line in bytes.
    pub mtu: u32,
}

/// The largest frame that will be sent through an egress, without FCS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameNeed {
    /// Port that it leaves through.
    pub egress: String,
    /// For the message: `acme's frames`.
    pub whose: String,
    /// The tenant's own largest frame: its MTU + 14 + its own tags.
    pub tenant_bytes: u32,
    /// The tenant's MTU, to say which one would fit.
    pub tenant_mtu: u32,
    /// What the fabric puts on.
    pub parts: Vec<Part>,
    /// Whether the frame on the wire begins with a VLAN tag.
    pub outer_tag: bool,
    /// What the document says of the line that the egress leads to.
    pub line: Option<LineLimit>,
}

impl FrameNeed {
    /// Bytes on the wire, without FCS.
    pub fn total_bytes(&self) -> u32 {
        self.parts
            .iter()
            .fold(self.tenant_bytes, |sum, part| sum.saturating_add(part.bytes))
    }

    /// `1518 + S 4 + C 4 = 1526 bytes`.
    pub fn arithmetic(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!(" + {} {}", part.name, part.bytes))
            .collect();
        if parts.is_empty() {
            return format!("{} bytes", self.tenant_bytes);
        }
        format!(
            "{}{} = {} bytes",
            self.tenant_bytes,
            parts.concat(),
            self.total_bytes()
        )
    }

    /// Bytes that a device may send beyond its MTU for this frame.
    fn beyond_mtu(&self) -> u32 {
        ETHERNET + if self.outer_tag { VLAN_TAG } else { 0 }
    }
}

/// Judges every egress; the worst one speaks.
pub(super) fn check(facts: &PortFacts) -> Check {
    let name = format!("MTU {}, spare on every egress", facts.link.mtu);
    let worst = facts.egresses.iter().min_by_key(|egress| spare(egress));
    let Some(worst) = worst else {
        return Check::ok(
            "mtu-budget",
            format!("MTU {}", facts.link.mtu),
            "nothing is sent from here yet",
        );
    };
    match (&worst.link, spare(worst)) {
        (None, _) => missing(name, worst),
        (Some(link), spare) if spare < 0 => too_small(name, &worst.need, link, spare),
        (Some(_), spare) => Check::ok(
            "mtu-budget",
            name,
            format!("least: {}, {spare} bytes", worst.need.egress),
        ),
    }
}

/// Bytes left on an egress; one that does not exist has the least.
fn spare(egress: &EgressFacts) -> i64 {
    match &egress.link {
        None => i64::MIN,
        Some(link) => {
            i64::from(smallest_mtu(&egress.need, link)) + i64::from(egress.need.beyond_mtu())
                - i64::from(egress.need.total_bytes())
        }
    }
}

fn smallest_mtu(need: &FrameNeed, link: &EgressLink) -> u32 {
    let peer = link.peer.as_ref().map(|peer| peer.link.mtu);
    let line = need.line.as_ref().map(|line| line.mtu);
    peer.into_iter().chain(line).fold(link.mtu, u32::min)
}

fn missing(name: String, egress: &EgressFacts) -> Check {
    let egress = &egress.need.egress;
    Check::ok("mtu-budget", name, format!("egress {egress} does not exist"))
        .why("frames for it would be lost")
        .cure(format!("ip link show {egress}"))
        .fail(
            "no-such-port",
            format!("there is no interface {egress} to send to"),
        )
}

fn too_small(name: String, need: &FrameNeed, link: &EgressLink, spare: i64) -> Check {
    let egress = &need.egress;
    let slack = need.beyond_mtu();
    let mtu = smallest_mtu(need, link);
    let narrow = match (&need.line, &link.peer) {
        (Some(line), _) if line.mtu == mtu && mtu < link.mtu => format!("link {} takes", line.link),
        (_, Some(peer)) if peer.link.mtu < link.mtu => {
            format!("its peer {}{} takes", peer.link.name, peer.whereabouts())
        }
        _ => format!("{egress} sends"),
    };
    let arithmetic = need.arithmetic();
    let sentence = format!(
        "{egress} cannot carry {}: {arithmetic}, {narrow} at most {} (MTU {mtu} + {slack})",
        need.whose,
        mtu + slack
    );
    Check::ok(
        "mtu-budget",
        name,
        format!("{egress}: {} bytes missing, {arithmetic}", -spare),
    )
    .why("frames that are too large are dropped, never cut")
    .cure(cure(need, link, spare))
    .fail("mtu-too-small", sentence)
}

fn cure(need: &FrameNeed, link: &EgressLink, spare: i64) -> String {
    let wanted = need.total_bytes().saturating_sub(need.beyond_mtu());
    let mut commands = Vec::new();
    if link.mtu < wanted {
        commands.push(format!("ip link set {} mtu {wanted}", need.egress));
    }
    if let Some(peer) = link.peer.as_ref().filter(|peer| peer.link.mtu < wanted) {
        commands.push(format!(
            "{}ip link set {} mtu {wanted}",
            super::cure::prefix(peer),
            super::cure::quote(&peer.link.name)
        ));
    }
    if let Some(line) = need.line.as_ref().filter(|line| line.mtu < wanted) {
        commands.push(format!(
            "use a line that takes packets of {wanted} bytes, and write that as \"mtu\" of {}",
            line.link
        ));
    }
    let fits = i64::from(need.tenant_mtu) + spare;
    let alternative = if fits >= 68 {
        format!("        (tenants up to MTU {fits} would fit)")
    } else {
        String::new()
    };
    format!("{}{alternative}", commands.join(" && "))
}
