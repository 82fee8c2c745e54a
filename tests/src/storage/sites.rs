//! FIG 13 as it is drawn: four sites, the working machine of each of two clients in one and the protecting one in another, each
//! client at a site of his own. What works for the one client protects the other. The nodes share an etcd.

mod document;
mod drill;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::member::Member;
use super::mirror::Mirror;
use super::rig::{CLIENT, CLIENT_MAC, MEMBERS, SECOND_VSM, SERVICE, SERVICE_MAC, VSM};
use crate::etcd::Etcd;
use crate::fabric::{Agent, Launch};
use crate::netns::NetNs;
use crate::topology::{End, Net, WireTap};
use crate::wait;
use document::{copy_address, copy_port, document, line_ends, member_port, pairs};

pub use drill::drill_across;

/// Names of the nodes: with the first machine, with the second one, with the first client, with the second one.
pub const NODES: [&str; 4] = ["cloud1300", "cloud1302", "cloud1304", "cloud1306"];
/// Of a line: 1500 and a full stack.
const LINE_MTU: u32 = 1600;
/// Where etcd is.
const STORE: &str = "10.9.0.1";
/// Longest wait for what needs the store, or a server.
const LONG: Duration = Duration::from_secs(20);

/// What a rig of four sites has.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Port of the storage protocol; members are tried by connecting to it. Without it they are asked by ARP.
    pub tcp_port: Option<u16>,
    /// The members' data is copied.
    pub copied: bool,
    /// The object `health` of the document.
    pub health: Value,
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self {
            tcp_port: None,
            copied: false,
            health: json!({}),
        }
    }
}

/// One tenant's machines.
#[derive(Debug)]
pub struct Tenancy {
    /// His storage machine.
    pub vsm: &'static str,
    /// Interface `eth0`.
    pub client: NetNs,
    /// `array-1` and `array-2`: interfaces `eth0`, with the service's identity, and `copy0`.
    pub members: Vec<NetNs>,
    /// Cables of the members.
    wires: Vec<WireTap>,
    /// 0 or 1.
    number: usize,
}

/// Four sites that run.
#[derive(Debug)]
pub struct Sites {
    /// One for each of [`NODES`]. They end first.
    pub agents: Vec<Agent>,
    /// The tenant who prefers `array-1` and the one who prefers `array-2`.
    pub tenants: Vec<Tenancy>,
    /// The shared store.
    pub etcd: Etcd,
    /// The nodes' namespaces.
    pub edges: Vec<NetNs>,
    /// Between each two nodes.
    lines: Vec<([usize; 2], WireTap)>,
    store: NetNs,
    folder: tempfile::TempDir,
    net: Net,
}

impl Sites {
    /// Builds the sites and starts everything but the servers.
    ///
    /// # Errors
    /// When something does not start, or the document is refused.
    pub fn start(options: &SiteOptions) -> Result<Self> {
        let net = Net::new()?;
        let folder = tempfile::tempdir()?;
        let store = net.host("store")?;
        net.bridge(&store, "br0", &[])?;
        store.output(&["ip", "addr", "add", &format!("{STORE}/24"), "dev", "br0"])?;
        let edges = NODES
            .iter()
            .map(|name| net.host(name))
            .collect::<Result<Vec<_>>>()?;
        for (at, edge) in edges.iter().enumerate() {
            let (address, port) = (format!("10.9.0.1{at}/24"), format!("n{at}"));
            net.veth(End::port(edge, "m0").address(&address), End::port(&store, &port))?;
            store.output(&["ip", "link", "set", &port, "master", "br0"])?;
        }
        let mut lines = Vec::new();
        for pair in pairs() {
            let [one, other] =
                line_ends(pair).map(|(at, port, mac)| End::port(&edges[at], &port).mac(mac).no_arp());
            let name = format!("line{}{}", pair[0], pair[1]);
            lines.push((pair, net.tapped(&name, LINE_MTU, one, other)?));
        }
        let tenants = (0..2)
            .map(|number| Tenancy::build(&net, &edges, number))
            .collect::<Result<Vec<_>>>()?;
        let etcd = Etcd::start(&store, &[STORE], &[])?;
        let document = document(options, folder.path());
        let agents = edges
            .iter()
            .zip(NODES)
            .map(|(edge, node)| {
                Launch::new(edge, node)
                    .document(&document)
                    .environment("FABRIC_STORE", &etcd.url("lab"))
                    .start()
            })
            .collect::<Result<Vec<_>>>()?;
        for agent in &agents {
            let what = format!("{} to have the document", agent.node());
            wait::until_true(LONG, &what, || {
                Ok(agent.get("/v1/status")?["revision"].as_u64() >= Some(1))
            })?;
        }
        Ok(Self {
            agents,
            tenants,
            etcd,
            edges,
            lines,
            store,
            folder,
            net,
        })
    }

