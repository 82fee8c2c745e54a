//! Datacenters, nodes and links by command, and the numbers of segments between datacenters, through the real binary
//! and the real socket.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::topology::{End, Net};
use serde_json::{Value, json};

/// One node with three ports, each to a host of its own.
struct OneNode {
    agent: Agent,
    _net: Net,
}

impl OneNode {
    fn start(document: &Value) -> Self {
        let net = Net::new().unwrap();
        let edge = net.host("edge").unwrap();
        for number in 1..=3 {
            let host = net.host(&format!("h{number}")).unwrap();
            let port = End::port(&edge, &format!("eth{number}")).mtu(1600);
            net.veth(End::client(&host, "c0").no_arp().mtu(1600), port)
                .unwrap();
        }
        let agent = Launch::new(&edge, "edge").document(document).start().unwrap();
        Self { agent, _net: net }
    }

    fn ok(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.agent.ok(&words).unwrap().stdout
    }

    fn json(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.agent.json(&words).unwrap()
    }

    /// The document, without its revision.
    fn document(&self) -> Value {
        self.json("export")["item"].clone()
    }

    /// Runs a command that is refused with this code and sentence, and changes nothing.
    fn refused(&self, line: &str, code: &str, sentence: &str) {
        let before = self.document();
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = self.agent.refused(&words, code).unwrap();
        assert!(
            said.stderr
                .starts_with(&format!("error: {sentence}; nothing was changed\n")),
            "{line}: {said}"
        );
        assert_eq!(self.document(), before, "{line}");
    }
}

/// Two datacenters; this node and its neighbour in the first.
fn two_datacenters() -> Value {
    json!({
        "schema": "fabric/1",
        "datacenters": [
            {"name": "dc1", "id": 1, "s_vids": "100-1099", "c_vids": "200-1999", "labels": "1000-1999"},
            {"name": "dc2", "id": 2, "s_vids": "1100-2099", "c_vids": "2000-2999", "labels": "2000-2999"},
        ],
        "nodes": [
            {"name": "edge", "datacenter": "dc1"},
            {"name": "gw1", "datacenter": "dc1"},
            {"name": "gw2", "datacenter": "dc2"},
        ],
        "links": [
            {"name": "lan", "kind": "trunk", "ends": [{"node": "edge", "port": "eth3"}, {"node": "gw1", "port": "t0"}]},
            {"name": "line", "kind": "pseudowire", "ends": [{"node": "gw1", "port": "p0"}, {"node": "gw2", "port": "p0"}]},
        ],
        "tenants": [],
    })
}

#[test]
fn what_the_operator_owns_is_added_shown_and_removed() {
    let node = OneNode::start(&two_datacenters());
    let before = node.document();
    let said = node.ok("datacenter add dc3 --id 3 --s-vids 2100-3099 --c-vids 3000-3999 --labels 3000-3999");
    assert!(
        said.starts_with("added datacenter dc3: id 3, S-VIDs 2100-3099, C-VIDs 3000-3999\n"),
        "{said}"
    );
    assert!(said.contains("undo: fabric datacenter remove dc3"), "{said}");
    let said = node.ok("node add far --datacenter dc3");
    assert!(said.starts_with("added node far to datacenter dc3\n"), "{said}");
    let said = node.ok("link add line3 --kind mpls-udp --end gw2:u0,198.51.100.1 --end far:u0,198.51.100.2 --transport-label 30600");
    assert!(
        said.starts_with("added mpls-udp link line3: gw2:u0,198.51.100.1 = far:u0,198.51.100.2\n"),
        "{said}"
    );

    let datacenters = node.json("datacenter list");
    assert_eq!(datacenters["kind"], "datacenter-list");
    let third = &datacenters["items"][2];
    assert_eq!(
        (&third["name"], &third["nodes"], &third["here"]),
        (&json!("dc3"), &json!(["far"]), &json!(false))
    );
    assert_eq!(
        node.json("datacenter show dc1")["items"][0]["nodes"],
        json!(["edge", "gw1"])
    );
    let far = node.json("node show far");
    assert_eq!(far["items"][0]["links"], json!(["line3"]));
    assert_eq!(
        far["items"][0]["ports"],
        json!([{"name": "u0", "role": "underlay"}])
    );
    let link = &node.json("link show line3")["items"][0];
    assert_eq!(
        (&link["state"], &link["port"], &link["transport_label"]),
        (&json!("elsewhere"), &json!(null), &json!(30600))
    );

    node.refused(
        "datacenter remove dc3",
        "still-used",
        "datacenter dc3 is in use: node far stands in it",
    );
    node.refused(
        "node remove far",
        "still-used",
        "node far is in use: link line3 ends at it",
    );
    node.ok("link remove line3");
    node.ok("node remove far");
    node.ok("datacenter remove dc3");
    assert_eq!(node.document(), before);
    node.agent.finish().unwrap();
}

