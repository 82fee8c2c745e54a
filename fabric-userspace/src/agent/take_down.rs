//! Taking the data path down when no agent runs: after a layout that no new agent can adopt, or a crash.

use std::path::Path;

use super::core::{check_host, saved_neighbours, side_file};
use super::host::Host;
use super::numbers;
use super::ports::Ports;
use super::{cluster, evpn};
use crate::datapath::Datapath;
use crate::error::{Refusal, codes};
use crate::netlink::Netlink;
use crate::safety::{Outcome, Restored};
use crate::store::FileStore;

/// Detaches every program that is pinned below a state directory, releases the maps, and puts the interfaces back as they
/// were. Answers whether there was anything to take down. The document stays.
///
/// # Errors
/// When an agent uses the directory, or something stays.
pub async fn take_down(state_dir: &Path) -> Result<bool, Refusal> {
    check_host()?;
    if !state_dir.is_dir() {
        let sentence = format!("there is no state directory {}", state_dir.display());
        return Err(Refusal::new(codes::NO_FILE, sentence)
            .with_cure("give the --state-dir of the agent that ran")
            .unchanged());
    }
    let store = FileStore::open(state_dir)?;
    let netlink = Netlink::connect()
        .map_err(|error| Refusal::new(codes::FAILED, error.to_string()).with_cure("ulimit -n"))?;
    let mut ports = Ports::resume(Some(netlink.clone()), &store)?;
    let neighbours = saved_neighbours(&store)?;
    let pins = state_dir.join("bpf");
    let released = Datapath::release_pinned(&pins).map_err(|error| {
        let sentence = format!("the data path below {} stays: {error}", pins.display());
        Refusal::new(codes::FAILED, sentence).with_cure(format!("umount {}; fabric doctor", pins.display()))
    })?;
    let leftovers = ports.leftovers();
    let mut left = Vec::new();
    for name in &leftovers {
        left.extend(ports.give_back(&store, name).await?);
    }
    evpn::remove_made(&netlink, &store, &evpn::written_down(&store)?).await;
    let mut host = Host::new(Some(netlink));
    host.adopt(neighbours);
    host.forget_neighbours().await;
    numbers::forget(&store);
    for file in side_file::OF_THE_DATA_PATH {
        store.remove_side_file(file);
    }
    cluster::has_left(&store)?;
    all_put_back(&left)?;
    Ok(released || !leftovers.is_empty())
}

/// Refuses to call it done when an interface is not as it was before.
///
/// # Errors
/// When there is one.
pub(super) fn all_put_back(left: &[Restored]) -> Result<(), Refusal> {
    let Some(first) = left.first() else {
        return Ok(());
    };
    let more = match left.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let refusal = Refusal::new(
        codes::NOT_PUT_BACK,
        format!("the data path is down, but {first}{more}"),
    );
    Err(match &first.outcome {
        Outcome::Failed { cure, .. } => refusal.with_cure(cure.clone()),
        Outcome::Restored | Outcome::Incomplete { .. } | Outcome::Vanished => refusal,
    })
}
