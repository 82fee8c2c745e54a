//! Attaching: one pinned link per port, native mode or not at all.

use std::io;
use std::path::{Path, PathBuf};

use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpMode};
use fabric_common::maps::name;

use super::detach::detach_pinned;
use super::loader::{Program, loaded, xdp};
use super::{Datapath, LoadError, bpffs, pins};
use crate::safety::Role;

/// The program of a port of this role.
const fn program_of(role: Role) -> Program {
    match role {
        Role::Access => Program::Access,
        Role::Trunk => Program::Trunk,
        Role::Pseudowire => Program::Pseudowire,
        Role::Underlay => Program::Underlay,
    }
}

impl Datapath {
    fn link_pin(&self, ifindex: u32) -> PathBuf {
        self.directory.join("links").join(ifindex.to_string())
    }

    /// Has the kernel verify a role's program, which takes it up to a quarter of a second, unless it has done so already.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn load_role(&mut self, role: Role) -> Result<(), LoadError> {
        loaded(&mut self.ebpf, program_of(role)).map(drop)
    }

    /// Puts the role's program on an interface: into the pinned link, if there is one, so that no frame is
    /// lost, else by a new native attachment.
    ///
    /// # Errors
    /// The driver's refusal. The generic mode is never tried: it loses metadata and tags.
    pub fn attach(&mut self, ifindex: u32, role: Role) -> Result<(), LoadError> {
        let pin = self.link_pin(ifindex);
        if pin.exists() && self.update_link(ifindex, role).is_ok() {
            return Ok(());
        }
        // A link of an interface that is gone keeps its pin; the new interface may have its index.
        let _ = std::fs::remove_file(&pin);
        let program = loaded(&mut self.ebpf, program_of(role))?;
        let id = program.attach_to_if_index(ifindex, XdpMode::Driver)?;
        let link: FdLink = program
            .take_link(id)?
            .try_into()
            .map_err(|_| LoadError::NotALink)?;
        link.pin(&pin).map_err(|error| LoadError::Pins {
            path: pin,
            source: io::Error::other(error),
        })?;
        Ok(())
    }

    fn update_link(&mut self, ifindex: u32, role: Role) -> Result<(), LoadError> {
        let pin = self.link_pin(ifindex);
        let wrong = |source| LoadError::Pins {
            path: pin.clone(),
            source,
        };
        let pinned = PinnedLink::from_pin(&pin).map_err(|error| wrong(io::Error::other(error)))?;
        let link: FdLink = pinned.into();
        let program = loaded(&mut self.ebpf, program_of(role))?;
        let id = program.attach_to_link(XdpLink::try_from(link).map_err(|_| LoadError::NotALink)?)?;
        // Ours once more, to be closed: the pin alone holds the link.
        let link: FdLink = program
            .take_link(id)?
            .try_into()
            .map_err(|_| LoadError::NotALink)?;
        drop(link);
        Ok(())
    }

    /// Takes the program off an interface; when this returns, the interface has none.
    ///
    /// # Errors
    /// When the link cannot be detached, or its pin not be removed.
    pub fn detach(&mut self, ifindex: u32) -> Result<(), LoadError> {
        let pin = self.link_pin(ifindex);
        match detach_pinned(&pin).and_then(|()| std::fs::remove_file(&pin)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(LoadError::Pins { path: pin, source }),
        }
    }

    /// Interfaces with a pinned link.
    pub fn attached(&self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir(self.directory.join("links")) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// Kernel ids of the programs that are ours: those just loaded and those behind the pinned links.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn program_ids(&mut self) -> Result<Vec<u32>, LoadError> {
        let mut ids = Vec::new();
        for program in Program::ENTRIES {
            let program = xdp(&mut self.ebpf, program)?;
            if program.fd().is_ok() {
                ids.push(program.info()?.id());
            }
        }
        for ifindex in self.attached() {
            let link = PinnedLink::from_pin(self.link_pin(ifindex))
                .ok()
                .map(FdLink::from);
            ids.extend(
                link.and_then(|link| link.info().ok())
                    .map(|info| info.program_id()),
            );
        }
        Ok(ids)
    }

    /// Whether an agent has left a complete data path below this directory.
    pub fn is_pinned(directory: &Path) -> bool {
        directory.join(name::LAYOUT).exists()
    }

    /// As [`Datapath::remove`], of a data path that another agent has left. False if there is none.
    ///
    /// # Errors
    /// When a program cannot be detached, or the file system stays mounted.
    pub fn release_pinned(directory: &Path) -> io::Result<bool> {
        if !directory.is_dir() || !bpffs::is_bpffs(directory)? {
            return Ok(false);
        }
        for entry in std::fs::read_dir(directory.join("links")).into_iter().flatten() {
            let pin = entry?.path();
            detach_pinned(&pin)?;
            std::fs::remove_file(pin)?;
        }
        bpffs::unpin(&directory.join(name::LAYOUT))?;
        pins::release(directory)?;
        Ok(true)
    }

    /// Releases everything: links, maps and their directory. Programs and maps end with this value.
    ///
    /// # Errors
    /// When the file system stays mounted.
    pub fn remove(&mut self) -> Result<(), LoadError> {
        for ifindex in self.attached() {
            self.detach(ifindex)?;
        }
        let path = self.directory.clone();
        // First: without it nobody takes the rest over.
        let _ = std::fs::remove_file(path.join(name::LAYOUT));
        pins::release(&path).map_err(|source| LoadError::Pins { path, source })
    }
}
