//! Names that are meant to break logs, tables and metrics.

use std::collections::BTreeSet;

use fabric_tests::fabric::Agent;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use serde_json::{Value, json};

use crate::support::{Lane, one_sentence, readable};

/// Escapes of a terminal, ends of lines, quotes, another direction of writing, one character too many.
const NAMES: [&str; 12] = [
    "a\"b",
    "a\\b",
    "a\nfabric_port_safe{port=\"eth1\"} 0",
    "a\r\x1b[2Jb",
    "a\u{9b}31mb",
    "a\u{202e}b",
    "a\u{200b}b",
    "Ünïcödé",
    "租户",
    "{a=\"b\"}",
    "../../etc/passwd",
    "a234567890123456789012345678901234567890123456789012345678901234",
];

/// What the kernel takes as the name of an interface and this fabric too.
const PORTS: [&str; 3] = ["e\"\\{}=,", "é\u{308}租", "p'$(id)`;"];

/// Every name that a document has, replaced by a hostile one.
fn places() -> Vec<&'static str> {
    vec![
        "/datacenters/0/name",
        "/nodes/0/name",
        "/tenants/0/name",
        "/tenants/0/segments/0/name",
        "/tenants/0/segments/0/attachments/0/node",
        "/tenants/0/segments/0/attachments/0/stations/0/name",
        "/tenants/0/segments/0/attachments/0/stations/0/mac",
        "/links/0/name",
    ]
}

/// OPS-9: a hostile name is refused in one readable sentence wherever it stands, and comes into no log, history or metric.
#[test]
fn ops_9_hostile_names_are_refused_and_never_shown_raw() {
    let lane = Lane::start();
    let agent = &lane.agent;
    let mut good = agent.json(&["export"]).unwrap()["item"].take();
    good["links"] = json!([{"name": "t", "kind": "trunk", "ends": [{"node": "edge1", "port": "eth9"}, {"node": "x", "port": "y"}]}]);
    good["tenants"][0]["segments"][0]["attachments"][0]["stations"] =
        json!([{"mac": "56:00:00:00:00:01", "name": "a"}]);
    let before = agent.text("/metrics").unwrap();
    for name in NAMES {
        for place in places() {
            let mut document = good.clone();
            *document.pointer_mut(place).unwrap() = json!(name);
            let file = agent.file("hostile.json", &document).unwrap();
            let said = agent.cli(&["apply", "-f", &file, "--yes"]).unwrap();
            one_sentence(&said, "bad-value");
            let said = agent.cli(&["plan", "-f", &file, "--json"]).unwrap();
            assert_eq!(said.status, Some(1), "{place}: {said}");
            readable(&said.stderr);
            let told: Value = serde_json::from_str(&said.stderr).unwrap();
            assert_eq!(told["error"]["code"], "bad-value", "{said}");
        }
        // The document's keys are no better.
        let mut document = good.clone();
        document["tenants"][0][name] = json!(1);
        let file = agent.file("hostile.json", &document).unwrap();
        one_sentence(
            &agent.cli(&["apply", "-f", &file, "--yes"]).unwrap(),
            "unknown-field",
        );
        for words in [
            ["tenant", "attach", name, "--port", "eth1", "--vlan", "66"],
            ["tenant", "attach", "evil", "--port", "eth1", "--segment", name],
            ["segment", "add", name, "--tenant", "acme", "--s-vid", "500"],
            ["fdb", "flush", "--segment", name, "--tenant", "acme", "--json"],
            ["fdb", "add", name, "--segment", "acme-v10", "--port", "eth1"],
        ] {
            let said = agent.cli(&words).unwrap();
            assert!(matches!(said.status, Some(1 | 2)), "{said}");
            readable(&said.stderr);
            assert_eq!(said.stdout, "", "{said}");
        }
    }
    readable(&agent.log().unwrap());
    let names = |text: &str| -> BTreeSet<String> {
        text.lines()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&agent.text("/metrics").unwrap()), names(&before));
    lane.agent.finish().unwrap();
}

/// OPS-9: the cause of a change is free text of whoever makes it through the socket.
#[test]
fn ops_9_a_hostile_cause_is_kept_and_shown_harmless() {
    let lane = Lane::start();
    let agent = &lane.agent;
    let mut document = agent.json(&["export"]).unwrap()["item"].take();
    document["tenants"][1]["segments"][0]["attachments"]
        .as_array_mut()
        .unwrap()
        .pop();
    let cause = "x%1B%5B2J%0A1%20%20now%20%E2%80%AE%22";
    let path = format!("/v1/document?cause={cause}");
    let (status, said) = agent.console().send("PUT", &path, &document.to_string()).unwrap();
    assert_eq!(status, 200, "{said}");
    let shown = agent.ok(&["history"]).unwrap();
    readable(&shown.stdout);
    assert_eq!(
        shown
            .stdout
            .lines()
            .filter(|line| line.contains("x\\u{1b}[2J\\n1"))
            .count(),
        1,
        "{shown}"
    );
    let told = agent.json(&["history"]).unwrap();
    assert_eq!(told["items"][0]["cause"], "x\u{1b}[2J\n1  now \u{202e}\"");
    readable(&agent.ok(&["history", "--json"]).unwrap().stdout);
    readable(&agent.log().unwrap());
    lane.agent.finish().unwrap();
}

