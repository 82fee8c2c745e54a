//! Facts for tests without a kernel.

use crate::ethtool::{Feature, Features};
use crate::netlink::{HostUse, Link, NetnsPlace, Peer, XdpFeatures, XdpMode, XdpProgram};

use super::cure::{AGGREGATION, GRO, RX_VLAN, TX_CHECKSUMS, TX_VLAN, VLAN_FILTER};
use super::facts::{EgressFacts, EgressLink, KernelRelease, PeerFacts, PortFacts};
use super::{Check, FrameNeed, Part, Role, Verdict, judge};

/// All known features: changeable and off, but for LRO and GRO_HW, which a veth does not have.
pub(super) fn features(on: &[&str]) -> Features {
    let names = RX_VLAN
        .iter()
        .chain(&TX_VLAN)
        .chain(&TX_CHECKSUMS)
        .chain(&AGGREGATION)
        .chain(&VLAN_FILTER)
        .chain([&GRO]);
    let entry = |name: &&str| {
        let active = on.contains(name);
        let changeable = !AGGREGATION.contains(name);
        (
            (*name).to_owned(),
            Feature {
                changeable,
                wanted: active,
                active,
            },
        )
    };
    Features::new(names.map(entry).collect())
}

pub(super) fn link(name: &str, ifindex: u32, kind: Option<&str>) -> Link {
    Link {
        ifindex,
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        mtu: 1500,
        mac: Some([2, 0, 0, 0, 0, 1]),
        up: true,
        running: true,
        promiscuous: true,
        master: None,
        lower: None,
        link_netnsid: None,
        vlan: None,
        xdp: None,
        lost: 0,
    }
}

pub(super) fn peer() -> Peer {
    let link = link("c0", 2, Some("veth"));
    Peer {
        link,
        nsid: Some(0),
        place: Some(NetnsPlace::Named("tenant-a".to_owned())),
    }
}

/// A veth port that passes every check.
pub(super) fn safe_port() -> PortFacts {
    let mut port = link("eth1", 7, Some("veth"));
    port.lower = Some(2);
    port.link_netnsid = Some(0);
    PortFacts {
        role: Role::Access,
        link: port,
        driver: "veth".to_owned(),
        features: features(&[]),
        private_flags: Vec::new(),
        xdp_features: Some(XdpFeatures {
            native: true,
            redirect: true,
            receives_redirects: true,
            frags: true,
        }),
        peer: PeerFacts::Known {
            peer: peer(),
            features: features(&[GRO]),
        },
        members: Vec::new(),
        master: None,
        lower: None,
        egresses: vec![egress(1508)],
        own_programs: vec![17],
        foreign_program: None,
        attached: false,
        in_use: false,
        host: HostUse::default(),
        kernel: KernelRelease { major: 6, minor: 12 },
    }
}

/// trunk0, to which acme's largest tagged frame goes as S + C.
pub(super) fn egress(mtu: u32) -> EgressFacts {
    EgressFacts {
        need: need("trunk0", &[("S", 4), ("C", 4)], true),
        link: Some(EgressLink { mtu, peer: None }),
    }
}

pub(super) fn need(egress: &str, parts: &[(&str, u32)], outer_tag: bool) -> FrameNeed {
    let part = |&(name, bytes): &(&str, u32)| Part {
        name: name.to_owned(),
        bytes,
    };
    FrameNeed {
        egress: egress.to_owned(),
        whose: "acme's frames".to_owned(),
        tenant_bytes: 1518,
        tenant_mtu: 1500,
        parts: parts.iter().map(part).collect(),
        outer_tag,
        line: None,
    }
}

pub(super) fn with_peer_features(on: &[&str]) -> PortFacts {
    PortFacts {
        peer: PeerFacts::Known {
            peer: peer(),
            features: features(on),
        },
        ..safe_port()
    }
}

pub(super) fn with_program(mode: XdpMode, id: u32) -> PortFacts {
    let mut facts = safe_port();
    facts.link.xdp = Some(XdpProgram { mode, id });
    facts
}

/// The checks that are not ok.
pub(super) fn troubles(facts: &PortFacts) -> Vec<Check> {
    judge(facts)
        .into_iter()
        .filter(|check| check.verdict != Verdict::Ok)
        .collect()
}
