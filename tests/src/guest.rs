//! Virtual machines whose network card is a port of the fabric, for what only another kernel can do.
//!
//! A guest is emulated, so it needs no virtualisation of the host: Linux out of a distribution's package, busybox, and a script as
//! process 1. `cargo xtask test` provides the parts in `.tools/guest`. The card's other end is a tap, which qemu writes to without
//! blocking, so that the kernel runs the port's program in the driver.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use fabric_tests::{guest::{Guest, Machine}, netns::NetNs};
//! # fn show(edge: &NetNs) -> fabric_tests::Result<()> {
//! let machine = Machine::new("client", "02:00:00:00:00:01", "echo \"fab: up\"\nsleep 1000\n");
//! let mut client = Guest::boot(edge, "eth1", &machine)?;   // eth1: a tap, see `fixtures::Setup::machine`
//! client.wait_told("up", Duration::from_secs(60))?;
//! # Ok(()) }
//! ```

mod archive;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::netns::{NetNs, Process};
use crate::topology::wait_running;
use crate::wait;
use archive::Archive;

/// What a guest's script says to the test begins with this, at the beginning of a line.
const MARK: &str = "fab: ";

/// Lines of a console that are shown with an error.
const TAIL: usize = 30;

/// Two processor features are left out with which emulated guests of Linux 6.12 panicked at random (qemu 7.2).
const PROCESSOR: &str = "max,-cx16,-la57";

/// `panic=-1` and `-no-reboot` make the end of process 1 the end of the machine; the others save time.
const COMMAND_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off random.trust_cpu=on \
                            tsc=reliable cryptomgr.notests ipv6.disable=1 rdinit=/init";

/// Process 1 until the machine's own script takes over. Prints every command, and ends with the first that fails.
const BEGIN: &str = include_str!("guest/begin.sh");

/// A virtual machine to be.
#[derive(Clone, Debug)]
pub struct Machine {
    name: String,
    mac: String,
    script: String,
    mtu: u32,
    files: Vec<(String, Vec<u8>)>,
    disk: Option<PathBuf>,
}

impl Machine {
    /// A machine with one network card, `eth0`, that runs `script` when its modules are loaded.
    #[must_use]
    pub fn new(name: &str, mac: &str, script: &str) -> Self {
        Self {
            name: name.to_owned(),
            mac: mac.to_owned(),
            script: script.to_owned(),
            mtu: 1500,
            files: Vec::new(),
            disk: None,
        }
    }

    /// The largest MTU of its card in bytes, 1500 unless said.
    #[must_use]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = bytes;
        self
    }

    /// A file in its root folder.
    #[must_use]
    pub fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files.push((name.to_owned(), bytes.to_vec()));
        self
    }

    /// A disk, `/dev/vda`: what the guest has written is in the file when the guest is told so.
    #[must_use]
    pub fn disk(mut self, file: &Path) -> Self {
        self.disk = Some(file.to_owned());
        self
    }

    /// Its memory's first contents: modules in the order of their names, shell, script, files.
    fn initial(&self, parts: &Path) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for folder in ["bin", "dev", "modules", "proc", "sys"] {
            archive.folder(folder);
        }
        archive.program("bin/busybox", &read(&parts.join("busybox"))?);
        archive.program("init", format!("{BEGIN}\n{}", self.script).as_bytes());
        for (name, bytes) in &self.files {
            archive.program(name, bytes);
        }
        let modules = parts.join("modules");
        let listed = fs::read_dir(&modules).with_context(|| format!("cannot read {}", modules.display()))?;
        for entry in listed {
            let entry = entry?;
            let name = entry.file_name();
            archive.program(
                &format!("modules/{}", name.to_string_lossy()),
                &read(&entry.path())?,
            );
        }
        Ok(archive.finish())
    }
}

/// A running virtual machine; gone with its handle.
#[derive(Debug)]
pub struct Guest {
    name: String,
    process: Process,
    /// Initial memory and console.
    folder: TempDir,
}

