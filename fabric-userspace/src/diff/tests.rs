use fabric_common::maps::{Binding, FloodKey};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::compile::tests::growth::checked;
use crate::compile::tests::support::{compile_from, figure1, host, valid, with_a_third_member};
use crate::ids::Sizes;
use crate::model::{Document, generate};

/// Whatever an entry points to is there, and is of its segment.
fn check(records: &Records) -> Result<(), String> {
    let there = |found: bool, what: String| if found { Ok(()) } else { Err(what) };
    let hop = |id: u32, segment: u32| {
        id == 0
            || records
                .next_hops
                .get(&id)
                .is_some_and(|hop| hop.segment == segment)
    };
    let sound = |binding: &Binding| {
        let segment = binding.segment();
        let known = records.segments.contains_key(&segment);
        segment == 0 || known && hop(binding.learn(), segment) && hop(binding.direct(), segment)
    };
    for (index, binding) in &records.access {
        there(sound(binding), format!("access {index:x}"))?;
    }
    for (key, id) in &records.tags {
        there(
            records.bindings.get(id).is_some_and(&sound),
            format!("tag {key:x}"),
        )?;
    }
    for (key, id) in &records.tunnel_keys {
        let tunnel = records.tunnels.get(id);
        there(
            tunnel.is_some_and(|tunnel| sound(&tunnel.binding)),
            format!("tunnel key {key:x}"),
        )?;
    }
    for ((segment, mac), id) in &records.stations {
        let known = records.segments.contains_key(segment);
        there(known && hop(*id, *segment), format!("station {mac:x}"))?;
    }
    for (id, next_hop) in records.next_hops.iter().filter(|(_, hop)| !hop.decides()) {
        let path = records.paths.get(&next_hop.path);
        there(
            path.is_some_and(|path| path.segment == next_hop.segment),
            format!("next hop {id}"),
        )?;
    }
    let irb = |id: u32, segment: u32| records.irbs.get(&id).is_some_and(|irb| irb.segment() == segment);
    // A next hop that decides comes before what it decides by, which names other next hops: nobody is led there yet.
    for ((segment, mac), id) in &records.stations {
        let next_hop = &records.next_hops[id];
        let is_complete = !next_hop.decides()
            || records.vsm_places.contains_key(&next_hop.path) && next_hop.is_vsm()
            || irb(next_hop.path, *segment) && next_hop.is_gateway();
        there(is_complete, format!("what station {mac:x} leads to"))?;
    }
    for (segment, limits) in &records.segments {
        there(
            limits.irb == 0 || irb(limits.irb, *segment),
            format!("gateway of {segment}"),
        )?;
    }
    for (id, place) in &records.vsm_places {
        let known = records.vsms.contains_key(&place.vsm);
        let mut hops = place
            .next_hops
            .iter()
            .chain(&place.sources)
            .filter(|hop| **hop != 0);
        let are_there = hops.all(|hop| records.next_hops.contains_key(hop));
        there(known && are_there, format!("place {id}"))?;
    }
    for (prefix, route) in &records.prefixes {
        let irb = records.irbs.get(&route.irb);
        let is_own = irb.is_some_and(|irb| irb.vrf == prefix.key.vrf());
        there(is_own, format!("prefix {prefix:?}"))?;
    }
    let egress = |slot: u16| records.egress.contains_key(&slot);
    for (id, path) in &records.paths {
        there(egress(path.slot), format!("path {id}"))?;
    }
    for port in records.ports.values() {
        there(egress(port.slot), format!("port {}", port.slot))?;
    }
    for (segment, members) in &records.pairs {
        there(records.segments.contains_key(segment), format!("pair {segment}"))?;
        for member in members {
            there(hop(member.next_hop(), *segment), format!("member {member:?}"))?;
        }
    }
    for (segment, list) in &records.flood {
        there(records.segments.contains_key(segment), format!("flood {segment}"))?;
        for (place, slot) in list.iter().enumerate() {
            let copy = list[..place].iter().filter(|earlier| *earlier == slot).count();
            let key = FloodKey {
                segment: *segment,
                slot: *slot,
                copy: u16::try_from(copy).expect("few"),
            };
            let next_hop = records.flood_next_hops.get(&key);
            there(
                next_hop.is_some_and(|copy| hop(copy.next_hop(), *segment)),
                format!("copy {key:?}"),
            )?;
        }
    }
    Ok(())
}

