//! The agent's state: the document in force and everything that carries it out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::cluster::Cluster;
use super::confirm::Waiting;
use super::events::Events;
use super::evpn::{self, Evpn};
use super::gateway::Asked;
use super::host::Host;
use super::kept::{Kept, own_node, remember_node};
use super::meter::Meter;
use super::metrics::TenantLabels;
use super::numbers::{self, Numbers};
use super::plane::{Ground, Plane};
use super::ports::{CHANGES_FILE, Ports};
use super::storage::{self, Storage};
use super::take_down;
use crate::agent_options::AgentOptions;
use crate::allocate::Ledger;
use crate::api;
use crate::compile::{Image, Protection};
use crate::datapath::LoadError;
use crate::error::{Refusal, codes};
use crate::ids::{Freed, Sizes};
use crate::model::{Document, IfName, Name};
use crate::netlink::{NeighbourKey, Netlink};
use crate::safety::{KernelRelease, Role};
use crate::store::{FileStore, Store};
use crate::validate::{NodeIx, PortRole, Valid, validate};

/// Names of the files beside the document.
pub(super) mod side_file {
    /// Numbers in the maps.
    pub(crate) const IDS: &str = "ids.json";
    /// Those that have changed since.
    pub(crate) const IDS_CHANGED: &str = "ids.jsonl";
    /// What departed bindings and paths have counted.
    pub(crate) const COUNTS: &str = "counts.json";
    /// Neighbour entries that the agent has added.
    pub(crate) const NEIGHBOURS: &str = "neighbours.json";
    /// Which fabric this node belongs to, if its document is decided elsewhere.
    pub(crate) const FABRIC: &str = "fabric.json";
    /// Interfaces that were made for the routing daemon.
    pub(crate) const EVPN: &str = "evpn.json";
    /// Which node of the document this host is.
    pub(crate) const NODE: &str = "node.json";
    /// Who is in charge of which storage machine.
    pub(crate) const STORAGE: &str = "storage.json";
    /// What goes with the data path, beside the numbers.
    pub(crate) const OF_THE_DATA_PATH: [&str; 2] = [COUNTS, NEIGHBOURS];
}

/// The first one with redirects to several ports that keep metadata, and multi-buffer frames.
const OLDEST_KERNEL: KernelRelease = KernelRelease { major: 6, minor: 1 };

/// The agent's state.
pub(super) struct Core {
    pub(super) node: Name,
    /// The state directory. The document is decided here, or, with a cluster, only remembered here.
    pub(super) store: FileStore,
    /// The store that the nodes share, if there is one.
    pub(super) cluster: Option<Cluster>,
    pub(super) host: Host,
    /// The neighbour entries that the file names; `None` before this agent has written it.
    pub(super) neighbours_saved: Option<Vec<NeighbourKey>>,
    pub(super) ports: Ports,
    pub(super) plane: Plane,
    pub(super) storage: Storage,
    /// With a routing daemon beside the agent.
    pub(super) evpn: Option<Evpn>,
    pub(super) meter: Meter,
    /// The document that the maps were made from. Later ones that changed nothing for this node are not in it:
    /// [`Core::catch_up`].
    pub(super) valid: Valid,
    /// Revisions since then.
    pub(super) skipped: u32,
    /// Of the document that was edited last.
    pub(super) ledger: Ledger,
    pub(super) image: Image,
    /// The numbers in it, as they are saved.
    pub(super) numbers: Numbers,
    pub(super) revision: u64,
    pub(super) applied_at: Option<String>,
    pub(super) started: Instant,
    /// The revision in force, if it waits to be confirmed.
    pub(super) pending: Option<Waiting>,
    /// Numbers that a change gave up and that running programs may still hold.
    pub(super) waiting: VecDeque<Freed>,
    /// Slots of ports that cannot send, as the maps say.
    pub(super) silent: BTreeSet<u16>,
    /// Next hops that took their backup or went back, by the port that failed or came back, since this agent began.
    pub(super) path_switches: BTreeMap<IfName, u64>,
    /// Which tenants have a label of their own in the metrics.
    pub(super) tenant_labels: TenantLabels,
    /// Next hops that have a backup.
    pub(super) protection: Protection,
    /// Neighbours of gateways that have not answered yet.
    pub(super) asked: Asked,
    /// The host has changed, and the maps do not follow it yet.
    pub(super) behind: bool,
    pub(super) events: Events,
    /// Stations known at the last sweep.
    pub(super) fdb_entries: u64,
    /// Whether the maps of an earlier agent were taken over.
    pub(super) adopted: bool,
    /// The data path is taken down; nothing may bring it up again.
    pub(super) ended: bool,
}

