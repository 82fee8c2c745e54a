//! Commands of the system and the Debian or Ubuntu packages that hold them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{exec, failure::Failure, sudo, ui::Progress};

/// A command that the build, the lab or the tests run, or a module that one of them loads (`qemu/block-iscsi.so`).
struct Needed {
    name: &'static str,
    /// Packages that hold it.
    packages: &'static [&'static str],
    /// What shows that it works, where being there is not enough.
    proof: Option<&'static str>,
}

const fn needed(name: &'static str, packages: &'static [&'static str]) -> Needed {
    Needed {
        name,
        packages,
        proof: None,
    }
}

const COMMANDS: [Needed; 9] = [
    needed("cc", &["gcc", "libc6-dev"]),
    needed("ip", &["iproute2"]),
    needed("ethtool", &["ethtool"]),
    needed("ping", &["iputils-ping"]),
    needed("tshark", &["tshark"]),
    // The tests of many hosts run a real etcd, and make certificates for it.
    needed("etcd", &["etcd-server"]),
    needed("etcdctl", &["etcd-client"]),
    needed("openssl", &["openssl"]),
    // The tests of EVPN run its zebra and bgpd, which are in a folder of their own and in the same package.
    needed("vtysh", &["frr"]),
];

/// A package that some releases lack, and what holds the same there. `$(uname -r)` is the running kernel.
const OTHERWISE: [(&str, [&str; 2]); 1] = [("bpftool", ["linux-tools-common", "linux-tools-$(uname -r)"])];

/// Which of the first two holds the storage daemon differs between releases; the others must be of their version.
const QEMU: [&str; 4] = [
    "qemu-utils",
    "qemu-system-common",
    "qemu-block-extra",
    "qemu-system-x86",
];

/// What only the tests run, those of storage above all: servers and clients of each protocol.
const STORAGE: [Needed; 23] = [
    // Ubuntu's may be a script that looks for the one of the running kernel and fails without.
    Needed {
        name: "bpftool",
        packages: &["bpftool"],
        proof: Some("version"),
    },
    needed("tgtd", &["tgt"]),
    needed("tgtadm", &["tgt"]),
    needed("iscsi-ls", &["libiscsi-bin"]),
    needed("ganesha.nfsd", &["nfs-ganesha"]),
    needed("ganesha/libfsalvfs.so", &["nfs-ganesha-vfs"]),
    needed("rpcbind", &["rpcbind"]),
    needed("nfs-cp", &["libnfs-utils"]),
    needed("smbd", &["samba"]),
    needed("smbclient", &["smbclient"]),
    needed("nbdkit", &["nbdkit"]),
    needed("nbdcopy", &["libnbd-bin"]),
    needed("nbdfuse", &["libnbd-bin"]),
    needed("fusermount3", &["fuse3"]),
    needed("unshare", &["util-linux"]),
    needed("qemu-img", &QEMU),
    needed("qemu-storage-daemon", &QEMU),
    needed("qemu/block-iscsi.so", &QEMU),
    needed("qemu-system-x86_64", &QEMU),
    // What makes the guests of `super::guest`; releases differ in how they compress kernel modules.
    needed("depmod", &["kmod"]),
    needed("modprobe", &["kmod"]),
    needed("xz", &["xz-utils"]),
    needed("zstd", &["zstd"]),
];

/// Debian's Rust that is new enough (bookworm-security), with the sources where build-std looks for them.
pub(crate) const SYSTEM_RUST: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// What bpf-linker is built with when it cannot use the compiler's own LLVM.
pub(crate) const SYSTEM_LLVM: [&str; 2] = ["llvm-22-dev", "libpolly-22-dev"];

/// Names of the needed commands that are not there or do not work, with or without those for storage.
pub(crate) fn missing_commands(storage: bool) -> Vec<&'static str> {
    let more: &[Needed] = if storage { &STORAGE } else { &[] };
    COMMANDS
        .iter()
        .chain(more)
        .filter(|needed| !find(needed.name).is_some_and(|file| works(&file, needed.proof)))
        .map(|needed| needed.name)
        .collect()
}

fn works(file: &Path, proof: Option<&str>) -> bool {
    proof.is_none_or(|argument| exec::ask(Command::new(file).arg(argument)).is_some())
}