    /// The agent of a node by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn agent(&self, node: &str) -> Result<&Agent> {
        let agent = self.agents.iter().find(|agent| agent.node() == node);
        agent.with_context(|| format!("no agent of {node}"))
    }

    /// A private folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Starts the storage daemons of a tenant's members, each with a volume of `bytes`.
    ///
    /// # Errors
    /// When one does not start.
    pub fn serve(&self, tenant: usize, bytes: u64) -> Result<Vec<Member>> {
        let tenancy = self.tenant(tenant)?;
        let start = |(at, member): (usize, &NetNs)| {
            Member::start(member, &self.folder(&tenancy.label(MEMBERS[at]))?, bytes)
        };
        tenancy.members.iter().enumerate().map(start).collect()
    }

    /// Copies from the member that the tenant prefers to the other, and waits until the steward knows that the copy is complete.
    ///
    /// # Errors
    /// When it does not become complete.
    pub fn copy(&self, tenant: usize, members: &[Member]) -> Result<Mirror> {
        let (from, to) = (tenant, 1 - tenant);
        let working = members.get(from).context("no member")?;
        let peer: SocketAddr = format!("{}:10809", copy_address(to)).parse()?;
        let mirror = Mirror::start_as(MEMBERS[to], working, peer)?;
        mirror.wait_ready(working, LONG)?;
        self.wait_shown(tenant, "the copy to be complete", |shown| {
            member(shown, MEMBERS[to])
                .is_some_and(|member| member["role"] == "protection" && member["copy"] == "current")
        })?;
        Ok(mirror)
    }

    /// The service as clients know it.
    ///
    /// # Errors
    /// Never.
    pub fn service(&self, port: u16) -> Result<SocketAddr> {
        Ok(format!("{SERVICE}:{port}").parse()?)
    }

    /// A tenant, counted from 0.
    ///
    /// # Errors
    /// When there is none.
    pub fn tenant(&self, number: usize) -> Result<&Tenancy> {
        self.tenants.get(number).context("no such tenant")
    }

    /// What a node says of a tenant's storage machine.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn shown_at(&self, node: &str, tenant: usize) -> Result<Value> {
        let vsm = self.tenant(tenant)?.vsm;
        let answer = self.agent(node)?.json(&["storage", "show", vsm])?;
        answer["items"][0].as_object().context("no storage machine")?;
        Ok(answer["items"][0].clone())
    }

    /// What the steward says of it; `None` while nobody decides.
    ///
    /// # Errors
    /// When an agent does not answer.
    pub fn shown(&self, tenant: usize) -> Result<Option<Value>> {
        for node in &NODES[..2] {
            let Ok(shown) = self.shown_at(node, tenant) else {
                continue;
            };
            if shown["here"] == true {
                return Ok(Some(shown));
            }
        }
        Ok(None)
    }

    /// The node that decides.
    ///
    /// # Errors
    /// When nobody does in time.
    pub fn steward(&self, tenant: usize) -> Result<String> {
        wait::until(LONG, "a node that decides", || {
            let shown = self.shown(tenant)?;
            let node = shown.and_then(|shown| shown["node"].as_str().map(str::to_owned));
            Ok(node.filter(|node| !node.is_empty()))
        })
    }

    /// Waits until what the steward says is as wanted.
    ///
    /// # Errors
    /// When it is not in time: what it said last.
    pub fn wait_shown(&self, tenant: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = None;
        let seen = wait::until(LONG, what, || {
            last = self.shown(tenant)?;
            Ok(last.clone().filter(|shown| wanted(shown)))
        });
        seen.with_context(|| format!("it is {last:?}"))
    }

    /// Waits until both members of both tenants answer, and all nodes know who is in charge.
    ///
    /// # Errors
    /// When it does not happen in time.
    pub fn wait_all_up(&self) -> Result<()> {
        (0..2).try_for_each(|tenant| self.wait_all_members_up(tenant))
    }

    /// The same of one tenant.
    ///
    /// # Errors
    /// When it does not happen in time.
    pub fn wait_all_members_up(&self, tenant: usize) -> Result<()> {
        self.wait_all_answer(tenant)?;
        self.wait_working(tenant, MEMBERS[tenant])
    }

    /// The member that is not in charge of a tenant's storage machine.
    ///
    /// # Errors
    /// When nobody knows.
    pub fn other_member(&self, tenant: usize) -> Result<&'static str> {
        let shown = self.shown(tenant)?.context("no node decides")?;
        let is_other = |name: &&&str| member(&shown, name).is_some_and(|member| member["role"] != "working");
        MEMBERS[..2]
            .iter()
            .find(is_other)
            .copied()
            .context("no other member")
    }

    /// Waits until the members of a tenant answer.
    ///
    /// # Errors
    /// When they do not in time.
    pub fn wait_all_answer(&self, tenant: usize) -> Result<()> {
        self.wait_shown(tenant, "the members to answer", |shown| {
            let mut members = shown["members"].as_array().into_iter().flatten();
            members.all(|member| member["health"] == "up")
        })?;
        Ok(())
    }

    /// Waits until all nodes of the tenant know that a member is in charge.
    ///
    /// # Errors
    /// When they do not in time.
    pub fn wait_working(&self, tenant: usize, name: &str) -> Result<()> {
        self.wait_working_at(tenant, name, &[NODES[0], NODES[1], NODES[2 + tenant]])
    }

    /// The same of some nodes.
    ///
    /// # Errors
    /// When they do not in time.
    pub fn wait_working_at(&self, tenant: usize, name: &str, nodes: &[&str]) -> Result<()> {
        for node in nodes {
            wait::until_true(LONG, &format!("{name} to be in charge at {node}"), || {
                let shown = self.shown_at(node, tenant)?;
                Ok(member(&shown, name).is_some_and(|member| member["role"] == "working"))
            })?;
        }
        Ok(())
    }

    /// One more machine with the service's identity, on its `eth0`, at a port of a node that the document does not use yet.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn spare(&self, node: usize, port: &str) -> Result<NetNs> {
        let edge = self.edges.get(node).context("no such node")?;
        let host = self.net.host(&format!("spare-{port}"))?;
        self.net
            .veth(End::client(&host, "eth0").mac(SERVICE_MAC), End::port(edge, port))?;
        Ok(host)
    }

    /// Cuts a member's cable, or plugs it in again; the machine lives on and its port keeps its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut_member(&self, tenant: usize, number: usize, cut: bool) -> Result<()> {
        set(
            self.tenant(tenant)?.wires.get(number).context("no such member")?,
            cut,
        )
    }

    /// Cuts all lines of a node, or plugs them in again; the ports keep their carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut_lines(&self, node: usize, cut: bool) -> Result<()> {
        let lines = self.lines.iter().filter(|(ends, _)| ends.contains(&node));
        lines.into_iter().try_for_each(|(_, line)| set(line, cut))
    }

    /// Cuts a node's way to the store, or plugs it in again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut_store(&self, node: usize, cut: bool) -> Result<()> {
        let state = if cut { "down" } else { "up" };
        self.store
            .output(&["ip", "link", "set", &format!("n{node}"), state])?;
        Ok(())
    }

    /// Takes it down and says what was wrong.
    ///
    /// # Errors
    /// What was left behind, or an error in an agent's log.
    pub fn tear_down(self) -> Result<()> {
        for agent in self.agents {
            agent.finish()?;
        }
        drop(self.etcd);
        self.net.tear_down()
    }
}

