use crate::run::{program, ran};

fn fabric(line: &str) -> crate::run::Ran {
    ran(program().args(line.split_whitespace()))
}

#[test]
fn a_noun_alone_lists_its_verbs() {
    let said = fabric("tenant").failed(2);
    for verb in ["attach", "detach", "list", "show", "remove"] {
        assert!(said.contains(&format!("\n  {verb} ")), "{verb}: {said}");
    }
    assert!(fabric("").failed(2).contains("\nCommands:\n"));
}

#[test]
fn help_explains_commands_codes_and_reasons() {
    let code = fabric("help attachment-taken").done();
    assert!(
        code.starts_with("attachment-taken  error code\n  meaning  The VLAN of this port"),
        "{code}"
    );
    let reason = fabric("help unmapped-vlan").done();
    let expected = "\
unmapped-vlan  drop reason
  meaning  no attachment for this VLAN on this port
  cure     fabric tenant attach TENANT --port PORT --vlan VLAN
";
    assert_eq!(reason, expected);
    let command = fabric("help tenant attach").done();
    assert!(
        command.contains("Usage: fabric tenant attach") && command.contains("Exit codes:"),
        "{command}"
    );
    assert_eq!(fabric("help").done(), fabric("--help").done());
    let json = fabric("help too-big --json").json();
    assert_eq!(
        (json["kind"].as_str(), json["item"]["what"].as_str()),
        (Some("explanation"), Some("drop reason"))
    );
}

#[test]
fn an_unknown_topic_is_answered_with_the_likely_one() {
    let said = fabric("help unmaped-vlan").failed(2);
    assert!(said.contains("did you mean unmapped-vlan?"), "{said}");
}

#[test]
fn the_version_is_the_program_s() {
    assert_eq!(
        fabric("--version").done(),
        format!("fabric {}\n", env!("CARGO_PKG_VERSION"))
    );
}
