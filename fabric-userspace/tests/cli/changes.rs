use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::fake::{FakeAgent, data, spawn_process};
use crate::run::{fabric, program, ran};

#[test]
fn every_change_sends_what_its_flags_say() {
    let agent = FakeAgent::start();
    let mac = "02:00:00:00:00:01";
    for (line, edit) in [
        (
            "tenant attach acme --port eth1 --vlan 10",
            json!({"op": "attach", "tenant": "acme", "node": null, "port": "eth1", "vlan": 10, "segment": null,
                   "s_vid": null, "c_vid": null, "vni": null, "mac_limit": null, "stations": []}),
        ),
        (
            "tenant attach acme --port eth1 --untagged --node edge2 --segment s --s-vid 101 --c-vid 1101 --vni 7 \
             --mac-limit 9 --station 02:00:00:00:00:01 --station 02:00:00:00:00:02",
            json!({"op": "attach", "tenant": "acme", "node": "edge2", "port": "eth1", "vlan": "untagged",
                   "segment": "s", "s_vid": 101, "c_vid": 1101, "vni": 7, "mac_limit": 9,
                   "stations": [mac, "02:00:00:00:00:02"]}),
        ),
        (
            "tenant detach acme --port eth1 --any",
            json!({"op": "detach", "tenant": "acme", "node": null, "port": "eth1", "vlan": "any"}),
        ),
        (
            // As the cures of refusals write it.
            "tenant detach acme --port eth1 --vlan any --node n",
            json!({"op": "detach", "tenant": "acme", "node": "n", "port": "eth1", "vlan": "any"}),
        ),
        (
            "tenant remove acme",
            json!({"op": "remove-tenant", "tenant": "acme"}),
        ),
        (
            "segment add s --tenant acme --vni 7",
            json!({"op": "add-segment", "tenant": "acme", "segment": "s", "s_vid": null, "c_vid": null, "vni": 7,
                   "mac_limit": null}),
        ),
        (
            "segment remove s",
            json!({"op": "remove-segment", "segment": "s"}),
        ),
        (
            "segment add s --tenant acme --datacenter dc2",
            json!({"op": "add-segment", "tenant": "acme", "segment": "s", "datacenter": "dc2", "s_vid": null,
                   "c_vid": null, "vni": null, "mac_limit": null}),
        ),
        (
            "datacenter add dc2 --id 2 --s-vids 2000-2999 --c-vids 4000 --vnis 7-9 --labels 2000-2999 --i-sids 5-6",
            json!({"op": "add-datacenter", "datacenter": {"name": "dc2", "id": 2, "s_vids": "2000-2999", "c_vids": "4000",
                   "vnis": "7-9", "labels": "2000-2999", "i_sids": "5-6"}}),
        ),
        (
            "datacenter remove dc2",
            json!({"op": "remove-datacenter", "datacenter": "dc2"}),
        ),
        (
            "node add edge3 --datacenter dc2",
            json!({"op": "add-node", "node": {"name": "edge3", "datacenter": "dc2"}}),
        ),
        ("node remove edge3", json!({"op": "remove-node", "node": "edge3"})),
        (
            "link add l1 --kind pseudowire --end a:p0,02:00:00:00:00:01 --end b:p0 --vlan 5 --outer-tpid 0x88a8 \
             --transport-label 30600",
            json!({"op": "add-link", "link": {"name": "l1", "kind": "pseudowire", "outer_tpid": "0x88a8", "vlan": 5,
                   "transport_label": 30600, "ends": [{"node": "a", "port": "p0", "mac": mac}, {"node": "b", "port": "p0"}]}}),
        ),
        (
            "link add l2 --kind vxlan --end a:u0,2001:db8::1 --end 2001:db8::2 --udp-port 8472 --strict",
            json!({"op": "add-link", "link": {"name": "l2", "kind": "vxlan", "udp_port": 8472, "strict": true,
                   "ends": [{"node": "a", "port": "u0", "address": "2001:db8::1"}, {"address": "2001:db8::2"}]}}),
        ),
        (
            "link add l3 --kind i-tag --end a:p0 --end b:p0 --b-vid 500",
            json!({"op": "add-link", "link": {"name": "l3", "kind": "i-tag", "b_vid": 500,
                   "ends": [{"node": "a", "port": "p0"}, {"node": "b", "port": "p0"}]}}),
        ),
        ("link remove l1", json!({"op": "remove-link", "link": "l1"})),
        (
            "link down l1",
            json!({"op": "set-link", "link": "l1", "down": true}),
        ),
        (
            "link up l1",
            json!({"op": "set-link", "link": "l1", "down": false}),
        ),
        (
            "port set eth1 --drop-group-source off --tunnel-lldp on",
            json!({"op": "set-port", "node": null, "port": "eth1", "drop_group_source": false, "tunnel_lldp": true}),
        ),
        (
            "fdb add 02:00:00:00:00:01 --segment s --port eth1 --name 110C --c-vid 5",
            json!({"op": "add-station", "segment": "s", "mac": mac, "node": null, "port": "eth1", "link": null,
                   "name": "110C", "c_vid": 5}),
        ),
        (
            "fdb add 02:00:00:00:00:01 --segment s --link dc2",
            json!({"op": "add-station", "segment": "s", "mac": mac, "node": null, "port": null, "link": "dc2",
                   "name": null, "c_vid": null}),
        ),
        (
            "fdb remove 02:00:00:00:00:01 --segment s",
            json!({"op": "remove-station", "segment": "s", "mac": mac}),
        ),
    ] {
        let said = fabric(&agent, line).done();
        assert!(
            said.contains("  revision 44, live after 1.8 ms      undo: "),
            "{said}"
        );
        assert_eq!(agent.asked_once(), ("POST /v1/edit".to_owned(), edit), "{line}");
    }
}