#[test]
fn asking_for_what_is_so_already_is_no_error() {
    let node = OneNode::start(&two_datacenters());
    let revision = node.json("export")["revision"].clone();
    let said = node.ok("node add gw2 --datacenter dc2");
    assert!(said.starts_with("nothing to do: revision "), "{said}");
    let said = node.ok("link up line");
    assert!(said.starts_with("nothing to do: revision "), "{said}");
    assert_eq!(node.json("export")["revision"], revision);
    node.refused(
        "node add gw2 --datacenter dc1",
        "duplicate-name",
        "there is a node gw2 with other settings",
    );
    node.agent.finish().unwrap();
}

#[test]
fn a_link_is_taken_out_of_service_and_put_back() {
    let node = OneNode::start(&two_datacenters());
    let before = node.document();
    let state = |name: &str| {
        let link = node.json(&format!("link show {name}"))["items"][0].clone();
        (link["state"].clone(), link["taken_down"].clone())
    };
    assert_eq!(state("lan"), (json!("up"), json!(false)));
    let said = node.ok("link down lan");
    assert!(
        said.starts_with("took link lan out of service\n") && said.contains("undo: fabric link up lan"),
        "{said}"
    );
    assert_eq!(state("lan"), (json!("down"), json!(true)));
    assert!(
        node.ok("link show lan")
            .contains("to put it back: fabric link up lan")
    );
    let history = node.json("history");
    assert_eq!(history["items"][0]["cause"], "link down lan");
    node.ok("link down line --dry-run");
    assert_eq!(
        state("line"),
        (json!("elsewhere"), json!(false)),
        "a dry run changes nothing"
    );
    node.ok("link up lan");
    assert_eq!(state("lan"), (json!("up"), json!(false)));
    assert_eq!(node.document(), before);
    node.agent.finish().unwrap();
}

#[test]
fn what_cannot_be_is_refused_with_its_place_and_a_cure() {
    let node = OneNode::start(&two_datacenters());
    for (line, code, sentence) in [
        (
            "node remove gw3",
            "unknown-node",
            "the fabric has no node gw3; did you mean gw1?",
        ),
        (
            "link down lane",
            "unknown-link",
            "the fabric has no link lane; did you mean lan?",
        ),
        (
            "datacenter remove paris",
            "unknown-datacenter",
            "the fabric has no datacenter paris",
        ),
        (
            "node add far --datacenter dc9",
            "unknown-datacenter",
            "nodes[3].datacenter is dc9, and the document defines no datacenter of this name",
        ),
        (
            "datacenter add dc3 --id 3 --s-vids 1000-1200 --c-vids 3000-3999",
            "range-overlap",
            "datacenters[2].s_vids is 1000-1200, which overlaps 100-1099 of datacenter dc1",
        ),
        (
            "datacenter add dc3 --id 2 --s-vids 3000 --c-vids 3000-3999",
            "duplicate-name",
            "datacenters[2].id is 2, which is the id of datacenters[1] (dc2) already",
        ),
        (
            "link add more --kind trunk --end gw2:t1 --end nowhere:t0",
            "unknown-node",
            "links[2].ends[1].node is nowhere, and the document defines no node of this name",
        ),
        (
            "link add more --kind mpls-udp --end gw1:u0,192.0.2.1 --end gw2:u0,2001:db8::2",
            "bad-address",
            "links[2].ends joins 192.0.2.1 and 2001:db8::2, an IPv4 and an IPv6 address",
        ),
        (
            "link add more --kind i-tag --end gw1:p1 --end gw2:p1",
            "missing-field",
            "links[2] lacks the field \"b_vid\", which an i-tag link needs",
        ),
        (
            "link add more --kind pseudowire --end gw1:p0 --end gw2:p1",
            "link-conflict",
            "links[2].ends[0].port is p0, the port of pseudowire line",
        ),
    ] {
        node.refused(line, code, sentence);
    }
    node.agent.finish().unwrap();
}

