//! `--json`, `-o name`, and what is not supported.

use serde_json::{Value, json};

use crate::fake::{FakeAgent, data};
use crate::run::{fabric, program, ran};

#[test]
fn json_is_what_the_agent_said_key_by_key() {
    let agent = FakeAgent::start();
    for (line, file) in [
        ("status", "status"),
        ("tenant list", "tenants"),
        ("tenant show", "tenants"),
        ("port list", "ports"),
        ("link list", "links"),
        ("datacenter list", "datacenters"),
        ("node list", "nodes"),
        ("node show", "node-details"),
        ("fdb show", "fdb"),
        ("counters", "counters"),
        ("history", "history"),
        ("export", "document"),
        ("fdb flush --all", "flushed"),
        ("tenant attach acme --port eth1 --vlan 10", "applied-edit"),
        ("rollback 42", "applied-document"),
    ] {
        assert_eq!(
            fabric(&agent, &format!("{line} --json")).done(),
            data(file),
            "{line}"
        );
        assert_eq!(
            fabric(&agent, &format!("-o json {line}")).done(),
            data(file),
            "{line}"
        );
    }
}

#[test]
fn keys_of_a_newer_agent_are_kept() {
    let agent = FakeAgent::start();
    agent.answer(
        "GET /v1/tenants",
        data("tenants").replacen(
            "\"name\": \"acme\",",
            "\"name\": \"acme\", \"colour\": \"red\",",
            1,
        ),
    );
    let shown = fabric(&agent, "tenant show acme --json").json();
    assert_eq!(shown["items"][0]["colour"], "red");
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn segments_are_a_list_of_their_own() {
    let agent = FakeAgent::start();
    let list = fabric(&agent, "segment list --json").json();
    assert_eq!(
        (list["kind"].as_str(), list["revision"].as_u64()),
        (Some("segment-list"), Some(43))
    );
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        fabric(&agent, "segment show acme-v10 --json").json()["items"][0]["s_vid"],
        101
    );
}

#[test]
fn doctor_says_fail_in_json_too() {
    let agent = FakeAgent::start();
    let ran = fabric(&agent, "doctor --json");
    assert_eq!((ran.code, ran.stdout), (1, data("doctor")));
}

#[test]
fn names_stand_one_a_line_in_natural_order() {
    let agent = FakeAgent::start();
    assert_eq!(fabric(&agent, "tenant list -o name").done(), "acme\nglobex\n");
    assert_eq!(
        fabric(&agent, "port list -o name").done(),
        "eth1\neth10\ntrunk0\n"
    );
    assert_eq!(
        fabric(&agent, "segment list -o name").done(),
        "acme\nacme-v10\nglobex-v10\n"
    );
    assert_eq!(fabric(&agent, "history -o name").done(), "42\n43\n");
}

#[test]
fn a_form_that_does_not_exist_is_an_error_and_nothing_is_sent() {
    let agent = FakeAgent::start();
    for line in [
        "status -o name",
        "counters -o name",
        "export -o name",
        "tenant attach a --port e --any -o name",
        "fdb flush --all -o name",
        "agent stop -o name",
        "completions bash --json",
        "tenant list --json -o wide",
    ] {
        let said = fabric(&agent, line).failed(2);
        assert!(said.contains("usage"), "{line}: {said}");
    }
    assert_eq!(agent.asked(), []);
}

#[test]
fn errors_are_objects_when_json_was_asked_for() {
    let agent = FakeAgent::start();
    let error = |line: &str, code| -> Value {
        let said = fabric(&agent, line).failed(code);
        serde_json::from_str(&said).expect("one JSON document")
    };
    let unknown = error("tenant show acne --json", 1);
    let expected = json!({
        "schema": "fabric/1",
        "kind": "error",
        "error": {
            "sentence": "there is no tenant acne; did you mean acme?",
            "cure": "fabric tenant list",
            "code": "unknown-tenant",
            "path": null,
            "also": [],
        },
    });
    assert_eq!(unknown, expected);
    assert_eq!(error("tenent list --json", 2)["error"]["code"], "usage");
    assert_eq!(
        error("-o json tenant", 2)["error"]["sentence"],
        "a command is missing"
    );
}

#[test]
fn export_gives_a_document_that_can_be_applied() {
    let agent = FakeAgent::start();
    let document = fabric(&agent, "export").done();
    let item: Value = serde_json::from_str(&data("document")).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Value>(&document).expect("JSON"),
        item["item"]
    );
    let file = agent.dir().join("site.json");
    std::fs::write(&file, &document).expect("written");
    fabric(&agent, &format!("apply -f {}", file.display())).done();
}

#[test]
fn a_schema_needs_no_agent() {
    let schema = ran(program().args(["schema"])).json();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["tenants"]["type"], "array");
    let enveloped = ran(program().args(["schema", "--json"])).json();
    assert_eq!(
        enveloped,
        json!({ "schema": "fabric/1", "kind": "schema", "revision": null, "item": schema })
    );
}