impl Guest {
    /// Switches `machine` on, with its card at the tap `port` of `host`, and waits until the tap has a carrier.
    ///
    /// # Errors
    /// When its parts are not there, and when qemu cannot be started.
    pub fn boot(host: &NetNs, port: &str, machine: &Machine) -> Result<Self> {
        let parts = parts()?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let initial = folder.path().join("initial.cpio");
        fs::write(&initial, machine.initial(&parts)?).context("cannot write a guest's first contents")?;
        let mut qemu = host.command("qemu-system-x86_64");
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-accel", "tcg,thread=multi", "-cpu", PROCESSOR, "-m", "256"])
            .arg("-kernel")
            .arg(parts.join("kernel"))
            .arg("-initrd")
            .arg(&initial)
            .args(["-append", COMMAND_LINE, "-serial"])
            .arg(format!("file:{}", console(&folder).display()))
            .arg("-netdev")
            .arg(format!("tap,id=lan,ifname={port},script=no,downscript=no"))
            .arg("-device")
            .arg(format!(
                "virtio-net-pci,netdev=lan,mac={},host_mtu={},romfile=",
                machine.mac, machine.mtu
            ));
        if let Some(disk) = &machine.disk {
            // The host's page cache outlives the guest, and the host does not lose its power.
            qemu.arg("-drive")
                .arg(format!(
                    "file={},format=raw,if=none,id=disk,cache=unsafe",
                    disk.display()
                ))
                .args(["-device", "virtio-blk-pci,drive=disk"]);
        }
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        let process = host.start(&mut qemu).context("apt-get install qemu-system-x86")?;
        wait_running(host, port)?;
        Ok(Self {
            name: machine.name.clone(),
            process,
            folder,
        })
    }

    /// Waits until its script has said a line `fab: WHAT ...`; gives the rest of the line.
    ///
    /// # Errors
    /// When it ends before or has not said it after `within`: the error shows the end of its console.
    pub fn wait_told(&mut self, what: &str, within: Duration) -> Result<String> {
        let Self {
            name,
            process,
            folder,
        } = self;
        let waited = wait::until(within, &format!("guest {name} to say {what}"), || {
            // Asked first: what it said before its end is in the file then.
            let ended = process.ended()?;
            if let Some(rest) = told(&said(folder), what) {
                return Ok(Some(rest));
            }
            match ended {
                Some(status) => bail!("guest {name} ended before it said {what}; its emulator: {status}"),
                None => Ok(None),
            }
        });
        waited.with_context(|| last_words(&self.said()))
    }

    /// Its console so far.
    #[must_use]
    pub fn said(&self) -> String {
        said(&self.folder)
    }

    /// Cuts its power.
    ///
    /// # Errors
    /// When the emulator does not end.
    pub fn cut_power(&mut self) -> Result<()> {
        self.process.kill9().map(drop)
    }
}

/// Where `cargo xtask test` puts kernel, modules and shell.
fn parts() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/guest");
    let found = folder
        .canonicalize()
        .with_context(|| format!("no {}: cargo xtask test makes it", folder.display()))?;
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn console(folder: &TempDir) -> PathBuf {
    folder.path().join("console")
}

/// Nothing until qemu has made the file.
fn said(folder: &TempDir) -> String {
    let bytes = fs::read(console(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What follows `what` in a finished line that a script meant for the test.
fn told(said: &str, what: &str) -> Option<String> {
    let (finished, _) = said.rsplit_once('\n')?;
    let mut lines = finished.lines().filter_map(|line| line.strip_prefix(MARK));
    lines.find_map(|line| match line.trim_end().strip_prefix(what)? {
        "" => Some(String::new()),
        rest => rest.strip_prefix(' ').map(str::to_owned),
    })
}

fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL)..];
    format!("the end of its console:\n{}", tail.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_lines_that_begin_with_the_mark_count() {
        let said = "+ echo fab: up\r\nfab: up\r\nfab: read 00ff\r\nfab: rea";
        assert_eq!(told(said, "up").unwrap(), "");
        assert_eq!(told(said, "read").unwrap(), "00ff");
        assert_eq!(told(said, "rea"), None);
        assert_eq!(told("+ echo fab: up\r\n", "up"), None);
        assert_eq!(told("fab: upwards\r\n", "up"), None);
    }
}
