//! Storage machines: MAC and IP address of their own in each segment, each member on an access port in all of them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use fabric_common::maps::storage::MEMBERS;
use fabric_common::wire::mac_octets;

use super::table::{Table, duplicate};
use super::valid::{PortRole, ValidMember, ValidNode, ValidSegment, ValidVsm, ValidVsmSegment, prober};
use super::{NodeIx, SegmentIx};
use crate::error::{Problem, codes};
use crate::model::{Document, Mac, Member, Name, Vlan, Vsm, VsmSegment};

/// Shortest and longest interval of probes, in milliseconds.
const INTERVALS: std::ops::RangeInclusive<u32> = 1..=60_000;

/// Storage machines with everything resolved, and the segments with the storage machines that are seen in each.
pub(super) fn check(
    document: &Document,
    nodes: &[ValidNode],
    mut segments: Vec<ValidSegment>,
    problems: &mut Vec<Problem>,
) -> (Vec<ValidVsm>, Vec<ValidSegment>) {
    let names = document.storage.iter().map(|vsm| &vsm.name);
    let _known: Table<ValidVsm> = Table::of("storage", names, problems);
    let mut identities = Identities::of(document);
    let mut valid = Vec::new();
    for (at, vsm) in document.storage.iter().enumerate() {
        let mut check = Check {
            at,
            vsm,
            nodes,
            segments: &segments,
            identities: &mut identities,
            problems,
        };
        let Some(checked) = check.all() else { continue };
        for place in &checked.segments {
            segments[place.segment.index()].storage.push(valid.len());
        }
        valid.push(checked);
    }
    (valid, segments)
}