/// Two documents, one after the other, on the same node.
fn images(first: Document, second: Document) -> (Image, Image) {
    let (first, second) = (checked(first), checked(second));
    let facts = host(&first, "n0", 1600);
    let old = compile_from(&first, "n0", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let facts = host(&second, "n0", 1600);
    let new = compile_from(&second, "n0", &facts, &old).expect("it fits");
    (old, new)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_step_is_sound_and_the_last_one_arrives(first in generate::document(), second in generate::document()) {
        let (old, new) = images(first, second);
        let (mut state, mut goal) = (old.records(), new.records());
        prop_assert_eq!(diff_images(&old, &new), diff(&state, &goal), "part by part or whole is the same");
        // An attachment of all VLANs has 4095 entries that are all alike.
        for records in [&mut state, &mut goal] {
            records.access.retain(|index, _| index & 0xfff < 8);
        }
        let changes = diff(&state, &goal);
        prop_assert_eq!(check(&state), Ok(()));
        for op in &changes.ops {
            op.apply(&mut state);
            prop_assert_eq!(check(&state), Ok(()), "after {:?}", op);
        }
        prop_assert_eq!(&state, &goal);
        let Summary { make, change, break_ } = changes.summary;
        let writes = changes.ops.iter().filter(|op| **op != Op::Grace).count();
        prop_assert_eq!(make + change + break_, writes);
        prop_assert!(diff(&goal, &goal).is_empty());
    }

    #[test]
    fn all_makes_come_before_all_breaks(first in generate::document(), second in generate::document()) {
        let (old, new) = images(first, second);
        let ops = diff_images(&old, &new).ops;
        // What is shut before anything is made, see `handover::without_lost_ways`.
        let is_shut = |op: &&Op| {
            matches!(op, Op::Clear(Key::Tag(_) | Key::TunnelKey(_) | Key::Flood(_) | Key::FloodNextHop(_)))
        };
        let shut = ops.iter().take_while(is_shut).count();
        for ops in ops[shut..].split(|op| *op == Op::Grace) {
            let first_break = ops.iter().position(|op| matches!(op, Op::Clear(_))).unwrap_or(ops.len());
            prop_assert!(ops[first_break..].iter().all(|op| matches!(op, Op::Clear(_))));
        }
    }

    #[test]
    fn a_door_opens_only_when_nothing_of_its_old_segment_leads_there(
        first in generate::document(),
        second in generate::document(),
    ) {
        let (old, new) = images(first, second);
        let (mut state, before) = (old.records(), old.records());
        for op in &diff_images(&old, &new).ops {
            op.apply(&mut state);
            // Other steps change neither what a door leads to nor which next hops there are.
            let doors = match op {
                Op::Set(Entry::Access(index, _)) => *index..=*index,
                Op::Set(Entry::NextHop(..)) => 0..=u32::MAX,
                Op::Set(_) | Op::Clear(_) | Op::Grace => continue,
            };
            for (index, binding) in state.access.range(doors) {
                let Some(was) = before.access.get(index).filter(|was| was.segment() != binding.segment()) else {
                    continue;
                };
                let hop = state.next_hops.get(&was.learn());
                prop_assert!(hop.is_none_or(|hop| hop.segment != was.segment()), "{index:x} after {op:?}");
            }
        }
    }
}

fn kinds(changes: &Changes) -> Vec<String> {
    let mut kinds: Vec<String> = changes
        .ops
        .iter()
        .map(|op| format!("{op:?}").split_inclusive('(').take(2).collect())
        .collect();
    kinds.dedup();
    kinds
}

#[test]
fn the_door_is_made_last_and_broken_first() {
    let valid = valid(&with_a_third_member());
    let facts = host(&valid, "edge1", 1600);
    let empty = Image::empty(&Sizes::default());
    let image = compile_from(&valid, "edge1", &facts, &empty).expect("it fits");
    let made = [
        "Egress",
        "Port",
        "Path",
        "NextHop",
        "Segment",
        "Pair",
        "FloodNextHop",
        "Flood",
        "Binding",
        "Station",
        "Tag",
        "Access",
    ];
    assert_eq!(
        kinds(&diff_images(&empty, &image)),
        made.map(|table| format!("Set({table}("))
    );
    let broken = [
        "Access",
        "Tag",
        "Station",
        "Binding",
        "Flood",
        "FloodNextHop",
        "Pair",
        "Segment",
        "NextHop",
        "Path",
        "Port",
        "Egress",
    ];
    assert_eq!(
        kinds(&diff_images(&image, &empty)),
        broken.map(|table| format!("Clear({table}("))
    );
}

/// A third member, or a gateway, comes and goes: at each moment frames for everybody have somewhere to go.
#[test]
fn a_segment_floods_all_the_time_while_members_come_and_go() {
    let mut with_a_gateway = figure1();
    with_a_gateway["gateways"] = json!([{"name": "gw", "tenant": "a", "mac": "02:00:00:00:00:fe",
        "segments": [{"segment": "a", "addresses": ["10.0.1.1/24"]}]}]);
    let documents = [figure1(), with_a_third_member(), with_a_gateway];
    let [two, three, gateway] = documents.map(|document| valid(&document));
    let at = |valid, old| compile_from(valid, "edge1", &host(valid, "edge1", 1600), old).expect("it fits");
    let empty = Image::empty(&Sizes::default());
    let pair = at(&two, &empty);
    let [list, routed] = [&three, &gateway].map(|valid| at(valid, &pair));
    for (old, new) in [(&pair, &list), (&list, &pair), (&pair, &routed), (&routed, &pair)] {
        let id = old.segments["a"].ids.segment;
        let mut state = old.records();
        for op in &diff_images(old, new).ops {
            op.apply(&mut state);
            let (is_pair, has_list) = (state.pairs.contains_key(&id), state.flood.contains_key(&id));
            let is_routed = state.segments[&id].irb != 0;
            assert!(has_list || is_pair && !is_routed, "{op:?}");
        }
        assert_eq!(state, new.records());
        assert_eq!(state.pairs.contains_key(&id), std::ptr::eq(new, &pair));
    }
}

#[test]
fn a_vlan_that_goes_from_one_tenant_to_another_is_shut_in_between() {
    let mut document = figure1();
    let before = valid(&document);
    let facts = host(&before, "edge1", 1600);
    // The port of a's VLAN 10 becomes b's, and the other way round.
    for (tenant, port) in [(0, "cb"), (1, "ca")] {
        document["tenants"][tenant]["segments"][1]["attachments"][0]["port"] = json!(port);
    }
    let after = valid(&document);
    let old = compile_from(&before, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let new = compile_from(&after, "edge1", &facts, &old).expect("it fits");
    let changes = diff_images(&old, &new);
    let access: Vec<_> = changes
        .ops
        .iter()
        .filter(|op| {
            matches!(
                op,
                Op::Set(Entry::Access(..)) | Op::Clear(Key::Access(_)) | Op::Grace
            )
        })
        .collect();
    assert!(
        matches!(
            access[..],
            [
                Op::Clear(Key::Access(0x100a)),
                Op::Clear(Key::Access(0x200a)),
                Op::Grace,
                Op::Set(Entry::Access(0x100a, _)),
                Op::Set(Entry::Access(0x200a, _))
            ]
        ),
        "{access:?}"
    );
    assert_eq!(changes.vanished_next_hops.len(), 2);
}

#[test]
fn the_summary_reads_as_the_plan_shows_it() {
    let summary = Summary {
        make: 4,
        change: 1,
        break_: 3,
    };
    assert_eq!(summary.to_string(), "4 writes make, 1 changes, 3 break");
}
