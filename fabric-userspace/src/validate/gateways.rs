//! Gateways with everything resolved.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use fabric_common::maps::capacity;

use super::table::Table;
use super::valid::{ValidGateway, ValidGatewaySegment, ValidRoute, ValidSegment, ValidVsm};
use super::{NodeIx, SegmentIx};
use crate::error::{Problem, codes};
use crate::model::{Document, Gateway, GatewayRoute, GatewaySegment, IpPrefix, Vlan};

/// Gateways, and the segments with the gateway of each. A segment of a gateway is at every node that any of the gateway's segments
/// is at, so that packets are routed where they enter.
pub(super) fn check(
    document: &Document,
    storage: &[ValidVsm],
    mut segments: Vec<ValidSegment>,
    problems: &mut Vec<Problem>,
) -> (Vec<ValidGateway>, Vec<ValidSegment>) {
    let names = document.gateways.iter().map(|gateway| &gateway.name);
    let _known: Table<ValidGateway> = Table::of("gateways", names, problems);
    let mut taken = HashMap::new();
    let mut valid = Vec::new();
    for (at, gateway) in document.gateways.iter().enumerate() {
        let mut check = Check {
            at,
            gateway,
            document,
            storage,
            segments: &segments,
            taken: &mut taken,
            problems,
        };
        let Some(checked) = check.all() else { continue };
        let everywhere: BTreeSet<NodeIx> = checked
            .segments
            .iter()
            .flat_map(|place| segments[place.segment.index()].members.iter().copied())
            .collect();
        for (number, place) in checked.segments.iter().enumerate() {
            let segment = &mut segments[place.segment.index()];
            segment.members.clone_from(&everywhere);
            segment.gateway = Some((valid.len(), number));
        }
        valid.push(checked);
    }
    check_count(&valid, problems);
    (valid, segments)
}

fn check_count(gateways: &[ValidGateway], problems: &mut Vec<Problem>) {
    let prefixes = gateways.iter().map(|gateway| {
        let families =
            |place: &ValidGatewaySegment| usize::from(place.v4.is_some()) + usize::from(place.v6.is_some());
        gateway.routes.len() + 2 * gateway.segments.iter().map(families).sum::<usize>()
    });
    let count: usize = prefixes.sum();
    let most = capacity::PREFIXES as usize;
    if count > most {
        let sentence =
            format!("have {count} prefixes with the gateways' own addresses, and a node holds {most}");
        problems.push(Problem::new(
            codes::TOO_MANY,
            "gateways",
            sentence,
            "use fewer routes",
        ));
    }
}

struct Check<'a, 'd> {
    at: usize,
    gateway: &'d Gateway,
    document: &'d Document,
    storage: &'a [ValidVsm],
    segments: &'a [ValidSegment],
    /// Segments that have a gateway.
    taken: &'a mut HashMap<SegmentIx, &'d Gateway>,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_, '_> {
    fn all(&mut self) -> Option<ValidGateway> {
        let before = self.problems.len();
        let gateway = self.gateway;
        if !gateway.mac.is_unicast() {
            let sentence = format!("is {}, which is no individual address", gateway.mac);
            self.problem(".mac", sentence, "use one as 02:00:00:00:00:fe");
        }
        if gateway.segments.is_empty() {
            self.problem(
                ".segments",
                "is empty: there is nothing to route",
                "add a segment",
            );
        }
        let is_known = self.is_tenant_known();
        let segments: Vec<ValidGatewaySegment> = (0..gateway.segments.len())
            .filter_map(|at| self.segment(at).filter(|_| is_known))
            .collect();
        self.apart();
        let whole = !segments.is_empty() && segments.len() == gateway.segments.len();
        let routes: Vec<ValidRoute> = (0..gateway.routes.len())
            .filter_map(|at| self.route(at, whole))
            .collect();
        (self.problems.len() == before).then_some(())?;
        Some(ValidGateway {
            name: gateway.name.clone(),
            tenant: gateway.tenant.clone(),
            mac: gateway.mac,
            segments,
            routes,
        })
    }

    fn problem(&mut self, path: &str, sentence: impl Into<String>, cure: impl Into<String>) {
        let path = format!("gateways[{}]{path}", self.at);
        self.problems
            .push(Problem::new(codes::BAD_GATEWAY, path, sentence, cure));
    }

