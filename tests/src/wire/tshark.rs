//! Wireshark's opinion of a capture: an oracle that shares no code with the fabric.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Captured, write_pcap};
use crate::frame::hex_dump;

/// How tshark is to read the bytes.
///
/// ```no_run
/// # use fabric_tests::wire::Tshark;
/// # fn show(frames: &[fabric_tests::wire::Captured]) -> fabric_tests::Result<()> {
/// let rows = Tshark::new().decode_as("mpls.label==1020,pwethcw").fields(frames, &["ieee8021ad.id", "vlan.id"])?;
/// assert_eq!(rows[0], ["100", "200"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tshark {
    options: Vec<String>,
}

impl Tshark {
    /// Default dissectors, checksums of IP, TCP and UDP verified.
    #[must_use]
    pub fn new() -> Self {
        let checks = ["ip", "tcp", "udp"].map(|protocol| format!("{protocol}.check_checksum:TRUE"));
        Self {
            options: checks
                .into_iter()
                .flat_map(|check| ["-o".to_owned(), check])
                .collect(),
        }
    }

    /// One more rule in the form that `tshark -d` takes.
    #[must_use]
    pub fn decode_as(mut self, rule: &str) -> Self {
        self.options.extend(["-d".to_owned(), rule.to_owned()]);
        self
    }

    /// Only frames that pass a display filter.
    #[must_use]
    pub fn filter(mut self, expression: &str) -> Self {
        self.options.extend(["-Y".to_owned(), expression.to_owned()]);
        self
    }

    /// One row a frame, one text a field; several values of a field are joined by commas.
    ///
    /// # Errors
    /// When tshark is missing or refuses.
    pub fn fields(&self, frames: &[Captured], names: &[&str]) -> Result<Vec<Vec<String>>> {
        let wanted = names.iter().flat_map(|name| ["-e", name]);
        let arguments: Vec<&str> = ["-T", "fields"].into_iter().chain(wanted).collect();
        let printed = self.run(frames, &arguments)?;
        Ok(printed
            .lines()
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect())
    }

    /// The protocols of each frame, `eth:ethertype:ieee8021ad:vlan:ethertype:data`.
    ///
    /// # Errors
    /// As [`Tshark::fields`].
    pub fn protocols(&self, frames: &[Captured]) -> Result<Vec<String>> {
        Ok(self
            .fields(frames, &["frame.protocols"])?
            .into_iter()
            .map(|row| row.concat())
            .collect())
    }

    /// Everything, as tshark's JSON.
    ///
    /// # Errors
    /// As [`Tshark::fields`].
    pub fn json(&self, frames: &[Captured]) -> Result<Value> {
        serde_json::from_str(&self.run(frames, &["-T", "json"])?).context("tshark prints no JSON")
    }

    fn run(&self, frames: &[Captured], arguments: &[&str]) -> Result<String> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let file = folder.path().join("capture.pcap");
        write_pcap(&file, frames)?;
        let file = File::open(&file).context("cannot read the capture")?;
        run(file, &self.options, arguments)
    }
}

/// Nothing in these frames is malformed to any dissector, and no checksum is wrong; a datacenter's label has Ethernet behind a
/// control word.
///
/// # Errors
/// The first frame that is not as it should be, and as [`Tshark::fields`].
pub fn well_formed(frames: &[Captured]) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let file = folder.path().join("capture.pcap");
    write_pcap(&file, frames)?;
    let wrong = find_wrong(File::open(&file).context("cannot read the capture")?)?;
    let Some(first) = wrong.first() else { return Ok(()) };
    let bytes = frames
        .get(first.frame)
        .map_or(String::new(), |frame| hex_dump(&frame.bytes));
    bail!(
        "tshark finds {} of {} frames wrong, the first: {}\n{bytes}",
        wrong.len(),
        frames.len(),
        first.what
    )
}

/// A frame that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Its place in the file, from 0.
    pub(super) frame: usize,
    /// Its protocols, and what is wrong.
    pub(super) what: String,
}

/// The frames of a capture file that are malformed, or have a wrong checksum.
///
/// # Errors
/// When tshark is missing or refuses.
pub(super) fn find_wrong(file: File) -> Result<Vec<Wrong>> {
    let rules = PAYLOADS.into_iter().chain(["mpls.label==1000-4095,pwethcw"]);
    let mut options = rules.fold(Tshark::new(), Tshark::decode_as).filter(WRONG).options;
    let disabled = CONTROL.into_iter().flat_map(|name| ["--disable-protocol", name]);
    options.extend(disabled.map(str::to_owned));
    let names = ["frame.number", "frame.protocols", "_ws.expert.message"];
    let fields = names.iter().flat_map(|name| ["-e", name]);
    let arguments: Vec<&str> = ["-T", "fields"].into_iter().chain(fields).collect();
    let printed = run(file, &options, &arguments)?;
    printed.lines().map(wrong).collect()
}

fn wrong(line: &str) -> Result<Wrong> {
    let (number, what) = line.split_once('\t').unwrap_or((line, ""));
    let number: usize = number.parse().with_context(|| format!("tshark says {line}"))?;
    Ok(Wrong {
        frame: number.checked_sub(1).context("tshark counts from 1")?,
        what: what.replace('\t', " "),
    })
}

/// Ports whose payload is the tenants' own: tests send any bytes there. What is left are the tunnels, and ports of sources.
const PAYLOADS: [&str; 4] = [
    "tcp.port==0-65535,data",
    "udp.port==0-4788,data",
    "udp.port==4790-6634,data",
    "udp.port==6636-49151,data",
];

/// Control protocols of tenants: tests send their addresses and EtherTypes, with any bytes behind.
const CONTROL: [&str; 5] = ["stp", "cdp", "lldp", "cfm", "gmrp"];

/// Malformed packets, and checksums that are there and wrong. An ICMP error quotes a packet without its end, and so the checksum
/// inside cannot be right. Linux writes 0xffff where it corrects a sum to 0, which is the same number (RFC 1624 section 3).
const WRONG: &str = "_ws.malformed || ip.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 \
                     || (((tcp.checksum.status == 0 && !(tcp.checksum == 0xffff)) || udp.checksum.status == 0) \
                         && !(icmp.type == 3 || icmp.type == 11 || icmpv6.type < 128))";

fn run(capture: impl Into<Stdio>, options: &[String], arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("tshark");
    command
        .args(["-n", "-r", "-"])
        .stdin(capture)
        .args(options)
        .args(arguments);
    let output = command
        .output()
        .context("cannot run tshark: apt-get install tshark")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tshark: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
