//! Every verb of the command line, through the real binary and the real socket, on real ports.
//!
//! What a verb does to frames is judged on the wire: one frame must arrive after it, or must not.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::frame::{Frame, eth};
use fabric_tests::topology::{End, Net};
use fabric_tests::wire::{Capture, RawSocket};
use serde_json::{Value, json};

const ALICE: &str = "56:00:00:00:00:01";
const BOB: &str = "56:00:00:00:00:02";
const SOON: Duration = Duration::from_millis(300);

/// One node with three access ports, and a host at each.
struct OneNode {
    agent: Agent,
    hosts: Vec<fabric_tests::netns::NetNs>,
    _net: Net,
}

impl OneNode {
    fn start(document: Option<&Value>) -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge").unwrap();
        let hosts: Vec<_> = (1..=3)
            .map(|number| {
                let host = net.host(&format!("h{number}")).unwrap();
                net.veth(
                    End::client(&host, "c0").no_arp(),
                    End::port(&edge, &format!("eth{number}")),
                )
                .unwrap();
                host
            })
            .collect();
        let launch = fabric_tests::fabric::Launch::new(&edge, "edge");
        let launch = match document {
            Some(document) => launch.document(document),
            None => launch,
        };
        Self {
            agent: launch.start().unwrap(),
            hosts,
            _net: net,
        }
    }

    /// True if a frame that host 1 sends reaches host 2 unchanged.
    fn passes(&self, frame: &Frame) -> bool {
        let capture = Capture::start(&self.hosts[1], "c0").unwrap();
        RawSocket::open(&self.hosts[0], "c0")
            .unwrap()
            .send(frame)
            .unwrap();
        capture.expect(std::slice::from_ref(frame), SOON).is_ok()
    }
}

fn tagged(vid: u16) -> Frame {
    eth(BOB, ALICE).vlan(vid).word("Happy")
}

#[test]
fn a_tenant_is_attached_shown_and_detached_without_any_document() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    assert!(!node.passes(&tagged(10)), "nothing passes before the attach");

    let said = agent
        .ok(&["tenant", "attach", "acme", "--port", "eth1", "--vlan", "10"])
        .unwrap();
    assert!(
        said.stdout
            .contains("attached acme: eth1 vlan 10 -> segment acme-v10"),
        "{said}"
    );
    assert!(said.stdout.contains("undo: fabric tenant detach acme"), "{said}");
    agent
        .ok(&["tenant", "attach", "acme", "--port", "eth2", "--vlan", "10"])
        .unwrap();
    assert!(node.passes(&tagged(10)));
    assert!(!node.passes(&tagged(11)), "another VLAN stays out");

    let list = agent.json(&["tenant", "list"]).unwrap();
    assert_eq!(list["items"][0]["name"], "acme");
    assert_eq!(
        list["items"][0]["segments"][0]["attachments"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let shown = agent.ok(&["tenant", "show", "acme"]).unwrap();
    assert!(
        shown.stdout.contains("eth1 vlan 10") && shown.stdout.contains("acme-v10"),
        "{shown}"
    );

    agent
        .ok(&["tenant", "detach", "acme", "--port", "eth2", "--vlan", "10"])
        .unwrap();
    assert!(!node.passes(&tagged(10)), "nothing passes after the detach");
    agent.ok(&["tenant", "remove", "acme", "--yes"]).unwrap();
    assert_eq!(agent.json(&["tenant", "list"]).unwrap()["items"], json!([]));
    node.agent.finish().unwrap();
}

#[test]
fn a_vlan_of_a_port_belongs_to_one_tenant_and_refusals_change_nothing() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    agent
        .ok(&["tenant", "attach", "acme", "--port", "eth1", "--vlan", "10"])
        .unwrap();
    let before = agent.json(&["export"]).unwrap();
    for (words, code) in [
        (
            vec!["tenant", "attach", "globex", "--port", "eth1", "--vlan", "10"],
            "attachment-taken",
        ),
        (
            vec!["tenant", "attach", "globex", "--port", "eth1", "--any"],
            "attachment-excluded",
        ),
        (
            vec!["tenant", "attach", "globex", "--port", "eth9", "--vlan", "10"],
            "unknown-port",
        ),
        (
            vec!["tenant", "detach", "globex", "--port", "eth1", "--vlan", "10"],
            "unknown-tenant",
        ),
        (
            vec!["tenant", "detach", "acme", "--port", "eth1", "--vlan", "11"],
            "not-attached",
        ),
        (vec!["segment", "remove", "nowhere", "--yes"], "unknown-segment"),
        (vec!["rollback", "77", "--yes"], "unknown-revision"),
        (vec!["fdb", "show", "--segment", "nowhere"], "unknown-segment"),
    ] {
        agent.refused(&words, code).unwrap();
    }
    // An S-VID outside of the datacenter's range, and a VLAN that is none.
    let outside = [
        "tenant", "attach", "globex", "--port", "eth2", "--vlan", "10", "--s-vid", "4094",
    ];
    agent.refused(&outside, "outside-range").unwrap();
    agent
        .refused(
            &["tenant", "attach", "globex", "--port", "eth2", "--vlan", "5000"],
            "bad-value",
        )
        .unwrap();
    assert_eq!(
        agent.json(&["export"]).unwrap(),
        before,
        "the document is as it was"
    );
    node.agent.finish().unwrap();
}