    fn is_tenant_known(&mut self) -> bool {
        let name = &self.gateway.tenant;
        let found = self.document.tenants.iter().any(|tenant| tenant.name == *name);
        if !found {
            self.problems.push(Problem::new(
                codes::UNKNOWN_TENANT,
                format!("gateways[{}].tenant", self.at),
                format!("is {name}, and the document has no tenant of this name"),
                "fabric tenant list shows those there are",
            ));
        }
        found
    }

    fn segment(&mut self, number: usize) -> Option<ValidGatewaySegment> {
        let gateway = self.gateway;
        let GatewaySegment {
            segment: name,
            addresses,
        } = gateway.segments.get(number)?;
        let path = format!(".segments[{number}]");
        let Some(at) = self.segments.iter().position(|known| known.name == *name) else {
            self.problems.push(Problem::new(
                codes::UNKNOWN_SEGMENT,
                format!("gateways[{}]{path}.segment", self.at),
                format!("is {name}, and no tenant has a segment of this name"),
                "fabric segment list shows those there are",
            ));
            return None;
        };
        let segment = &self.segments[at];
        let path = format!("{path}.segment");
        if segment.tenant != gateway.tenant {
            let owner = &segment.tenant;
            let sentence = format!(
                "is {name}, which belongs to tenant {owner}: a gateway joins segments of {} alone",
                gateway.tenant
            );
            self.problem(
                &path,
                sentence,
                "remove it; nothing passes from one tenant to another",
            );
            return None;
        }
        if let Some(other) = self.taken.insert(SegmentIx::new(at), gateway) {
            let sentence = format!("is {name}, which gateway {} has already", other.name);
            self.problem(&path, sentence, "a segment has one gateway; remove one of them");
        }
        if segment.vlan == Some(Vlan::Any) {
            let sentence = format!("is {name}, whose ports carry any VLAN: its frames are of no one network");
            self.problem(&path, sentence, "attach each VLAN by itself");
        }
        self.mac_is_free(&path, segment);
        let mut place = ValidGatewaySegment {
            segment: SegmentIx::new(at),
            v4: None,
            v6: None,
        };
        if addresses.is_empty() {
            self.problem(
                &format!(".segments[{number}].addresses"),
                "is empty: nobody could send to the gateway",
                "add one, as in 10.10.10.1/24",
            );
        }
        for (at, address) in addresses.iter().enumerate() {
            self.address((number, at), *address, &mut place);
        }
        Some(place)
    }

    fn mac_is_free(&mut self, path: &str, segment: &ValidSegment) {
        let (gateway, name) = (self.gateway, &segment.name);
        let attached = segment.attachments.iter().flat_map(|end| &end.stations);
        let remote = segment.remotes.iter().flat_map(|end| &end.stations);
        let user = if attached.chain(remote).any(|station| station.mac == gateway.mac) {
            Some("a station".to_owned())
        } else {
            let vsms = segment.storage.iter().filter_map(|at| self.storage.get(*at));
            let mut same = vsms.filter(|vsm| vsm.mac == gateway.mac);
            same.next().map(|vsm| format!("storage machine {}", vsm.name))
        };
        if let Some(user) = user {
            let sentence = format!("is {name}, where {} is the address of {user}", gateway.mac);
            self.problem(path, sentence, "give the gateway another MAC address");
        }
    }

    fn address(&mut self, (number, at): (usize, usize), address: IpPrefix, place: &mut ValidGatewaySegment) {
        let path = format!(".segments[{number}].addresses[{at}]");
        let ip = address.address();
        if ip.is_multicast() || ip.is_unspecified() || ip.is_loopback() || is_link_local(ip) {
            let sentence = format!("is {address}, which is no host's address beyond its link");
            self.problem(&path, sentence, "use an address of the segment's own prefix");
            return;
        }
        if address.length() == 0 || !address.is_host() {
            let sentence = format!("is {address}, which is no host of its own prefix");
            self.problem(
                &path,
                sentence,
                "use one between the first and the last, as in 10.10.10.1/24",
            );
            return;
        }
        let second = match ip {
            IpAddr::V4(v4) => place.v4.replace((v4, address.length())).is_some(),
            IpAddr::V6(v6) => place.v6.replace((v6, address.length())).is_some(),
        };
        if second {
            let sentence = format!("is {address}, and the segment has an address of this family already");
            self.problem(&path, sentence, "remove one of them");
        }
        let segment = &self.segments[place.segment.index()];
        let vsms = segment.storage.iter().filter_map(|at| self.storage.get(*at));
        let same = |vsm: &&ValidVsm| {
            let here = |known: &super::ValidVsmSegment| known.segment == place.segment && known.address == ip;
            vsm.segments.iter().any(here)
        };
        if let Some(vsm) = vsms.into_iter().find(same) {
            let sentence = format!("is {address}, the address of storage machine {}", vsm.name);
            self.problem(&path, sentence, "give one of them another address");
        }
    }

