//! Tenants' counters: some with a label of their own, the others in one sum that never goes backwards.

use std::collections::{BTreeMap, BTreeSet};

use super::Text;
use crate::api::{Count, TenantCounters};

/// Tenants with a label of their own; the others are summed under [`OTHERS`].
const TENANTS: usize = 500;
/// No tenant can have this name: the first character of a name is a letter or a digit.
const OTHERS: &str = "_others";

type Pick = fn(Count, Count) -> u64;

/// Which tenants have a label of their own, and what the others have counted together.
///
/// A tenant stays on its side as long as it exists: one that changed sides would take its count out of the sum, or put all of
/// it there at once. The sum is of what was added since the reading before, so it keeps the share of those that are gone.
#[derive(Default)]
pub(in crate::agent) struct TenantLabels {
    named: BTreeSet<String>,
    /// What each of the others had counted at the last reading, both ways.
    last: BTreeMap<String, (Count, Count)>,
    /// `None` as long as there was no other.
    others: Option<(Count, Count)>,
    has_begun: bool,
}

/// What is to be told.
pub(super) struct Shares<'a> {
    named: Vec<&'a TenantCounters>,
    others: Option<(Count, Count)>,
}

impl TenantLabels {
    /// Takes in a reading of all tenants by name. If the data path is that of an earlier agent (`adopted`), what it had counted
    /// before the first reading is left out: this agent cannot know who was in the sum then, and a sum that begins at 0 again
    /// is what every scraper expects of a new process.
    pub(super) fn share<'a>(&mut self, tenants: &'a [TenantCounters], adopted: bool) -> Shares<'a> {
        let exists: BTreeSet<&str> = tenants.iter().map(|tenant| tenant.tenant.as_str()).collect();
        self.named.retain(|name| exists.contains(name.as_str()));
        self.last.retain(|name, _| exists.contains(name.as_str()));
        let is_baseline = adopted && !self.has_begun;
        self.has_begun = true;
        let mut named = Vec::new();
        for tenant in tenants {
            if self.is_named(&tenant.tenant) {
                named.push(tenant);
            } else {
                self.add(tenant, is_baseline);
            }
        }
        Shares {
            named,
            others: self.others,
        }
    }

    /// A newcomer gets a label as long as there is one.
    fn is_named(&mut self, name: &str) -> bool {
        if self.named.contains(name) {
            return true;
        }
        let is_named = !self.last.contains_key(name) && self.named.len() < TENANTS;
        if is_named {
            self.named.insert(name.to_owned());
        }
        is_named
    }

    fn add(&mut self, tenant: &TenantCounters, is_baseline: bool) {
        let now = (tenant.received, tenant.transmitted);
        let before = self.last.insert(tenant.tenant.clone(), now);
        let before = before.unwrap_or(if is_baseline { now } else { Default::default() });
        let (received, transmitted) = self.others.get_or_insert_default();
        grow(received, before.0, now.0);
        grow(transmitted, before.1, now.1);
    }
}

/// A tenant that was removed and made again has counted less than before; nothing is taken back for that.
fn grow(sum: &mut Count, before: Count, now: Count) {
    sum.frames += now.frames.saturating_sub(before.frames);
    sum.bytes += now.bytes.saturating_sub(before.bytes);
}

pub(super) fn tenants(text: &mut Text, shares: Shares<'_>) {
    let families: [(&str, &str, Pick); 4] = [
        (
            "fabric_tenant_receive_frames_total",
            "Frames from the tenant that were sent on.",
            |received, _| received.frames,
        ),
        (
            "fabric_tenant_receive_bytes_total",
            "Their bytes without frame check sequence.",
            |received, _| received.bytes,
        ),
        (
            "fabric_tenant_transmit_frames_total",
            "Frames to the tenant.",
            |_, transmitted| transmitted.frames,
        ),
        (
            "fabric_tenant_transmit_bytes_total",
            "Their bytes without frame check sequence.",
            |_, transmitted| transmitted.bytes,
        ),
    ];
    for (name, help, pick) in families {
        text.family(name, "counter", help);
        for tenant in &shares.named {
            text.sample(
                name,
                &[("tenant", &tenant.tenant)],
                pick(tenant.received, tenant.transmitted),
            );
        }
        if let Some((received, transmitted)) = shares.others {
            text.sample(name, &[("tenant", OTHERS)], pick(received, transmitted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str, frames: u64) -> TenantCounters {
        let count = |frames| Count {
            frames,
            bytes: 100 * frames,
        };
        TenantCounters {
            tenant: name.to_owned(),
            received: count(frames),
            transmitted: count(2 * frames),
        }
    }

    /// 500 tenants from `t100` on.
    fn first() -> Vec<TenantCounters> {
        (100..100 + TENANTS)
            .map(|number| tenant(&format!("t{number}"), 1))
            .collect()
    }

    fn read(labels: &mut TenantLabels, tenants: &[TenantCounters]) -> (Vec<String>, Option<u64>) {
        let mut tenants = tenants.to_vec();
        tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        let shares = labels.share(&tenants, false);
        let named = shares.named.iter().map(|tenant| tenant.tenant.clone());
        (
            named.collect(),
            shares.others.map(|(received, _)| received.frames),
        )
    }

    #[test]
    fn a_tenant_that_comes_or_goes_moves_no_other_one_between_labels() {
        let mut labels = TenantLabels::default();
        let mut tenants = first();
        tenants.extend([tenant("x1", 10), tenant("x2", 20)]);
        let (named, others) = read(&mut labels, &tenants);
        assert_eq!((named.len(), others), (TENANTS, Some(30)));
        // First by name, and yet no one's place is taken.
        tenants.push(tenant("a", 5));
        let (again, others) = read(&mut labels, &tenants);
        assert_eq!((again, others), (named.clone(), Some(35)));
        // A place that is free is not for one who was counted elsewhere.
        tenants.retain(|tenant| tenant.tenant != "t100");
        assert_eq!(read(&mut labels, &tenants).1, Some(35));
        tenants.push(tenant("z", 1000));
        let (named, others) = read(&mut labels, &tenants);
        assert!(named.contains(&"z".to_owned()));
        assert_eq!(others, Some(35));
    }

    #[test]
    fn the_sum_keeps_what_removed_tenants_have_counted() {
        let mut labels = TenantLabels::default();
        let mut tenants = first();
        assert_eq!(read(&mut labels, &tenants).1, None);
        tenants.extend([tenant("x1", 10), tenant("x2", 20)]);
        assert_eq!(read(&mut labels, &tenants).1, Some(30));
        tenants.retain(|tenant| tenant.tenant != "x2");
        assert_eq!(read(&mut labels, &tenants).1, Some(30));
        tenants.push(tenant("x2", 4));
        assert_eq!(read(&mut labels, &tenants).1, Some(34));
        tenants.truncate(TENANTS);
        assert_eq!(read(&mut labels, &tenants).1, Some(34));
    }

    #[test]
    fn what_an_earlier_agent_has_counted_is_not_counted_again() {
        let mut labels = TenantLabels::default();
        let mut tenants = first();
        tenants.push(tenant("x1", 10));
        let shares = labels.share(&tenants, true);
        assert_eq!(shares.others, Some(Default::default()));
        tenants[TENANTS] = tenant("x1", 13);
        assert_eq!(read(&mut labels, &tenants).1, Some(3));
    }
}
