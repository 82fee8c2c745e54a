//! Which packages make the distribution's current kernel, and what is in them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{exec, failure::Failure, tools::apt, ui::Progress};

/// Depends on the newest kernel of the release, whatever its number.
fn newest(distribution: &str) -> &'static str {
    if distribution == "ubuntu" {
        "linux-image-generic"
    } else {
        "linux-image-amd64"
    }
}

/// Where the packages of a kernel are told from what it wants beside itself (firmware, kmod, an initramfs). Image and modules are
/// one package in Debian 12, and several in later ones and in Ubuntu.
const OF_A_KERNEL: [&str; 3] = ["linux-image-", "linux-modules-", "linux-binary-"];

/// The packages of the newest kernel.
///
/// # Errors
/// When the package sources have none.
pub(super) fn kernel(distribution: &str) -> Result<Vec<String>> {
    let root = newest(distribution);
    apt::known(&[root])?;
    let found = closure(root, &mut |package| {
        exec::ask(Command::new("apt-cache").args(["depends", package])).unwrap_or_default()
    });
    if found.is_empty() {
        return Err(unexpected(&format!("{root} depends on no kernel")).into());
    }
    Ok(found)
}

/// What `root` depends on, directly or not, as far as it is [`OF_A_KERNEL`]; without `root`, which is empty.
/// `depends` gives what `apt-cache depends` prints of a package.
fn closure(root: &str, depends: &mut dyn FnMut(&str) -> String) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut next = Some(root.to_owned());
    let mut asked = 0;
    while let Some(package) = next {
        for needed in depends(&package).lines().filter_map(dependency) {
            let wanted = OF_A_KERNEL.iter().any(|prefix| needed.starts_with(prefix));
            if wanted && !found.iter().any(|known| known == needed) {
                found.push(needed.to_owned());
            }
        }
        next = found.get(asked).cloned();
        asked += 1;
    }
    found
}

/// `  Depends: NAME`. Alternatives (`|Depends:`) and virtual packages (`<NAME>`) are none that could be downloaded by that name.
fn dependency(line: &str) -> Option<&str> {
    line.trim_start()
        .strip_prefix("Depends: ")
        .filter(|name| !name.starts_with('<'))
}

/// Downloads `packages` and unpacks them into `tree`.
///
/// # Errors
/// Those of apt-get and dpkg-deb, with their output.
pub(super) fn unpack<'p>(
    packages: impl Iterator<Item = &'p str>,
    tree: &Path,
    progress: &Progress,
) -> Result<()> {
    let archives = tree.join("archives");
    fs::create_dir(&archives).with_context(|| format!("cannot make {}", archives.display()))?;
    let mut download = Command::new("apt-get");
    download.arg("download").args(packages).current_dir(&archives);
    exec::run(download, progress)?;
    for entry in fs::read_dir(&archives)? {
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--extract").arg(entry?.path()).arg(tree);
        exec::run(extract, progress)?;
    }
    Ok(())
}

/// The packages hold something else than they did when this was written.
pub(super) fn unexpected(what: &str) -> Failure {
    Failure::new(
        "no-guest-kernel",
        format!("the distribution's kernel package is not as the FCoE tests need it: {what}"),
        "report it with the output of: apt-cache policy linux-image-amd64 linux-image-generic",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages_of(root: &str, listed: &[(&str, &str)]) -> Vec<String> {
        closure(root, &mut |package| {
            let entry = listed.iter().find(|(name, _)| *name == package);
            entry.map_or(String::new(), |(_, depends)| (*depends).to_owned())
        })
    }

    #[test]
    fn a_kernel_is_one_package_or_several() {
        let debian = [
            (
                "linux-image-amd64",
                "linux-image-amd64\n  Depends: linux-image-6.1.0-57-amd64\n",
            ),
            (
                "linux-image-6.1.0-57-amd64",
                "linux-image-6.1.0-57-amd64\n  Depends: kmod\n |Depends: initramfs-tools\n  Depends: <linux-initramfs-tool>\n    dracut\n  Suggests: linux-doc-6.1\n",
            ),
        ];
        assert_eq!(
            packages_of("linux-image-amd64", &debian),
            ["linux-image-6.1.0-57-amd64"]
        );
        let ubuntu = [
            (
                "linux-image-generic",
                "  Depends: linux-image-6.8.0-1-generic\n  Depends: linux-modules-extra-6.8.0-1-generic\n  Depends: linux-firmware\n",
            ),
            (
                "linux-image-6.8.0-1-generic",
                "  Depends: linux-modules-6.8.0-1-generic\n",
            ),
            (
                "linux-modules-extra-6.8.0-1-generic",
                "  Depends: linux-modules-6.8.0-1-generic\n",
            ),
        ];
        assert_eq!(
            packages_of("linux-image-generic", &ubuntu),
            [
                "linux-image-6.8.0-1-generic",
                "linux-modules-extra-6.8.0-1-generic",
                "linux-modules-6.8.0-1-generic"
            ]
        );
    }

    #[test]
    fn a_package_that_depends_on_no_kernel_gives_none() {
        assert!(packages_of("linux-image-amd64", &[]).is_empty());
    }
}