/// Wraps what the kernel or a map refused.
pub(super) fn failed(error: LoadError) -> Refusal {
    let refusal = |code, cure: &str| Refusal::new(code, error.to_string()).with_cure(cure);
    if matches!(error, LoadError::NoObject) {
        return refusal(codes::FAILED, "cargo xtask build");
    }
    if matches!(error, LoadError::Layout { .. }) {
        return refusal(
            codes::STATE_DAMAGED,
            "take the old data path down with: fabric agent stop --detach --state-dir DIR",
        );
    }
    refusal(codes::FAILED, "see the agent's log, and: dmesg | tail")
}

/// The role of a port in the words of the safety checks.
pub(super) fn role_of(role: PortRole) -> Role {
    match role {
        PortRole::Access => Role::Access,
        PortRole::Trunk => Role::Trunk,
        PortRole::Pseudowire => Role::Pseudowire,
        PortRole::Underlay => Role::Underlay,
    }
}

impl Core {
    /// Opens the state and the data path of a node, and carries the stored document out.
    ///
    /// # Errors
    /// When the state is damaged or in use, or the data path cannot be loaded or filled. What forwards goes on.
    pub(super) async fn open(
        options: &AgentOptions,
        sizes: &Sizes,
        config: Option<&Document>,
        ground: Ground,
    ) -> Result<Self, Refusal> {
        let store = FileStore::open_for_start(&options.state_dir)?;
        let stored = store.in_force()?;
        let node = match &options.node {
            Some(node) => node.clone(),
            None => {
                let document = stored.as_ref().map(|stored| &stored.document).or(config);
                own_node(&store, document, options.store.is_some())?
            }
        };
        let cluster = Cluster::open(options, &store, &node)?;
        let is_stale = cluster.as_ref().is_some_and(Cluster::has_left);
        let stored = stored.filter(|_| !is_stale);
        if let (Some(cluster), Some(stored)) = (&cluster, &stored) {
            cluster.check_copy(&stored.document, &node, &options.state_dir)?;
        }
        let document = match &stored {
            Some(stored) => stored.document.clone(),
            None => Document::starter(node.clone()),
        };
        let valid = validate(document).map_err(Refusal::from_problems)?;
        let netlink = match ground {
            Ground::Kernel => {
                Some(Netlink::connect().map_err(|error| Refusal::new(codes::FAILED, error.to_string()))?)
            }
            Ground::Memory => None,
        };
        let pins = options.state_dir.join("bpf");
        if !ground.is_pinned(&pins) {
            // They describe maps and interfaces that went with the machine's last boot, or with the last take-down.
            store.forget_damaged(&[
                side_file::IDS,
                side_file::NEIGHBOURS,
                side_file::EVPN,
                CHANGES_FILE,
            ]);
            store.remove_side_file(side_file::IDS_CHANGED);
            // By numbers of maps that are gone: the start after this one would take them for its own.
            store.remove_side_file(side_file::COUNTS);
        }
        let kept = Kept::read(&store, netlink.clone(), cluster.is_none()).await?;
        let sockets = storage::open_sockets()?;
        let (mut plane, adopted) = ground.open(&pins, sizes, options.log_drops).map_err(failed)?;
        let tables = plane.storage_tables();
        let storage = Storage::open(kept.storage, sockets, tables).inspect_err(|_| {
            if !adopted && let Err(error) = plane.remove() {
                tracing::error!(%error, "the new data path stays");
            }
        })?;
        let image = match kept.ids.filter(|_| adopted) {
            Some(ids) => Image::restore(sizes, ids)?,
            None => Image::empty(sizes),
        };
        let retired = kept.retired.filter(|_| adopted).unwrap_or_default();
        let evpn = match &netlink {
            Some(netlink) if options.evpn => Some(Evpn::begin(kept.made, netlink.clone())),
            Some(netlink) => {
                evpn::remove_made(netlink, &store, &kept.made).await;
                None
            }
            None => None,
        };
        let mut host = Host::new(netlink);
        if adopted {
            host.adopt(kept.neighbours);
        }
        let mut core = Self {
            node,
            ports: kept.ports,
            host,
            neighbours_saved: None,
            storage,
            evpn,
            meter: Meter::resume(retired),
            valid,
            ledger: Ledger::default(),
            skipped: 0,
            image,
            numbers: kept.numbers,
            revision: match (&stored, &cluster) {
                // A document of this host alone is no revision of the fabric that it joins.
                (_, Some(cluster)) if !cluster.has_joined() => 0,
                (Some(stored), _) => stored.revision,
                (None, _) => 0,
            },
            applied_at: stored.map(|stored| stored.applied_at),
            store,
            cluster,
            started: Instant::now(),
            pending: kept.trial.map(Waiting::new),
            waiting: VecDeque::new(),
            silent: plane.silent_slots().into_iter().collect(),
            path_switches: BTreeMap::new(),
            tenant_labels: TenantLabels::default(),
            protection: Protection::default(),
            asked: Asked::default(),
            plane,
            behind: false,
            events: Events::default(),
            fdb_entries: 0,
            adopted,
            ended: false,
        };
        if let Err(refusal) = core.resume(adopted).await {
            if !adopted {
                core.undo_start().await?;
            }
            return Err(refusal);
        }
        if let Err(error) = remember_node(&core.store, &core.node) {
            tracing::warn!(%error, "the next start goes by the host's name again");
        }
        Ok(core)
    }