#[test]
fn an_attach_says_what_was_done_and_how_to_undo_it() {
    let agent = FakeAgent::start();
    let expected = "\
attached acme: eth1 vlan 10 -> segment acme-v10, S-VID 101, base C-VID 1101 (allocated)
  changed on eth1: rxvlan on -> off, put back at detach
  revision 44, live after 1.8 ms      undo: fabric tenant detach acme --port eth1 --vlan 10
";
    assert_eq!(
        fabric(&agent, "tenant attach acme --port eth1 --vlan 10").done(),
        expected
    );
}

#[test]
fn a_dry_run_shows_a_plan_and_changes_nothing() {
    let agent = FakeAgent::start();
    let site = write_document(&agent);
    for line in [
        "tenant remove acme --dry-run",
        "rollback 42 --dry-run",
        &format!("apply -f {site} --dry-run"),
    ] {
        let said = fabric(&agent, line).done();
        assert!(
            said.ends_with("1 to remove. Nothing was changed.\n"),
            "{line}: {said}"
        );
        let (what, _) = agent.asked_once();
        let is_plan = what.ends_with("?dry_run=true") || what == "POST /v1/rollback/plan";
        assert!(is_plan, "{line}: {what}");
        assert_eq!(fabric(&agent, &format!("{line} --json")).done(), data("plan"));
        agent.asked();
    }
}

fn write_document(agent: &FakeAgent) -> String {
    let file = agent.dir().join("site.json");
    let document: Value = serde_json::from_str(&data("document")).expect("JSON");
    std::fs::write(&file, document["item"].to_string()).expect("written");
    file.display().to_string()
}

#[test]
fn a_plan_has_its_own_exit_code() {
    let agent = FakeAgent::start();
    let site = write_document(&agent);
    fabric(&agent, &format!("plan -f {site}")).done();
    assert_eq!(fabric(&agent, &format!("plan -f {site} --exit-code")).code, 3);
    agent.answer("PUT /v1/document?dry_run=true", data("plan-same"));
    let said = fabric(&agent, &format!("plan -f {site} --exit-code")).done();
    assert_eq!(said, "nothing to do: revision 43 is this document\n");
}

