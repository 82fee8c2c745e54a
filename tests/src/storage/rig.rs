//! FIG 12 on one node: a client, members with one identity, and a line on which they copy. With two tenants it is FIG 13's
//! roles by client: each machine works for one of them and protects the other.

mod tenancy;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Protocol;
use super::member::Member;
use super::mirror::Mirror;
use crate::fabric::{Agent, Launch};
use crate::netns::NetNs;
use crate::topology::{End, Net, WireTap};
use crate::wait;
use tenancy::{TENANCIES, Tenancy, copy_address, document};

/// The client's address.
pub const CLIENT: &str = "10.10.10.10";
/// The client's MAC address.
pub const CLIENT_MAC: &str = "02:00:00:10:10:0a";
/// The storage machine's address.
pub const SERVICE: &str = "10.10.10.100";
/// The storage machine's MAC address.
pub const SERVICE_MAC: &str = "02:00:00:10:02:0a";
/// Where the agent's connections seem to come from.
pub const PROBE: &str = "10.10.10.250";
/// The storage machine's name.
pub const VSM: &str = "vsm-1002a";
/// The one of the second tenant.
pub const SECOND_VSM: &str = "vsm-1002b";
/// The machines' names, in the first tenant's order of preference; the second one prefers the last.
pub const MEMBERS: [&str; 3] = ["array-1", "array-2", "array-3"];

/// What a rig has.
#[derive(Clone, Debug)]
pub struct RigOptions {
    /// 1 to 3.
    pub members: usize,
    /// Port of the storage protocol; members are tried by connecting to it.
    pub tcp_port: Option<u16>,
    /// The members' data is copied; the agent asks for the state of the copies.
    pub copied: bool,
    /// The object `health` of the document.
    pub health: Value,
    /// There is a second tenant, with the same addresses, whose order of members is the opposite one.
    pub shared: bool,
}

impl Default for RigOptions {
    fn default() -> Self {
        Self {
            members: 2,
            tcp_port: None,
            copied: false,
            health: json!({}),
            shared: false,
        }
    }
}

/// One tenant's storage machine.
#[derive(Debug)]
pub struct Service {
    /// Name of the storage machine.
    pub vsm: &'static str,
    /// Interface `eth0`.
    pub client: NetNs,
    /// By machine: interfaces `eth0`, with the service's identity, and `copy0`. A machine has a network of its own for each
    /// tenant, as the array of FIG 10 has.
    pub members: Vec<NetNs>,
    wires: Vec<WireTap>,
    tenancy: Tenancy,
}

/// A running fabric with a storage machine.
#[derive(Debug)]
pub struct Rig {
    /// Ends first, while its interfaces are there.
    pub agent: Agent,
    /// The first tenant's.
    pub client: NetNs,
    /// The first tenant's.
    pub members: Vec<NetNs>,
    /// The node, with the client at `eth1` and the members at `eth2` and on; the second tenant's are `eth11`, `eth12` and on.
    pub edge: NetNs,
    /// One for each tenant.
    pub services: Vec<Service>,
    options: RigOptions,
    folder: PathBuf,
    _own_folder: Option<tempfile::TempDir>,
    net: Net,
}

impl Rig {
    /// Starts it; no server runs yet.
    ///
    /// # Errors
    /// When the agent does not start or refuses the document.
    pub fn start(options: &RigOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut rig = Self::build(Net::new()?, folder.path(), options, |launch| launch)?;
        rig._own_folder = Some(folder);
        Ok(rig)
    }

    /// The same in an empty net, with all files in `folder`.
    ///
    /// # Errors
    /// As [`Rig::start`].
    pub fn build(
        net: Net,
        folder: &Path,
        options: &RigOptions,
        launch: impl FnOnce(Launch) -> Launch,
    ) -> Result<Self> {
        let edge = net.host("edge1")?;
        let tenancies = &TENANCIES[..1 + usize::from(options.shared)];
        let services = tenancies
            .iter()
            .map(|tenancy| Service::build(&net, &edge, *tenancy, options.members))
            .collect::<Result<Vec<_>>>()?;
        let first = services.first().context("no tenant")?;
        let (client, members) = (first.client.clone(), first.members.clone());
        let document = document([options; 2], folder);
        Ok(Self {
            agent: launch(Launch::new(&edge, "edge1").document(&document)).start()?,
            client,
            members,
            edge,
            services,
            options: options.clone(),
            folder: folder.to_owned(),
            _own_folder: None,
            net,
        })
    }