    /// Takes down what a start has made that is refused.
    ///
    /// # Errors
    /// When something stays; what says so stays as well then.
    pub(super) async fn undo_start(&mut self) -> Result<(), Refusal> {
        let down = self.take_down().await;
        if down.is_err() {
            self.store.keep();
        }
        down
    }

    /// Refuses a request that was made for another revision than the one in force.
    ///
    /// # Errors
    /// When somebody else has changed the document meanwhile.
    pub(super) fn expect_revision(&self, expected: Option<u64>) -> Result<(), Refusal> {
        match expected {
            Some(expected) if expected != self.revision => {
                let sentence = format!("revision {} is in force, not {expected}", self.revision);
                Err(Refusal::new(codes::STALE_REVISION, sentence)
                    .with_cure("look at it and try again: fabric export")
                    .unchanged())
            }
            _ => Ok(()),
        }
    }

    /// Revision of the document in force; 0 before the first one.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The document in force, with all numbers.
    pub(super) fn document(&self) -> &Document {
        self.valid.document()
    }

    /// This node's position in the document.
    pub(super) fn here(&self) -> Option<NodeIx> {
        self.valid.find_node(self.node.as_str())
    }

    /// Slot of each port in use.
    pub(super) fn slots(&self) -> BTreeMap<u16, IfName> {
        self.image
            .ports()
            .map(|(name, plan)| (plan.slot, name.clone()))
            .collect()
    }

    /// Where the document is decided.
    pub(super) fn decider(&self) -> &dyn Store {
        match &self.cluster {
            Some(cluster) => cluster.store.as_ref(),
            None => &self.store,
        }
    }