#[test]
fn apply_shows_the_plan_and_asks_nothing_without_a_terminal() {
    let agent = FakeAgent::start();
    let site = write_document(&agent);
    let said = fabric(&agent, &format!("apply -f {site}")).done();
    assert!(
        said.starts_with("revision 43 -> 44, node edge1\n  + tenant umbrella"),
        "{said}"
    );
    assert!(
        said.ends_with("applied revision 44: 8 writes in 6.4 ms      undo: fabric rollback 43\n"),
        "{said}"
    );
    let (what, body) = agent.asked_once();
    let cause = site.replace('/', "%2F");
    assert_eq!(what, format!("PUT /v1/document?cause=apply%20{cause}"));
    assert_eq!(body["nodes"][0]["name"], "edge1");
    agent.answer("PUT /v1/document", data("applied-same"));
    let again = fabric(&agent, &format!("apply -f {site}")).done();
    assert_eq!(again, "nothing to do: revision 43 is this document\n");
}

#[test]
fn a_document_can_come_from_standard_input() {
    let agent = FakeAgent::start();
    let mut child = program()
        .args(["apply", "-f", "-", "--socket"])
        .arg(agent.socket())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let text = r#"{"schema": "fabric/1"}"#;
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("read");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(agent.asked()[0].body, text);
}

#[test]
fn a_broken_document_is_told_with_its_file_and_not_sent() {
    let agent = FakeAgent::start();
    for (text, sentence, code) in [
        (
            r#"{"schema":"fabric/1","tenants":[{"name":"a","segments":[{"name":"s","attachments":[{"node":"n","port":"e","vlan":5000}]}]}]}"#,
            "tenants[0].segments[0].attachments[0].vlan is 5000, a VLAN is 1 to 4094; nothing was changed",
            "bad-value",
        ),
        (
            r#"{"schema":"fabric/1","tenats":[]}"#,
            "tenats is not a known field; did you mean \"tenants\"?; nothing was changed",
            "unknown-field",
        ),
        ("{", "the document is not JSON:", "bad-json"),
    ] {
        let file = agent.dir().join("broken.json");
        std::fs::write(&file, text).expect("written");
        for verb in ["plan", "apply"] {
            let said = fabric(&agent, &format!("{verb} -f {}", file.display())).failed(1);
            let expected = format!("error: {}: {sentence}", file.display());
            assert!(said.starts_with(&expected), "{said}");
            assert!(
                said.contains("\n  cure: ") && said.ends_with(&format!("  code: {code}\n")),
                "{said}"
            );
        }
    }
    let missing = fabric(&agent, "apply -f /nonexistent/site.json").failed(1);
    assert!(
        missing.contains("/nonexistent/site.json cannot be read"),
        "{missing}"
    );
    assert_eq!(agent.asked(), []);
}

#[test]
fn a_refused_document_is_told_with_its_file() {
    let agent = FakeAgent::start();
    let site = write_document(&agent);
    let what = "PUT /v1/document";
    agent.refuse(
        what,
        "outside-range",
        "tenants[0].segments[0].s_vid is 7",
        Some("tenants[0]"),
    );
    let said = fabric(&agent, &format!("apply -f {site}")).failed(1);
    assert!(
        said.starts_with(&format!("error: {site}: tenants[0].segments[0].s_vid is 7\n")),
        "{said}"
    );
    agent.refuse(what, "xdp-program-present", "eth1 is busy", None);
    let said = fabric(&agent, &format!("apply -f {site}")).failed(1);
    assert_eq!(
        said,
        "error: eth1 is busy\n  cure: try again\n  code: xdp-program-present\n"
    );
}

