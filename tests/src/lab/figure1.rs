//! Figure 1 of the patent: one datacenter, two switches in series, and tenants who all use the same addresses.
//!
//! ```no_run
//! use fabric_tests::lab::figure1::Figure1;
//!
//! # fn main() -> fabric_tests::Result<()> {
//! let figure = Figure1::build(None)?;
//! assert!(fabric_tests::traffic::ping(&figure.hosts.c102a, "192.168.0.10", 5)?.all_answered());
//! figure.tear_down()?;
//! # Ok(()) }
//! ```

mod document;
mod hosts;
mod picture;
mod show;

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::counts::{Cable, Sent};
use super::findings::{Failure, Findings};
use super::flows::Flow;
use super::isolation::{Tenant, TenantPort};
use super::session::{Lab, Look, keep_running};
use crate::fabric::{Agent, Launch};
use crate::netns::NetNs;
use crate::topology::{Net, WireTap};

pub use document::{CLIENT, RESOURCE, SECOND_RESOURCE, document};
pub use hosts::{Hosts, VLAN, VXLAN};

/// 102A and 110A.
pub const ACME: Tenant = Tenant::new(0, "acme");
/// 102B, 110B and 110C.
pub const GLOBEX: Tenant = Tenant::new(1, "globex");
/// 202 and 110D.
pub const INITECH: Tenant = Tenant::new(2, "initech");
/// 102C and 110E: comes and goes.
pub const UMBRELLA: Tenant = Tenant::new(3, "umbrella");
/// All of them.
pub const TENANTS: [Tenant; 4] = [ACME, GLOBEX, INITECH, UMBRELLA];

/// edge1's VTEP.
pub const NEAR_VTEP: &str = "192.0.2.1";
/// 110D's VTEP.
pub const REMOTE_VTEP: &str = "192.0.2.2";
/// initech's network on the underlay.
pub const INITECH_VNI: u32 = 20001;

/// Room for two VLAN tags, and for VXLAN over IPv4.
const TRUNK_MTU: u32 = 1600;

/// IPv4 addresses: the same for every tenant.
pub mod addresses {
    use std::net::Ipv4Addr;

    use super::hosts::Addresses;

    /// Every client, in VLAN 10 (202: untagged).
    pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 50);
    /// Every resource, in VLAN 10 (110D: untagged).
    pub const RESOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
    /// The resources' second LAN, untagged.
    pub const UNTAGGED_RESOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
    /// 110C.
    pub const SECOND_RESOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

    pub(super) const RESOURCE_CIDR: &str = "192.168.0.10/24";
    pub(super) const SECOND_RESOURCE_CIDR: &str = "192.168.1.11/24";

    pub(super) const fn client(tagged: bool, untagged: bool) -> Addresses {
        Addresses {
            tagged: if tagged { Some("192.168.0.50/24") } else { None },
            untagged: match (tagged, untagged) {
                (true, true) => Some("192.168.1.50/24"),
                // Without VLAN 10, the first LAN is the untagged one.
                (false, true) => Some("192.168.0.50/24"),
                (_, false) => None,
            },
        }
    }

    pub(super) const fn resource(untagged: bool) -> Addresses {
        Addresses {
            tagged: Some(RESOURCE_CIDR),
            untagged: if untagged { Some("192.168.1.10/24") } else { None },
        }
    }
}

/// The figure, up and forwarding.
#[derive(Debug)]
pub struct Figure1 {
    /// The agents of edge1 and edge2; the first to go.
    pub agents: [Agent; 2],
    /// The cable between the edges.
    pub trunk: WireTap,
    /// The machines.
    pub hosts: Hosts,
    /// What the far ends of the edges' cables had sent before the agents started.
    pub sent_before: [Sent; 2],
    net: Net,
}

impl Figure1 {
    /// Builds it. `folder`: where the agents' files go, each in a session of its own (a lab that may be kept); temporary folders
    /// otherwise.
    ///
    /// # Errors
    /// When a step fails; what was made by then is gone.
    pub fn build(folder: Option<&Path>) -> Result<Self> {
        let net = Net::new()?;
        Self::build_in(net, folder)
    }

    /// As [`Figure1::build`], in an empty net.
    ///
    /// # Errors
    /// As [`Figure1::build`].
    pub fn build_in(net: Net, folder: Option<&Path>) -> Result<Self> {
        let hosts = Hosts::new(&net)?;
        let trunk = hosts.connect(&net)?;
        let [near, far] = cables(&hosts, &trunk);
        let agents = start_agents([&hosts.edge1, &hosts.edge2], &document()?, folder)?;
        let sent_before = [
            Sent::before_attach(&agents[0], &near)?,
            Sent::before_attach(&agents[1], &far)?,
        ];
        Ok(Self {
            agents,
            trunk,
            hosts,
            sent_before,
            net,
        })
    }

