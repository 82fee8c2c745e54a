use crate::error::{Problem, codes};
use crate::model::{Document, from_json, from_json_bytes};

fn refused(text: &str) -> Problem {
    from_json::<Document>(text).expect_err("must be refused")
}

fn with_attachment(attachment: &str) -> String {
    format!(
        r#"{{"schema":"fabric/1","tenants":[{{"name":"a","segments":[{{"name":"s","attachments":[{attachment}]}}]}}]}}"#
    )
}

#[test]
fn a_vlan_of_5000_is_refused_as_the_manual_shows() {
    let problem = refused(&with_attachment(r#"{"node":"n","port":"eth1","vlan":5000}"#));
    assert_eq!(
        problem.to_string(),
        "tenants[0].segments[0].attachments[0].vlan is 5000, a VLAN is 1 to 4094"
    );
    assert_eq!(
        problem.cure,
        "set it to the tenant's outermost VLAN, or \"untagged\", or \"any\""
    );
    assert_eq!(problem.code, codes::BAD_VALUE);
}

#[test]
fn a_misspelt_field_is_refused_with_its_path_and_the_likely_word() {
    let problem = refused(&with_attachment(r#"{"node":"n","prot":"eth1","vlan":5}"#));
    assert_eq!(
        problem.to_string(),
        "tenants[0].segments[0].attachments[0].prot is not a known field; did you mean \"port\"?"
    );
    assert_eq!(problem.code, codes::UNKNOWN_FIELD);
    let problem = refused(r#"{"schema":"fabric/1","tenents":[]}"#);
    assert_eq!(
        problem.to_string(),
        "tenents is not a known field; did you mean \"tenants\"?"
    );
    let problem = refused(r#"{"schema":"fabric/1","colour":[]}"#);
    assert_eq!(
        problem.cure,
        "remove it; known here: schema, datacenters, global_vids, nodes, links, tenants, storage, gateways"
    );
}

#[test]
fn a_missing_or_doubled_field_is_named() {
    assert_eq!(
        refused("{}").to_string(),
        "the document lacks the field \"schema\""
    );
    let problem = refused(&with_attachment(r#"{"node":"n","vlan":5}"#));
    assert_eq!(
        problem.to_string(),
        "tenants[0].segments[0].attachments[0] lacks the field \"port\""
    );
    let problem = refused(r#"{"schema":"fabric/1","nodes":[],"nodes":[]}"#);
    assert_eq!(problem.to_string(), "the document has the field \"nodes\" twice");
}

#[test]
fn a_wrong_type_is_described_in_words() {
    for (text, sentence) in [
        (
            r#"{"schema":"fabric/1","nodes":5}"#,
            "nodes is 5, expected a list",
        ),
        (
            r#"{"schema":"fabric/1","nodes":{}}"#,
            "nodes is an object, expected a list",
        ),
        (
            r#"{"schema":"fabric/1","nodes":["edge1"]}"#,
            "nodes[0] is the text \"edge1\", expected a node object",
        ),
        (
            r#"{"schema":"fabric/2"}"#,
            "schema is \"fabric/2\", expected \"fabric/1\"",
        ),
        (
            r#"{"schema":"fabric/1","tenants":[{"name":7}]}"#,
            "tenants[0].name is 7, a name is 1 to 63 of a-z 0-9 . _ -, the first one a letter or digit",
        ),
        (r#"[]"#, "the document is a list, expected a document object"),
        (
            r#""x""#,
            "the document is the text \"x\", expected a document object",
        ),
    ] {
        assert_eq!(refused(text).to_string(), sentence, "{text}");
    }
}

#[test]
fn a_wrong_vlan_type_is_described_in_words() {
    for (vlan, sentence) in [
        ("\"all\"", "is the text \"all\", a VLAN is 1 to 4094"),
        ("-1", "is -1, a VLAN is 1 to 4094"),
        ("1.5", "is floating point 1.5, a VLAN is 1 to 4094"),
        ("null", "is null, a VLAN is 1 to 4094"),
        ("true", "is true, a VLAN is 1 to 4094"),
    ] {
        let text = with_attachment(&format!(r#"{{"node":"n","port":"eth1","vlan":{vlan}}}"#));
        assert_eq!(refused(&text).sentence, sentence, "{vlan}");
    }
}

#[test]
fn ranges_ends_and_addresses_are_described_in_words() {
    let datacenter = |s_vids: &str| {
        format!(
            r#"{{"schema":"fabric/1","datacenters":[{{"name":"d","id":1,"s_vids":{s_vids},"c_vids":"1-9"}}]}}"#
        )
    };
    let sentence = refused(&datacenter("\"9-3\"")).to_string();
    assert_eq!(
        sentence,
        "datacenters[0].s_vids is \"9-3\", a range is written \"100-1999\", the smaller number first"
    );
    assert!(
        refused(&datacenter("\"1-5000\""))
            .sentence
            .ends_with("a VLAN is 1 to 4094")
    );
    assert!(
        refused(&datacenter("7"))
            .sentence
            .starts_with("is 7, a range is written")
    );
    let link = |ends: &str| {
        format!(r#"{{"schema":"fabric/1","links":[{{"name":"l","kind":"vxlan","ends":[{ends}]}}]}}"#)
    };
    assert_eq!(
        refused(&link("{},{},{}")).to_string(),
        "links[0].ends has 3 ends, a link has 2"
    );
    assert_eq!(
        refused(&link(r#"{"address":"1.2.3"},{}"#)).to_string(),
        "links[0].ends[0].address is not an IP address"
    );
}

#[test]
fn text_that_is_not_json_is_refused_with_its_place() {
    for text in [
        "",
        "{",
        "{\"schema\":\"fabric/1\",}",
        "{\"schema\":\"fabric/1\"} x",
        "nonsense",
    ] {
        let problem = refused(text);
        assert_eq!(problem.code, codes::BAD_JSON, "{text}");
        assert!(
            problem.to_string().starts_with("the document is not JSON: "),
            "{problem}"
        );
    }
    assert!(
        refused("{\n\"schema\" 1}")
            .sentence
            .ends_with("at line 2 column 10")
    );
    assert!(from_json_bytes::<Document>(b"{\"schema\":\"\xff\"}").is_err());
}

#[test]
fn hostile_text_in_a_document_cannot_reach_the_terminal() {
    for text in [
        "{\"schema\":\"fabric/1\",\"\\u001b[31m\":1}",
        "{\"schema\":\"\\u001b[31m\"}",
        "{\"schema\":\"fabric/1\",\"tenants\":[{\"name\":\"\\u001b[31m\\n\"}]}",
        "{\"schema\":\"fabric/1\",\"tenants\":\"\\u001b\"}",
    ] {
        let problem = refused(text);
        let shown = format!("{problem}{}", problem.cure);
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered_and_never_with_control_characters(text in "\\PC{0,40}|[\\[\\]{}:,\"a-z0-9 \\u{1b}]{0,60}") {
        if let Err(problem) = from_json::<Document>(&text) {
            assert!(!problem.to_string().chars().any(char::is_control), "{problem:?}");
        }
    }
}
