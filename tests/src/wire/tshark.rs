//! Wireshark's opinion of a capture: an oracle that shares no code with the fabric.

use std::path::Path;
use std::process::Command;

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
        run(&file, &self.options, arguments)
    }
}

/// Nothing in these frames is malformed to any dissector, and no checksum is wrong; a datacenter's label has Ethernet behind a
/// control word.
///
/// # Errors
/// The first frame that is not as it should be, and as [`Tshark::fields`].
pub fn well_formed(frames: &[Captured]) -> Result<()> {
    let wrong = Tshark::new()
        .decode_as("mpls.label==1000-4095,pwethcw")
        .filter(WRONG)
        .fields(frames, &["frame.number", "frame.protocols", "_ws.expert.message"])?;
    let Some(first) = wrong.first() else { return Ok(()) };
    let number = first.first().and_then(|number| number.parse::<usize>().ok());
    let frame = number.and_then(|number| frames.get(number.checked_sub(1)?));
    let bytes = frame.map_or(String::new(), |frame| hex_dump(&frame.bytes));
    bail!(
        "tshark finds {} of {} frames wrong, the first: {}\n{bytes}",
        wrong.len(),
        frames.len(),
        first.join(" ")
    )
}

/// Malformed packets, and checksums that are there and wrong.
const WRONG: &str = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
                     || icmp.checksum.status == 0 || icmpv6.checksum.status == 0";

fn run(file: &Path, options: &[String], arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("tshark");
    command
        .arg("-n")
        .arg("-r")
        .arg(file)
        .args(options)
        .args(arguments);
    let output = command
        .output()
        .context("cannot run tshark: apt-get install tshark")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tshark: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