/// Who has which address in which segment.
struct Identities<'d> {
    macs: HashMap<(&'d Name, Mac), String>,
    /// First five octets of the addresses of stations.
    families: HashSet<(&'d Name, [u8; 5])>,
    addresses: HashMap<(&'d Name, IpAddr), String>,
}

impl<'d> Identities<'d> {
    fn of(document: &'d Document) -> Self {
        let (mut macs, mut families) = (HashMap::new(), HashSet::new());
        for segment in document.tenants.iter().flat_map(|tenant| &tenant.segments) {
            let attached = segment.attachments.iter().flat_map(|end| &end.stations);
            let remote = segment.remotes.iter().flat_map(|end| &end.stations);
            for station in attached.chain(remote) {
                macs.insert(
                    (&segment.name, station.mac),
                    format!("a station of {}", segment.name),
                );
                families.insert((&segment.name, family(station.mac)));
            }
        }
        Self {
            macs,
            families,
            addresses: HashMap::new(),
        }
    }
}

/// The octets that all probes of a storage machine have in common.
fn family(mac: Mac) -> [u8; 5] {
    let [a, b, c, d, e, _] = mac.octets();
    [a, b, c, d, e]
}

/// Copies of which nobody would tell that they are complete, in what is not in `in_force` already.
pub(crate) fn unheard_copies(document: &Document, in_force: &Document) -> Vec<Problem> {
    let problem = |(at, vsm): (usize, &Vsm)| {
        let policy = vsm.replication?;
        let is_heard = vsm.members.iter().any(|member| member.monitor.is_some());
        if is_heard || in_force.storage.contains(vsm) {
            return None;
        }
        let sentence = format!(
            "is {policy}, and no member has a monitor: no copy would ever count as complete, so nobody could take over"
        );
        let cure = "give the members their monitor; or leave replication out, if they share their data";
        let path = format!("storage[{at}].replication");
        Some(Problem::new(codes::BAD_STORAGE, path, sentence, cure))
    };
    let all = document.storage.iter().enumerate();
    all.filter_map(problem).collect()
}

struct Check<'a, 'd> {
    at: usize,
    vsm: &'d Vsm,
    nodes: &'a [ValidNode],
    segments: &'a [ValidSegment],
    identities: &'a mut Identities<'d>,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_, '_> {
    fn all(&mut self) -> Option<ValidVsm> {
        let before = self.problems.len();
        self.identity();
        self.health();
        let segments: Vec<ValidVsmSegment> = (0..self.vsm.segments.len())
            .filter_map(|at| self.segment(at))
            .collect();
        let members: Vec<ValidMember> = (0..self.vsm.members.len())
            .filter_map(|at| self.member(at, &segments))
            .collect();
        self.ids(&members);
        let vsm = self.vsm;
        (self.problems.len() == before).then(|| ValidVsm {
            name: vsm.name.clone(),
            mac: vsm.mac,
            tcp_port: vsm.tcp_port,
            segments,
            members,
            health: vsm.health,
            replication: vsm.replication,
        })
    }

    fn problem(&mut self, path: &str, sentence: impl Into<String>, cure: impl Into<String>) {
        let path = format!("storage[{}]{path}", self.at);
        self.problems
            .push(Problem::new(codes::BAD_STORAGE, path, sentence, cure));
    }

    fn identity(&mut self) {
        let vsm = self.vsm;
        if !vsm.mac.is_unicast() {
            self.problem(
                ".mac",
                format!("is {}, which is no individual address", vsm.mac),
                "use the address of the members' interfaces",
            );
        }
        if vsm.segments.is_empty() {
            self.problem(
                ".segments",
                "is empty: nobody would see the storage machine",
                "add a segment",
            );
        }
        if vsm.members.is_empty() {
            self.problem(
                ".members",
                "is empty: there is nothing that could serve",
                "add a member: fabric storage add NAME --member NAME=PORT ...",
            );
        }
        if vsm.members.len() > MEMBERS {
            self.problem(
                ".members",
                format!(
                    "has {} entries, a storage machine has {MEMBERS} at most",
                    vsm.members.len()
                ),
                "remove some",
            );
        }
        if vsm.tcp_port == Some(0) {
            self.problem(
                ".tcp_port",
                "is 0, which is no TCP port",
                "use the protocol's port, as in 3260",
            );
        }
    }

    fn health(&mut self) {
        let health = self.vsm.health;
        if !INTERVALS.contains(&health.interval_ms) {
            let sentence = format!("is {}, an interval has 1 to 60000 ms", health.interval_ms);
            self.problem(".health.interval_ms", sentence, "leave it out for 5 ms");
        }
        if !(2..=255).contains(&health.multiplier) {
            let sentence = format!(
                "is {}, a member is given 2 to 255 intervals to answer",
                health.multiplier
            );
            self.problem(".health.multiplier", sentence, "leave it out for 4");
        }
        let least = health.interval_ms.saturating_mul(health.multiplier);
        if health.silence_ms < least {
            let sentence = format!(
                "is {}, less than interval_ms times multiplier; without probes death takes longer to prove",
                health.silence_ms
            );
            let cure = format!("set silence_ms to {least} or more, or a shorter interval");
            self.problem(".health.silence_ms", sentence, &cure);
        }
    }

    fn segment(&mut self, number: usize) -> Option<ValidVsmSegment> {
        let vsm = self.vsm;
        let VsmSegment {
            segment,
            address,
            probe_address,
        } = vsm.segments.get(number)?;
        let path = format!(".segments[{number}]");
        self.addresses(&path, *address, *probe_address);
        let Some(at) = self.segments.iter().position(|known| known.name == *segment) else {
            let path = format!("storage[{}]{path}.segment", self.at);
            let sentence = format!("is {segment}, and no tenant has a segment of this name");
            self.problems.push(Problem::new(
                codes::UNKNOWN_SEGMENT,
                path,
                sentence,
                "fabric segment list shows those there are",
            ));
            return None;
        };
        let name = format!("storage machine {}", vsm.name);
        let mac = self.identities.macs.insert((segment, vsm.mac), name.clone());
        if let Some(other) = mac {
            let sentence = format!("is {segment}, where {} is the address of {other}", vsm.mac);
            self.problem(&path, sentence, "give one of them another MAC address");
        }
        let probes = Mac::new(mac_octets(prober(&vsm.name, 0, 0)));
        if self.identities.families.contains(&(segment, family(probes))) {
            let sentence = format!(
                "is {segment}, where a station has an address of its probes: {probes} with any last octet"
            );
            self.problem(
                &path,
                sentence,
                "give the station another address, or the storage machine another name",
            );
        }
        let probes = self
            .identities
            .macs
            .insert((segment, probes), format!("the probes of {name}"));
        if let Some(other) = probes {
            let sentence = format!("is {segment}, where {other} have the address that its probes would have");
            self.problem(&path, sentence, "give one of them another name");
        }
        if let Some(other) = self.identities.addresses.insert((segment, *address), name) {
            let sentence = format!("is {address}, which is the address of {other} in {segment}");
            self.problem(
                &format!("{path}.address"),
                sentence,
                "give one of them another address",
            );
        }
        Some(ValidVsmSegment {
            segment: SegmentIx::new(at),
            vlan: self.segments[at].vlan.unwrap_or(Vlan::Untagged),
            address: *address,
            probe_address: *probe_address,
        })
    }

    fn addresses(&mut self, path: &str, address: IpAddr, probe: Option<IpAddr>) {
        if address.is_multicast() || address.is_unspecified() || address.is_loopback() {
            let sentence = format!("is {address}, which is no host's address");
            self.problem(&format!("{path}.address"), sentence, "use the members' address");
        }
        let Some(probe) = probe else { return };
        if !probe.is_ipv4() || !address.is_ipv4() {
            let sentence =
                format!("is {probe}: connections are tried over IPv4 alone, for {address} leave it out");
            self.problem(&format!("{path}.probe_address"), sentence, "remove probe_address");
        } else if probe == address {
            let sentence = format!("is {probe}, which is the storage machine's own address");
            self.problem(
                &format!("{path}.probe_address"),
                sentence,
                "use an address of the subnet that nobody has",
            );
        }
    }

    fn member(&mut self, number: usize, segments: &[ValidVsmSegment]) -> Option<ValidMember> {
        let vsm = self.vsm;
        let member = vsm.members.get(number)?;
        let path = format!(".members[{number}]");
        let earlier = vsm.members.iter().take(number);
        if let Some(first) = earlier.clone().position(|other| other.name == member.name) {
            let path = format!("storage[{}]{path}.name", self.at);
            let first = format!("storage[{}].members[{first}]", self.at);
            self.problems.push(duplicate(&path, &member.name, &first));
        }
        let place = |member: &Member| (member.node.clone(), member.port.clone());
        if earlier.clone().any(|other| place(other) == place(member)) {
            let sentence = format!("is {}, where an earlier member stands", member.port);
            self.problem(
                &format!("{path}.port"),
                sentence,
                "give each member a port of its own: the port tells who speaks",
            );
        }
        let node = self.node(member, &path)?;
        self.attached(member, (node, &path), segments);
        Some(ValidMember {
            name: member.name.clone(),
            place: match member.id {
                Some(id) => id.wrapping_sub(1),
                None => u8::try_from(number).unwrap_or(u8::MAX),
            },
            node,
            port: member.port.clone(),
            monitor: member.monitor.clone(),
        })
    }

    fn node(&mut self, member: &Member, path: &str) -> Option<NodeIx> {
        let found = self.nodes.iter().position(|node| node.name == member.node);
        if found.is_none() {
            self.problems.push(Problem::new(
                codes::UNKNOWN_NODE,
                format!("storage[{}]{path}.node", self.at),
                format!(
                    "is {}, and the document defines no node of this name",
                    member.node
                ),
                "fabric node list shows those there are",
            ));
        }
        found.map(NodeIx::new)
    }

    /// A member speaks in each segment through its port's attachment there.
    fn attached(&mut self, member: &Member, (node, path): (NodeIx, &str), segments: &[ValidVsmSegment]) {
        let port = self.nodes[node.index()].ports.get(&member.port);
        let role = port.and_then(|port| port.role);
        if let Some(role) = role.filter(|role| *role != PortRole::Access) {
            let sentence = format!(
                "is {}, which is a {role} port: a member is a tenant-facing machine",
                member.port
            );
            self.problem(&format!("{path}.port"), sentence, "use an access port");
            return;
        }
        for place in segments {
            let segment = &self.segments[place.segment.index()];
            let is_there = segment
                .attachments
                .iter()
                .any(|end| end.node == node && end.port == member.port);
            if !is_there {
                let (node, port, name) = (&member.node, &member.port, &segment.name);
                let sentence = format!("is {port} of {node}, which is not attached to segment {name}");
                let cure =
                    format!("fabric tenant attach TENANT --segment {name} --port {port} --node {node} ...");
                self.problem(&format!("{path}.port"), sentence, cure);
            }
        }
    }

    /// Where several nodes mean the same member by a number, each has one of its own.
    fn ids(&mut self, members: &[ValidMember]) {
        for (number, member) in members.iter().enumerate() {
            let path = format!(".members[{number}].id");
            let has_one = self
                .vsm
                .members
                .get(number)
                .is_some_and(|member| member.id.is_some());
            if has_one && usize::from(member.place) >= MEMBERS {
                let sentence = format!("is {}, a member has 1 to {MEMBERS}", member.place.wrapping_add(1));
                self.problem(&path, sentence, "leave it out: a free one is chosen");
            } else if let Some(other) = members[..number].iter().find(|other| other.place == member.place) {
                let sentence = format!(
                    "is {}, which {} has already",
                    member.place.wrapping_add(1),
                    other.name
                );
                self.problem(&path, sentence, "leave it out: a free one is chosen");
            }
        }
    }
}
