//! Putting back the old values of recorded changes.

use std::fmt;

use serde::Serialize;

use super::SettingError;
use crate::ethtool::{EthtoolError, Target};
use crate::netlink::{Link, Netlink, NetlinkError, NetnsPlace};
use crate::safety::change::Change;
use crate::safety::cure::{Side, quote};
use crate::safety::gather::blocking;

/// How putting back went for one interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Every recorded feature has its old value again.
    Restored,
    /// The old values were asked for again, but the device does not follow in these yet.
    Incomplete { features: Vec<String> },
    /// The interface is gone, and its features with it.
    Vanished,
    /// The old values could not be asked for.
    Failed { reason: String, cure: String },
}

/// One interface that was treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    pub port: String,
    pub interface: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl fmt::Display for Restored {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interface = &self.interface;
        match &self.outcome {
            Outcome::Restored => write!(out, "{interface} has its old settings again"),
            Outcome::Incomplete { features } => {
                write!(out, "{interface} does not yet follow in {}", features.join(", "))
            }
            Outcome::Vanished => write!(out, "{interface} is gone"),
            Outcome::Failed { reason, .. } => {
                write!(out, "the settings of {interface} could not be put back: {reason}")
            }
        }
    }
}

/// Puts every feature back to its oldest recorded value, the last changed interface first.
///
/// To be called after the XDP program is detached: a veth's offloads depend on it.
pub async fn restore(netlink: &Netlink, changes: &[Change]) -> Vec<Restored> {
    let mut outcomes = Vec::new();
    for group in groups(changes) {
        let outcome = restore_group(netlink, &group).await;
        if let Some(first) = group.first() {
            outcomes.push(Restored {
                port: first.port.clone(),
                interface: first.interface.clone(),
                outcome,
            });
        }
    }
    outcomes
}