/// One label of a sample, as a reader of the text format takes it.
fn label(line: &str, name: &str) -> Option<String> {
    let mut rest = line.split_once(&format!("{name}=\""))?.1.chars();
    let mut value = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(value),
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

/// OPS-9: an interface may have nearly any name; logs, tables, JSON and metrics show it so that nothing else is changed.
#[test]
fn ops_9_strange_interface_names_are_escaped_everywhere() {
    let net = Net::new().unwrap();
    let (edge, far) = (net.host("edge1").unwrap(), net.host("far").unwrap());
    for (number, port) in PORTS.iter().enumerate() {
        net.veth(End::port(&far, &format!("c{number}")), End::port(&edge, port))
            .unwrap();
    }
    let agent = Agent::start(&edge, &crowd(0), "edge1").unwrap();
    for port in PORTS {
        agent
            .ok(&["tenant", "attach", "acme", "--port", port, "--vlan", "10"])
            .unwrap();
    }
    for words in [
        &["port", "list"][..],
        &["tenant", "list"],
        &["tenant", "show"],
        &["doctor"],
        &["counters"],
        &["status"],
        &["history"],
    ] {
        let shown = agent.ok(words).unwrap().stdout;
        readable(&shown);
        readable(&agent.ok(&[words, &["--json"]].concat()).unwrap().stdout);
    }
    let listed = agent.json(&["port", "list"]).unwrap();
    let listed: BTreeSet<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["name"].as_str().unwrap())
        .collect();
    assert_eq!(listed, BTreeSet::from(PORTS));
    let text = agent.text("/metrics").unwrap();
    readable(&text);
    for family in [
        "fabric_port_receive_frames_total{",
        "fabric_port_safe{",
        "fabric_port_dropped_frames_total{",
    ] {
        let of = text.lines().filter(|line| line.starts_with(family));
        let found: BTreeSet<String> = of.map(|line| label(line, "port").unwrap()).collect();
        assert_eq!(found, PORTS.map(str::to_owned).into(), "{family}");
    }
    readable(&agent.log().unwrap());
    hidden_ports_are_refused(&agent, &edge);
    agent.finish().unwrap();
}

/// The kernel would take these as well; nobody could tell them from others on a screen.
fn hidden_ports_are_refused(agent: &Agent, edge: &NetNs) {
    for port in ["eth\u{202e}1", "eth\u{200b}1", "eth\x1b[2J"] {
        edge.output(&["ip", "link", "add", port, "type", "veth", "peer", "name", "hid"])
            .unwrap();
        let said = agent
            .cli(&["tenant", "attach", "acme", "--port", port, "--vlan", "10"])
            .unwrap();
        one_sentence(&said, "bad-value");
        edge.output(&["ip", "link", "del", "hid"]).unwrap();
    }
}

/// A node with so many tenants, all of them on one port, and one whose name is as long as can be.
fn crowd(tenants: u16) -> Value {
    let name = |number: u16| match number {
        1 => "a".repeat(63),
        2 => "other".to_owned(),
        3 => "others".to_owned(),
        _ => format!("t{number}"),
    };
    let tenant = |number: u16| {
        let end = json!({"node": "edge1", "port": "eth1", "vlan": number});
        json!({"name": name(number), "segments": [{"name": format!("s{number}"), "attachments": [end]}]})
    };
    let tenants: Vec<Value> = (1..=tenants).map(tenant).collect();
    let mut document = fabric_tests::fixtures::Site::new(&["edge1"]).document();
    document["tenants"] = json!(tenants);
    document
}

/// OPS-9: however many tenants there are, the number of series is bounded, and no series is there twice.
#[test]
fn ops_9_metrics_are_bounded_and_no_series_is_there_twice() {
    let lane = Lane::start();
    let agent = &lane.agent;
    let series = |agent: &Agent| {
        let text = agent.text("/metrics").unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let named: Vec<String> = samples
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect();
        let unique: BTreeSet<&String> = named.iter().collect();
        assert_eq!(unique.len(), named.len(), "a series twice");
        named
    };
    let tenants_of = |series: &[String]| -> BTreeSet<String> {
        series.iter().filter_map(|one| label(one, "tenant")).collect()
    };
    let file = agent.file("crowd.json", &crowd(900)).unwrap();
    agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    let many = series(agent);
    let names = tenants_of(&many);
    assert_eq!(names.len(), 501, "500 by name and the rest together");
    assert!(names.contains(&"a".repeat(63)) && names.contains("other"));
    let file = agent.file("crowd.json", &crowd(800)).unwrap();
    agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    assert_eq!(series(agent).len(), many.len(), "more tenants are no more series");
    lane.agent.finish().unwrap();
}
