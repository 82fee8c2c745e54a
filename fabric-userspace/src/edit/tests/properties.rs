use proptest::prelude::*;

use super::*;
use crate::model::{document_diff, generate};

proptest! {
    #[test]
    fn whatever_fits_makes_a_valid_document(document in generate::document()) {
        // Members of one segment may sit on nodes of one tree only, which `plant` grants.
        let checked = validate(document.clone());
        prop_assert!(checked.is_ok(), "{:?}", checked.err());
    }

    #[test]
    fn detaching_undoes_attaching(document in generate::document(), request in generate::request()) {
        let Ok(attached) = attach(&document, &request) else { return Ok(()) };
        if !attached.answer.changed {
            prop_assert_eq!(attached.document, document);
            return Ok(());
        }
        let Attach { tenant, node, port, vlan, .. } = request;
        let mut detached = detach(&attached.document, &Detach { tenant, node, port, vlan }).expect("it is there");
        forget_gained_vnis(&document, &mut detached.document);
        prop_assert_eq!(&detached.document, &document);
        prop_assert_eq!(detached.answer.removed_tenant, attached.answer.new_tenant);
        prop_assert_eq!(detached.answer.removed_segment, attached.answer.new_segment);
    }

    #[test]
    fn attaching_twice_is_attaching_once(document in generate::document(), request in generate::request()) {
        let Ok(once) = attach(&document, &request) else { return Ok(()) };
        let twice = attach(&once.document, &request).expect("nothing to do");
        prop_assert!(!twice.answer.changed);
        prop_assert_eq!(&twice.document, &once.document);
        // What is told about it is what was told the first time.
        let same = Attached { changed: once.answer.changed, allocated: once.answer.allocated, new_tenant: once.answer.new_tenant,
            new_segment: once.answer.new_segment, ..twice.answer };
        prop_assert_eq!(same, once.answer);
    }

    #[test]
    fn a_change_touches_its_own_tenant_only(document in generate::document(), request in generate::request()) {
        let Ok(attached) = attach(&document, &request) else { return Ok(()) };
        let changes = document_diff(&document, &attached.document);
        prop_assert_eq!(changes.len(), usize::from(attached.answer.changed));
        prop_assert!(changes.iter().all(|change| change.name == request.tenant), "{:?}", changes);
    }
}

/// A segment keeps a VNI that it got when it first spanned nodes: numbers of a living segment never change.
fn forget_gained_vnis(before: &Document, after: &mut Document) {
    for (before, after) in before.tenants.iter().zip(&mut after.tenants) {
        for (before, after) in before.segments.iter().zip(&mut after.segments) {
            after.vni = after.vni.filter(|_| before.vni.is_some());
        }
    }
}