fn set(wire: &WireTap, cut: bool) -> Result<()> {
    let state = if cut { "down" } else { "up" };
    wire.namespace().output(&["ip", "link", "set", "one", state])?;
    Ok(())
}

/// A member in what is shown of its storage machine.
fn member<'a>(shown: &'a Value, name: &str) -> Option<&'a Value> {
    shown["members"]
        .as_array()?
        .iter()
        .find(|member| member["name"] == name)
}

impl Tenancy {
    fn build(net: &Net, edges: &[NetNs], number: usize) -> Result<Self> {
        let mut tenancy = Self {
            vsm: [VSM, SECOND_VSM]
                .get(number)
                .copied()
                .context("two tenants at most")?,
            client: net.host(["client", "clientb"][number])?,
            members: Vec::new(),
            wires: Vec::new(),
            number,
        };
        let end = End::client(&tenancy.client, "eth0").mac(CLIENT_MAC);
        net.veth(
            end.address(&format!("{CLIENT}/24")),
            End::port(&edges[2 + number], "eth1"),
        )?;
        for (at, edge) in edges.iter().enumerate().take(2) {
            let host = net.host(&tenancy.label(MEMBERS[at]))?;
            let end = End::client(&host, "eth0").mac(SERVICE_MAC);
            tenancy.wires.push(net.tapped(
                &tenancy.label(&format!("wire{at}")),
                1500,
                end.address(&format!("{SERVICE}/24")),
                End::port(edge, &tenancy.member_port()),
            )?);
            let copy = End::client(&host, "copy0").mac(format!("02:00:00:12:0{number}:0{at}"));
            net.veth(
                copy.address(&format!("{}/24", copy_address(at))),
                End::port(edge, &tenancy.copy_port()),
            )?;
            tenancy.members.push(host);
        }
        Ok(tenancy)
    }

    fn label(&self, name: &str) -> String {
        format!("{name}{}", ["", "b"][self.number])
    }

    fn member_port(&self) -> String {
        member_port(self.number)
    }

    fn copy_port(&self) -> String {
        copy_port(self.number)
    }
}