/// The packages that hold `commands`, each once.
pub(crate) fn packages(commands: &[&str]) -> Vec<&'static str> {
    let all = COMMANDS.iter().chain(&STORAGE);
    let wanted = all.filter(|needed| commands.contains(&needed.name));
    let mut packages = Vec::new();
    for package in wanted.flat_map(|needed| needed.packages) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

/// Looks where root would: an ordinary user's PATH often lacks the sbin folders. Modules are in the libraries' folder.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let libraries = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let more = ["/usr/sbin", "/sbin", &libraries, "/usr/lib64"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// `ID` of this distribution if apt-get is there.
pub(crate) fn distribution() -> Option<String> {
    find("apt-get")?;
    let text = std::fs::read_to_string(Path::new("/etc/os-release")).unwrap_or_default();
    Some(os_id(&text))
}

/// `ubuntu` for Ubuntu and what is derived from it, else `debian`.
fn os_id(os_release: &str) -> String {
    let words = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split(' '));
    if words.into_iter().any(|word| word == "ubuntu") {
        "ubuntu".into()
    } else {
        "debian".into()
    }
}

/// The installation as a line to paste.
pub(crate) fn shell(packages: &[&str]) -> String {
    let sudo = if sudo::is_root() { "" } else { "sudo " };
    let packages = offered(packages, is_offered).join(" ");
    format!("{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}")
}

/// # Errors
/// When apt-get fails, or root is needed and cannot be had.
pub(crate) fn install(packages: &[&str], progress: &Progress) -> Result<()> {
    progress.clear();
    sudo::prepare(&format!("installing {}", packages.join(" ")))?;
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let mut update = sudo::command("apt-get", &quiet);
    update.arg("update");
    exec::run(update, progress)?;
    let kernel = exec::ask(Command::new("uname").arg("-r")).unwrap_or_default();
    let packages: Vec<String> = offered(packages, is_offered)
        .iter()
        .map(|package| package.replace("$(uname -r)", &kernel))
        .collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    known(&packages)?;
    let packages: Vec<String> = packages.iter().map(|package| version(package)).collect();
    let mut install = sudo::command("sh", &quiet);
    install.args(["-c", WITHOUT_SERVICES, "apt-get"]);
    // A fresh machine often has its own upgrade running, which holds the lock.
    install.args(["-o", "DPkg::Lock::Timeout=300", "install", "-y"]);
    install.arg("--no-install-recommends");
    for package in packages.iter().filter(|package| package.contains('=')) {
        progress.note(&format!(
            "      installing {package}: the version that is there is in no package source"
        ));
        install.arg("--allow-downgrades");
    }
    install.args(&packages);
    exec::run(install, progress)?;
    Ok(())
}

/// The tests run each server themselves, in a namespace: on this machine nothing is to listen. `invoke-rc.d` and
/// `deb-systemd-invoke` obey policy-rc.d; one that is there already is the machine's own.
const WITHOUT_SERVICES: &str = r#"policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit
fi
"$0" "$@""#;

/// `package`, or `package=VERSION` where another version is installed than any source has: packages that must be of one
/// version (qemu's) could not be installed beside it.
fn version(package: &str) -> String {
    let query = ["-W", "-f", "${db:Status-Status} ${Version}", package];
    let installed = exec::ask(Command::new("dpkg-query").args(query));
    let offered = exec::ask(Command::new("apt-cache").args(["madison", package])).unwrap_or_default();
    let installed = installed
        .as_deref()
        .and_then(|told| told.strip_prefix("installed "));
    match installed.and_then(|installed| replacement(installed, &offered)) {
        Some(version) => format!("{package}={version}"),
        None => package.to_owned(),
    }
}

/// The newest of the versions that `apt-cache madison` prints, if `installed` is none of them.
fn replacement<'o>(installed: &str, offered: &'o str) -> Option<&'o str> {
    let mut versions = offered
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim);
    let newest = versions.clone().next()?;
    versions.all(|version| version != installed).then_some(newest)
}

