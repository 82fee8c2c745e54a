//! Open vSwitch in user space, with AF_XDP, if its package is installed.
//!
//! Its thread polls without a pause on a CPU of its own. So it is given more frames than it can take, and what counts is the process's
//! CPU time by frame that arrives: what the kernel spends to bring frames to its socket, and to count them behind, is left
//! out, unlike in all other rows. It is stopped while others are measured.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use super::device::{Device, Group, Work};
use super::line::Line;
use super::peers;
use super::process;
use super::reference::Ends;
use super::report;
use crate::interrupt;
use crate::netns::{NetNs, Process, run_tool};
use crate::wait;

/// Where Debian has programs that are not on everybody's way.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/bin", "/usr/lib/openvswitch-switch"];
/// Where the package has the schema of its database.
const SHARE: &str = "/usr/share/openvswitch";
/// The CPU that polls: the one beside the source's.
const CPU_MASK: &str = "other_config:pmd-cpu-mask=0x2";

struct Peer {
    /// With AF_XDP, and with packet sockets where it was built without.
    names: [&'static str; 2],
    work: Work,
    /// Commands of `ovs-vsctl`, with `KIND` for the type of an interface.
    bridges: &'static [&'static str],
    /// Commands in the namespace.
    addresses: &'static [&'static str],
    /// Commands of `ovs-appctl` to the switch.
    neighbours: &'static [&'static str],
    /// What the bridge `br0` does.
    flow: &'static str,
    /// As the kernel's device that does the same.
    like: &'static str,
}

const TUNNEL: &str =
    "add-port br0 vx0 -- set interface vx0 type=vxlan options:remote_ip=192.0.2.2 options:key=10001";

const PEERS: [Peer; 3] = [
    Peer {
        names: ["OVS AF_XDP plain", "OVS af_packet plain"],
        work: Work::Forward,
        bridges: &[
            "add-br br0 -- set bridge br0 datapath_type=netdev",
            "add-port br0 in0 -- set interface in0 KIND",
            "add-port br0 out0 -- set interface out0 KIND",
        ],
        addresses: &[],
        neighbours: &[],
        flow: "in_port=in0,actions=output:out0",
        like: "Linux bridge",
    },
    Peer {
        names: ["OVS AF_XDP VXLAN encap", "OVS af_packet VXLAN encap"],
        work: Work::Encap,
        bridges: &[
            "add-br br0 -- set bridge br0 datapath_type=netdev",
            "add-port br0 in0 -- set interface in0 KIND",
            TUNNEL,
            "add-br under -- set bridge under datapath_type=netdev other_config:hwaddr=02:00:00:00:01:01",
            "add-port under out0 -- set interface out0 KIND",
        ],
        addresses: &["ip address add 192.0.2.1/24 dev under", "ip link set under up"],
        neighbours: &["tnl/arp/set under 192.0.2.2 02:00:00:00:01:02"],
        flow: "in_port=in0,actions=output:vx0",
        like: "Linux VXLAN encap",
    },
    Peer {
        names: ["OVS AF_XDP VXLAN decap", "OVS af_packet VXLAN decap"],
        work: Work::Decap,
        bridges: &[
            "add-br br0 -- set bridge br0 datapath_type=netdev",
            "add-port br0 out0 -- set interface out0 KIND",
            TUNNEL,
            "add-br under -- set bridge under datapath_type=netdev other_config:hwaddr=02:00:00:00:01:01",
            "add-port under in0 -- set interface in0 KIND",
        ],
        addresses: &["ip address add 192.0.2.1/24 dev under", "ip link set under up"],
        neighbours: &["tnl/arp/set under 192.0.2.2 02:00:00:00:01:02"],
        flow: "in_port=vx0,actions=output:out0",
        like: "Linux VXLAN decap",
    },
];

/// Builds those that are wanted; none if the package is not installed, and that is said.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let wanted: Vec<Peer> = PEERS
        .into_iter()
        .filter(|peer| peer.names.iter().any(|name| wants(name)))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if program("ovs-vswitchd").is_none() {
        report::note("Open vSwitch is left out, it is not installed: apt-get install openvswitch-switch");
        return Ok(Vec::new());
    }
    if std::thread::available_parallelism()?.get() < 2 {
        report::note("Open vSwitch is left out, it needs a CPU of its own");
        return Ok(Vec::new());
    }
    wanted.into_iter().map(|peer| device(ends, peer)).collect()
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

fn device(ends: &mut Ends, peer: Peer) -> Result<Device> {
    interrupt::check()?;
    let line = peers::stack_line(ends)?;
    let switch = Switch::start(&line.device)?;
    let af_xdp = switch.has_af_xdp()?;
    let name = peer.names[usize::from(!af_xdp)];
    switch.set_up(&line, &peer, af_xdp).with_context(|| name)?;
    let (input, expected) = peers::work(peer.like).context("no such peer")?;
    Ok(Device {
        name,
        group: Group::Peer,
        work: peer.work,
        line,
        input: Box::new(input),
        expected: Box::new(expected),
        process: Some(switch.main.pid()),
        keeps: vec![Box::new(switch)],
    })
}