#[test]
fn a_segment_between_datacenters_shows_its_labels_and_keeps_its_links() {
    let mut document = two_datacenters();
    let ends =
        json!([{"node": "edge", "port": "eth1", "vlan": 10}, {"node": "gw2", "port": "eth1", "vlan": 10}]);
    document["tenants"] = json!([{"name": "acme", "segments": [{"name": "acme-v10", "attachments": ends}]}]);
    let node = OneNode::start(&document);
    let segment = node.json("segment show acme-v10")["items"][0].clone();
    let labels = json!([
        {"to": "dc1", "from": "dc2", "label": 1000}, {"to": "dc2", "from": "dc1", "label": 2000}
    ]);
    assert_eq!(segment["labels"], labels);
    assert_eq!(
        (&segment["i_sid"], &segment["global_vid"]),
        (&json!(null), &json!(null))
    );
    assert!(
        node.ok("segment show acme-v10")
            .contains("labels  dc2 -> dc1 1000, dc1 -> dc2 2000\n")
    );
    assert!(
        node.ok("tenant show acme")
            .contains("labels dc2 -> dc1 1000, dc1 -> dc2 2000")
    );
    node.refused(
        "link remove line",
        "unreachable",
        "tenants[0].segments[0] spans edge and gw2, and no chain of links joins them",
    );
    node.refused(
        "datacenter remove dc2",
        "still-used",
        "datacenter dc2 is in use: node gw2 stands in it",
    );
    node.agent.finish().unwrap();
}

#[test]
fn the_budget_of_a_link_is_told_line_by_line() {
    let node = OneNode::start(&two_datacenters());
    node.ok("link add pathway --kind vxlan --vlan 100 --end edge:eth2,192.0.2.1 --end 192.0.2.2");
    let shown = node.ok("link show pathway");
    let expected = "\
  tenant's MTU                                   1500  1500
  + its Ethernet header 14, one own tag 4          18  1518  tenant's largest frame
  + VXLAN 8, UDP 8, IPv4 20                        36  1554  IP packet on the underlay
  + outer Ethernet 14, VLAN 100 4                  18  1572  on the wire
  eth2 sends MTU 1600 + Ethernet 14 + one tag 4        1618
  spare                                                  46  tenants up to MTU 1546
";
    assert!(shown.ends_with(expected), "{shown}");
    node.ok(
        "link add long --kind mpls-udp --end edge:eth2,192.0.2.1 --end gw2:u0,198.51.100.7 --transport-label 30600",
    );
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: Vec<String> = node.ok("link show long").lines().skip(1).map(words).collect();
    let expected = [
        "tenant's MTU 1500 1500",
        "+ its Ethernet header 14, one own tag 4 18 1518 tenant's largest frame",
        "+ S 4, C 4 8 1526 frame inside of a datacenter",
        "+ control word 4, label 4, transport label 4 12 1538 with its datacenter tag",
        "+ UDP 8, IPv4 20 28 1566 IP packet on the underlay",
        "+ outer Ethernet 14 14 1580 on the wire",
        "eth2 sends MTU 1600 + Ethernet 14 1614",
        "spare 34 tenants up to MTU 1534",
    ];
    assert_eq!(shown, expected);
    let trunk = &node.json("link show lan")["items"][0];
    assert_eq!(
        (&trunk["sends_bytes"], &trunk["spare_bytes"], &trunk["tenant_mtu"]),
        (&json!(1618), &json!(92), &json!(1592))
    );
    node.agent.finish().unwrap();
}