/// `packages`, with what holds the same in the place of those that the sources lack.
fn offered<'p>(packages: &[&'p str], is_offered: impl Fn(&str) -> bool) -> Vec<&'p str> {
    let of_package = |package: &&'p str| {
        let mut known = OTHERWISE.iter().filter(|(name, _)| name == package);
        let other = known.next().map(|(_, other)| other.as_slice());
        // Where the other is unknown as well, the name that most releases have says more.
        match other
            .filter(|other| !is_offered(package) && other.first().is_some_and(|first| is_offered(first)))
        {
            Some(other) => other.to_vec(),
            None => vec![*package],
        }
    };
    packages.iter().flat_map(of_package).collect()
}

/// Of a name that only stands for other packages, `apt-cache show` succeeds and prints nothing.
fn is_offered(package: &str) -> bool {
    exec::ask(Command::new("apt-cache").args(["show", package])).is_some_and(|shown| !shown.is_empty())
}

/// # Errors
/// When the configured package sources lack one: Ubuntu has no Rust that is new enough, for example.
pub(super) fn known(packages: &[&str]) -> Result<()> {
    let is_unknown =
        |package: &&&str| exec::ask(Command::new("apt-cache").arg("show").arg(package)).is_none();
    let unknown: Vec<&str> = packages.iter().filter(is_unknown).copied().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the package sources of this system do not have {}",
        unknown.join(", ")
    );
    let cure = if SYSTEM_RUST
        .iter()
        .chain(&SYSTEM_LLVM)
        .any(|package| unknown.contains(package))
    {
        "rustup component add rust-src, then run it again; on Debian, enable the security sources"
    } else {
        "enable the sources that hold them, apt-get update, then run it again"
    };
    Err(Failure::new("packages-unknown", what, cure).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn a_package_is_named_for_each_missing_command() {
        assert_eq!(packages(&["ping", "cc"]), ["gcc", "libc6-dev", "iputils-ping"]);
        assert_eq!(packages(&["bpftool", "ip"]), ["iproute2", "bpftool"]);
        assert!(packages(&[]).is_empty());
        assert_eq!(packages(&["tgtd", "tgtadm"]), ["tgt"]);
        assert_eq!(packages(&["vtysh"]), ["frr"]);
    }

    #[test]
    fn bpftool_comes_out_of_its_own_package_or_with_the_running_kernels_tools() {
        let wanted = ["iproute2", "bpftool"];
        let of_release = |known: &[&str]| offered(&wanted, |package| known.contains(&package));
        assert_eq!(of_release(&["iproute2", "bpftool", "linux-tools-common"]), wanted);
        assert_eq!(
            of_release(&["iproute2", "linux-tools-common"]),
            ["iproute2", "linux-tools-common", "linux-tools-$(uname -r)"]
        );
        assert_eq!(of_release(&["iproute2"]), wanted);
    }

    #[test]
    fn a_bpftool_that_only_says_that_another_kernel_runs_counts_as_missing() {
        let proof = STORAGE
            .iter()
            .find(|needed| needed.name == "bpftool")
            .and_then(|needed| needed.proof);
        let wrapper = fake::Program::new(
            "bpftool",
            "echo 'WARNING: bpftool not found for kernel 7.0' >&2; exit 2",
        );
        assert!(!works(wrapper.path(), proof));
        let whole = fake::Program::new("bpftool", r#"test "$1" = version"#);
        assert!(works(whole.path(), proof));
        assert!(
            works(wrapper.path(), None),
            "of another command it is enough to be there"
        );
    }

    #[test]
    fn a_version_that_no_source_has_gives_way_to_the_newest_that_one_has() {
        let offered = "qemu-utils | 1:7.2+u18 | http://one main\nqemu-utils | 1:7.2+u15 | http://other main";
        assert_eq!(replacement("1:10.0~bpo12", offered), Some("1:7.2+u18"));
        assert_eq!(replacement("1:7.2+u15", offered), None);
        assert_eq!(replacement("1:10.0~bpo12", ""), None);
    }

    #[test]
    fn derived_distributions_count_as_their_parent() {
        assert_eq!(
            os_id("NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"),
            "ubuntu"
        );
        assert_eq!(os_id("ID=ubuntu\nID_LIKE=debian\n"), "ubuntu");
        assert_eq!(os_id("VERSION_ID=\"12\"\nID=debian\n"), "debian");
    }

    #[test]
    fn commands_in_sbin_are_found() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-of-the-fabric"), None);
    }
}