    /// Removes learned entries.
    ///
    /// # Errors
    /// For a segment or tenant that is not there.
    pub(super) fn flush(&mut self, request: &api::WhichStations) -> Result<u64, Refusal> {
        let segment = request
            .segment
            .as_ref()
            .map(|name| self.segment_id(name))
            .transpose()?;
        let of_tenant = request
            .tenant
            .as_ref()
            .map(|name| self.tenant_ids(name))
            .transpose()?;
        let mac = request
            .mac
            .as_ref()
            .map(|mac| fabric_common::wire::mac_word(mac.octets()));
        Ok(self.plane.flush(|in_segment, address, _| {
            segment.is_none_or(|wanted| wanted == in_segment)
                && of_tenant
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&in_segment))
                && mac.is_none_or(|wanted| wanted == address)
        }))
    }

    /// Takes the data path down and puts every interface back as it was. The agent can only end afterwards.
    ///
    /// # Errors
    /// When something stays.
    pub(super) async fn take_down(&mut self) -> Result<(), Refusal> {
        self.ended = true;
        self.leave_storage();
        self.leave_evpn().await;
        let in_use = self.ports.iter().map(|(name, _)| name.clone());
        let names: Vec<IfName> = in_use.chain(self.ports.leftovers()).collect();
        let mut left = Vec::new();
        for name in names {
            left.extend(self.give_back(&name).await);
        }
        self.host.forget_neighbours().await;
        self.plane.remove().map_err(failed)?;
        numbers::forget(&self.store);
        for file in side_file::OF_THE_DATA_PATH {
            self.store.remove_side_file(file);
        }
        take_down::all_put_back(&left)
    }

    fn segment_id(&self, name: &Name) -> Result<u32, Refusal> {
        self.image
            .segments
            .get(name)
            .map(|part| part.ids.segment)
            .ok_or_else(|| {
                Refusal::new(
                    codes::UNKNOWN_SEGMENT,
                    format!("node {} has no segment {name}", self.node),
                )
                .with_cure("fabric segment list")
                .unchanged()
            })
    }

    pub(super) fn tenant_ids(&self, name: &Name) -> Result<Vec<u32>, Refusal> {
        let tenant = self
            .valid
            .tenants()
            .iter()
            .find(|tenant| tenant.name == *name)
            .ok_or_else(|| {
                Refusal::new(codes::UNKNOWN_TENANT, format!("there is no tenant {name}"))
                    .with_cure("fabric tenant list")
                    .unchanged()
            })?;
        let names = tenant.segments.iter().map(|segment| &segment.name);
        Ok(names
            .filter_map(|name| Some(self.image.segments.get(name)?.ids.segment))
            .collect())
    }
}

/// What nothing works without.
///
/// # Errors
/// When this user or this kernel cannot run an agent.
pub(super) fn check_host() -> Result<(), Refusal> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Refusal::new(codes::NOT_ROOT, "loading XDP programs needs root")
            .with_cure("sudo fabric agent ...")
            .unchanged());
    }
    if !cfg!(target_arch = "x86_64") {
        let sentence = format!(
            "this machine is {}, and the tables may be read in another order there than they are written in",
            std::env::consts::ARCH
        );
        return Err(Refusal::new(codes::WRONG_MACHINE, sentence)
            .with_cure("use an x86-64 machine")
            .unchanged());
    }
    let release = nix::sys::utsname::uname()
        .ok()
        .and_then(|names| KernelRelease::parse(&names.release().to_string_lossy()));
    match release {
        Some(release) if release < OLDEST_KERNEL => Err(Refusal::new(
            codes::KERNEL_TOO_OLD,
            format!("this kernel is Linux {release}, the data path needs {OLDEST_KERNEL}"),
        )
        .with_cure("install a newer kernel")
        .unchanged()),
        _ => Ok(()),
    }
}

pub(super) fn saved_neighbours(store: &FileStore) -> Result<Vec<NeighbourKey>, Refusal> {
    let saved: Vec<(u32, std::net::IpAddr)> = store.side_file(side_file::NEIGHBOURS)?.unwrap_or_default();
    Ok(saved
        .into_iter()
        .map(|(ifindex, address)| NeighbourKey { ifindex, address })
        .collect())
}

/// A datacenter by name, for the views.
pub(super) fn datacenter_of(valid: &Valid, node: NodeIx) -> String {
    let datacenter = valid.node(node).datacenter;
    valid.datacenter(datacenter).name.to_string()
}