    /// Connected prefixes have no address in common: a packet would have two ways.
    fn apart(&mut self) {
        let gateway = self.gateway;
        let all: Vec<(usize, usize, IpPrefix)> = gateway
            .segments
            .iter()
            .enumerate()
            .flat_map(|(number, place)| {
                let addresses = place.addresses.iter().enumerate();
                addresses.map(move |(at, address)| (number, at, *address))
            })
            .collect();
        for (later, (number, at, address)) in all.iter().enumerate() {
            let earlier = all
                .iter()
                .take(later)
                .find(|(_, _, other)| address.overlaps(*other));
            if let Some((first, _, other)) = earlier.filter(|(first, ..)| first != number) {
                let segment = &gateway.segments[*first].segment;
                let sentence = format!("is {address}, whose prefix overlaps {other} of segment {segment}");
                self.problem(
                    &format!(".segments[{number}].addresses[{at}]"),
                    sentence,
                    "give each segment a prefix of its own",
                );
            }
        }
    }

    /// The next router's segment is looked for only if all of them are known: `whole`.
    fn route(&mut self, number: usize, whole: bool) -> Option<ValidRoute> {
        let gateway = self.gateway;
        let GatewayRoute { prefix, via } = *gateway.routes.get(number)?;
        let path = format!(".routes[{number}]");
        if prefix.network() != prefix {
            let sentence = format!("is {prefix}, which has bits behind its length");
            let cure = format!("use {}", prefix.network());
            self.problem(&format!("{path}.prefix"), sentence, cure);
        }
        let connected = || {
            let numbered = gateway.segments.iter().enumerate();
            numbered.flat_map(|(at, place)| place.addresses.iter().map(move |address| (at, *address)))
        };
        let earlier = gateway.routes.iter().take(number);
        if earlier.into_iter().any(|other| other.prefix == prefix) {
            let sentence = format!("is {prefix}, which an earlier route has");
            self.problem(&format!("{path}.prefix"), sentence, "remove one of them");
        }
        if let Some((_, address)) = connected().find(|(_, address)| address.network() == prefix) {
            let sentence = format!("is {prefix}, the prefix of the gateway's own address {address}");
            self.problem(&format!("{path}.prefix"), sentence, "remove the route");
        } else if connected().any(|(_, address)| {
            IpPrefix::new(address.address(), prefix.length()) == prefix && is_whole(prefix)
        }) {
            let sentence = format!("is {prefix}, the gateway's own address");
            self.problem(&format!("{path}.prefix"), sentence, "remove the route");
        }
        let via_path = format!("{path}.via");
        if via.is_ipv4() != prefix.address().is_ipv4() {
            let sentence = format!("is {via}, of another family than {prefix}");
            self.problem(&via_path, sentence, "use a router's address of the same family");
            return None;
        }
        if connected().any(|(_, address)| address.address() == via) {
            let sentence = format!("is {via}, which is the gateway's own address");
            self.problem(&via_path, sentence, "use the other router's address");
            return None;
        }
        let found = connected().find(|(_, address)| address.contains(via));
        if found.is_none() && whole {
            let sentence = format!("is {via}, which is in no prefix of the gateway's segments");
            self.problem(&via_path, sentence, "use the address of a router in one of them");
        }
        let (at, _) = found?;
        Some(ValidRoute { prefix, via, at })
    }
}

/// Whether it is one address.
fn is_whole(prefix: IpPrefix) -> bool {
    prefix.length() == if prefix.address().is_ipv4() { 32 } else { 128 }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