#[test]
fn a_rollback_names_its_revision() {
    let agent = FakeAgent::start();
    let said = fabric(&agent, "rollback 42").done();
    assert!(said.contains("applied revision 44"), "{said}");
    assert_eq!(
        agent.asked_once(),
        ("POST /v1/rollback".to_owned(), json!({"revision": 42}))
    );
}

#[test]
fn a_flush_says_how_much_was_forgotten() {
    let agent = FakeAgent::start();
    assert_eq!(
        fabric(&agent, "fdb flush --tenant acme").done(),
        "forgot 812 learned addresses\n"
    );
    let flush = json!({"segment": null, "tenant": "acme", "mac": null});
    assert_eq!(agent.asked_once(), ("POST /v1/fdb/flush".to_owned(), flush));
    fabric(&agent, "fdb flush").failed(2);
    fabric(&agent, "fdb flush --all --tenant acme").failed(2);
    assert_eq!(agent.asked(), []);
}

#[test]
fn stop_waits_until_the_agent_has_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("agent.sock");
    for (flag, body, what) in [
        (
            "--detach",
            true,
            "the data path is down, the interfaces are as they were before",
        ),
        (
            "--yes",
            false,
            "forwarding goes on; changes wait for the next agent",
        ),
    ] {
        let mut agent = spawn_process(&socket);
        let mut command = program();
        command.args(["agent", "stop", flag, "--socket"]).arg(&socket);
        let said = ran(&mut command).done();
        assert_eq!(said, format!("agent stopped (pid {}); {what}\n", agent.id()));
        let asked = std::fs::read_to_string(dir.path().join("agent.asked")).expect("the agent has ended");
        assert_eq!(asked, format!("POST /v1/stop {{\"detach\":{body}}}"));
        std::fs::remove_file(dir.path().join("agent.asked")).expect("removed");
        assert!(agent.wait().expect("a child").success());
    }
}

#[test]
fn stopping_nobody_is_an_error() {
    let said = ran(program().args(["agent", "stop", "--socket", "/nonexistent/agent.sock"])).failed(1);
    assert!(said.starts_with("error: no agent: there is no socket"), "{said}");
}

#[test]
fn options_of_a_running_agent_mean_nothing_to_stop() {
    let said = ran(program().args(["agent", "--state-dir", "/s", "stop"])).failed(2);
    assert!(said.contains("code: usage"), "{said}");
    let said = ran(program().args(["agent"])).failed(2);
    assert!(said.contains("--state-dir <DIR>"), "{said}");
}

/// `$FABRIC_STORE` stands where nothing is said, and a state directory is something.
#[test]
fn a_state_directory_counts_before_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, state) = (folder.path().join("site.json"), folder.path().join("state"));
    let datacenter = json!({"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "1000-1999"});
    let document = json!({"schema": "fabric/1", "datacenters": [datacenter], "nodes": [{"name": "edge1", "datacenter": "dc1"}]});
    std::fs::write(&file, document.to_string()).expect("written");
    let import = || {
        let mut import = program();
        import.env("FABRIC_STORE", "etcd://127.0.0.1:1/site");
        import
            .arg("import")
            .arg("-f")
            .arg(&file)
            .arg("--state-dir")
            .arg(&state);
        import
    };
    let said = ran(&mut import()).done();
    assert!(said.contains("as revision 1"), "{said}");
    let said = ran(&mut import()).failed(1);
    let cure = format!("cat {}/document.json", state.display());
    assert!(
        said.contains("code: store-taken") && said.contains(&cure),
        "{said}"
    );
    let both = ["--store", "etcd://127.0.0.1:1/site"];
    let said = ran(import().args(both)).failed(2);
    assert!(said.contains("both a store and a state directory"), "{said}");
}

#[test]
fn the_help_of_a_command_is_no_json() {
    let said = ran(program().args(["help", "tenant", "attach", "--json"])).failed(2);
    assert!(
        said.contains("\"usage\"") || said.contains("code: usage"),
        "{said}"
    );
}
