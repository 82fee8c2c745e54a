//! How long it takes with many tenants. Run on its own:
//! `cargo test --release -p fabric-userspace -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{compile_within, host};
use crate::compile::{Image, Scope};
use crate::diff::diff_images;
use crate::ids::Sizes;
use crate::model::Document;
use crate::validate::validate;

const TENANTS: usize = 10_000;

fn tenant(number: usize) -> Value {
    let (port, vlan) = (number / 4000, number % 4000 + 1);
    let at =
        |node: &str, prefix: &str| json!({"node": node, "port": format!("{prefix}{port}"), "vlan": vlan});
    let name = format!("t{number}");
    json!({"name": name, "segments": [{"name": name,
        "attachments": [at("edge1", "c"), at("edge1", "r"), at("edge2", "r")]}]})
}

fn document(tenants: impl Iterator<Item = usize>) -> Document {
    let document = json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "1-4094", "c_vids": "1-4094"}],
        "nodes": [{"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"}],
        "links": [{"name": "line", "kind": "trunk", "ends": [
            {"node": "edge1", "port": "trunk0"}, {"node": "edge2", "port": "trunk0"}]}],
        "tenants": tenants.map(tenant).collect::<Vec<_>>(),
    });
    serde_json::from_value(document).expect("a document")
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    let took = start.elapsed();
    println!("{what:48} {:9.3} ms", took.as_secs_f64() * 1e3);
    (value, took)
}

#[test]
#[ignore = "measures a release build"]
fn speed_of_ten_thousand_tenants() {
    let (whole, _) = timed("validate 10,000 tenants", || {
        validate(document(0..TENANTS)).expect("it fits")
    });
    let facts = host(&whole, "edge1", 1600);
    let empty = Image::empty(&Sizes::default());
    let at_edge1 = |valid, previous: &Image, scope: &Scope| {
        compile_within(valid, "edge1", &facts, previous, scope).expect("it fits")
    };
    let (image, all) = timed("compile them", || at_edge1(&whole, &empty, &Scope::All));
    timed("diff from nothing", || diff_images(&empty, &image));
    timed("all entries", || image.records());
    let (ids, _) = timed("save numbers", || {
        serde_json::to_string(&image.ids()).expect("plain")
    });
    println!("numbers: {} bytes a tenant", ids.len() / TENANTS);
    timed("restore numbers", || {
        Image::restore(&Sizes::default(), serde_json::from_str(&ids).expect("own text")).expect("no clash")
    });

    let mut more = whole.document().clone();
    more.tenants.extend(document(TENANTS..=TENANTS).tenants);
    let (more, _) = timed("validate one more", || validate(more).expect("it fits"));
    let (scope, _) = timed("scope", || Scope::between(whole.document(), more.document()));
    let (next, one) = timed("compile one more", || at_edge1(&more, &image, &scope));
    let (changes, step) = timed("diff of one more", || diff_images(&image, &next));
    println!("{}", changes.summary);
    timed("compile one more, looking at all", || {
        at_edge1(&more, &image, &Scope::All)
    });
    assert!(all < Duration::from_millis(300), "{all:?}");
    assert!(one + step < Duration::from_millis(3), "{:?}", (one, step));
}
