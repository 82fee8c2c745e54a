//! Figures 2 and 3 of the patent: three datacenters joined by lines, or by lines and providers' networks, and tenants with
//! the same addresses, VLAN and MACs in all of them.

mod build;
mod cut;
mod figures;
mod moving;
mod show;
mod trace;

use std::marker::PhantomData;
use std::path::Path;

use anyhow::Result;

use super::findings::{Failure, Findings};
use super::isolation::{Tenant, TenantPort};
use super::session::{Lab, Look, keep_running};
use crate::fabric::Agent;
use crate::netns::NetNs;
use crate::topology::Net;

pub use cut::Cut;
pub use figures::{Figure2, Figure3};
pub use moving::Move;
pub use trace::{Hop, Trace};

/// Two tenants with everything alike, and a third one, whose frame is the figure's.
const ACME: Tenant = Tenant::new(0, "acme");
const GLOBEX: Tenant = Tenant::new(1, "globex");
const TENANTS: [Tenant; 2] = [ACME, GLOBEX];

/// acme's and globex's own VLAN, everywhere.
const VLAN: u16 = 10;

/// What tells one figure from the other.
pub trait Figure {
    /// As in `figure 2`.
    const TITLE: &'static str;
    /// The document, as text.
    const DOCUMENT: &'static str;
    /// The node of each datacenter where tenants are: 100, 200 and 250.
    const SITES: [&'static str; 3];
    /// Links between nodes.
    const WIRES: &'static [Wire];
    /// The wire that is cut.
    const CUT: &'static str;
    /// For the eye; at most 100 columns.
    const PICTURE: &'static str;
}

/// A link of the figure.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Its name in the document; the namespace in its middle has it too.
    pub name: &'static str,
    /// Node and port of each end.
    pub ends: [(&'static str, &'static str); 2],
    /// What is in the middle.
    pub middle: Middle,
}

/// What is between two nodes.
#[derive(Clone, Copy, Debug)]
pub enum Middle {
    /// A cable.
    Line,
    /// A Linux router that knows nothing of the fabric.
    Router {
        /// Addresses of the ends.
        ends: [&'static str; 2],
        /// The router's own.
        own: &'static str,
    },
}

/// A figure, up and forwarding.
#[derive(Debug)]
pub struct Mesh<F> {
    agents: Vec<Agent>,
    /// In the order of [`Figure::WIRES`]; interfaces `one` and `other` face the ends.
    middles: Vec<NetNs>,
    /// acme's machine of each datacenter, then globex's.
    machines: [[NetNs; 3]; 2],
    client: NetNs,
    resource: NetNs,
    net: Net,
    figure: PhantomData<F>,
}

impl<F: Figure> Mesh<F> {
    /// Where frames reach the two that are alike.
    fn tenant_ports(&self) -> Vec<TenantPort> {
        let port = |tenant, host: &NetNs| TenantPort {
            tenant,
            name: host.label().to_owned(),
            end: (host.clone(), "eth0".to_owned()),
        };
        let [acme, globex] = &self.machines;
        let mut ports: Vec<TenantPort> = acme.iter().map(|host| port(ACME, host)).collect();
        ports.extend(globex.iter().map(|host| port(GLOBEX, host)));
        ports
    }

    /// Each wire with the namespace in its middle.
    fn wires(&self) -> impl Iterator<Item = (&'static Wire, &NetNs)> {
        F::WIRES.iter().zip(&self.middles)
    }

    /// The namespace in the middle of a wire.
    fn middle(&self, name: &str) -> Option<&NetNs> {
        let mut wires = self.wires();
        wires
            .find(|(wire, _)| wire.name == name)
            .map(|(_, middle)| middle)
    }
}

impl<F: Figure> Lab for Mesh<F> {
    const TITLE: &'static str = F::TITLE;
    const SHOWS: &'static str = "the way of a frame, a line is cut, a resource moves";

    fn build(net: Net, folder: &Path) -> Result<Self> {
        Self::build_in(net, folder)
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
        F::PICTURE.to_owned()
    }

    fn hints(&self, look: &Look) -> Vec<String> {
        let inside = |host: &str, command: &str| format!("ip netns exec {}-{host} {command}", look.prefix);
        vec![
            look.fabric(F::SITES[0], "link list"),
            look.fabric(F::SITES[1], "segment show initech"),
            inside("A200", "ping -c 3 192.168.0.100"),
            inside(F::CUT, "tshark -ni one -c 20"),
        ]
    }

    fn keep(self) -> Result<()> {
        keep_running(self.net, self.agents)
    }

    fn tear_down(self) -> Result<()> {
        let mut outcome = Ok(());
        for agent in self.agents {
            outcome = outcome.and(agent.finish());
        }
        outcome.and(self.net.tear_down())
    }
}