#[test]
fn a_document_is_planned_applied_exported_and_rolled_back() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    agent
        .ok(&["tenant", "attach", "acme", "--port", "eth1", "--vlan", "10"])
        .unwrap();
    let mut document = agent.json(&["export"]).unwrap()["item"].clone();
    let more = json!({ "node": "edge", "port": "eth2", "vlan": 10 });
    document["tenants"][0]["segments"][0]["attachments"]
        .as_array_mut()
        .unwrap()
        .push(more);
    let file = agent.file("more.json", &document).unwrap();

    let plan = agent.ok(&["plan", "-f", &file]).unwrap();
    assert!(
        plan.stdout.contains("eth2 vlan 10") && plan.stdout.contains("Nothing was changed."),
        "{plan}"
    );
    assert_eq!(
        agent.cli(&["plan", "-f", &file, "--exit-code"]).unwrap().status,
        Some(3)
    );
    assert!(!node.passes(&tagged(10)), "a plan changes nothing");
    let dry = agent.ok(&["apply", "-f", &file, "--dry-run"]).unwrap();
    assert!(dry.stdout.contains("Nothing was changed."), "{dry}");
    assert!(!node.passes(&tagged(10)), "a dry run changes nothing");

    agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    assert!(node.passes(&tagged(10)));
    let again = agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    assert!(
        again
            .stdout
            .contains("nothing to do: revision 2 is this document"),
        "{again}"
    );
    assert_eq!(
        agent.cli(&["plan", "-f", &file, "--exit-code"]).unwrap().status,
        Some(0)
    );

    let history = agent.json(&["history"]).unwrap();
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    agent.ok(&["rollback", "1", "--yes"]).unwrap();
    assert!(!node.passes(&tagged(10)), "revision 1 has no second end");
    assert_eq!(agent.json(&["status"]).unwrap()["item"]["state"], "ok");
    node.agent.finish().unwrap();
}

#[test]
fn a_document_with_a_mistake_is_refused_with_its_path_and_changes_nothing() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    agent
        .ok(&["tenant", "attach", "acme", "--port", "eth1", "--vlan", "10"])
        .unwrap();
    let good = agent.json(&["export"]).unwrap()["item"].clone();
    let attachment = "/tenants/0/segments/0/attachments/0";
    let broken = |pointer: &str, value: Value| {
        let mut document = good.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let mut typo = good.clone();
    typo["tenants"][0]["segmnets"] = json!([]);
    let mut twice = good.clone();
    twice["tenants"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "globex", "segments": [{
        "name": "globex-v10", "attachments": [{ "node": "edge", "port": "eth1", "vlan": 10 }] }] }));
    for (name, document, code, words) in [
        (
            "vlan.json",
            broken(&format!("{attachment}/vlan"), json!(5000)),
            "bad-value",
            "attachments[0].vlan",
        ),
        (
            "port.json",
            broken(&format!("{attachment}/port"), json!("eth9")),
            "unknown-port",
            "eth9",
        ),
        (
            "svid.json",
            broken("/tenants/0/segments/0/s_vid", json!(4094)),
            "outside-range",
            "s_vid",
        ),
        ("typo.json", typo, "unknown-field", "segmnets"),
        ("twice.json", twice, "attachment-taken", "eth1"),
    ] {
        let file = agent.file(name, &document).unwrap();
        let refused = agent.refused(&["apply", "-f", &file, "--yes"], code).unwrap();
        assert!(refused.stderr.contains(words), "{refused}");
    }
    assert_eq!(agent.json(&["export"]).unwrap()["item"], good);
    node.agent.finish().unwrap();
}