#[test]
fn a_second_line_is_a_backup_until_the_first_is_out_of_service() {
    let mut document = two_datacenters();
    let line = |name: &str, port: &str| {
        let ends = json!([{"node": "edge", "port": port}, {"node": "gw2", "port": format!("p-{name}")}]);
        json!({"name": name, "kind": "pseudowire", "ends": ends})
    };
    document["links"] = json!([line("a", "eth2"), line("b", "eth3")]);
    let node = OneNode::start(&document);
    let states = || {
        let links = node.json("link list")["items"].clone();
        [0, 1].map(|at: usize| links[at]["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(states(), ["up", "backup"]);
    node.ok("link down a");
    assert_eq!(states(), ["down", "up"]);
    node.ok("link up a");
    assert_eq!(states(), ["up", "backup"]);
    node.agent.finish().unwrap();
}

/// A document of `docs/examples`, and what is to be seen of it at one of its nodes.
struct Example {
    document: &'static str,
    node: &'static str,
    ports: &'static [&'static str],
    datacenter: &'static str,
    /// A segment there, and the first of its labels.
    segment: &'static str,
    label: Value,
    links: usize,
}

#[test]
fn the_figures_documents_are_carried_out_on_a_node_of_theirs() {
    let first = json!({"to": "mtdc-100", "from": "mtdc-200", "label": 1020});
    for example in [
        Example {
            document: include_str!("../../docs/examples/figure-2.json"),
            node: "220",
            ports: &["eth1", "eth2", "p226", "p228"],
            datacenter: "mtdc-250",
            segment: "initech",
            label: first.clone(),
            links: 2,
        },
        Example {
            document: include_str!("../../docs/examples/figure-3.json"),
            node: "304",
            ports: &["eth1", "eth2", "p226", "p308"],
            datacenter: "mtdc-250",
            segment: "initech",
            label: first,
            links: 2,
        },
        Example {
            document: include_str!("../../docs/examples/figure-11.json"),
            node: "1010",
            ports: &["eth1", "eth2", "eth3", "p104", "p204", "p1110"],
            datacenter: "mtdc-1100",
            segment: "vrf-102",
            label: json!({"to": "mtdc-104", "from": "mtdc-1100", "label": 1102}),
            links: 3,
        },
    ] {
        let agent = carried_out(&example);
        if example.node == "1010" {
            has_gateway_and_storage(&agent.0);
        }
        agent.0.finish().unwrap();
    }
}

/// Starts the agent of the node; it ends before the net.
fn carried_out(example: &Example) -> (Agent, Net) {
    let net = Net::new().unwrap();
    let here = net.host(example.node).unwrap();
    for port in example.ports {
        let host = net.host(&format!("at-{port}")).unwrap();
        let end = End::port(&here, port).mtu(1700);
        let end = if *port == "p308" {
            end.ipv6().address("2001:db8:308::1/64")
        } else {
            end
        };
        net.veth(End::client(&host, "c0").no_arp().mtu(1700), end)
            .unwrap();
    }
    let document = serde_json::from_str(example.document).unwrap();
    let agent = Launch::new(&here, example.node)
        .document(&document)
        .start()
        .unwrap();
    let datacenters = agent.json(&["datacenter", "show", example.datacenter]).unwrap();
    assert_eq!(datacenters["items"][0]["nodes"], json!([example.node]));
    assert_eq!(datacenters["items"][0]["here"], true);
    let segment = agent.json(&["segment", "show", example.segment]).unwrap();
    assert_eq!(segment["items"][0]["labels"][0], example.label);
    let links = agent.json(&["link", "list"]).unwrap();
    let own = links["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["state"] != "elsewhere");
    assert_eq!(own.count(), example.links, "{links}");
    (agent, net)
}

/// FIG 11: the client of another network has a gateway at the array's node as well.
fn has_gateway_and_storage(agent: &Agent) {
    let gateway = agent.json(&["gateway", "show", "gw-c"]).unwrap();
    let places = gateway["items"][0]["segments"].as_array().unwrap();
    let names: Vec<&str> = places
        .iter()
        .filter_map(|place| place["segment"].as_str())
        .collect();
    assert_eq!(names, ["vrf-100", "vrf-103"]);
    let storage = agent.json(&["storage", "list"]).unwrap();
    let here = storage["items"].as_array().unwrap();
    assert!(
        here.len() == 2 && here.iter().all(|vsm| vsm["here"] == true),
        "{storage}"
    );
}
