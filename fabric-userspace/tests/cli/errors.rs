use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use crate::fake::FakeAgent;
use crate::run::{fabric, program, ran};

#[test]
fn nobody_listening_is_told_with_the_way_to_start_an_agent() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("agent.sock");
    let ask = || ran(program().args(["status", "--socket"]).arg(&socket)).failed(1);
    let shown = socket.display();
    let cure = format!(
        "  cure: systemctl start fabric-agent, or: fabric agent --state-dir /var/lib/fabric --socket {shown}\n  code: agent-away\n"
    );
    assert_eq!(
        ask(),
        format!("error: no agent: there is no socket {shown}\n{cure}")
    );
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    assert_eq!(
        ask(),
        format!("error: no agent: nobody listens on {shown}\n{cure}")
    );
    std::fs::remove_file(&socket).expect("removed");
    std::fs::write(&socket, "").expect("written");
    assert!(ask().starts_with(&format!("error: {shown} is not a socket")));
}

#[test]
fn a_socket_of_somebody_else_is_told_with_sudo() {
    // Only root can become somebody else, and root may open every socket.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let agent = FakeAgent::start();
    let allow = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
    };
    allow(agent.dir(), 0o755);
    allow(&agent.socket(), 0o600);
    // The program itself may stand where only root can read. It is copied by another process: a thread that forks while a file
    // is open for writing here keeps it from being run (ETXTBSY).
    let copy = agent.dir().join("fabric");
    let copied = std::process::Command::new("cp")
        .args([env!("CARGO_BIN_EXE_fabric").as_ref(), copy.as_os_str()])
        .status()
        .expect("cp starts");
    assert!(copied.success(), "{copied}");
    allow(&copy, 0o755);
    let mut command = std::process::Command::new(copy);
    command
        .args(["status", "--socket"])
        .arg(agent.socket())
        .uid(65_534)
        .gid(65_534);
    let said = ran(&mut command).failed(1);
    assert!(
        said.contains(
            "is not open to this user\n  cure: repeat the command with sudo\n  code: no-permission\n"
        ),
        "{said}"
    );
}

#[test]
fn an_agent_that_does_not_answer_is_not_waited_for_without_end() {
    let agent = FakeAgent::start();
    agent.answer_late(Duration::from_secs(3));
    let said = fabric(&agent, "history --timeout 0.2").failed(1);
    assert!(
        said.contains("did not answer GET /v1/history within 0.2 s\n"),
        "{said}"
    );
    assert!(said.ends_with("code: timed-out\n"), "{said}");
    let said = fabric(&agent, "rollback 1 --timeout 0.2").failed(1);
    assert!(
        said.contains("within 0.2 s; what was asked for may still be done\n"),
        "{said}"
    );
}

#[test]
fn answers_that_are_none_are_errors() {
    let agent = FakeAgent::start();
    agent.answer("GET /v1/ports", "not JSON");
    assert!(
        fabric(&agent, "port list")
            .failed(1)
            .contains("GET /v1/ports is not understood")
    );
    agent.answer("GET /v1/ports", r#"{"schema":"fabric/2","moon":1}"#);
    assert!(
        fabric(&agent, "port list")
            .failed(1)
            .contains("is not understood: missing field")
    );
    agent.answer_with("GET /v1/ports", 404, "");
    let said = fabric(&agent, "port list").failed(1);
    assert!(
        said.starts_with("error: the agent answered 404 Not Found to GET /v1/ports\n"),
        "{said}"
    );
}

#[test]
fn a_refusal_of_the_agent_is_shown_as_it_is() {
    let agent = FakeAgent::start();
    agent.refuse(
        "POST /v1/edit",
        "attachment-taken",
        "eth2 vlan 10 belongs to tenant globex; nothing was changed",
        None,
    );
    let said = fabric(&agent, "tenant attach acme --port eth2 --vlan 10").failed(1);
    let expected = "\
error: eth2 vlan 10 belongs to tenant globex; nothing was changed
  cure: try again
  code: attachment-taken
";
    assert_eq!(said, expected);
}

#[test]
fn unknown_names_are_refused_with_the_likely_one() {
    let agent = FakeAgent::start();
    for (line, sentence, code) in [
        (
            "tenant show acm",
            "there is no tenant acm; did you mean acme?",
            "unknown-tenant",
        ),
        (
            "segment show acme-v1O",
            "there is no segment acme-v1O; did you mean acme-v10?",
            "unknown-segment",
        ),
        (
            "segment list --tenant x",
            "there is no tenant x",
            "unknown-tenant",
        ),
        (
            "port show eth2",
            "there is no port eth2; did you mean eth1?",
            "unknown-port",
        ),
        ("link show moon", "there is no link moon", "unknown-link"),
        (
            "node show egde1",
            "there is no node egde1; did you mean edge1?",
            "unknown-node",
        ),
        (
            "datacenter show dc3",
            "there is no datacenter dc3; did you mean dc1?",
            "unknown-datacenter",
        ),
    ] {
        let said = fabric(&agent, line).failed(1);
        assert!(said.starts_with(&format!("error: {sentence}\n")), "{said}");
        assert!(said.ends_with(&format!("code: {code}\n")), "{said}");
    }
}

#[test]
fn impossible_values_are_refused_and_wrong_grammar_is_wrong_usage() {
    let agent = FakeAgent::start();
    let said = fabric(&agent, "tenant attach acme --port eth1 --vlan 5000").failed(1);
    let expected = "\
error: --vlan is 5000, a VLAN is 1 to 4094; nothing was changed
  cure: fabric tenant attach --help
  code: bad-value
";
    assert_eq!(said, expected);
    let said = fabric(&agent, "tenant atach acme").failed(2);
    let expected = "\
error: unrecognized subcommand 'atach'
  cure: did you mean attach? otherwise: fabric tenant --help
  code: usage
";
    assert_eq!(said, expected);
    for (line, code, part) in [
        (
            "link add l --kind moon --end a:p --end b:p",
            2,
            "expected one of trunk, pseudowire, mpls-udp",
        ),
        (
            "link add l --kind trunk --end a --end b:p",
            2,
            "expected NODE:PORT",
        ),
        (
            "link add l --kind trunk --end a:p,x --end b:p",
            2,
            "after the comma stands an IP address",
        ),
        (
            "link add l --kind trunk --end a:p",
            2,
            "link l has 1 ends, and a link has 2",
        ),
        (
            "datacenter add d --id 2 --s-vids 9-3 --c-vids 4",
            1,
            "a range is written",
        ),
    ] {
        let said = fabric(&agent, line).failed(code);
        assert!(
            said.contains(part) && said.contains("\n  cure: "),
            "{line}: {said}"
        );
    }
    assert_eq!(agent.asked(), []);
}

#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_none() {
    let agent = FakeAgent::start();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let mut command = program();
    command
        .args(["tenant", "show", "--socket"])
        .arg(agent.socket())
        .stdout(full);
    let said = ran(&mut command);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .contains("could not be written to standard output: No space left"),
        "{}",
        said.stderr
    );
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = program();
    command
        .args(["tenant", "show", "--socket"])
        .arg(agent.socket())
        .stdout(writer);
    let said = ran(&mut command);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}