    /// The namespaces' common prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.net.prefix()
    }

    /// The flows of the figure, with the numbers that the document gives them.
    #[must_use]
    pub fn flows(&self) -> Vec<Flow> {
        use addresses::{RESOURCE, SECOND_RESOURCE, UNTAGGED_RESOURCE};
        let hosts = &self.hosts;
        let flow = |tenant, hosts: [&NetNs; 2], address, expected, note| {
            self.flow(tenant, hosts, address, expected, note)
        };
        let (acme, globex) = ([&hosts.c102a, &hosts.r110a], [&hosts.c102b, &hosts.r110b]);
        let mut flows = vec![
            flow(ACME, acme, RESOURCE, "S 101 | C 201 | own 10", ""),
            flow(ACME, acme, UNTAGGED_RESOURCE, "S 100 | C 200 | IPv4", "frame 600"),
            flow(GLOBEX, globex, RESOURCE, "S 111 | C 212 | own 10", ""),
            flow(
                GLOBEX,
                globex,
                UNTAGGED_RESOURCE,
                "S 110 | C 210 | IPv4",
                "frame 700",
            ),
            flow(
                GLOBEX,
                [&hosts.c102b, &hosts.r110c],
                SECOND_RESOURCE,
                "S 110 | C 211 | IPv4",
                "frame 750",
            ),
            flow(
                INITECH,
                [&hosts.c202, &hosts.r110d],
                RESOURCE,
                "vni 20001 | Ethernet | IPv4",
                "",
            ),
        ];
        if let Some(tunnel) = flows.last_mut() {
            tunnel.wire = (hosts.r110d.clone(), "eth0".to_owned());
            tunnel.delivery = (hosts.r110d.clone(), VXLAN.to_owned());
        }
        flows
    }

    fn flow(
        &self,
        tenant: Tenant,
        [from, to]: [&NetNs; 2],
        address: Ipv4Addr,
        expected: &'static str,
        note: &'static str,
    ) -> Flow {
        Flow {
            tenant,
            from: from.clone(),
            to: to.clone(),
            address,
            // What edge1 sends arrives at the tap's interface `one`.
            wire: (self.trunk.namespace().clone(), "one".to_owned()),
            delivery: (to.clone(), "eth0".to_owned()),
            expected,
            note,
        }
    }

    /// Every place where frames reach a tenant. 110C is behind 110B's port.
    #[must_use]
    pub fn tenant_ports(&self) -> Vec<TenantPort> {
        let hosts = &self.hosts;
        let port = |tenant, host: &NetNs, interface: &str| TenantPort {
            tenant,
            name: host.label().to_owned(),
            end: (host.clone(), interface.to_owned()),
        };
        vec![
            port(ACME, &hosts.c102a, "eth0"),
            port(ACME, &hosts.r110a, "eth0"),
            port(GLOBEX, &hosts.c102b, "eth0"),
            port(GLOBEX, &hosts.r110b, "eth0"),
            port(INITECH, &hosts.c202, "eth0"),
            port(INITECH, &hosts.r110d, VXLAN),
            port(UMBRELLA, &hosts.c102c, "eth0"),
            port(UMBRELLA, &hosts.r110e, "eth0"),
        ]
    }

    /// The far end of each port that is in the document from the beginning, by edge.
    #[must_use]
    pub fn cables(&self) -> [Vec<Cable>; 2] {
        cables(&self.hosts, &self.trunk)
    }

    /// Leaves everything up after this process.
    ///
    /// # Errors
    /// When the mark that protects it cannot be written.
    pub fn keep(self) -> Result<()> {
        keep_running(self.net, self.agents)
    }

    /// Takes everything down and says what was wrong: something left behind, an error in an agent's log.
    ///
    /// # Errors
    /// The first thing that was wrong; the rest is taken down all the same.
    pub fn tear_down(self) -> Result<()> {
        let [one, two] = self.agents;
        let outcome = one.finish().and(two.finish());
        outcome.and(self.net.tear_down())
    }
}

impl Lab for Figure1 {
    const TITLE: &'static str = "figure 1";
    const SHOWS: &'static str = "traffic, isolation, attach under load";

    fn build(net: Net, folder: &Path) -> Result<Self> {
        Self::build_in(net, Some(folder))
    }

    fn namespaces(&self) -> Vec<NetNs> {
        self.net.hosts()
    }

    fn agents(&self) -> &[Agent] {
        &self.agents
    }

    fn show(&mut self, findings: &mut Findings, progress: &dyn Fn(&str)) -> Result<(), Failure> {
        show::show(self, findings, progress)
    }

    fn picture(&self) -> String {
        picture::PICTURE.to_owned()
    }

    fn hints(&self, look: &Look) -> Vec<String> {
        picture::hints(look)
    }

    fn keep(self) -> Result<()> {
        Self::keep(self)
    }

    fn tear_down(self) -> Result<()> {
        Self::tear_down(self)
    }
}

fn cables(hosts: &Hosts, trunk: &WireTap) -> [Vec<Cable>; 2] {
    let cable = |port: &str, host: &NetNs, interface: &str| Cable {
        port: port.to_owned(),
        end: (host.clone(), interface.to_owned()),
    };
    let tap = trunk.namespace();
    [
        vec![
            cable("eth1", &hosts.c102a, "eth0"),
            cable("eth2", &hosts.c102b, "eth0"),
            cable("eth3", &hosts.c202, "eth0"),
            cable("t0", tap, "one"),
            cable("u0", &hosts.r110d, "eth0"),
        ],
        vec![
            cable("eth1", &hosts.r110a, "eth0"),
            cable("eth2", &hosts.r110b, "eth0"),
            cable("t0", tap, "other"),
        ],
    ]
}

/// Both at once: loading takes most of the time.
fn start_agents(edges: [&NetNs; 2], document: &Value, folder: Option<&Path>) -> Result<[Agent; 2]> {
    let start = |edge: &NetNs| {
        let mut launch = Launch::new(edge, edge.label()).document(document);
        if let Some(folder) = folder {
            launch = launch.folder(&folder.join(edge.label())).own_session();
        }
        launch
            .start()
            .with_context(|| format!("agent of {}", edge.label()))
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| start(edges[1]));
        (start(edges[0]), other.join())
    });
    let other = other.unwrap_or_else(|_| Err(anyhow!("the thread that starts an agent panicked")));
    match (one, other) {
        (Ok(one), Ok(other)) => Ok([one, other]),
        (Ok(started), Err(error)) | (Err(error), Ok(started)) => {
            drop(started.finish());
            Err(error)
        }
        (Err(error), Err(_)) => Err(error),
    }
}