    /// A private folder of a member or a client.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Its namespaces.
    #[must_use]
    pub fn namespaces(&self) -> Vec<NetNs> {
        self.net.hosts()
    }

    /// Starts the storage daemons of all members of the first tenant, each with a volume of `bytes`.
    ///
    /// # Errors
    /// When one does not start.
    pub fn serve(&self, bytes: u64) -> Result<Vec<Member>> {
        self.serve_for(self.service_of(0)?, bytes)
    }

    /// The same of any tenant.
    ///
    /// # Errors
    /// When one does not start.
    pub fn serve_for(&self, service: &Service, bytes: u64) -> Result<Vec<Member>> {
        let start = |(number, member): (usize, &NetNs)| {
            Member::start(
                member,
                &self.folder(&service.tenancy.label(MEMBERS[number]))?,
                bytes,
            )
        };
        service.members.iter().enumerate().map(start).collect()
    }

    /// A tenant's storage machine, counted from 0.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn service_of(&self, tenant: usize) -> Result<&Service> {
        self.services.get(tenant).context("no such tenant")
    }

    /// Copies from the first member to the second, and waits until the fabric knows that the copy is complete.
    ///
    /// # Errors
    /// When it does not become complete.
    pub fn copy(&self, members: &[Member]) -> Result<Mirror> {
        self.copy_for(self.service_of(0)?, members)
    }

    /// The same for any tenant, from the one that he prefers to the other.
    ///
    /// # Errors
    /// When it does not become complete.
    pub fn copy_for(&self, service: &Service, members: &[Member]) -> Result<Mirror> {
        let [from, to] = service.tenancy.pair();
        let working = members.get(from).context("no member")?;
        let peer: SocketAddr = format!("{}:10809", copy_address(to)).parse()?;
        let mirror = Mirror::start_as(MEMBERS[to], working, peer)?;
        // The fabric asks the daemon anyway; with two who ask as fast as they can it has crashed in its allocator (7.2).
        wait::until_true(Duration::from_secs(20), "the copy to be complete", || {
            let shown = self.show_of(service.vsm)?;
            Ok(shown["members"].as_array().into_iter().flatten().any(|member| {
                member["name"] == MEMBERS[to] && member["role"] == "protection" && member["copy"] == "current"
            }))
        })?;
        Ok(mirror)
    }

    /// The service as the client knows it.
    ///
    /// # Errors
    /// Never.
    pub fn service(&self, port: u16) -> Result<SocketAddr> {
        Ok(format!("{SERVICE}:{port}").parse()?)
    }

    /// What `fabric storage show` says.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn show(&self) -> Result<Value> {
        self.show_of(VSM)
    }

    /// The same of a storage machine by name.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn show_of(&self, vsm: &str) -> Result<Value> {
        let answer = self.agent.json(&["storage", "show", vsm])?;
        answer["items"][0].as_object().context("no storage machine")?;
        Ok(answer["items"][0].clone())
    }

    /// The name of the member in charge.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn working(&self) -> Result<Option<String>> {
        self.working_of(VSM)
    }

    /// The same of a storage machine by name.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn working_of(&self, vsm: &str) -> Result<Option<String>> {
        let shown = self.show_of(vsm)?;
        let members = shown["members"].as_array().context("no members")?;
        let working = members.iter().find(|member| member["role"] == "working");
        Ok(working.and_then(|member| member["name"].as_str().map(str::to_owned)))
    }

    /// Waits until a member is in charge.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn wait_working(&self, name: &str) -> Result<()> {
        wait::until_true(wait::PATIENCE, &format!("{name} to be in charge"), || {
            Ok(self.working()?.as_deref() == Some(name))
        })
    }

    /// Waits until the view of a member is as wanted.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn wait_member(&self, number: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        wait::until_true(wait::PATIENCE, what, || {
            Ok(wanted(&self.show()?["members"][number]))
        })
    }

    /// Waits until the agent has heard every member of every tenant.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn wait_all_up(&self) -> Result<()> {
        self.services.iter().try_for_each(|service| {
            let what = format!("the members of {} to answer", service.vsm);
            wait::until_true(wait::PATIENCE, &what, || {
                let shown = self.show_of(service.vsm)?;
                let members = shown["members"].as_array().context("no members")?;
                Ok(members.iter().all(|member| member["health"] == "up"))
            })
        })
    }

    /// The same of the first tenant, without the first member, which may be dead.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn wait_all_but_first(&self) -> Result<()> {
        let all = MEMBERS.iter().enumerate().take(self.members.len());
        all.skip(1).try_for_each(|(number, name)| {
            self.wait_member(number, &format!("{name} to answer"), |member| {
                member["health"] == "up"
            })
        })
    }

    /// Cuts a member's cable to its clients, or plugs it in again. The machine lives on, and the fabric's port keeps its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut(&self, number: usize, cut: bool) -> Result<()> {
        let wire = self.service_of(0)?.wires.get(number).context("no such member")?;
        let state = if cut { "down" } else { "up" };
        wire.namespace().output(&["ip", "link", "set", "one", state])?;
        Ok(())
    }

    /// As it was in the beginning, but for the epoch: with new rules `health`, all cables whole, no data, and the preferred
    /// member in charge. The servers of before must be gone.
    ///
    /// # Errors
    /// When the agent refuses the rules.
    pub fn begin_again(&self, protocol: Protocol, health: Value) -> Result<()> {
        for (number, (member, name)) in self.members.iter().zip(MEMBERS).enumerate() {
            self.cut(number, false)?;
            // What it asked while it was fenced is no state of a machine that has just started.
            member.output(&["ip", "neigh", "flush", "dev", "eth0"])?;
            let folder = self.folder(name)?;
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        let first = RigOptions {
            health,
            tcp_port: self.options.tcp_port.and(Some(protocol.port())),
            ..self.options.clone()
        };
        let rules = document([&first, &self.options], &self.folder);
        let file = self.agent.file("rules.json", &rules)?;
        self.agent.ok(&["apply", "-f", &file, "--yes"])?;
        if self.working()?.as_deref() != Some(MEMBERS[0]) {
            self.agent
                .ok(&["storage", "switch", VSM, "--to", MEMBERS[0], "--force"])?;
            self.wait_second_nudge()?;
        }
        self.agent.ok(&["storage", "restore", VSM])?;
        Ok(())
    }

    /// A client that the second nudge of a switch reaches answers no other one for half a second (`tcp_invalid_ratelimit`).
    fn wait_second_nudge(&self) -> Result<()> {
        let shown = self.show()?;
        if shown["last_switch"]["nudges"].as_u64().unwrap_or(0) == 0 {
            return Ok(());
        }
        let first = shown["nudges"].as_u64();
        wait::until_true(wait::PATIENCE, "the second nudge of a switch", || {
            Ok(self.show()?["nudges"].as_u64() > first)
        })
    }

    /// Leaves it up after this process.
    ///
    /// # Errors
    /// When it cannot be protected from the next sweep.
    pub fn keep(self) -> Result<()> {
        self.net.keep()?;
        // It runs on; who it is can be asked over its socket.
        drop(self.agent.keep());
        Ok(())
    }

    /// Takes it down and says what was wrong.
    ///
    /// # Errors
    /// What was left behind, or an error in the agent's log.
    pub fn tear_down(self) -> Result<()> {
        self.agent.finish().and(self.net.tear_down())
    }
}

