//! The document of an agent that was given none. It is valid as it stands, so that the first tenant can be attached at once.

use super::{Datacenter, Document, Name, Node, Range, RangeNumber};

impl Document {
    /// What an agent begins with that was given no document: its own node in one datacenter with wide ranges.
    pub fn starter(node: Name) -> Self {
        let datacenter = starter_datacenter();
        let node = datacenter.as_ref().map(|datacenter| Node {
            name: node,
            datacenter: datacenter.name.clone(),
            ports: Vec::new(),
        });
        Self {
            datacenters: datacenter.into_iter().collect(),
            nodes: node.into_iter().collect(),
            ..Self::default()
        }
    }
}

// The numbers are legal, which the test below holds; `Option` only spares a panic that cannot happen.
fn starter_datacenter() -> Option<Datacenter> {
    Some(Datacenter {
        name: Name::new("dc1").ok()?,
        id: 1,
        s_vids: range(100, 4000)?,
        c_vids: range(200, 4000)?,
        vnis: range(10_000, 99_999),
        labels: range(1000, 1999),
        i_sids: range(1_000_000, 1_003_999),
    })
}

fn range<T: RangeNumber>(first: u32, last: u32) -> Option<Range<T>> {
    Range::new(T::from_number(first)?, T::from_number(last)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_document_is_valid_and_has_its_node_and_ranges() {
        let document = Document::starter(Name::new("edge1").expect("legal"));
        let valid = crate::validate::validate(document).expect("valid");
        assert_eq!(valid.nodes()[0].name.as_str(), "edge1");
        let datacenter = &valid.datacenters()[0];
        assert_eq!(datacenter.s_vids.to_string(), "100-4000");
        assert_eq!(
            datacenter.vnis.map(|range| range.to_string()).as_deref(),
            Some("10000-99999")
        );
    }
}
