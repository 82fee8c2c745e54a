//! The reference programs: source, sinks, limits and tc peers, from an object of their own that the data path does not contain.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use aya::maps::{Array, DevMap, Map, MapData, PerCpuArray, PerCpuValues};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions, TcAttachType};
use aya::programs::{SchedClassifier, Xdp};
use aya::{Ebpf, EbpfLoader};
use fabric_common::reference::{Arrived, Source};

use crate::bpf::{Spread, XdpProgram};
use crate::netns::NetNs;
use crate::wait;

/// A frame that is under way arrives sooner.
const SILENCE: Duration = Duration::from_millis(2);

/// The object's bytes; each line loads the programs it needs, with maps of its own.
#[derive(Clone, Debug)]
pub(super) struct Object(Vec<u8>);

impl Object {
    /// `$FABRIC_REFERENCE`, or `target/ebpf/reference`.
    ///
    /// # Errors
    /// When it has not been built.
    pub(super) fn read() -> Result<Self> {
        let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/ebpf/reference");
        let path = std::env::var_os("FABRIC_REFERENCE").map_or_else(built, PathBuf::from);
        let bytes = fs::read(&path).with_context(|| {
            format!(
                "no reference programs at {}: cargo xtask bench builds them",
                path.display()
            )
        })?;
        Ok(Self(bytes))
    }

    /// The object with maps of its own; no program is loaded yet.
    ///
    /// # Errors
    /// When the kernel refuses a map.
    pub(super) fn load(&self) -> Result<Ebpf> {
        Ok(EbpfLoader::new().load(&self.0)?)
    }
}

/// Loads an XDP program of `ebpf` and attaches it, in the driver, for as long as `ebpf` lives.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn attach_xdp(ebpf: &mut Ebpf, name: &str, namespace: &NetNs, interface: &str) -> Result<()> {
    let ifindex = namespace.ifindex(interface)?;
    let program: &mut Xdp = ebpf
        .program_mut(name)
        .with_context(|| format!("no program {name}"))?
        .try_into()?;
    if program.fd().is_err() {
        program.load()?;
    }
    let attach = || Ok(program.attach_to_if_index(ifindex, aya::programs::xdp::XdpMode::Driver)?);
    namespace
        .run(attach)
        .with_context(|| format!("cannot attach {name} to {interface}"))?;
    Ok(())
}

/// Loads a tc program of `ebpf`.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn load_tc<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    let program: &mut SchedClassifier = ebpf
        .program_mut(name)
        .with_context(|| format!("no program {name}"))?
        .try_into()?;
    if program.fd().is_err() {
        program.load()?;
    }
    Ok(program)
}

/// The source and the sinks, which all lines share: one device is measured at a time.
pub(super) struct Ends {
    pub(super) ebpf: Ebpf,
    sender: XdpProgram,
    source: Array<MapData, Source>,
    lines: DevMap<MapData>,
    /// The same map.
    lines_handle: OwnedFd,
    arrived: PerCpuArray<MapData, Arrived>,
    used: u32,
}

impl Ends {
    /// # Errors
    /// When the kernel refuses the programs.
    pub(super) fn load(object: &Object) -> Result<Self> {
        let mut ebpf = object.load()?;
        let program: &mut Xdp = ebpf
            .program_mut("source")
            .context("no program source")?
            .try_into()?;
        program.load()?;
        let sender = XdpProgram::of_id(program.info()?.id())?;
        let map = |ebpf: &mut Ebpf, name| ebpf.take_map(name).with_context(|| format!("no map {name}"));
        let lines = map(&mut ebpf, "LINES")?;
        let Map::DevMap(data) = &lines else {
            bail!("LINES is no device map");
        };
        Ok(Self {
            lines_handle: data.fd().as_fd().try_clone_to_owned()?,
            sender,
            source: map(&mut ebpf, "SOURCE")?.try_into()?,
            lines: lines.try_into()?,
            arrived: map(&mut ebpf, "ARRIVED")?.try_into()?,
            ebpf,
            used: 0,
        })
    }