/// The changes of each interface in the order in which they were made; interfaces in reverse order.
fn groups(changes: &[Change]) -> Vec<Vec<Change>> {
    let mut groups: Vec<Vec<Change>> = Vec::new();
    for change in changes {
        let same = |group: &&mut Vec<Change>| {
            group.first().is_some_and(|first| {
                (first.ifindex, first.side, &first.mac) == (change.ifindex, change.side, &change.mac)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(change.clone()),
            None => groups.push(vec![change.clone()]),
        }
    }
    groups.reverse();
    groups
}

async fn restore_group(netlink: &Netlink, group: &[Change]) -> Outcome {
    let Some(first) = group.first() else {
        return Outcome::Restored;
    };
    let target = match find(netlink, first).await {
        Ok(Some(target)) => target,
        Ok(None) => return Outcome::Vanished,
        Err(reason) => {
            return Outcome::Failed {
                reason,
                cure: cure(first.place.as_ref(), &first.interface, group),
            };
        }
    };
    match put_back(netlink, target.clone(), group).await {
        Ok(behind) if behind.is_empty() => Outcome::Restored,
        Ok(behind) => Outcome::Incomplete { features: behind },
        Err(error) if error.is_vanished() => Outcome::Vanished,
        Err(error) => Outcome::Failed {
            reason: error.to_string(),
            cure: cure(target.place.as_ref(), &target.interface, group),
        },
    }
}

/// The port that was changed, or whose peer was, as it is now; `None` if it is gone.
async fn port_of(netlink: &Netlink, change: &Change) -> Result<Option<Link>, String> {
    match netlink.link_by_index(change.ifindex).await {
        Ok(link) if change.is_about(&link) => Ok(Some(link)),
        Ok(_) | Err(NetlinkError::NoSuchLink(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Forgets the changes of interfaces that are gone, and their features with them, now that `planned` are to be made on the one
/// that has come in their place. What cannot be looked at stays.
pub(in crate::safety) async fn forget_gone(netlink: &Netlink, kept: &mut Vec<Change>, planned: &[Change]) {
    let is_planned = |change: &Change| planned.iter().any(|one| one.is_same_port(change));
    let mut gone: Vec<Change> = Vec::new();
    for change in kept.iter().filter(|change| !is_planned(change)) {
        let is_known = gone.iter().any(|one| one.is_same_port(change));
        if !is_known && port_of(netlink, change).await == Ok(None) {
            gone.push(change.clone());
        }
    }
    kept.retain(|change| !gone.iter().any(|one| one.is_same_port(change)));
}

/// Where the interface is now: it may have been renamed, and a peer may have moved to another namespace.
async fn find(netlink: &Netlink, change: &Change) -> Result<Option<Target>, String> {
    let Some(link) = port_of(netlink, change).await? else {
        return Ok(None);
    };
    if change.side == Side::Port {
        return Ok(Some(Target {
            place: None,
            interface: link.name,
            ifindex: link.ifindex,
        }));
    }
    match netlink.peer_of(&link, change.place.as_ref()).await {
        Ok(Some(peer)) if peer.is_unreachable() => Err(format!(
            "peer {}{} cannot be entered",
            peer.link.name,
            peer.whereabouts()
        )),
        Ok(Some(peer)) => Ok(Some(Target {
            place: peer.place,
            interface: peer.link.name,
            ifindex: peer.link.ifindex,
        })),
        Ok(None) | Err(NetlinkError::NoSuchLink(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Asks for the old values and returns the features in which the device does not follow.
pub(super) async fn put_back(
    netlink: &Netlink,
    target: Target,
    changes: &[Change],
) -> Result<Vec<String>, SettingError> {
    let (flag, features): (Vec<Change>, Vec<Change>) =
        changes.iter().cloned().partition(Change::is_promiscuity);
    if let Some(first) = flag.first() {
        netlink.set_promiscuous(target.ifindex, first.old.wanted).await?;
    }
    if features.is_empty() {
        return Ok(Vec::new());
    }
    Ok(put_back_features(target, features).await?)
}

async fn put_back_features(target: Target, changes: Vec<Change>) -> Result<Vec<String>, EthtoolError> {
    let work = move || {
        target.with(|ethtool| {
            let interface = &target.interface;
            let now = ethtool.features(interface)?;
            let values: Vec<(String, bool)> = oldest(&changes)
                .filter(|change| now.is_changeable(&change.feature))
                .map(|change| (change.feature.clone(), change.old.wanted))
                .collect();
            ethtool.set_features(interface, &values)?;
            let after = ethtool.features(interface)?;
            let behind =
                oldest(&changes).filter(|change| after.is_active(&change.feature) != change.old.active);
            Ok(behind.map(|change| change.feature.clone()).collect())
        })
    };
    blocking(work).await
}

/// The first record of each feature: the one that knows its original value.
fn oldest(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().enumerate().filter_map(|(at, change)| {
        let repeated = changes[..at]
            .iter()
            .any(|earlier| earlier.feature == change.feature);
        (!repeated).then_some(change)
    })
}

fn cure(place: Option<&NetnsPlace>, interface: &str, group: &[Change]) -> String {
    let prefix = place.map(NetnsPlace::command_prefix).unwrap_or_default();
    let asked = oldest(group).filter(|change| change.old.wanted != change.new.wanted);
    let (flag, features): (Vec<&Change>, Vec<&Change>) = asked.partition(|change| change.is_promiscuity());
    let words = |changes: &[&Change]| -> String {
        let word = |on: bool| if on { "on" } else { "off" };
        changes
            .iter()
            .map(|change| format!(" {} {}", change.feature, word(change.old.wanted)))
            .collect()
    };
    let interface = quote(interface);
    let mut commands = Vec::new();
    if !flag.is_empty() {
        commands.push(format!("ip link set {interface}{}", words(&flag)));
    }
    if !features.is_empty() || flag.is_empty() {
        commands.push(format!("{prefix}ethtool -K {interface}{}", words(&features)));
    }
    commands.join(" && ")
}
