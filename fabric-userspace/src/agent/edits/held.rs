//! Numbers that must not be chosen yet: while numbers are chosen, segments of a tenant that stands in for them have them.

use std::collections::BTreeSet;

use crate::agent::server::Shared;
use crate::allocate::allocate;
use crate::model::{Document, ISid, Label, Name, Segment, SegmentLabel, ServiceVid, Tenant, Vni};
use crate::store::etcd::{Held, Number};

/// What the shared store holds back. Nothing where it does not answer: it checks every change itself, and no change is made
/// without it.
pub(in crate::agent) async fn held(shared: &Shared) -> Vec<Held> {
    let store = {
        let core = shared.core.lock().await;
        let cluster = core.cluster.as_ref().filter(|cluster| cluster.is_reachable());
        cluster.map(|cluster| cluster.store.clone())
    };
    match store {
        Some(store) => store.held().await.unwrap_or_else(|refusal| {
            tracing::debug!(problem = %refusal.sentence, "it is not known which numbers wait");
            Vec::new()
        }),
        None => Vec::new(),
    }
}

/// Fills in the numbers that a document leaves out, but for these.
pub(in crate::agent) fn fill(document: Document, held: &[Held]) -> Document {
    let Some((mut document, name)) = with_stand_in(&document, held, None) else {
        return document;
    };
    allocate(&mut document);
    without(document, &name)
}

/// The document in which these numbers are in use, and by whom; `None` if there are none. `tenant` may have back what was
/// his.
pub(super) fn with_stand_in(
    document: &Document,
    held: &[Held],
    tenant: Option<&Name>,
) -> Option<(Document, Name)> {
    let others = held
        .iter()
        .filter(|held| tenant.is_none_or(|tenant| tenant.as_str() != held.tenant));
    let others: Vec<Number> = others.map(|held| held.number).collect();
    let name = (!others.is_empty()).then(|| free_name(document)).flatten()?;
    let segments = others.into_iter().enumerate();
    let segments = segments
        .filter_map(|(at, number)| segment(&name, at, number))
        .collect();
    let mut document = document.clone();
    let tenant = Tenant {
        name: name.clone(),
        mac_limit: None,
        segments,
    };
    document.tenants.push(tenant.into());
    Some((document, name))
}

/// The same without the stand-in.
pub(super) fn without(mut document: Document, name: &Name) -> Document {
    document.tenants.retain(|tenant| tenant.name != *name);
    document
}

fn free_name(document: &Document) -> Option<Name> {
    let tenants: BTreeSet<&str> = document
        .tenants
        .iter()
        .map(|tenant| tenant.name.as_str())
        .collect();
    let segments = document.tenants.iter().flat_map(|tenant| &tenant.segments);
    let segments: Vec<&str> = segments.map(|segment| segment.name.as_str()).collect();
    let is_free = |name: &String| {
        !tenants.contains(name.as_str()) && !segments.iter().any(|segment| segment.starts_with(name.as_str()))
    };
    let name = (0_u32..).map(|number| format!("held{number}")).find(is_free)?;
    Name::new(&name).ok()
}

/// In no datacenter: nothing is chosen for it.
fn segment(tenant: &Name, at: usize, number: Number) -> Option<Segment> {
    let mut segment = Segment::named(Name::new(&format!("{tenant}-{at}")).ok()?);
    segment.datacenter = Some(tenant.clone());
    match number {
        Number::Tags(outer, inner) => {
            segment.s_vid = Some(ServiceVid::new(outer).ok()?);
            segment.c_vid = Some(ServiceVid::new(inner).ok()?);
        }
        Number::Vni(vni) => segment.vni = Some(Vni::new(vni).ok()?),
        Number::ISid(i_sid) => segment.i_sid = Some(ISid::new(i_sid).ok()?),
        Number::GlobalVid(vid) => segment.global_vid = Some(ServiceVid::new(vid).ok()?),
        Number::Label(label) => segment.labels.push(SegmentLabel {
            to: tenant.clone(),
            from: tenant.clone(),
            label: Label::new(label).ok()?,
        }),
    }
    Some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::from_json;

    fn document(segment: &str) -> Document {
        let text = format!(
            r#"{{"schema":"fabric/1","datacenters":[{{"name":"dc1","id":1,"s_vids":"100-102","c_vids":"200-2000","vnis":"10-12"}}],
                "nodes":[{{"name":"e1","datacenter":"dc1"}}],
                "links":[{{"name":"v","kind":"vxlan","ends":[{{"node":"e1","port":"u","address":"10.0.0.1"}},{{"address":"10.0.0.2"}}]}}],
                "tenants":[{{"name":"new","segments":[{{"name":"s","remotes":[{{"link":"v"}}]{segment}}}]}}]}}"#
        );
        from_json(&text).unwrap()
    }

    fn held(number: Number) -> Held {
        Held {
            number,
            tenant: "old".to_owned(),
        }
    }

    #[test]
    fn a_number_that_waits_is_passed_over() {
        let filled = fill(
            document(""),
            &[held(Number::Tags(100, 1100)), held(Number::Vni(10))],
        );
        let segment = &filled.tenants[0].segments[0];
        let numbers = (segment.s_vid.map(ServiceVid::get), segment.vni.map(Vni::get));
        assert_eq!((filled.tenants.len(), numbers), (1, (Some(101), Some(11))));
    }

    #[test]
    fn within_a_given_s_vid_the_next_c_vid_is_taken() {
        let waiting = [held(Number::Tags(100, 1100)), held(Number::Tags(100, 200))];
        let filled = fill(document(r#","s_vid":100"#), &waiting);
        let segment = &filled.tenants[0].segments[0];
        assert_eq!(segment.c_vid.map(ServiceVid::get), Some(201));
    }

    #[test]
    fn a_tenant_may_have_back_what_was_his() {
        let document = document("");
        let old = Name::new("old").unwrap();
        assert!(with_stand_in(&document, &[held(Number::Vni(10))], Some(&old)).is_none());
        assert!(with_stand_in(&document, &[], None).is_none());
    }
}
