//! Why a socket cannot be connected to, as a refusal whose cure fits the reason.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::error::{Refusal, codes};

/// Why nobody could be spoken to at `socket`.
pub(super) fn refused(socket: &Path, error: &Error) -> Refusal {
    let shown = socket.display();
    let start = format!(
        "systemctl start fabric-agent, or: fabric agent --state-dir /var/lib/fabric --socket {shown}"
    );
    let is = |kind| error.kind() == kind;
    let (code, sentence, cure) = if is(ErrorKind::NotFound) {
        let sentence = format!("no agent: there is no socket {shown}");
        (codes::AGENT_AWAY, sentence, start.as_str())
    } else if is(ErrorKind::ConnectionRefused) && is_socket(socket) {
        let sentence = format!("no agent: nobody listens on {shown}");
        (codes::AGENT_AWAY, sentence, start.as_str())
    } else if is(ErrorKind::ConnectionRefused) {
        let sentence = format!("{shown} is not a socket, so no agent listens there");
        let cure = "name the agent's socket with --socket or FABRIC_SOCKET";
        (codes::BAD_VALUE, sentence, cure)
    } else if is(ErrorKind::PermissionDenied) {
        let sentence = format!("the agent's socket {shown} is not open to this user");
        (codes::NO_PERMISSION, sentence, "repeat the command with sudo")
    } else if is(ErrorKind::InvalidInput) {
        // A unix address holds 107 bytes (unix(7)).
        let sentence = format!("{shown} cannot be the path of a socket: {error}");
        (codes::BAD_VALUE, sentence, "use a path of at most 107 bytes")
    } else {
        let sentence = format!("connecting to the agent at {shown} failed: {error}");
        let cure = "name the agent's socket with --socket or FABRIC_SOCKET";
        (codes::FAILED, sentence, cure)
    };
    Refusal::new(code, sentence).with_cure(cure)
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.file_type().is_socket())
}
