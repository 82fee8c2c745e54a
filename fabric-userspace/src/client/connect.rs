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
    match error.kind() {
        ErrorKind::NotFound => {
            Refusal::new(codes::AGENT_AWAY, format!("no agent: there is no socket {shown}")).with_cure(start)
        }
        ErrorKind::ConnectionRefused if !is_socket(socket) => Refusal::new(
            codes::BAD_VALUE,
            format!("{shown} is not a socket, so no agent listens there"),
        )
        .with_cure("name the agent's socket with --socket or FABRIC_SOCKET"),
        ErrorKind::ConnectionRefused => {
            Refusal::new(codes::AGENT_AWAY, format!("no agent: nobody listens on {shown}")).with_cure(start)
        }
        ErrorKind::PermissionDenied => Refusal::new(
            codes::NO_PERMISSION,
            format!("the agent's socket {shown} is not open to this user"),
        )
        .with_cure("repeat the command with sudo"),
        // A unix address holds 107 bytes (unix(7)).
        ErrorKind::InvalidInput => Refusal::new(
            codes::BAD_VALUE,
            format!("{shown} cannot be the path of a socket: {error}"),
        )
        .with_cure("use a path of at most 107 bytes"),
        _ => Refusal::new(
            codes::FAILED,
            format!("connecting to the agent at {shown} failed: {error}"),
        )
        .with_cure("fabric status --socket PATH, with the path that the agent was started with"),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.file_type().is_socket())
}
