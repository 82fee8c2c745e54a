//! A fabric of many nodes in several datacenters.

use serde_json::{Value, json};

/// Tenants of one access port, each with a VLAN.
const OF_A_PORT: usize = 4000;

/// How large it is.
///
/// ```text
///   dc1: gate1 ──┬── n1-2 … n1-25        a trunk to each node of the datacenter
///          │     └── …
///        lines between the gates, each with each
///          │
///   dc2: gate2 ──── …
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Up to eight.
    pub datacenters: usize,
    /// Of all datacenters together; the first ones are the gates.
    pub nodes: usize,
    /// One in ten is in two datacenters; each is at one to four nodes of its first.
    pub tenants: usize,
}

impl Shape {
    /// Names of all nodes: the first of each datacenter, then the second of each, and so on.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        (0..self.nodes).map(|at| self.name(at)).collect()
    }

    fn name(self, at: usize) -> String {
        let (datacenter, number) = (at % self.datacenters + 1, at / self.datacenters + 1);
        if number == 1 {
            format!("gate{datacenter}")
        } else {
            format!("n{datacenter}-{number}")
        }
    }

    /// The document, without numbers: they are chosen.
    #[must_use]
    pub fn document(self) -> Value {
        let names = self.names();
        let node =
            |at: usize| json!({"name": names[at], "datacenter": format!("dc{}", at % self.datacenters + 1)});
        let trunk = |at: usize| {
            let gate = &names[at % self.datacenters];
            json!({"name": format!("trunk-{}", names[at]), "kind": "trunk", "ends": [
                {"node": gate, "port": format!("t{}", at / self.datacenters)}, {"node": names[at], "port": "up0"}]})
        };
        let pairs = (0..self.datacenters).flat_map(|one| (0..one).map(move |other| (other, one)));
        let line = |(one, other): (usize, usize)| {
            json!({"name": format!("line{}-{}", one + 1, other + 1), "kind": "pseudowire", "ends": [
                {"node": names[one], "port": format!("p{}", other + 1)}, {"node": names[other], "port": format!("p{}", one + 1)}]})
        };
        let trunks = (self.datacenters..self.nodes).map(trunk);
        json!({
            "schema": "fabric/1",
            "datacenters": (1..=self.datacenters).map(datacenter).collect::<Vec<_>>(),
            "nodes": (0..self.nodes).map(node).collect::<Vec<_>>(),
            "links": trunks.chain(pairs.map(line)).collect::<Vec<_>>(),
            "tenants": self.tenants(&names),
        })
    }

    fn tenants(self, names: &[String]) -> Vec<Value> {
        let tenant = |number: usize| {
            let (name, vlan) = (format!("t{number}"), number % OF_A_PORT + 1);
            let port = format!("eth{}", number / OF_A_PORT);
            let end = |at: usize| json!({"node": names[at], "port": port, "vlan": vlan});
            let ends: Vec<Value> = self.places(number).into_iter().map(end).collect();
            json!({"name": name, "segments": [{"name": format!("{name}-lan"), "attachments": ends}]})
        };
        (0..self.tenants).map(tenant).collect()
    }

    /// Nodes of a tenant: neighbours in its datacenter, and for one in ten one in the next.
    fn places(self, number: usize) -> Vec<usize> {
        let (home, turn) = (number % self.datacenters, number / self.datacenters);
        let racks = |of: usize| (self.nodes - of).div_ceil(self.datacenters);
        let node = |of: usize, turn: usize| turn % racks(of) * self.datacenters + of;
        let here = (1 + number % 4).min(racks(home));
        let mut places: Vec<usize> = (0..here).map(|more| node(home, turn + more)).collect();
        if number % 10 == 9 && self.datacenters > 1 {
            places.push(node((home + 1) % self.datacenters, turn));
        }
        places
    }
}

fn datacenter(id: usize) -> Value {
    // An eighth of all numbers each.
    let (s_vid, c_vid, label) = (500 * id - 499, 511 * id - 510, 20_000 * id);
    json!({"name": format!("dc{id}"), "id": id, "s_vids": format!("{s_vid}-{}", s_vid + 499),
        "c_vids": format!("{c_vid}-{}", c_vid + 510), "labels": format!("{label}-{}", label + 19_999)})
}

#[cfg(test)]
mod tests {
    use fabric_userspace::model::from_json;
    use fabric_userspace::validate::validate;

    use super::Shape;

    #[test]
    fn the_document_keeps_every_rule_and_uses_every_node() {
        let shape = Shape {
            datacenters: 8,
            nodes: 200,
            tenants: 1000,
        };
        let document = from_json(&shape.document().to_string()).unwrap();
        let valid = validate(document).unwrap();
        let used = |at: usize| {
            valid
                .segments()
                .iter()
                .filter(move |one| one.attachments.iter().any(|end| end.node.index() == at))
        };
        assert!((0..200).all(|at| used(at).count() >= 5));
        assert_eq!(
            valid
                .segments()
                .iter()
                .filter(|one| !one.labels.is_empty())
                .count(),
            100
        );
    }
}
