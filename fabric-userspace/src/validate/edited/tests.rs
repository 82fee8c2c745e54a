use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::{revalidate, validate};
use super::*;
use crate::edit::{Detach, RemoteAdd, RemoteRemove, attach, detach, remote_add, remote_remove};
use crate::error::Problem;
use crate::model::generate::{self, name};
use crate::model::{Gateway, GatewaySegment, PortOptions, Segment};

/// Both, or what is wrong: [`Valid`] has no order of its own.
type Answer = Result<Valid, Vec<Problem>>;

fn assert_same(quick: &Answer, whole: &Answer) {
    match (quick, whole) {
        (Ok(quick), Ok(whole)) => {
            assert_eq!(quick.document(), whole.document());
            assert_eq!(quick.nodes(), whole.nodes());
            assert_eq!(quick.tenants(), whole.tenants());
            assert_eq!(quick.segments(), whole.segments());
            assert_eq!(quick.storage(), whole.storage());
            assert_eq!(quick.gateways(), whole.gateways());
            assert_eq!(
                (quick.links(), quick.is_complete),
                (whole.links(), whole.is_complete)
            );
            assert!(quick.taken.is_as(&whole.taken));
        }
        (Err(quick), Err(whole)) => assert_eq!(quick, whole),
        (quick, whole) => panic!("{:?} against {:?}", quick.as_ref().err(), whole.as_ref().err()),
    }
}

/// One edit, as commands make them or as somebody who writes documents by hand.
#[derive(Debug, Clone)]
enum Edit {
    Attach(crate::edit::Attach),
    Detach(Index),
    Remote(Index, u8, bool),
    Damage(u8, Index, Index, u16),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let one = prop_oneof![
        4 => generate::request().prop_map(Edit::Attach),
        2 => any::<Index>().prop_map(Edit::Detach),
        1 => (any::<Index>(), 0u8..2, any::<bool>()).prop_map(|(at, link, add)| Edit::Remote(at, link, add)),
        6 => (0u8..19, any::<Index>(), any::<Index>(), 0u16..4).prop_map(|(kind, at, other, number)| Edit::Damage(kind, at, other, number)),
    ];
    vec(one, 1..16)
}

fn segment<'d>(document: &'d mut Document, at: &Index) -> Option<&'d mut Segment> {
    let count = document.tenants.iter().map(|tenant| tenant.segments.len()).sum();
    let at = (count > 0).then(|| at.index(count))?;
    let mut left = at;
    for tenant in &mut document.tenants {
        if left < tenant.segments.len() {
            return tenant.segments.get_mut(left);
        }
        left -= tenant.segments.len();
    }
    None
}

fn edited(document: &Document, edit: &Edit) -> Option<Document> {
    let mut copy = document.clone();
    match edit {
        Edit::Attach(request) => return attach(document, request).ok().map(|edited| edited.document),
        Edit::Detach(at) => {
            let segment = segment(&mut copy, at)?.clone();
            let end = segment
                .attachments
                .get(at.index(segment.attachments.len().max(1)))?
                .clone();
            let of = |tenant: &&Shared<Tenant>| tenant.segments.contains(&segment);
            let tenant = document.tenants.iter().find(of)?.name.clone();
            let (node, port, vlan) = (end.node, end.port, end.vlan);
            let request = Detach {
                tenant,
                node,
                port,
                vlan,
            };
            return detach(document, &request).ok().map(|edited| edited.document);
        }
        Edit::Remote(at, link, add) => {
            let (segment, link) = (segment(&mut copy, at)?.name.clone(), name(&format!("out{link}")));
            if !add {
                let request = RemoteRemove { segment, link };
                return remote_remove(document, &request)
                    .ok()
                    .map(|edited| edited.document);
            }
            let request = RemoteAdd {
                segment,
                link,
                c_vid: None,
                vni: None,
            };
            return remote_add(document, &request).ok().map(|edited| edited.document);
        }
        Edit::Damage(kind, at, other, number) => damage(&mut copy, *kind, (at, other), *number)?,
    }
    Some(copy)
}

