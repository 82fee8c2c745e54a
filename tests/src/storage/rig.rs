//! FIG 12 on one node: a client, members with one identity, and a line on which they copy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::member::Member;
use super::mirror::Mirror;
use crate::fabric::Agent;
use crate::fixtures::{Segment, Site};
use crate::netns::NetNs;
use crate::topology::{End, Net, WireTap};
use crate::wait;

/// The client's address.
pub const CLIENT: &str = "10.10.10.10";
/// The client's MAC address.
pub const CLIENT_MAC: &str = "02:00:00:10:10:0a";
/// The storage machine's address.
pub const SERVICE: &str = "10.10.10.100";
/// The storage machine's MAC address.
pub const SERVICE_MAC: &str = "02:00:00:10:02:0a";
/// Where the agent's connections seem to come from.
const PROBE: &str = "10.10.10.250";
/// The storage machine's name.
pub const VSM: &str = "vsm-1002a";
/// The members' names, in the order of preference.
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
}

impl Default for RigOptions {
    fn default() -> Self {
        Self {
            members: 2,
            tcp_port: None,
            copied: false,
            health: json!({}),
        }
    }
}

/// A running fabric with a storage machine.
#[derive(Debug)]
pub struct Rig {
    /// Ends first, while its interfaces are there.
    pub agent: Agent,
    /// Interface `eth0`.
    pub client: NetNs,
    /// Interfaces `eth0`, with the service's identity, and `copy0`.
    pub members: Vec<NetNs>,
    /// The node, with the client at `eth1` and the members at `eth2` and on.
    pub edge: NetNs,
    wires: Vec<WireTap>,
    folder: tempfile::TempDir,
    _net: Net,
}

impl Rig {
    /// Starts it; no server runs yet.
    ///
    /// # Errors
    /// When the agent does not start or refuses the document.
    pub fn start(options: &RigOptions) -> Result<Self> {
        let net = Net::new()?;
        let (edge, client) = (net.host("edge1")?, net.host("client")?);
        net.veth(
            End::client(&client, "eth0")
                .mac(CLIENT_MAC)
                .address(&format!("{CLIENT}/24")),
            End::port(&edge, "eth1"),
        )?;
        let folder = tempfile::tempdir()?;
        let (mut members, mut wires) = (Vec::new(), Vec::new());
        for number in 0..options.members {
            let member = net.host(MEMBERS.get(number).context("three members at most")?)?;
            let service = End::client(&member, "eth0").mac(SERVICE_MAC);
            wires.push(net.tapped(
                &format!("wire{}", 2 + number),
                1500,
                service.address(&format!("{SERVICE}/24")),
                End::port(&edge, &format!("eth{}", 2 + number)),
            )?);
            let copy = End::client(&member, "copy0").mac(format!("02:00:00:12:00:0{number}"));
            net.veth(
                copy.address(&format!("{}/24", copy_address(number))),
                End::port(&edge, &format!("copy{number}")),
            )?;
            members.push(member);
        }
        let document = document(options, folder.path());
        Ok(Self {
            agent: Agent::start(&edge, &document, "edge1")?,
            client,
            members,
            edge,
            wires,
            folder,
            _net: net,
        })
    }

    /// A private folder of a member or a client.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Starts the storage daemons of all members, each with a volume of `bytes`.
    ///
    /// # Errors
    /// When one does not start.
    pub fn serve(&self, bytes: u64) -> Result<Vec<Member>> {
        let started = self.members.iter().zip(MEMBERS);
        started
            .map(|(member, name)| Member::start(member, &self.folder(name)?, bytes))
            .collect()
    }

    /// Copies from the first member to the second, and waits until the fabric knows that the copy is complete.
    ///
    /// # Errors
    /// When it does not become complete.
    pub fn copy(&self, members: &[Member]) -> Result<Mirror> {
        let working = members.first().context("no member")?;
        let peer: SocketAddr = format!("{}:10809", copy_address(1)).parse()?;
        let mirror = Mirror::start_as(MEMBERS[1], working, peer)?;
        mirror.wait_ready(working, Duration::from_secs(20))?;
        self.wait_member(1, "the copy to be complete", |member| {
            member["role"] == "protection" && member["copy"] == "current"
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
        let answer = self.agent.json(&["storage", "show", VSM])?;
        answer["items"][0].as_object().context("no storage machine")?;
        Ok(answer["items"][0].clone())
    }

    /// The name of the member in charge.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn working(&self) -> Result<Option<String>> {
        let vsm = self.show()?;
        let members = vsm["members"].as_array().context("no members")?;
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

    /// Waits until the agent has heard every member.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn wait_all_up(&self) -> Result<()> {
        self.wait_up(0)
    }

    /// The same without the first one, which may be dead.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn wait_all_but_first(&self) -> Result<()> {
        self.wait_up(1)
    }

    fn wait_up(&self, first: usize) -> Result<()> {
        let all = MEMBERS.iter().enumerate().take(self.members.len());
        all.skip(first).try_for_each(|(number, name)| {
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
        let wire = self.wires.get(number).context("no such member")?;
        let state = if cut { "down" } else { "up" };
        wire.namespace().output(&["ip", "link", "set", "one", state])?;
        Ok(())
    }
}

fn copy_address(number: usize) -> String {
    format!("10.12.0.{}", 10 + number)
}

fn document(options: &RigOptions, folder: &std::path::Path) -> Value {
    let names = MEMBERS.iter().take(options.members);
    let mut lan = Segment::new("acme-storage", 100, 1100).at("edge1", "eth1", "untagged", 301);
    let mut copy = Segment::new("acme-copy", 101, 1101);
    for number in 0..options.members {
        let c_vid = u16::try_from(number).unwrap_or(0);
        lan = lan.at("edge1", &format!("eth{}", 2 + number), "untagged", 302 + c_vid);
        copy = copy.at("edge1", &format!("copy{number}"), "untagged", 312 + c_vid);
    }
    let members: Vec<Value> = names
        .enumerate()
        .map(|(number, name)| {
            let mut member = json!({"name": name, "node": "edge1", "port": format!("eth{}", 2 + number)});
            if options.copied {
                let monitor = folder.join(name).join("member.qmp");
                member["monitor"] = json!(monitor.display().to_string());
            }
            member
        })
        .collect();
    let mut place = json!({"segment": "acme-storage", "address": SERVICE});
    if options.tcp_port.is_some() {
        place["probe_address"] = json!(PROBE);
    }
    let mut vsm = json!({
        "name": VSM,
        "mac": SERVICE_MAC,
        "segments": [place],
        "members": members,
        "health": options.health,
    });
    if let Some(port) = options.tcp_port {
        vsm["tcp_port"] = json!(port);
    }
    if options.copied {
        vsm["replication"] = json!("sync");
    }
    let mut document = Site::new(&["edge1"]).tenant("acme", &[lan, copy]).document();
    document["storage"] = json!([vsm]);
    document
}
