//! The name of the agent's socket in the file system: whose it is, and who takes it away.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};
use tokio::net::UnixListener;

use crate::error::{Refusal, codes};
use crate::store::NewFolders;

/// An agent takes milliseconds to make its socket.
const TURN: Duration = Duration::from_secs(1);

/// A name that this agent has made.
pub(in crate::agent) struct Socket {
    path: PathBuf,
    /// Device and number.
    file: Option<(u64, u64)>,
    folders: NewFolders,
}

impl Socket {
    /// Listens. The socket is readable and writable by its owner alone.
    ///
    /// # Errors
    /// When another agent listens there, or the socket cannot be made; nothing is left then.
    pub(in crate::agent) fn listen(path: &Path) -> Result<(Self, UnixListener), Refusal> {
        let folders = NewFolders::before(folder_of(path));
        let listener = listen(path).inspect_err(|_| folders.remove())?;
        let socket = Self {
            path: path.to_owned(),
            file: file_of(path),
            folders,
        };
        Ok((socket, listener))
    }

    /// Takes the name away, unless another agent has begun as this one ended.
    pub(in crate::agent) fn remove(&self) {
        let _turn = take_turn(folder_of(&self.path));
        if file_of(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// The same after a start that was refused: folders that were made for it go as well.
    pub(in crate::agent) fn undo(&self) {
        self.remove();
        self.folders.remove();
    }
}

fn listen(path: &Path) -> Result<UnixListener, Refusal> {
    let folder = folder_of(path);
    let failed = |error: io::Error| {
        let sentence = format!("cannot listen on {}: {error}", path.display());
        Refusal::new(codes::FAILED, sentence).with_cure(format!("mkdir -p {}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    // Of two agents that begin at once the second finds the socket of the first, and does not take it for a dead one's.
    let _turn = take_turn(folder);
    if UnixStream::connect(path).is_ok() {
        let sentence = format!("another agent listens on {}", path.display());
        return Err(Refusal::new(codes::AGENT_RUNNING, sentence).with_cure("fabric agent stop"));
    }
    if fs::symlink_metadata(path).is_ok_and(|about| !about.file_type().is_socket()) {
        let sentence = format!("{} is there already and is not a socket", path.display());
        return Err(Refusal::new(codes::BAD_VALUE, sentence)
            .with_cure("name another path with --socket")
            .unchanged());
    }
    // Nobody answers there: what is left is the name of an agent that was killed.
    let _ = fs::remove_file(path);
    // For no moment may somebody else connect.
    let mask = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(path);
    umask(mask);
    let listener = bound.map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// Who holds the answer is alone at it, unless somebody else keeps it: whoever can read the folder can lock it, and shall not keep an
/// agent from beginning or from ending.
fn take_turn(folder: &Path) -> Option<Flock<File>> {
    let end = Instant::now() + TURN;
    loop {
        let lock = Flock::lock(File::open(folder).ok()?, FlockArg::LockExclusiveNonblock);
        if lock.is_ok() || Instant::now() >= end {
            return lock.ok();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Device and number of the file behind a name.
fn file_of(path: &Path) -> Option<(u64, u64)> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn of_agents_that_begin_at_once_one_has_the_socket_and_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..30 {
            let path = folder.path().join(format!("{round}.sock"));
            // What a killed agent leaves, for all of them to find.
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let start = Barrier::new(4);
            let begin = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let _here = runtime.enter();
                start.wait();
                let begun = Socket::listen(&path);
                // Nobody ends before all have tried.
                start.wait();
                let (socket, _listener) = match begun {
                    Ok(begun) => begun,
                    Err(refusal) => {
                        assert_eq!(refusal.code, codes::AGENT_RUNNING);
                        return 0;
                    }
                };
                assert!(UnixStream::connect(&path).is_ok(), "round {round}");
                socket.remove();
                1
            };
            let listening: i32 = std::thread::scope(|scope| {
                let agents: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
                agents.into_iter().map(|agent| agent.join().unwrap()).sum()
            });
            assert_eq!(listening, 1, "round {round}");
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn who_locks_the_folder_keeps_no_agent_from_beginning_or_ending() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Flock::lock(File::open(folder.path()).unwrap(), FlockArg::LockExclusive).unwrap();
        let path = folder.path().join("fabric.sock");
        let (socket, _listener) = Socket::listen(&path).unwrap();
        socket.remove();
        assert!(!path.exists());
        drop(lock);
    }

    #[test]
    fn what_was_made_for_a_socket_that_cannot_be_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("new").join("x".repeat(200));
        assert_eq!(Socket::listen(&long).err().unwrap().code, codes::FAILED);
        assert!(!folder.path().join("new").exists());
    }
}
