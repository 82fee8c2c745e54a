//! Optional fields of a link: only those of its kind, all that the kind needs, and no VLAN in front of S-tags with 0x8100.

use crate::error::{Problem, codes};
use crate::model::{Link, LinkKind, OuterTpid};

/// Each option that is present must belong to the kind of the link, and each that the kind needs must be there.
pub(super) fn check(link: &Link, path: &str, problems: &mut Vec<Problem>) {
    for (field, present) in fields(link) {
        if present && !belongs(field, link.kind) {
            problems.push(Problem::new(
                codes::BAD_LINK,
                format!("{path}.{field}"),
                format!("does not belong to {} link", link.kind.with_article()),
                format!("remove {field}"),
            ));
        }
    }
    if link.kind == LinkKind::ITag && link.b_vid.is_none() {
        problems.push(Problem::new(
            codes::MISSING_FIELD,
            path,
            "lacks the field \"b_vid\", which an i-tag link needs",
            "add \"b_vid\", the VLAN of the backbone",
        ));
    }
    check_outer(link, path, problems);
}

fn fields(link: &Link) -> [(&'static str, bool); 6] {
    [
        ("outer_tpid", link.outer_tpid.is_some()),
        ("vlan", link.vlan.is_some()),
        ("udp_port", link.udp_port.is_some()),
        ("strict", link.strict.is_some()),
        ("transport_label", link.transport_label.is_some()),
        ("b_vid", link.b_vid.is_some()),
    ]
}

fn belongs(field: &str, kind: LinkKind) -> bool {
    match kind {
        LinkKind::Trunk => matches!(field, "outer_tpid" | "vlan"),
        LinkKind::Pseudowire => matches!(field, "outer_tpid" | "vlan" | "transport_label"),
        LinkKind::MplsUdp => matches!(field, "vlan" | "udp_port" | "transport_label"),
        LinkKind::Vxlan => matches!(field, "vlan" | "udp_port" | "strict"),
        LinkKind::ITag => matches!(field, "vlan" | "b_vid"),
        LinkKind::GlobalVlan => false,
    }
}

// Two tags 0x8100 in a row: nobody could say whether the first is the link's VLAN or an S-tag.
fn check_outer(link: &Link, path: &str, problems: &mut Vec<Problem>) {
    let line = matches!(link.kind, LinkKind::Trunk | LinkKind::Pseudowire);
    if let (true, Some(vlan), Some(OuterTpid::Customer)) = (line, link.vlan, link.outer_tpid) {
        problems.push(Problem::new(
            codes::BAD_LINK,
            format!("{path}.vlan"),
            format!("is {vlan}, which an S-tag with outer_tpid 0x8100 cannot be told from"),
            "remove outer_tpid, so that S-tags have 0x88a8, or remove vlan",
        ));
    }
}
