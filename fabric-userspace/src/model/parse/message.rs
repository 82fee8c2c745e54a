//! serde's messages as sentences about a field. serde has no other form of them; the tests hold their wording.

use super::similar::most_similar;
use crate::error::{Problem, codes};

/// The problem of the field or object at `path` for serde's `message`.
pub(super) fn describe(path: &str, message: &str) -> Problem {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return unknown_field(path, rest);
    }
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return Problem::new(
            codes::MISSING_FIELD,
            path,
            format!("lacks the field {field:?}"),
            format!("add {field:?}; fabric schema shows what it holds"),
        );
    }
    if let Some(field) = message
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        let sentence = format!("has the field {field:?} twice");
        return Problem::new(
            codes::DUPLICATE_FIELD,
            parent(path, field),
            sentence,
            "keep one of them",
        );
    }
    Problem::new(codes::BAD_VALUE, path, value_sentence(message), cure(path))
}

fn unknown_field(path: &str, rest: &str) -> Problem {
    let (field, expected) = rest
        .rsplit_once("`, expected ")
        .unwrap_or((rest.trim_end_matches('`'), ""));
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let shown = field.escape_debug();
    let parent = parent(path, field);
    let path = if parent.is_empty() {
        shown.to_string()
    } else {
        format!("{parent}.{shown}")
    };
    let (sentence, cure) = match most_similar(field, &known) {
        Some(meant) => (
            format!("is not a known field; did you mean {meant:?}?"),
            format!("write {meant:?} instead"),
        ),
        None => (
            "is not a known field".to_owned(),
            format!("remove it; known here: {}", known.join(", ")),
        ),
    };
    Problem::new(codes::UNKNOWN_FIELD, path, sentence, cure)
}

// The path may or may not end in the key that was being read.
fn parent<'a>(path: &'a str, field: &str) -> &'a str {
    let shown = field.escape_debug().to_string();
    match path.strip_suffix(shown.as_str()) {
        Some("") => "",
        Some(rest) => rest.strip_suffix('.').unwrap_or(path),
        None => path.strip_suffix(".?").unwrap_or(path),
    }
}

fn value_sentence(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (value, expected) = rest
            .rsplit_once("`, expected ")
            .unwrap_or((rest, "another value"));
        return format!("is {value:?}, expected {}", expected.replace('`', "\""));
    }
    if message == "invalid IP address syntax" {
        return "is not an IP address".to_owned();
    }
    if let Some((_, expected)) = message
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("is a list, {}", expected_words(expected));
    }
    let found = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| message.strip_prefix(prefix));
    match found.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((value, expected)) => format!("is {}, {}", value_words(value), expected_words(expected)),
        None => message
            .escape_debug()
            .to_string()
            .replace("\\\"", "\"")
            .replace("\\'", "'"),
    }
}

fn value_words(value: &str) -> String {
    let value = match value {
        "map" => "an object",
        "sequence" => "a list",
        other => other.strip_prefix("integer ").unwrap_or(other),
    };
    let value = value.replace('`', "");
    match value.strip_prefix("string ") {
        Some(text) => format!("the text {text}"),
        None => value
            .strip_prefix("boolean ")
            .map_or(value.clone(), str::to_owned),
    }
}

fn expected_words(expected: &str) -> String {
    match expected {
        "a sequence" => "expected a list".to_owned(),
        "a boolean" => "expected true or false".to_owned(),
        "u16" => "expected a number of 0 to 65535".to_owned(),
        rule if rule.contains(" is ") => rule.to_owned(),
        other => format!("expected {other}"),
    }
}

fn cure(path: &str) -> String {
    let field = path
        .rsplit('.')
        .next()
        .unwrap_or(path)
        .split('[')
        .next()
        .unwrap_or(path);
    match field {
        "vlan" if path.starts_with("links") => {
            "set it to the outer VLAN that the whole link rides in, or leave it out for none"
        }
        "vlan" => "set it to the tenant's outermost VLAN, or \"untagged\", or \"any\"",
        "s_vid" | "c_vid" | "vni" | "i_sid" | "global_vid" => {
            "leave it out and the fabric chooses a free one"
        }
        "s_vids" | "c_vids" | "vnis" | "labels" | "i_sids" | "global_vids" => {
            "write it as text, as in \"100-1999\""
        }
        "mac" => "write it as in \"02:00:00:00:00:01\"",
        "address" => "write the address alone, as in \"192.0.2.1\" or \"2001:db8::1\"",
        "mtu" => "write bytes as ip link counts them, or leave it out for what the ports take",
        "schema" => "set it to \"fabric/1\"",
        "port" => "use the interface's name as ip link shows it",
        "outer_tpid" => "write \"0x88a8\" or \"0x8100\"",
        _ => "fabric schema shows what this field holds",
    }
    .to_owned()
}
