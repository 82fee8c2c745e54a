//! An interface as `ethtool` and `ip` tell of it.

use std::collections::BTreeMap;

use fabric_tests::netns::NetNs;
use serde_json::Value;

/// Everything that can be set on one interface and could be left changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(crate) fn of(namespace: &NetNs, interface: &str) -> Self {
        let mut all = BTreeMap::new();
        let features = namespace.output(&["ethtool", "-k", interface]).unwrap();
        for (name, value) in features.lines().skip(1).filter_map(|line| line.split_once(':')) {
            all.insert(format!("feature {}", name.trim()), value.trim().to_owned());
        }
        let Value::Object(link) = link(namespace, interface) else {
            panic!("ip names no interface {interface}")
        };
        for (name, mut value) in link {
            stop_clocks(&mut value);
            all.insert(format!("link {name}"), value.to_string());
        }
        let neighbours = namespace
            .output(&["ip", "-j", "neigh", "show", "dev", interface])
            .unwrap();
        all.insert("neighbours".to_owned(), neighbours.trim().to_owned());
        Self(all)
    }

    /// What is otherwise now, as `name: old -> new`.
    pub(crate) fn changed(&self, now: &Self) -> Vec<String> {
        let names = self
            .0
            .keys()
            .chain(now.0.keys().filter(|name| !self.0.contains_key(*name)));
        let none = "nothing".to_owned();
        let pairs = names.map(|name| {
            let value = |all: &Self| all.0.get(name).unwrap_or(&none).clone();
            (name, value(self), value(now))
        });
        pairs
            .filter(|(_, old, new)| old != new)
            .map(|(name, old, new)| format!("{name}: {old} -> {new}"))
            .collect()
    }
}

fn link(namespace: &NetNs, interface: &str) -> Value {
    let told = namespace
        .output(&["ip", "-d", "-j", "link", "show", interface])
        .unwrap();
    let mut told: Value = serde_json::from_str(&told).unwrap();
    told[0].take()
}

/// A bridge also tells how long its timers have still to run, which is no setting.
fn stop_clocks(value: &mut Value) {
    if let Some(data) = value.get_mut("info_data").and_then(Value::as_object_mut) {
        data.retain(|name, _| !name.ends_with("_timer"));
    }
}

/// Whether an XDP program of any mode is on the interface.
pub(crate) fn has_program(namespace: &NetNs, interface: &str) -> bool {
    !link(namespace, interface)["xdp"].is_null()
}

/// Mode (1 is the driver's) and number of the program on the interface.
pub(crate) fn program(namespace: &NetNs, interface: &str) -> Option<(u64, u64)> {
    let xdp = &link(namespace, interface)["xdp"];
    Some((xdp["mode"].as_u64()?, xdp["prog"]["id"].as_u64()?))
}
