//! The maps and programs of a data path that is loaded but attached nowhere.

use std::path::PathBuf;

use fabric_tests::bpf::XdpProgram;
use fabric_userspace::datapath::Datapath;
use fabric_userspace::diff;
use fabric_userspace::records::Records;
use fabric_userspace::safety::Role;
use fabric_userspace::validate::PortRole;

use super::site::{SIZES, STATIONS};

/// The kernel's maps and programs.
pub(crate) struct Kernel {
    pub(crate) datapath: Datapath,
    pub(crate) pins: PathBuf,
    programs: [XdpProgram; 4],
    _folder: tempfile::TempDir,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = folder.path().join("bpf");
        let (mut datapath, _) = Datapath::open(&pins, &SIZES, STATIONS, false)
            .expect("the kernel loads the programs (if there is no object in this build: cargo xtask build)");
        let mut program = |role: Role| {
            let before = datapath.program_ids().unwrap();
            datapath.load_role(role).unwrap();
            let after = datapath.program_ids().unwrap();
            let new = after.iter().find(|id| !before.contains(id));
            XdpProgram::of_id(*new.expect("a program of its own")).unwrap()
        };
        Self {
            programs: [Role::Access, Role::Trunk, Role::Pseudowire, Role::Underlay].map(&mut program),
            datapath,
            pins,
            _folder: folder,
        }
    }

    pub(crate) fn program(&self, role: PortRole) -> &XdpProgram {
        match role {
            PortRole::Access => &self.programs[0],
            PortRole::Trunk => &self.programs[1],
            PortRole::Pseudowire => &self.programs[2],
            PortRole::Underlay => &self.programs[3],
        }
    }

    pub(crate) fn load(&mut self, from: &Records, to: &Records) {
        for op in diff::diff(from, to).ops {
            self.datapath.apply(&op).unwrap();
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // A mount would outlive the test.
        let removed = self.datapath.remove();
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}
