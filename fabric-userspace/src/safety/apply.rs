//! Changing the settings of interfaces, and putting them back exactly.

mod restore;

use crate::ethtool::{EthtoolError, Feature, FeatureDelta, Target};
use crate::netlink::{Netlink, NetlinkError};

use super::change::{Change, target};
use super::cure::{GRO, PROMISCUOUS, Side, Wish, quote, wishes};
use super::facts::{PeerFacts, PortFacts};
use super::{SafetyRefusal, judge};

pub(super) use restore::forget_gone;
use restore::put_back;
pub use restore::{Outcome, Restored, restore};

/// Why a setting of an interface could not be changed.
#[derive(Debug, thiserror::Error)]
enum SettingError {
    #[error(transparent)]
    Ethtool(#[from] EthtoolError),
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

impl SettingError {
    /// Whether the interface itself is gone.
    fn is_vanished(&self) -> bool {
        match self {
            Self::Ethtool(error) => error.is_vanished(),
            Self::Netlink(error) => error.is_vanished(),
        }
    }
}

/// The changes that would make the port safe; a refusal if they would not suffice.
pub(super) fn plan(facts: &PortFacts) -> Result<Vec<Change>, SafetyRefusal> {
    let wishes: Vec<Wish> = wishes(facts)
        .into_iter()
        .filter(|wish| is_changeable(facts, *wish))
        .collect();
    let mut after = facts.clone();
    for wish in &wishes {
        try_on(&mut after, *wish);
    }
    match judge(&after).iter().find_map(SafetyRefusal::from_check) {
        Some(refusal) => Err(refusal),
        None => Ok(wishes
            .into_iter()
            .filter_map(|wish| planned(facts, wish))
            .collect()),
    }
}

/// Carries out a plan. The changes returned are all bits that differ, also those that the kernel dragged along.
///
/// On an error what had been done is put back.
pub(super) async fn turn(
    netlink: &Netlink,
    facts: &PortFacts,
    plan: &[Change],
) -> Result<Vec<Change>, SafetyRefusal> {
    let mut done = Vec::new();
    if let Some(change) = plan.iter().find(|change| change.is_promiscuity()) {
        let set = netlink
            .set_promiscuous(facts.link.ifindex, change.new.wanted)
            .await;
        set.map_err(|error| not_promiscuous(facts, &error))?;
        done.push(change.clone());
    }
    for side in [Side::Port, Side::Peer] {
        let values: Vec<(String, bool)> = plan
            .iter()
            .filter(|change| change.side == side && !change.is_promiscuity())
            .map(|change| (change.feature.clone(), change.new.wanted))
            .collect();
        if values.is_empty() {
            continue;
        }
        let target = target(facts, side);
        match turn_one(target.clone(), values.clone()).await {
            Ok(deltas) => done.extend(
                deltas
                    .into_iter()
                    .map(|delta| noted(facts, side, &delta, &values)),
            ),
            Err(error) => {
                undo(netlink, facts, &done).await;
                return Err(refused(facts, &target, &values, &error));
            }
        }
    }
    Ok(done)
}

async fn turn_one(target: Target, values: Vec<(String, bool)>) -> Result<Vec<FeatureDelta>, EthtoolError> {
    let work = move || {
        target.with(|ethtool| {
            let before = ethtool.features(&target.interface)?;
            // On already and asked for: the port notices only when it goes off and on, see `redirects_refused`.
            if before.is_active(GRO) && values.iter().any(|(name, on)| name == GRO && *on) {
                ethtool.set_features(&target.interface, &[(GRO.to_owned(), false)])?;
            }
            ethtool.set_features(&target.interface, &values)?;
            Ok(before.diff(&ethtool.features(&target.interface)?))
        })
    };
    super::gather::blocking(work).await
}

/// Only the first side can have been done when the second fails.
async fn undo(netlink: &Netlink, facts: &PortFacts, done: &[Change]) {
    if !done.is_empty()
        && let Err(error) = put_back(netlink, target(facts, Side::Port), done).await
    {
        tracing::warn!(%error, port = facts.name(), "cannot put settings back");
    }
}

fn not_promiscuous(facts: &PortFacts, error: &NetlinkError) -> SafetyRefusal {
    let port = facts.name();
    SafetyRefusal {
        sentence: format!("{port} cannot be made safe: {error}"),
        cure: format!("ip link set {port} promisc on"),
        code: "offload-refused",
    }
}

fn refused(
    facts: &PortFacts,
    target: &Target,
    values: &[(String, bool)],
    error: &EthtoolError,
) -> SafetyRefusal {
    let words: Vec<String> = values
        .iter()
        .map(|(name, on)| format!(" {name} {}", if *on { "on" } else { "off" }))
        .collect();
    let prefix = target
        .place
        .as_ref()
        .map(|place| place.command_prefix())
        .unwrap_or_default();
    SafetyRefusal {
        sentence: format!("{} cannot be made safe: {error}", facts.name()),
        cure: format!(
            "{prefix}ethtool -K {}{}",
            quote(&target.interface),
            words.concat()
        ),
        code: "offload-refused",
    }
}

fn is_changeable(facts: &PortFacts, wish: Wish) -> bool {
    feature(facts, wish).is_some_and(|feature| feature.changeable)
}

fn feature(facts: &PortFacts, wish: Wish) -> Option<Feature> {
    match (wish.side, &facts.peer) {
        (Side::Port, _) if wish.feature == PROMISCUOUS => Some(Feature {
            changeable: true,
            wanted: facts.link.promiscuous,
            active: facts.link.promiscuous,
        }),
        (Side::Port, _) => facts.features.get(wish.feature),
        (Side::Peer, PeerFacts::Known { features, .. }) => features.get(wish.feature),
        (Side::Peer, PeerFacts::None | PeerFacts::Unreadable { .. }) => None,
    }
}

fn try_on(facts: &mut PortFacts, wish: Wish) {
    match (wish.side, &mut facts.peer) {
        (Side::Port, _) if wish.feature == PROMISCUOUS => facts.link.promiscuous = wish.on,
        (Side::Port, _) => facts.features = facts.features.with(wish.feature, wish.on),
        (Side::Peer, PeerFacts::Known { features, .. }) => {
            *features = features.with(wish.feature, wish.on);
            if let Some(xdp) = facts.xdp_features.as_mut().filter(|_| wish.feature == GRO) {
                xdp.receives_redirects = wish.on;
            }
        }
        (Side::Peer, PeerFacts::None | PeerFacts::Unreadable { .. }) => {}
    }
}

fn planned(facts: &PortFacts, wish: Wish) -> Option<Change> {
    let old = feature(facts, wish)?;
    let new = Feature {
        wanted: wish.on,
        active: wish.on,
        ..old
    };
    Some(Change::new(facts, wish.side, wish.feature, old, new, true))
}

fn noted(facts: &PortFacts, side: Side, delta: &FeatureDelta, values: &[(String, bool)]) -> Change {
    let asked = values.iter().any(|(name, _)| *name == delta.name);
    Change::new(facts, side, &delta.name, delta.old, delta.new, asked)
}
