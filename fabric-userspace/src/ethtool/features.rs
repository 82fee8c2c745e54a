//! The feature table of an interface as a value, and the difference between two of them.

/// One feature bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feature {
    /// Whether a user may change it; otherwise `ethtool -k` shows `[fixed]`.
    pub changeable: bool,
    /// What was asked for.
    pub wanted: bool,
    /// What the device does: differs from `wanted` while a feature it depends on is off.
    pub active: bool,
}

/// A feature whose value differs between two readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureDelta {
    pub name: String,
    pub old: Feature,
    pub new: Feature,
}

/// The features of one interface, in the kernel's bit order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    entries: Vec<(String, Feature)>,
}

impl Features {
    pub fn new(entries: Vec<(String, Feature)>) -> Self {
        Self { entries }
    }

    pub fn get(&self, name: &str) -> Option<Feature> {
        self.entries
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, feature)| *feature)
    }

    /// Whether the device does it now; a feature the kernel does not know is off.
    pub fn is_active(&self, name: &str) -> bool {
        self.get(name).is_some_and(|feature| feature.active)
    }

    /// Whether it is on or would come on as soon as the feature it depends on does.
    pub fn is_active_or_wanted(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|feature| feature.active || (feature.changeable && feature.wanted))
    }

    pub fn is_changeable(&self, name: &str) -> bool {
        self.get(name).is_some_and(|feature| feature.changeable)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The same table after asking for `on`, for judging a cure before it is applied. Changes nothing that is fixed.
    pub fn with(&self, name: &str, on: bool) -> Self {
        let mut changed = self.clone();
        for (known, feature) in &mut changed.entries {
            if known == name && feature.changeable {
                feature.wanted = on;
                feature.active = on;
            }
        }
        changed
    }

    /// Every feature whose wanted or active value differs in `after`, in bit order.
    pub fn diff(&self, after: &Self) -> Vec<FeatureDelta> {
        let mut deltas = Vec::new();
        for (name, old) in &self.entries {
            let Some(new) = after.get(name) else { continue };
            if old.wanted != new.wanted || old.active != new.active {
                deltas.push(FeatureDelta {
                    name: name.clone(),
                    old: *old,
                    new,
                });
            }
        }
        deltas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bits: &[(&str, bool, bool, bool)]) -> Features {
        Features::new(
            bits.iter()
                .map(|&(name, changeable, wanted, active)| {
                    (
                        name.to_owned(),
                        Feature {
                            changeable,
                            wanted,
                            active,
                        },
                    )
                })
                .collect(),
        )
    }

    #[test]
    fn a_feature_that_was_dragged_along_is_part_of_the_difference() {
        let before = table(&[
            ("tx-checksum-ip-generic", true, true, true),
            ("tx-tcp-segmentation", true, true, true),
        ]);
        let after = table(&[
            ("tx-checksum-ip-generic", true, false, false),
            ("tx-tcp-segmentation", true, true, false),
        ]);
        let names: Vec<_> = before.diff(&after).into_iter().map(|delta| delta.name).collect();
        assert_eq!(names, ["tx-checksum-ip-generic", "tx-tcp-segmentation"]);
        assert_eq!(before.diff(&before), []);
    }

    #[test]
    fn a_fixed_feature_stays_when_a_change_is_tried_on_the_table() {
        let before = table(&[
            ("rx-vlan-hw-parse", false, true, true),
            ("rx-gro", true, false, false),
        ]);
        let after = before.with("rx-vlan-hw-parse", false).with("rx-gro", true);
        assert!(after.is_active("rx-vlan-hw-parse"));
        assert!(after.is_active("rx-gro"));
    }

    #[test]
    fn an_unknown_feature_is_off_and_cannot_be_changed() {
        let features = table(&[]);
        assert!(!features.is_active("rx-gro"));
        assert!(!features.is_changeable("rx-gro"));
    }
}
