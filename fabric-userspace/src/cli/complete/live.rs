//! Live names: asked of the agent within 100 ms or not offered at all, and none that a shell would run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::api::path;
use crate::cli::args::command;
use crate::client::Client;
use crate::model::natural;

/// A person who presses TAB must not notice that somebody was asked.
const PATIENCE: Duration = Duration::from_millis(100);

/// What live names can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tenant,
    Segment,
    Port,
    Link,
    Storage,
    Datacenter,
    Gateway,
    Node,
    Station,
    Revision,
    Vlan,
}

/// The names that may follow `words`; none if the agent does not answer at once.
pub(super) async fn names(client: &Client, words: &[String]) -> Vec<String> {
    let Some(kind) = wanted(words) else {
        return Vec::new();
    };
    let socket = value_of(words, "--socket").map_or_else(|| client.socket().to_owned(), PathBuf::from);
    let client = Client::new(socket, PATIENCE);
    let asked = fetch(&client, kind, words);
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_default()
}

fn wanted(words: &[String]) -> Option<Kind> {
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words.last().copied()? {
        "--port" => return Some(Kind::Port),
        "--tenant" => return Some(Kind::Tenant),
        "--segment" => return Some(Kind::Segment),
        "--link" => return Some(Kind::Link),
        "--datacenter" => return Some(Kind::Datacenter),
        "--node" => return Some(Kind::Node),
        "--vlan" => return Some(Kind::Vlan),
        "--mac" => return Some(Kind::Station),
        flag if flag.starts_with('-') && takes_value(flag) => return None,
        _ => {}
    }
    match positionals(&words).as_slice() {
        ["tenant", "attach" | "detach" | "show" | "remove"] => Some(Kind::Tenant),
        ["segment", "show" | "remove"] => Some(Kind::Segment),
        ["port", "show" | "set"] | ["doctor"] => Some(Kind::Port),
        ["datacenter", "show" | "remove"] => Some(Kind::Datacenter),
        ["gateway", "show" | "remove"] => Some(Kind::Gateway),
        ["node", "show" | "remove"] => Some(Kind::Node),
        ["link", "show" | "remove" | "down" | "up"] => Some(Kind::Link),
        [
            "storage",
            "show" | "remove" | "switch" | "drain" | "restore" | "nudge",
        ] => Some(Kind::Storage),
        ["fdb", "show" | "remove"] => Some(Kind::Station),
        ["rollback"] => Some(Kind::Revision),
        _ => None,
    }
}

fn positionals<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut is_value = false;
    for word in words {
        if is_value {
            is_value = false;
        } else if word.starts_with('-') {
            is_value = !word.contains('=') && takes_value(word);
        } else {
            found.push(*word);
        }
    }
    found
}

fn takes_value(flag: &str) -> bool {
    let mut root = command();
    root.build();
    takes_value_in(&root, flag)
}

fn takes_value_in(command: &clap::Command, flag: &str) -> bool {
    let is_flag = |argument: &clap::Arg| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let short = argument.get_short().map(|short| format!("-{short}"));
        [long, short].into_iter().flatten().any(|name| name == flag)
    };
    let here = command
        .get_arguments()
        .filter(|argument| is_flag(argument))
        .any(|argument| {
            argument
                .get_num_args()
                .is_some_and(|range| range.min_values() > 0)
        });
    here || command.get_subcommands().any(|sub| takes_value_in(sub, flag))
}

fn value_of<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == flag)?;
    words.get(at + 1).map(String::as_str)
}

async fn fetch(client: &Client, kind: Kind, words: &[String]) -> Vec<String> {
    let (path, read): (&str, fn(&Value) -> Vec<String>) = match kind {
        Kind::Tenant => (path::TENANTS, |item| text(item, "name")),
        Kind::Segment => (path::TENANTS, |tenant| each(tenant, "segments", "name")),
        Kind::Port => (path::PORTS, |item| text(item, "name")),
        Kind::Storage => (path::STORAGE, |item| text(item, "name")),
        Kind::Link => (path::LINKS, |item| text(item, "name")),
        Kind::Datacenter => (path::DATACENTERS, |item| text(item, "name")),
        Kind::Gateway => (path::GATEWAYS, |item| text(item, "name")),
        Kind::Node => (path::NODE_DETAILS, |item| text(item, "name")),
        Kind::Station => (path::FDB, |item| text(item, "mac")),
        Kind::Revision => (path::HISTORY, |item| text(item, "revision")),
        Kind::Vlan => return vlans(client, words).await,
    };
    match client.get(path).await {
        Ok(answer) => sorted(answer.items().iter().flat_map(read)),
        Err(_) => Vec::new(),
    }
}

/// VLANs that the port of the line has, for `detach`.
async fn vlans(client: &Client, words: &[String]) -> Vec<String> {
    let port = value_of(words, "--port");
    let Ok(answer) = client.get(path::TENANTS).await else {
        return Vec::new();
    };
    let on_port = |end: &&Value| port.is_none() || end.get("port").and_then(Value::as_str) == port;
    let vlans = answer
        .items()
        .iter()
        .flat_map(|tenant| list(tenant, "segments"))
        .flat_map(|segment| list(segment, "attachments"))
        .filter(on_port)
        .flat_map(|end| text(end, "vlan"));
    sorted(vlans.filter(|vlan| vlan.bytes().all(|byte| byte.is_ascii_digit())))
}

fn list<'a>(item: &'a Value, key: &str) -> &'a [Value] {
    item.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(item: &Value, key: &str) -> Vec<String> {
    match item.get(key) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Number(number)) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

fn each(item: &Value, inner: &str, key: &str) -> Vec<String> {
    list(item, inner)
        .iter()
        .flat_map(|inner| text(inner, key))
        .collect()
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let unique: BTreeSet<String> = names.filter(|name| is_plain(name)).collect();
    let mut names: Vec<String> = unique.into_iter().collect();
    names.sort_by(|a, b| natural(a, b));
    names
}

// A kernel takes `$(reboot)` as the name of an interface, and a shell puts a completion into its line unquoted.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "._:@+-".contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_run_is_not_offered() {
        let names = ["eth10", "$(reboot)", "eth2", "`x`", "-rf", "eth2", "a;b"];
        let offered = sorted(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(offered, ["eth2", "eth10"]);
    }

    #[test]
    fn the_words_before_the_cursor_tell_what_is_wanted() {
        for (line, kind) in [
            ("fabric tenant show", Some(Kind::Tenant)),
            ("fabric --socket /a.sock tenant detach", Some(Kind::Tenant)),
            ("fabric tenant detach acme --port", Some(Kind::Port)),
            ("fabric tenant detach acme --port eth1 --vlan", Some(Kind::Vlan)),
            ("fabric tenant detach acme", None),
            ("fabric --json segment show", Some(Kind::Segment)),
            ("fabric -o wide fdb show --segment", Some(Kind::Segment)),
            ("fabric rollback", Some(Kind::Revision)),
            ("fabric link down", Some(Kind::Link)),
            ("fabric node add n --datacenter", Some(Kind::Datacenter)),
            ("fabric node show", Some(Kind::Node)),
            ("fabric plan -f", None),
            ("fabric", None),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(wanted(&words), kind, "{line}");
        }
    }
}