/// A switch with its database, and with folders of its own.
struct Switch {
    /// The first field: it speaks to the other one until its end.
    main: Process,
    _database: Process,
    folder: tempfile::TempDir,
    namespace: NetNs,
}

impl Switch {
    fn start(namespace: &NetNs) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("fabric-ovs-").tempdir()?;
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let share = std::env::var_os("OVS_PKGDATADIR").map_or_else(|| SHARE.into(), PathBuf::from);
        let schema = share.join("vswitch.ovsschema");
        ensure!(schema.is_file(), "{} is missing", schema.display());
        let tool = |name: &str| -> Result<Command> {
            let program = program(name).with_context(|| format!("{name} is missing"))?;
            let mut command = namespace.command(program);
            for folder_of in ["RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR"] {
                command.env(format!("OVS_{folder_of}"), folder.path());
            }
            Ok(command)
        };
        run_tool(tool("ovsdb-tool")?.args(["create", &at("conf.db")]).arg(schema))?;
        let socket = at("db.sock");
        let run = |command: &mut Command, log: &str| {
            let log = std::fs::File::create(folder.path().join(log))?;
            Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))
        };
        let mut database = tool("ovsdb-server")?;
        database
            .arg(at("conf.db"))
            .arg(format!("--remote=punix:{socket}"))
            .arg(format!("--unixctl={}", at("ovsdb.ctl")));
        let database = run(&mut database, "ovsdb.log")?;
        let is_there = |name: &str| {
            let path = folder.path().join(name);
            wait::until_true(wait::PATIENCE, name, || Ok(path.exists()))
        };
        is_there("db.sock")?;
        let configure = |words: &[&str]| {
            run_tool(
                tool("ovs-vsctl")?
                    .arg(format!("--db=unix:{socket}"))
                    .arg("--no-wait")
                    .args(words),
            )
        };
        configure(&["init"])?;
        configure(&["set", "Open_vSwitch", ".", CPU_MASK])?;
        let mut main = tool("ovs-vswitchd")?;
        main.arg(format!("unix:{socket}"))
            .arg(format!("--unixctl={}", at("vswitchd.ctl")));
        let main = run(&mut main, "vswitchd.log")?;
        is_there("vswitchd.ctl")?;
        Ok(Self {
            main,
            _database: database,
            namespace: namespace.clone(),
            folder,
        })
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn tool(&self, name: &str, words: &[&str]) -> Result<String> {
        let program = program(name).with_context(|| format!("{name} is missing"))?;
        let mut command = self.namespace.command(program);
        run_tool(command.env("OVS_RUNDIR", self.folder.path()).args(words))
    }

    fn configure(&self, words: &str) -> Result<String> {
        let database = format!("--db=unix:{}", self.at("db.sock"));
        let words: Vec<&str> = [&database, "--timeout=10"]
            .into_iter()
            .chain(words.split(' '))
            .collect();
        self.tool("ovs-vsctl", &words)
    }

    fn has_af_xdp(&self) -> Result<bool> {
        wait::until(wait::PATIENCE, "the switch to say what it can", || {
            let kinds = self.configure("get Open_vSwitch . iface_types")?;
            Ok(kinds.contains("internal").then(|| kinds.contains("afxdp")))
        })
    }

    fn set_up(&self, line: &Line, peer: &Peer, af_xdp: bool) -> Result<()> {
        let kind = if af_xdp {
            "type=afxdp options:n_rxq=1 options:xdp-mode=native"
        } else {
            "type=system"
        };
        for words in peer.bridges {
            self.configure(&words.replace("KIND", kind))?;
        }
        for words in peer.addresses {
            line.run(words)?;
        }
        for words in peer.neighbours {
            let socket = self.at("vswitchd.ctl");
            let words: Vec<&str> = ["-t", &socket].into_iter().chain(words.split(' ')).collect();
            self.tool("ovs-appctl", &words)?;
        }
        self.tool("ovs-ofctl", &["add-flow", &self.at("br0.mgmt"), peer.flow])?;
        Ok(())
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // It takes its interfaces and programs along.
        let asked = self
            .main
            .signal(Signal::SIGCONT)
            .and_then(|()| self.main.signal(Signal::SIGTERM));
        if asked.is_ok() {
            let _ = self.main.wait(wait::PATIENCE);
        }
    }
}

/// CPU time that the process of a device uses while it runs, and which it gets for `work` alone.
///
/// # Errors
/// When it cannot be let go on or be stopped, and those of `work`.
pub(super) fn running<T>(
    pid: u32,
    work: impl FnOnce(&dyn Fn() -> Result<Duration>) -> Result<T>,
) -> Result<T> {
    let signal = |signal| {
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        nix::sys::signal::kill(pid, signal).context("the switch has ended")
    };
    signal(Signal::SIGCONT)?;
    let outcome = work(&|| process::on_cpu(pid));
    signal(Signal::SIGSTOP)?;
    let outcome = outcome?;
    // What it sends until then would be taken for a frame of the next device.
    wait::until_true(wait::PATIENCE, "the switch to stop", || process::is_stopped(pid))?;
    Ok(outcome)
}