#[test]
fn stations_ports_links_counters_and_checks_are_shown_and_changed() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    for port in ["eth1", "eth2"] {
        agent
            .ok(&["tenant", "attach", "acme", "--port", port, "--vlan", "10"])
            .unwrap();
    }
    assert!(node.passes(&tagged(10)));
    let learned = agent.json(&["fdb", "show", "--segment", "acme-v10"]).unwrap();
    assert_eq!(learned["items"][0]["mac"], ALICE);
    assert_eq!(learned["items"][0]["kind"], "learned");
    agent.ok(&["fdb", "flush", "--segment", "acme-v10"]).unwrap();
    assert_eq!(agent.json(&["fdb", "show"]).unwrap()["items"], json!([]));
    agent
        .ok(&["fdb", "add", BOB, "--segment", "acme-v10", "--port", "eth2"])
        .unwrap();
    assert_eq!(
        agent.json(&["fdb", "show"]).unwrap()["items"][0]["kind"],
        "static"
    );
    assert!(node.passes(&tagged(10)));
    let shown = |words: &[&str]| {
        let told = agent.json(&[&["fdb", "show"], words].concat()).unwrap();
        let items = told["items"].as_array().unwrap().iter();
        items
            .map(|one| one["mac"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&[]), [ALICE, BOB]);
    assert_eq!(shown(&[BOB]), [BOB]);
    assert_eq!(shown(&["--tenant", "acme"]), [ALICE, BOB]);
    assert_eq!(
        shown(&["--tenant", "acme", "--segment", "acme-v10", ALICE]),
        [ALICE]
    );
    assert!(shown(&["56:00:00:00:00:99"]).is_empty());
    agent
        .refused(&["fdb", "show", "--tenant", "globex"], "unknown-tenant")
        .unwrap();
    agent
        .ok(&["fdb", "remove", BOB, "--segment", "acme-v10"])
        .unwrap();
    assert_eq!(shown(&[]), [ALICE]);

    let group = eth(BOB, "57:00:00:00:00:01").vlan(10).word("Happy");
    assert!(!node.passes(&group), "a group source is dropped");
    agent
        .ok(&["port", "set", "eth1", "--drop-group-source", "off"])
        .unwrap();
    assert!(node.passes(&group), "unless the port lets it through");

    let ports = agent.json(&["port", "list"]).unwrap();
    assert_eq!(ports["items"].as_array().unwrap().len(), 2);
    assert_eq!(ports["items"][0]["drop_group_source"], false);
    agent.ok(&["port", "show", "eth1"]).unwrap();
    assert_eq!(agent.json(&["link", "list"]).unwrap()["items"], json!([]));
    let reasons = agent.ok(&["counters", "--by", "reason"]).unwrap();
    assert!(reasons.stdout.contains("group-source"), "{reasons}");
    for by in ["port", "tenant"] {
        agent.ok(&["counters", "--by", by]).unwrap();
    }
    let doctor = agent.json(&["doctor", "eth1"]).unwrap();
    let verdicts: Vec<_> = doctor["items"][0]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["verdict"])
        .collect();
    assert!(verdicts.iter().all(|verdict| *verdict == "ok"), "{doctor}");
    // An interface that nobody uses can be examined before it is attached: it still hides tags.
    let unused = agent.cli(&["doctor", "eth3", "--json"]).unwrap();
    assert_eq!(unused.status, Some(1), "{unused}");
    assert!(unused.stdout.contains("vlan-tags-visible"), "{unused}");
    node.agent.finish().unwrap();
}

#[test]
fn segments_are_added_shown_and_removed_and_the_rest_explains_itself() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    agent
        .ok(&["segment", "add", "lab", "--tenant", "acme", "--s-vid", "500"])
        .unwrap();
    agent
        .ok(&[
            "tenant",
            "attach",
            "acme",
            "--port",
            "eth1",
            "--vlan",
            "7",
            "--segment",
            "lab",
        ])
        .unwrap();
    let shown = agent.json(&["segment", "show", "lab"]).unwrap();
    assert!(shown.to_string().contains("\"s_vid\":500"), "{shown}");
    assert_eq!(
        agent.json(&["segment", "list"]).unwrap()["items"][0]["name"],
        "lab"
    );
    agent.ok(&["segment", "remove", "lab", "--yes"]).unwrap();
    assert_eq!(agent.json(&["segment", "list"]).unwrap()["items"], json!([]));

    let schema = agent.ok(&["schema"]).unwrap().json().unwrap();
    assert!(schema["properties"]["tenants"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            agent
                .ok(&["completions", shell])
                .unwrap()
                .stdout
                .contains("fabric")
        );
    }
    for topic in ["unmapped-vlan", "attachment-taken"] {
        agent.ok(&["help", topic]).unwrap();
    }
    let usage = agent.cli(&["tenant", "atach"]).unwrap();
    assert_eq!(usage.status, Some(2));
    assert!(usage.stderr.contains("did you mean attach"), "{usage}");
    agent.ok(&["status", "--check"]).unwrap();
    node.agent.finish().unwrap();
}

#[test]
fn every_list_is_one_json_document_with_schema_kind_and_revision() {
    let node = OneNode::start(None);
    let agent = &node.agent;
    agent
        .ok(&["tenant", "attach", "acme", "--port", "eth1", "--untagged"])
        .unwrap();
    for words in [
        vec!["status"],
        vec!["tenant", "list"],
        vec!["segment", "list"],
        vec!["port", "list"],
        vec!["link", "list"],
        vec!["fdb", "show"],
        vec!["counters"],
        vec!["history"],
        vec!["doctor"],
        vec!["export"],
        vec!["schema"],
    ] {
        let document = agent.json(&words).unwrap();
        assert_eq!(document["schema"], "fabric/1", "{words:?}");
        assert!(
            document["kind"].is_string() && (document["revision"].is_number() || words == ["schema"]),
            "{words:?}: {document}"
        );
        assert!(
            document["items"].is_array() || document["item"].is_object(),
            "{words:?}: {document}"
        );
    }
    node.agent.finish().unwrap();
}
