//! The wrong store, the wrong credentials, and documents of another version.

use std::path::Path;
use std::process::Command;

use fabric_tests::etcd::Etcd;
use fabric_tests::fabric::binary;
use fabric_tests::netns::{NetNs, run_tool};
use fabric_tests::topology::Net;
use fabric_tests::wait;

use crate::keys::Alone;
use crate::support::{Pair, document, export, said, unharmed, wait_problem, wait_revision};

const PASSWORD: &str = "hunter2-hunter2";

/// Runs the command line in a namespace; gives its status and what it printed.
fn fabric(host: &NetNs, words: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let mut command = host.command(binary().unwrap());
    let output = command
        .args(words)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

/// A fabric goes from a file to etcd and back; an import over a fabric needs to be meant; credentials are never printed.
#[test]
fn a_fabric_moves_between_stores_and_passwords_stay_secret() {
    let alone = Alone::start();
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "site.json", &document().to_string());
    let url = alone.etcd.url("moved");
    let (ok, said) = fabric(&alone.host, &["import", "-f", &file, "--store", &url], &[]);
    assert!(ok && said.contains("as revision 1"), "{said}");
    let (ok, said) = fabric(&alone.host, &["import", "-f", &file, "--store", &url], &[]);
    assert!(!ok && said.contains("code: store-taken"), "{said}");
    let (ok, said) = fabric(
        &alone.host,
        &["import", "-f", &file, "--store", &url, "--replace"],
        &[],
    );
    assert!(ok && said.contains("as revision 2"), "{said}");
    let (ok, exported) = fabric(&alone.host, &["export", "--store", &url], &[]);
    assert!(ok, "{exported}");
    let back = write(folder.path(), "back.json", &exported);
    let state = folder.path().join("state").to_string_lossy().into_owned();
    let (ok, said) = fabric(&alone.host, &["import", "-f", &back, "--state-dir", &state], &[]);
    assert!(ok, "{said}");
    let kept = std::fs::read_to_string(folder.path().join("state/document.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        kept["document"],
        serde_json::from_str::<serde_json::Value>(&exported).unwrap()
    );
    // Of a node that has joined others it would be carried to all of them.
    let member = r#"{"instance": "0123", "fabric": "4567"}"#;
    std::fs::write(folder.path().join("state/fabric.json"), member).unwrap();
    let again = ["import", "-f", &back, "--state-dir", &state, "--replace"];
    let (ok, said) = fabric(&alone.host, &again, &[]);
    assert!(!ok && said.contains("several nodes share"), "{said}");
    let (ok, said) = fabric(
        &alone.host,
        &["export", "--store", &alone.etcd.url("elsewhere")],
        &[],
    );
    assert!(!ok && said.contains("code: store-empty"), "{said}");

    alone
        .etcd
        .ctl(&["user", "add", &format!("root:{PASSWORD}")])
        .unwrap();
    alone.etcd.ctl(&["user", "grant-role", "root", "root"]).unwrap();
    alone.etcd.ctl(&["auth", "enable"]).unwrap();
    let right = [("FABRIC_STORE_USER", "root"), ("FABRIC_STORE_PASSWORD", PASSWORD)];
    let wrong = [
        ("FABRIC_STORE_USER", "root"),
        ("FABRIC_STORE_PASSWORD", "hunter3-hunter3"),
    ];
    for credentials in [&wrong[..], &[]] {
        let (ok, said) = fabric(&alone.host, &["export", "--store", &url, "--json"], credentials);
        assert!(
            !ok && said.contains("\"store-denied\"") && !said.contains("hunter"),
            "{said}"
        );
    }
    let (ok, said) = fabric(&alone.host, &["export", "--store", &url], &right);
    assert!(ok && said == exported, "{said}");
    let secret = write(folder.path(), "password", &format!("{PASSWORD}\n"));
    let words = [
        "export",
        "--store",
        &url,
        "--store-user",
        "root",
        "--store-password-file",
        &secret,
    ];
    assert_eq!(fabric(&alone.host, &words, &[]), (true, exported));
}

/// TLS both ways: a client that does not trust the member, or whom the member does not trust, gets nothing.
#[test]
fn certificates_are_checked_on_both_sides() {
    let net = Net::new().unwrap();
    let host = net.host("store").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["ours", "stranger"] {
        authority(&path(name));
    }
    let files = ["ca.pem", "cert.pem", "key.pem"].map(|file| path("ours").join(file));
    let etcd = Etcd::start_tls(&host, "127.0.0.1", files.clone()).unwrap();
    let document = write(folder.path(), "site.json", &document().to_string());
    let url = etcd.url("tls");
    let import = |folder: &str, identity: bool, trust: &str| {
        let file = |folder: &str, name: &str| path(folder).join(name).to_string_lossy().into_owned();
        let (authority, certificate, key) = (
            file(trust, "ca.pem"),
            file(folder, "cert.pem"),
            file(folder, "key.pem"),
        );
        let mut words = vec![
            "import",
            "-f",
            &document,
            "--store",
            &url,
            "--replace",
            "--store-ca",
            &authority,
        ];
        if identity {
            words.extend(["--store-cert", &certificate, "--store-key", &key]);
        }
        fabric(&host, &words, &[])
    };
    let (ok, said) = import("ours", true, "stranger");
    assert!(!ok && said.contains("code: store-denied"), "{said}");
    let (ok, said) = import("stranger", true, "ours");
    assert!(!ok, "a stranger was let in: {said}");
    let (ok, said) = import("ours", false, "ours");
    assert!(!ok, "somebody without a certificate was let in: {said}");
    let (ok, said) = import("ours", true, "ours");
    assert!(ok, "{said}");
    drop(etcd);
}

/// An authority, and a certificate of it for 127.0.0.1 that serves members and clients.
fn authority(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        run_tool(command.args(line.split(' ')).current_dir(folder)).unwrap();
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {new} -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem"
    ));
    openssl(&format!(
        "req {new} -subj /O=fabric -keyout key.pem -out request.pem"
    ));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile names -out cert.pem",
    );
}