/// What nobody should write, and what somebody may.
fn damage(document: &mut Document, kind: u8, (at, other): (&Index, &Index), number: u16) -> Option<()> {
    let count = document.tenants.len();
    let tenant = |at: &Index| (count > 0).then(|| at.index(count));
    let donor = segment(document, other).cloned();
    match kind {
        0 => drop(document.tenants.remove(tenant(at)?)),
        1 => document.tenants.swap(tenant(at)?, tenant(other)?),
        2 => {
            let copy = document.tenants[tenant(at)?].clone();
            document.tenants.insert(tenant(other)?, copy);
        }
        3 => document.tenants[tenant(at)?].name = name(&format!("tenant{number}")),
        4 => segment(document, at)?.name = donor?.name,
        5 => segment(document, at)?.s_vid = donor?.s_vid,
        6 => segment(document, at)?.c_vid = donor?.attachments.first()?.c_vid,
        7 => segment(document, at)?.vni = donor?.vni.filter(|_| number > 0),
        8 => {
            let mut end = donor?.attachments.first()?.clone();
            end.c_vid = end.c_vid.filter(|_| number > 1);
            segment(document, at)?.attachments.push(end);
        }
        9 => {
            let end = segment(document, at)?.attachments.first_mut()?;
            end.vlan = ["any", "untagged", "1", "2"][usize::from(number)]
                .parse()
                .expect("legal");
        }
        10 => {
            segment(document, at)?.attachments.first_mut()?.port = ["u0", "t1", "eth0", "eth1"]
                [usize::from(number)]
            .parse()
            .expect("legal")
        }
        11 => segment(document, at)?.attachments.first_mut()?.node = name(&format!("n{number}")),
        12 => segment(document, at)?.datacenter = Some(name(&format!("dc{number}"))),
        13 => {
            segment(document, at)?.attachments.first_mut()?.stations =
                donor?.attachments.first()?.stations.clone()
        }
        14 => {
            let limit = crate::model::MacLimit::new(u32::from(number) + 1).ok();
            document.tenants[tenant(at)?].mac_limit = limit;
            segment(document, other)?.mac_limit = crate::model::MacLimit::new(2).ok();
        }
        15 => {
            let node = document.nodes.first_mut()?;
            node.ports
                .push(PortOptions::of(format!("eth{number}").parse().expect("legal")));
        }
        16 => {
            let gateway = gateway(&document.tenants[tenant(at)?], number);
            document.gateways.retain(|known| known.name != gateway.name);
            document.gateways.extend((number > 0).then_some(gateway));
        }
        17 => {
            let count = document.storage.len().max(1);
            let vsm = document.storage.get_mut(at.index(count))?;
            match number {
                0 => drop(vsm.members.pop()),
                1 => vsm.segments.first_mut()?.segment = donor?.name,
                2 => vsm.members.first_mut()?.port = "eth4".parse().expect("legal"),
                _ => drop(document.storage.remove(at.index(count))),
            }
        }
        _ => {
            let (from, to) = (tenant(at)?, tenant(other)?);
            let moved = document.tenants[from].segments.pop()?;
            document.tenants[to].segments.insert(0, moved);
        }
    }
    Some(())
}

fn gateway(tenant: &Tenant, number: u16) -> Gateway {
    let place = |(at, segment): (usize, &Segment)| GatewaySegment {
        segment: segment.name.clone(),
        addresses: vec![format!("10.{number}.{at}.1/24").parse().expect("legal")],
    };
    Gateway {
        name: name(&format!("gate-{}", tenant.name)),
        tenant: tenant.name.clone(),
        mac: "02:00:00:00:00:fe".parse().expect("legal"),
        segments: tenant.segments.iter().enumerate().map(place).collect(),
        routes: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    // 400 documents with up to 15 edits one after the other, half of them wrong.
    #[test]
    fn what_has_changed_and_the_whole_are_judged_alike(document in generate::document(), edits in edits()) {
        let mut before = validate(document).expect("as operators write them");
        for edit in &edits {
            let Some(document) = edited(before.document(), edit) else { continue };
            let (quick, whole) = (revalidate(document.clone(), &before), validate(document));
            assert_same(&quick, &whole);
            if let Ok(valid) = quick {
                before = valid;
            }
        }
    }

    // Otherwise the test above compares the whole check with itself.
    #[test]
    fn what_commands_change_is_judged_without_the_whole(document in generate::attached(), request in generate::request()) {
        let before = validate(document).expect("as operators write them");
        let Ok(mut attached) = attach(before.document(), &request) else { return Ok(()) };
        prop_assert_eq!(check(&mut attached.document, &before).is_some(), validate(attached.document.clone()).is_ok());
    }
}

/// Labels and global VLANs are not in the documents above.
#[test]
fn segments_that_storage_machines_and_gateways_are_in_are_judged_as_a_whole() {
    let text = r#"{"schema":"fabric/1","datacenters":[{"name":"dc1","id":1,"s_vids":"100-1099","c_vids":"200-3999"}],
        "nodes":[{"name":"e1","datacenter":"dc1"}],
        "tenants":[{"name":"acme","segments":[{"name":"a","attachments":[{"node":"e1","port":"eth1","vlan":10}]}]},
            {"name":"other","segments":[{"name":"b","attachments":[{"node":"e1","port":"eth1","vlan":11}]}]}]}"#;
    let storage = r#"[{"name":"v","mac":"02:00:00:00:00:01","segments":[{"segment":"b","address":"10.0.0.1"}],
            "members":[{"name":"m","node":"e1","port":"eth1"}]}]"#;
    let plain: Document = crate::model::from_json(text).expect("a document");
    let (mut stored, mut routed) = (plain.clone(), plain);
    stored.storage = serde_json::from_str(storage).expect("storage machines");
    routed.gateways = vec![gateway(&routed.tenants[1], 0)];
    for document in [stored, routed] {
        assert_host_is_judged_as_a_whole(&validate(document).expect("valid"));
    }
}

/// Segment `b` of the second tenant is one that something else is in.
fn assert_host_is_judged_as_a_whole(before: &Valid) {
    let change = |change: fn(&mut Document)| {
        let mut document = before.document().clone();
        change(&mut document);
        let (quick, whole) = (revalidate(document.clone(), before), validate(document.clone()));
        assert_same(&quick, &whole);
        check(&mut document, before).is_some()
    };
    assert!(change(|document| document.tenants[0].segments[0].mac_limit = None));
    assert!(change(|document| document.tenants[0].segments[0].attachments
        [0]
    .port = "eth2".parse().expect("legal")));
    assert!(!change(|document| drop(document.tenants.remove(0))));
    assert!(!change(|document| drop(document.tenants.remove(1))));
    assert!(!change(|document| document.tenants[1].segments[0].attachments
        [0]
    .port = "eth2".parse().expect("legal")));
    assert!(!change(
        |document| (document.storage, document.gateways) = (Vec::new(), Vec::new())
    ));
}
