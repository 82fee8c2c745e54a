//! The document's objects as [`Item`]s.

use std::collections::BTreeSet;

use super::item::{Item, order};
use super::{AttachmentKey, Kind, Sign};
use crate::model::{
    Attachment, Datacenter, Document, Gateway, Isolated, Link, LinkEnd, Name, Node, Range, Remote, Segment,
    SegmentLabel, ServiceVid, Shared, Station, Tenant, Vsm,
};

#[derive(PartialEq)]
pub(super) enum Object<'d> {
    GlobalVids(Range<ServiceVid>),
    Datacenter(&'d Datacenter),
    Node(&'d Node),
    Link(&'d Link),
    Tenant(&'d Tenant),
    Storage(&'d Vsm),
    Gateway(&'d Gateway),
}

/// The objects of a document, with `tenants` in place of its own.
pub(super) fn all<'d>(document: &'d Document, tenants: &'d [Shared<Tenant>]) -> Vec<Object<'d>> {
    let global = document.global_vids.into_iter().map(Object::GlobalVids);
    let datacenters = document.datacenters.iter().map(Object::Datacenter);
    let nodes = document.nodes.iter().map(Object::Node);
    let links = document.links.iter().map(Object::Link);
    let tenants = tenants.iter().map(|tenant| Object::Tenant(tenant));
    global
        .chain(datacenters)
        .chain(nodes)
        .chain(links)
        .chain(tenants)
        .chain(document.storage.iter().map(Object::Storage))
        .chain(document.gateways.iter().map(Object::Gateway))
        .collect()
}

impl Object<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::GlobalVids(_) => Kind::Range,
            Self::Datacenter(_) => Kind::Datacenter,
            Self::Node(_) => Kind::Node,
            Self::Link(_) => Kind::Link,
            Self::Tenant(_) => Kind::Tenant,
            Self::Storage(_) => Kind::Storage,
            Self::Gateway(_) => Kind::Gateway,
        }
    }

    pub(super) fn items(&self, allocated: &BTreeSet<Name>) -> Vec<Item> {
        let mut items = match self {
            Self::GlobalVids(range) => vec![Item::new(&[], "").field("VIDs", Some(range))],
            Self::Datacenter(datacenter) => vec![of_datacenter(datacenter)],
            Self::Node(node) => of_node(node),
            Self::Link(link) => of_link(link),
            Self::Tenant(tenant) => of_tenant(tenant, allocated),
            Self::Storage(vsm) => of_storage(vsm),
            Self::Gateway(gateway) => of_gateway(gateway),
        };
        items.sort_by(|a, b| order(&a.key, &b.key));
        items
    }

    /// The object's own row, and of a tenant with one segment that segment's, taken out of `items`.
    pub(super) fn headline(&self, sign: Sign, items: &mut Vec<Item>) -> String {
        let own: Vec<Item> = items.extract_if(.., |item| item.subject.is_empty()).collect();
        let mut parts: Vec<String> = own
            .iter()
            .map(Item::detail)
            .filter(|text| !text.is_empty())
            .collect();
        if let Self::Tenant(tenant) = self {
            match tenant.segments.len() {
                1 => parts.extend(only_segment(sign, items)),
                count => parts.push(format!("{count} segments")),
            }
        }
        parts.join(", ")
    }
}

impl Object<'_> {
    pub(super) fn name(&self) -> Name {
        match self {
            Self::GlobalVids(_) => Name::global_vids(),
            Self::Datacenter(datacenter) => datacenter.name.clone(),
            Self::Node(node) => node.name.clone(),
            Self::Link(link) => link.name.clone(),
            Self::Tenant(tenant) => tenant.name.clone(),
            Self::Storage(vsm) => vsm.name.clone(),
            Self::Gateway(gateway) => gateway.name.clone(),
        }
    }
}

fn only_segment(sign: Sign, items: &mut Vec<Item>) -> Option<String> {
    let segment = items.extract_if(.., |item| item.key.len() == 2).next()?;
    match sign {
        Sign::Add | Sign::Change => Some(format!("{}, {}", segment.subject, segment.detail())),
        Sign::Remove => Some("1 segment".to_owned()),
    }
}

fn of_datacenter(datacenter: &Datacenter) -> Item {
    Item::new(&[], "")
        .field("id", Some(datacenter.id))
        .field("S-VIDs", Some(datacenter.s_vids))
        .field("C-VIDs", Some(datacenter.c_vids))
        .field("VNIs", datacenter.vnis)
        .field("labels", datacenter.labels)
        .field("I-SIDs", datacenter.i_sids)
}

fn of_node(node: &Node) -> Vec<Item> {
    let own = Item::new(&[], "").field("datacenter", Some(&node.datacenter));
    let ports = node.ports.iter().map(|port| {
        Item::new(&[port.name.as_str()], format!("port {}", port.name))
            .field("drop-group-source", Some(on_off(port.drop_group_source)))
            .field("tunnel-lldp", Some(on_off(port.tunnel_lldp)))
    });
    std::iter::once(own).chain(ports).collect()
}

fn of_storage(vsm: &Vsm) -> Vec<Item> {
    let health = vsm.health;
    // What is usual is not told, as the document does not.
    let isolated = match health.isolated {
        Isolated::Keep => None,
        Isolated::Stop => Some("stop"),
    };
    let own = Item::new(&[], "")
        .field("MAC", Some(vsm.mac))
        .field("TCP port", vsm.tcp_port)
        .field("replication", vsm.replication)
        .field(
            "probes",
            Some(format!("{} ms x {}", health.interval_ms, health.multiplier)),
        )
        .field("silence", Some(format!("{} ms", health.silence_ms)))
        .field("hold-down", Some(format!("{} s", health.hold_down_s)))
        .field("wait-to-restore", Some(format!("{} s", health.wait_to_restore_s)))
        .field("revertive", Some(yes_no(health.revertive)))
        .field("in-path", Some(yes_no(health.in_path)))
        .field("nudge", Some(yes_no(health.nudge)))
        .field("isolated", isolated);
    let segments = vsm.segments.iter().map(|place| {
        Item::new(
            &["segment", place.segment.as_str()],
            format!("segment {}", place.segment),
        )
        .field("address", Some(place.address))
        .field("probed from", place.probe_address)
    });
    let members = vsm.members.iter().enumerate().map(|(at, member)| {
        Item::new(
            &["member", member.name.as_str()],
            format!("member {}", member.name),
        )
        .field("preference", Some(at + 1))
        .field("number", member.id)
        .field("node", Some(&member.node))
        .field("port", Some(&member.port))
        .field("monitor", member.monitor.as_deref())
    });
    std::iter::once(own).chain(segments).chain(members).collect()
}

fn of_gateway(gateway: &Gateway) -> Vec<Item> {
    let own = Item::new(&[], "")
        .field("tenant", Some(&gateway.tenant))
        .field("MAC", Some(gateway.mac));
    let segments = gateway.segments.iter().map(|place| {
        let addresses: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
        Item::new(
            &["segment", place.segment.as_str()],
            format!("segment {}", place.segment),
        )
        .field("addresses", Some(addresses.join(" ")))
    });
    let routes = gateway.routes.iter().map(|route| {
        let prefix = route.prefix.to_string();
        Item::new(&["route", &prefix], format!("route {prefix}")).field("via", Some(route.via))
    });
    std::iter::once(own).chain(segments).chain(routes).collect()
}

fn on_off(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn of_link(link: &Link) -> Vec<Item> {
    let mut ends: Vec<String> = link.ends.iter().map(end_text).collect();
    ends.sort();
    let own = Item::new(&[], "")
        .field("kind", Some(link.kind))
        .field("outer-tpid", link.outer_tpid)
        .field("vlan", link.vlan)
        .field("udp-port", link.udp_port)
        .field("strict", link.strict.map(on_off))
        .field("transport-label", link.transport_label)
        .field("b-vid", link.b_vid)
        .field("mtu", link.mtu)
        .field("down", link.down.map(yes_no))
        .field("ends", Some(ends.join(" = ")));
    vec![own]
}

fn end_text(end: &LinkEnd) -> String {
    let node = end.node.as_ref().map(ToString::to_string);
    let port = end.port.as_ref().map(ToString::to_string);
    let address = end.address.as_ref().map(ToString::to_string);
    let mac = end.mac.as_ref().map(ToString::to_string);
    let parts: Vec<String> = [node, port, address, mac].into_iter().flatten().collect();
    parts.join(" ")
}

fn of_tenant(tenant: &Tenant, allocated: &BTreeSet<Name>) -> Vec<Item> {
    let mut items = vec![Item::new(&[], "").field("mac-limit", tenant.mac_limit)];
    for segment in &tenant.segments {
        items.push(of_segment(segment, allocated));
        items.extend(segment.labels.iter().map(|label| of_label(segment, label)));
        items.extend(
            segment
                .attachments
                .iter()
                .flat_map(|end| of_attachment(segment, end)),
        );
        items.extend(segment.remotes.iter().flat_map(|end| of_remote(segment, end)));
    }
    items
}

fn of_segment(segment: &Segment, allocated: &BTreeSet<Name>) -> Item {
    let mut item = Item::new(
        &["segment", segment.name.as_str()],
        format!("segment {}", segment.name),
    )
    .field("S-VID", segment.s_vid)
    .field("base C-VID", segment.c_vid)
    .field("vni", segment.vni)
    .field("I-SID", segment.i_sid)
    .field("global VID", segment.global_vid)
    .field("mac-limit", segment.mac_limit);
    if allocated.contains(&segment.name) {
        item.note = " (allocated)";
    }
    item
}

fn of_label(segment: &Segment, label: &SegmentLabel) -> Item {
    let SegmentLabel { to, from, label } = label;
    let key = [
        "segment",
        segment.name.as_str(),
        "label",
        to.as_str(),
        from.as_str(),
    ];
    Item::new(&key, format!("label from {from} to {to}"))
        .context(format!("segment {}", segment.name))
        .field("label", Some(label))
}

fn of_attachment(segment: &Segment, end: &Attachment) -> Vec<Item> {
    let subject = format!("{} {}", end.port, end.vlan);
    let key = [
        "segment",
        segment.name.as_str(),
        "at",
        end.node.as_str(),
        end.port.as_str(),
        &end.vlan.to_string(),
    ];
    let mut own = Item::new(&key, subject.as_str())
        .context(format!("segment {}", segment.name))
        .context(format!("node {}", end.node))
        .field("C-VID", end.c_vid);
    own.attachment = Some(AttachmentKey {
        node: end.node.clone(),
        port: end.port.clone(),
        vlan: end.vlan,
    });
    let stations = end
        .stations
        .iter()
        .map(|station| of_station(&key, &subject, station));
    std::iter::once(own).chain(stations).collect()
}

fn of_remote(segment: &Segment, end: &Remote) -> Vec<Item> {
    let subject = format!("remote {}", end.link);
    let key = ["segment", segment.name.as_str(), "via", end.link.as_str()];
    let own = Item::new(&key, subject.as_str())
        .context(format!("segment {}", segment.name))
        .field("C-VID", end.c_vid);
    let stations = end
        .stations
        .iter()
        .map(|station| of_station(&key, &subject, station));
    std::iter::once(own).chain(stations).collect()
}

fn of_station(end: &[&str], place: &str, station: &Station) -> Item {
    let mac = station.mac.to_string();
    let key: Vec<&str> = end.iter().copied().chain(["station", mac.as_str()]).collect();
    Item::new(&key, format!("station {mac}"))
        .context(format!("at {place}"))
        .field("name", station.name.as_ref())
        .field("C-VID", station.c_vid)
}
