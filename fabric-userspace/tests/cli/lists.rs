use crate::fake::{FakeAgent, data};
use crate::run::fabric;

fn assert_lines(text: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(
            text.lines().any(|have| have == *line),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn status_is_a_screen_and_its_check_is_for_scripts() {
    let agent = FakeAgent::start();
    let text = fabric(&agent, "status").done();
    assert_lines(
        &text,
        &[
            "state    degraded",
            "action   fabric doctor eth4",
            "traffic  in 0 pps  out 0 pps  dropped 0 pps",
        ],
    );
    let ran = fabric(&agent, "status --check");
    assert_eq!((ran.code, ran.stdout.contains("degraded")), (1, true));
    agent.answer("GET /v1/status", data("status").replace("\"degraded\"", "\"ok\""));
    assert_eq!(
        fabric(&agent, "status --check --json").json()["item"]["state"],
        "ok"
    );
}

#[test]
fn tenants_are_listed_and_shown() {
    let agent = FakeAgent::start();
    let list = fabric(&agent, "tenant list").done();
    assert_lines(&list, &["acme           2            4    812  0 pps  0 pps"]);
    assert!(fabric(&agent, "tenant list -o wide").done().contains("100,101"));
    let one = fabric(&agent, "tenant show globex").done();
    assert!(one.starts_with("globex ") && !one.contains("acme"), "{one}");
    assert!(fabric(&agent, "tenant show").done().contains("acme-v10"));
}

#[test]
fn segments_are_listed_and_shown_by_name_or_id() {
    let agent = FakeAgent::start();
    let list = fabric(&agent, "segment list --tenant acme").done();
    assert_eq!(list.lines().count(), 3, "{list}");
    let by_name = fabric(&agent, "segment show acme-v10").done();
    assert!(by_name.starts_with("acme-v10  tenant acme"), "{by_name}");
    assert_eq!(fabric(&agent, "segment show 2").done(), by_name);
    assert_eq!(fabric(&agent, "segment list").done().lines().count(), 4);
}

#[test]
fn ports_and_links_are_listed_and_shown() {
    let agent = FakeAgent::start();
    let ports = fabric(&agent, "port list").done();
    let names: Vec<_> = ports.lines().map(|line| line.split(' ').next()).collect();
    assert_eq!(names, [Some("PORT"), Some("eth1"), Some("eth10"), Some("trunk0")]);
    let by_name = fabric(&agent, "port show trunk0").done();
    assert!(by_name.contains("too-big 3 (copies"), "{by_name}");
    assert_eq!(fabric(&agent, "port show 12").done(), by_name);
    assert_eq!(fabric(&agent, "link list").done().lines().count(), 4);
    let link = fabric(&agent, "link show pathway").done();
    assert_lines(
        &link,
        &["  + VXLAN 8, UDP 8, IPv4 20                        36  1554  IP packet on the underlay"],
    );
}

#[test]
fn datacenters_and_nodes_are_listed_and_shown() {
    let agent = FakeAgent::start();
    assert_eq!(fabric(&agent, "datacenter list").done().lines().count(), 3);
    let by_name = fabric(&agent, "datacenter show dc2").done();
    assert!(
        by_name.starts_with("dc2  id 2\n") && !by_name.contains("dc1"),
        "{by_name}"
    );
    assert_eq!(fabric(&agent, "datacenter show 2").done(), by_name);
    assert_eq!(
        fabric(&agent, "node list -o name").done(),
        "edge1\nedge2\nedge3\nspare\n"
    );
    let node = fabric(&agent, "node show edge2").done();
    assert!(node.starts_with("edge2  datacenter dc1\n"), "{node}");
}

#[test]
fn addresses_are_asked_for_by_segment_tenant_and_mac() {
    let agent = FakeAgent::start();
    assert_eq!(fabric(&agent, "fdb show").done().lines().count(), 4);
    let asked = agent.asked();
    assert_eq!(asked[0].what, "GET /v1/fdb");
    fabric(&agent, "fdb show --segment acme-v10").done();
    assert_eq!(agent.asked_once().0, "GET /v1/fdb?segment=acme-v10");
    // A million of them are not to be sent for the sake of one.
    fabric(
        &agent,
        "fdb show 56:89:6F:88:9D:C7 --tenant globex --segment globex-v10",
    )
    .done();
    assert_eq!(
        agent.asked_once().0,
        "GET /v1/fdb?segment=globex-v10&tenant=globex&mac=56%3A89%3A6f%3A88%3A9d%3Ac7"
    );
}

#[test]
fn counters_are_told_apart_as_wanted() {
    let agent = FakeAgent::start();
    let usual = fabric(&agent, "counters").done();
    assert!(
        usual.contains("trunk0") && usual.contains("2 reasons never hit"),
        "{usual}"
    );
    let ports = fabric(&agent, "counters --by port").done();
    assert!(!ports.contains("never hit") && ports.contains("1 port without a frame"));
    let tenants = fabric(&agent, "counters --by tenant --all").done();
    assert_lines(
        &tenants,
        &["initech          0          0           0          0"],
    );
    let reasons = fabric(&agent, "counters --by reason").done();
    assert!(reasons.starts_with("in 391043 = redirected 390990 + passed 12 + dropped 41;"));
}

#[test]
fn doctor_fails_with_its_checks() {
    let agent = FakeAgent::start();
    let ran = fabric(&agent, "doctor");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert!(
        ran.stdout
            .contains("cure: ip netns exec tenant-a ethtool -K c0 tx off")
    );
    agent.asked();
    agent.answer(
        "GET /v1/doctor?port=eth9",
        data("doctor").replace("\"fail\"", "\"warn\""),
    );
    assert!(
        fabric(&agent, "doctor eth9")
            .done()
            .ends_with("Nothing was changed.\n")
    );
    assert_eq!(agent.asked_once().0, "GET /v1/doctor?port=eth9");
}

#[test]
fn history_is_told_newest_first() {
    let agent = FakeAgent::start();
    let history = fabric(&agent, "history").done();
    assert!(
        history
            .lines()
            .nth(1)
            .expect("a line")
            .ends_with("--vlan 10  (in force)"),
        "{history}"
    );
}

#[test]
fn an_empty_list_is_a_sentence_with_the_next_command() {
    let agent = FakeAgent::start();
    let empty = r#"{"schema":"fabric/1","kind":"x","revision":1,"items":[]}"#;
    for (what, line) in [
        ("GET /v1/tenants", "tenant list"),
        ("GET /v1/tenants", "tenant show"),
        ("GET /v1/tenants", "segment list"),
        ("GET /v1/ports", "port list"),
        ("GET /v1/links", "link list"),
        ("GET /v1/datacenters", "datacenter list"),
        ("GET /v1/gateways", "gateway list"),
        ("GET /v1/gateways", "gateway show"),
        ("GET /v1/nodes", "node list"),
        ("GET /v1/nodes/details", "node show"),
        ("GET /v1/fdb", "fdb show"),
        ("GET /v1/history", "history"),
        ("GET /v1/doctor", "doctor"),
    ] {
        agent.answer(what, empty);
        let said = fabric(&agent, line).failed(0);
        assert!(
            said.lines().count() == 1 && said.contains("fabric "),
            "{line}: {said}"
        );
        let json = fabric(&agent, &format!("{line} --json")).json();
        assert_eq!(json["items"], serde_json::json!([]), "{line}");
    }
}

#[test]
fn names_from_elsewhere_cannot_move_the_cursor() {
    let agent = FakeAgent::start();
    agent.answer(
        "GET /v1/ports",
        data("ports").replace("ixgbe", "\\u001b[2J\\n\\u202e"),
    );
    let list = fabric(&agent, "port list").done();
    assert!(list.contains("\\u{1b}[2J\\n\\u{202e}"), "{list}");
    assert_eq!(list.lines().count(), 4);
}