/// The keys are lost, or another fabric stands there: the nodes keep what they have, say so once, and follow nobody.
#[test]
fn nodes_follow_no_other_fabric() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    let before = export(&pair.agents[0]);
    pair.etcd.ctl(&["del", "--prefix", "/lab/"]).unwrap();
    pair.agents
        .iter()
        .for_each(|agent| wait_problem(agent, Some("holds no fabric")));
    pair.agents[0]
        .refused(
            &["tenant", "attach", "globex", "--port", "eth2", "--vlan", "20"],
            "store-empty",
        )
        .unwrap();
    let file = pair.agents[0].file("other.json", &document()).unwrap();
    let (ok, told) = fabric(
        &pair.store,
        &["import", "-f", &file, "--store", &pair.etcd.url("lab")],
        &[],
    );
    assert!(ok, "{told}");
    for agent in &pair.agents {
        wait_problem(agent, Some("holds another fabric"));
        assert_eq!(export(agent), before);
        assert_eq!(said(agent, "code=store-foreign"), 1, "{}", agent.log().unwrap());
    }
    unharmed(probe);
    pair.finish();
}

/// An object of a newer version: the node that meets it refuses the revision, keeps its own and says why.
#[test]
fn a_node_keeps_its_document_when_it_does_not_understand_the_newest() {
    let mut pair = Pair::start(1);
    let probe = pair.probe();
    pair.agents[1].kill9().unwrap();
    let keys = pair
        .etcd
        .ctl(&["get", "--prefix", "--keys-only", "/lab/objects/"])
        .unwrap();
    let key = keys.lines().find(|line| line.ends_with("/tenants/acme")).unwrap();
    let newer = r#"{"schema":"fabric/1","at":1048576,"value":{"name":"acme","colour":"red"}}"#;
    pair.etcd.ctl(&["put", key, newer]).unwrap();
    pair.agents[1].restart().unwrap();
    wait_revision(&pair.agents[1], 1);
    wait_problem(&pair.agents[1], Some("colour"));
    let told = || {
        let listed = pair.agents[0].json(&["node", "list"])?;
        Ok(listed["items"][1]["refused"]["code"] == "unknown-field")
    };
    wait::until_true(wait::PATIENCE, "edge2 to report why", told).unwrap();
    unharmed(probe);
    pair.finish();
}