    /// A new line that begins with an interface.
    ///
    /// # Errors
    /// When the map of lines is full.
    pub(super) fn line_from(&mut self, namespace: &NetNs, interface: &str) -> Result<u32> {
        let ifindex = namespace.ifindex(interface)?;
        let (key, lines) = (self.used, &mut self.lines);
        // The interface number is looked up in the caller's namespace.
        namespace.run(|| Ok(lines.set(key, ifindex, None, 0)?))?;
        self.used += 1;
        Ok(key)
    }

    /// Sends `count` frames of which the first 64 bytes are as `source` says and the rest as in `frame`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn send(&mut self, source: Source, frame: &[u8], count: u32) -> Result<()> {
        self.source.set(0, source, 0)?;
        self.sender.run_many_live(frame, count)
    }

    /// Counts what comes in at one more interface, as long as the answer lives.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn count_at(&mut self, namespace: &NetNs, interface: &str) -> Result<SchedClassifierLink> {
        let program = load_tc(&mut self.ebpf, "sink_skb")?;
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        let attach = || Ok(program.attach_with_options(interface, TcAttachType::Ingress, options)?);
        let id = namespace.run(attach)?;
        Ok(load_tc(&mut self.ebpf, "sink_skb")?.take_link(id)?)
    }

    /// As [`Self::send`], from a thread of its own; `watch` is called meanwhile, with what tells how many frames have arrived.
    ///
    /// # Errors
    /// When the kernel refuses, or the frames have been sent before `watch` came to its end.
    pub(super) fn send_watched<T>(
        &mut self,
        source: Source,
        frame: &[u8],
        count: u32,
        watch: impl FnOnce(&dyn Fn() -> Result<u64>) -> Result<T>,
    ) -> Result<T> {
        self.source.set(0, source, 0)?;
        let sender = &self.sender;
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| sender.run_many_live(frame, count));
            let watched = watch(&|| self.seen());
            let early = sending.is_finished();
            sending.join().map_err(|_| anyhow!("the sender panicked"))??;
            ensure!(!early, "all frames were sent too early");
            watched
        })
    }

    /// A source of numbered frames for the line `key`.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub(super) fn spread(&self, spread: &Spread, key: u32) -> Result<XdpProgram> {
        XdpProgram::spread(spread, &self.lines_handle, key)
    }

    /// Waits until the sinks have seen no frame for a while: what a process has not sent when it is stopped it sends when it goes
    /// on, and what it has sent may be under way.
    ///
    /// # Errors
    /// When the map cannot be read, or frames go on to come.
    pub(super) fn fall_silent(&self) -> Result<()> {
        let mut seen = self.seen()?;
        wait::until_true(wait::PATIENCE, "the sinks to fall silent", || {
            std::thread::sleep(SILENCE);
            let before = std::mem::replace(&mut seen, self.seen()?);
            Ok(seen == before)
        })
    }

    fn seen(&self) -> Result<u64> {
        Ok(self.arrived.get(&0, 0)?.iter().map(|cpu| cpu.frames).sum())
    }

    /// What the sinks have seen since the last call, and the last frame that was kept.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub(super) fn take_arrived(&mut self) -> Result<(u64, Option<Arrived>)> {
        let seen = self.arrived.get(&0, 0)?;
        let frames = seen.iter().map(|cpu| cpu.frames).sum();
        let kept = seen.iter().find(|cpu| cpu.length > 0).copied();
        let zero = Arrived {
            frames: 0,
            head: [0; 64],
            tail: [0; 64],
            length: 0,
            reserved: 0,
        };
        let zeros = PerCpuValues::try_from(vec![zero; seen.len()])?;
        self.arrived.set(0, zeros, 0)?;
        Ok((frames, kept))
    }
}