impl Service {
    fn build(net: &Net, edge: &NetNs, tenancy: Tenancy, members: usize) -> Result<Self> {
        let client = net.host(&tenancy.label("client"))?;
        net.veth(
            End::client(&client, "eth0")
                .mac(CLIENT_MAC)
                .address(&format!("{CLIENT}/24")),
            End::port(edge, &tenancy.client_port()),
        )?;
        let mut service = Self {
            vsm: tenancy.vsm,
            client,
            members: Vec::new(),
            wires: Vec::new(),
            tenancy,
        };
        for number in 0..members {
            let name = MEMBERS.get(number).context("three members at most")?;
            let member = net.host(&tenancy.label(name))?;
            let end = End::client(&member, "eth0").mac(SERVICE_MAC);
            service.wires.push(net.tapped(
                &tenancy.label(&format!("wire{}", 2 + number)),
                1500,
                end.address(&format!("{SERVICE}/24")),
                End::port(edge, &tenancy.member_port(number)),
            )?);
            let copy = End::client(&member, "copy0").mac(format!("02:00:00:12:00:0{number}"));
            net.veth(
                copy.address(&format!("{}/24", copy_address(number))),
                End::port(edge, &tenancy.copy_port(number)),
            )?;
            service.members.push(member);
        }
        Ok(service)
    }
}
