//! What needs root runs through sudo when we are not root; cargo itself never does, so that no
//! file of root's is left in `target/`.

use std::{
    ffi::{OsStr, OsString},
    io::IsTerminal,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::failure::Failure;

/// Whether this process may do what root may.
pub(crate) fn is_root() -> bool {
    // The kernel gives /proc/self to the effective user of the process.
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Asks for the password once, before a progress line hides the question. Does nothing for root.
///
/// # Errors
/// When there is no sudo, or it refuses.
pub(crate) fn prepare(why: &str) -> Result<()> {
    if is_root() {
        return Ok(());
    }
    if grants(Path::new("sudo"), std::io::stdin().is_terminal()) {
        return Ok(());
    }
    let cure = "run it as root, or let this user use sudo, then run it again";
    Err(Failure::new(
        "not-root",
        format!("{why} needs root, and sudo is not there or refused"),
        cure,
    )
    .into())
}

/// Whether `sudo` runs what we give it, after a question if it has one and there is who `answers`.
fn grants(sudo: &Path, answers: bool) -> bool {
    let succeeds = |args: &[&str], errors: Stdio| {
        let mut command = Command::new(sudo);
        command.args(args).stdout(Stdio::null()).stderr(errors);
        command.status().is_ok_and(|status| status.success())
    };
    // `-v` asks whoever has a single rule without NOPASSWD, as most users of cloud images have by their group.
    if succeeds(&["-n", "true"], Stdio::null()) {
        return true;
    }
    // Without a terminal nothing is asked and nothing waits.
    let args: &[&str] = if answers { &["-v"] } else { &["-n", "-v"] };
    succeeds(args, Stdio::inherit())
}

/// `program` with `vars`, as root.
pub(crate) fn command<K: AsRef<OsStr>, V: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    vars: &[(K, V)],
) -> Command {
    if is_root() {
        let mut command = Command::new(program);
        command.envs(vars.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        return command;
    }
    // sudo's own environment rules differ between hosts; `env` is never subject to them.
    let mut command = Command::new("sudo");
    command.args(["--", "env"]);
    for (name, value) in vars {
        let mut pair = OsString::from(name);
        pair.push("=");
        pair.push(value);
        command.arg(pair);
    }
    command.arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    /// What a sudo whose rules are `script` was asked, in turn, and whether that was enough.
    fn asked(script: &str, answers: bool) -> (bool, Vec<String>) {
        let sudo = fake::Program::new("sudo", &format!("echo \"$*\" >>\"$0.log\"\n{script}"));
        let granted = grants(sudo.path(), answers);
        let log = std::fs::read_to_string(sudo.path().with_extension("log")).unwrap();
        (granted, log.lines().map(str::to_owned).collect())
    }

    #[test]
    fn nobody_is_asked_for_a_password_that_no_command_needs() {
        let nopasswd = r#"test "$*" = "-n true""#;
        assert_eq!(asked(nopasswd, true), (true, vec!["-n true".to_owned()]));
    }

    #[test]
    fn a_password_is_asked_for_only_at_a_terminal() {
        let with_password = r#"test "$*" = "-v""#;
        assert_eq!(
            asked(with_password, true),
            (true, vec!["-n true".to_owned(), "-v".to_owned()])
        );
        assert_eq!(
            asked(with_password, false),
            (false, vec!["-n true".to_owned(), "-n -v".to_owned()])
        );
    }

    #[test]
    fn without_sudo_nothing_is_granted() {
        assert!(!grants(Path::new("/no-such-folder/sudo"), true));
    }
}
