use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::edit::{Attach, Known, attach, attach_knowing};
use crate::model::generate::{self, name};
use crate::model::{Range, ServiceVid, from_json};

/// Two datacenters with every kind of link between nodes, and so few numbers that they run out.
fn plant() -> Document {
    let datacenter = |at: usize| {
        let (s, v, label) = (100 + at * 10, 10 + at * 10, 16 + at * 100);
        serde_json::json!({"name": format!("dc{at}"), "id": at, "s_vids": format!("{s}-{}", s + 2),
            "c_vids": format!("{}-{}", 1000 + at * 100, 1007 + at * 100), "vnis": format!("{v}-{}", v + 3),
            "labels": format!("{label}-{}", label + 4), "i_sids": format!("{}-{}", v + 256, v + 259)})
    };
    let node =
        |at: usize| serde_json::json!({"name": format!("n{at}"), "datacenter": format!("dc{}", at / 3)});
    let end = |node: usize, port: &str| serde_json::json!({"node": format!("n{node}"), "port": port});
    let link = |name: &str, kind: &str, a: usize, b: usize| serde_json::json!({"name": name, "kind": kind, "ends": [end(a, name), end(b, name)]});
    let vxlan = serde_json::json!({"name": "v", "kind": "vxlan", "ends": [
        {"node": "n0", "port": "u", "address": "192.0.2.1"}, {"node": "n1", "port": "u", "address": "192.0.2.2"}]});
    let links = [
        vxlan,
        link("t", "trunk", 3, 4),
        link("i", "i-tag", 1, 2),
        link("g", "global-vlan", 0, 2),
        link("p", "pseudowire", 0, 3),
    ];
    let document = serde_json::json!({
        "schema": "fabric/1",
        "global_vids": "3000-3002",
        "datacenters": [datacenter(0), datacenter(1)],
        "nodes": (0..5).map(node).collect::<Vec<_>>(),
        "links": links,
    });
    from_json(&document.to_string()).unwrap()
}

/// What becomes of a document, by commands or by somebody who writes it by hand.
#[derive(Debug, Clone)]
enum Step {
    /// In force afterwards or not: it may be refused for another reason.
    Attach(Attach, bool),
    Remove(Index),
    Swap(Index, Index),
    /// Two have the same numbers.
    Repeat(Index, Index),
    Forget(Index, u8),
    Range(u16, u16),
}

/// One segment of each tenant, in both datacenters: there are more of them than S-VIDs, and they want the same labels.
fn stretched(request: Attach, node: u8) -> Attach {
    let request = Attach {
        node: name(["n0", "n3"][usize::from(node)]),
        vlan: Vlan::Untagged,
        ..request
    };
    Attach {
        segment: Some(name(&format!("{}-s", request.tenant))),
        ..request
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        6 => (generate::request(), any::<bool>()).prop_map(|(request, stays)| Step::Attach(request, stays)),
        12 => (generate::request(), 0u8..2, any::<bool>())
            .prop_map(|(request, node, stays)| Step::Attach(stretched(request, node), stays)),
        3 => any::<Index>().prop_map(Step::Remove),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Step::Swap(a, b)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Step::Repeat(a, b)),
        1 => (any::<Index>(), 0u8..6).prop_map(|(at, which)| Step::Forget(at, which)),
        1 => (0u16..3, 0u16..4).prop_map(|(first, more)| Step::Range(first, more)),
    ];
    vec(one, 1..60)
}

fn assert_same(ledger: &Ledger, document: &Document) {
    let mut anew = Ledger::default();
    anew.follow(document);
    assert_eq!(ledger.tenants, *document.tenants);
    assert_eq!((&ledger.names, &ledger.segments), (&anew.names, &anew.segments));
    assert_eq!(ledger.ends, anew.ends);
    assert!(ledger.free.has_same(&anew.free));
}

/// The first segment of a tenant.
fn segment<'d>(document: &'d mut Document, at: &Index) -> Option<&'d mut Segment> {
    let count = document.tenants.len();
    let at = (count > 0).then(|| at.index(count))?;
    document.tenants[at].segments.first_mut()
}

fn forget(segment: &mut Segment, which: u8) {
    match which {
        0 => segment.s_vid = None,
        1 => segment.c_vid = None,
        2 => segment.vni = None,
        3 => (segment.i_sid, segment.global_vid) = (None, None),
        4 => segment.labels.clear(),
        _ => segment.attachments.iter_mut().for_each(|end| end.c_vid = None),
    }
}

/// The document after a step that is no attachment.
fn damaged(document: &Document, step: &Step) -> Document {
    let mut document = document.clone();
    let count = document.tenants.len();
    match step {
        Step::Remove(at) if count > 0 => drop(document.tenants.remove(at.index(count))),
        Step::Swap(a, b) if count > 0 => document.tenants.swap(a.index(count), b.index(count)),
        Step::Repeat(from, to) => {
            let from = segment(&mut document, from).cloned();
            if let (Some(from), Some(to)) = (from, segment(&mut document, to)) {
                *to = Segment {
                    name: to.name.clone(),
                    ..from
                };
            }
        }
        Step::Forget(at, which) => {
            if let Some(segment) = segment(&mut document, at) {
                forget(segment, *which);
            }
        }
        Step::Range(first, more) => {
            let vid = |number: u16| ServiceVid::new(number).unwrap();
            document.datacenters[0].s_vids = Range::new(vid(100 + first), vid(100 + first + more)).unwrap();
        }
        Step::Remove(_) | Step::Swap(..) | Step::Attach(..) => {}
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_known_gives_what_looking_at_all_gives(steps in steps()) {
        let (mut document, mut ledger) = (plant(), Ledger::default());
        for step in &steps {
            let Step::Attach(request, stays) = step else {
                document = damaged(&document, step);
                continue;
            };
            let is_complete = fill(&mut document.clone()).is_complete && are_filled(&document);
            let quick = attach_knowing(&document, request, &mut Known::of(&document, &mut ledger, is_complete));
            let whole = attach(&document, request);
            prop_assert_eq!(&quick, &whole);
            ledger.follow(&document);
            assert_same(&ledger, &document);
            if let Ok(edited) = whole {
                ledger.follow(&edited.document);
                assert_same(&ledger, &edited.document);
                document = if *stays { edited.document } else { document };
            }
        }
    }
}

fn are_filled(document: &Document) -> bool {
    let mut filled = document.clone();
    fill(&mut filled);
    filled == *document
}

#[test]
fn a_number_that_was_given_up_is_given_again() {
    let (mut document, mut ledger) = (plant(), Ledger::default());
    let request = |number: u8| {
        Attach::new(
            name(&format!("t{number}")),
            name("n0"),
            format!("eth{number}").parse().unwrap(),
            "5".parse().unwrap(),
        )
    };
    let mut attach = |document: &Document, number| {
        let known = &mut Known::of(document, &mut ledger, true);
        attach_knowing(document, &request(number), known).unwrap()
    };
    for (number, s_vid) in [(0, 100), (1, 101), (2, 102)] {
        let edited = attach(&document, number);
        assert_eq!(edited.answer.s_vid.get(), s_vid);
        document = edited.document;
    }
    document.tenants.remove(1);
    assert_eq!(attach(&document, 3).answer.s_vid.get(), 101);
}
