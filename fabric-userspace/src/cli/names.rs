//! Finding one object of a list by the name or id that a person typed.

use serde_json::Value;

use crate::client::Answer;
use crate::error::{Code, Refusal, codes};
use crate::model::most_similar;

/// A kind of named object.
pub(super) struct Noun {
    /// As in "there is no tenant acme".
    pub(super) word: &'static str,
    /// Key of its id, if it has one.
    pub(super) id: Option<&'static str>,
    pub(super) unknown: Code,
    /// The command that lists all of them.
    pub(super) list: &'static str,
}

pub(super) const TENANT: Noun = Noun {
    word: "tenant",
    id: None,
    unknown: codes::UNKNOWN_TENANT,
    list: "fabric tenant list",
};

pub(super) const SEGMENT: Noun = Noun {
    word: "segment",
    id: Some("id"),
    unknown: codes::UNKNOWN_SEGMENT,
    list: "fabric segment list",
};

pub(super) const PORT: Noun = Noun {
    word: "port",
    id: Some("ifindex"),
    unknown: codes::UNKNOWN_PORT,
    list: "fabric port list",
};

pub(super) const DATACENTER: Noun = Noun {
    word: "datacenter",
    id: Some("id"),
    unknown: codes::UNKNOWN_DATACENTER,
    list: "fabric datacenter list",
};

pub(super) const NODE: Noun = Noun {
    word: "node",
    id: None,
    unknown: codes::UNKNOWN_NODE,
    list: "fabric node list",
};

pub(super) const LINK: Noun = Noun {
    word: "link",
    id: None,
    unknown: codes::UNKNOWN_LINK,
    list: "fabric link list",
};

pub(super) const GATEWAY: Noun = Noun {
    word: "gateway",
    id: None,
    unknown: codes::UNKNOWN_GATEWAY,
    list: "fabric gateway list",
};

pub(super) const STORAGE: Noun = Noun {
    word: "storage machine",
    id: None,
    unknown: codes::UNKNOWN_STORAGE,
    list: "fabric storage list",
};

/// The list with that object alone; the whole list if no name is given. A name goes before an id.
pub(super) fn only(answer: Answer, noun: &Noun, name: Option<&str>) -> Result<Answer, Refusal> {
    let Some(name) = name else {
        return Ok(answer);
    };
    let is_named = |item: &Value| item.get("name").and_then(Value::as_str) == Some(name);
    if answer.items().iter().any(is_named) {
        return Ok(answer.only(is_named));
    }
    let id = noun.id.zip(name.parse::<u64>().ok());
    let has_id = |item: &Value| id.is_some_and(|(key, id)| item.get(key).and_then(Value::as_u64) == Some(id));
    if answer.items().iter().any(has_id) {
        return Ok(answer.only(has_id));
    }
    Err(unknown(&answer, noun, name))
}

fn unknown(answer: &Answer, noun: &Noun, name: &str) -> Refusal {
    let known: Vec<&str> = answer
        .items()
        .iter()
        .filter_map(|item| item.get("name")?.as_str())
        .collect();
    let meant = most_similar(name, &known).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
    Refusal::new(
        noun.unknown.clone(),
        format!("there is no {} {name}{meant}", noun.word),
    )
    .with_cure(noun.list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ports() -> Answer {
        Answer::local("port-list", &Value::Null).with_items(
            "port-list",
            vec![
                json!({"name": "eth1", "ifindex": 7}),
                json!({"name": "7", "ifindex": 9}),
                json!({"name": "eth10", "ifindex": null}),
            ],
        )
    }

    #[test]
    fn a_name_goes_before_an_id_and_no_name_means_all() {
        let found = |name| only(ports(), &PORT, name).expect("found");
        assert_eq!(found(Some("eth1")).items()[0]["ifindex"], 7);
        assert_eq!(found(Some("7")).items()[0]["ifindex"], 9);
        assert_eq!(found(Some("9")).items()[0]["name"], "7");
        assert_eq!(found(None).items().len(), 3);
    }

    #[test]
    fn a_typo_is_answered_with_the_likely_name() {
        let refusal = only(ports(), &PORT, Some("eht1")).expect_err("unknown");
        assert_eq!(refusal.sentence, "there is no port eht1; did you mean eth1?");
        assert_eq!(refusal.code, codes::UNKNOWN_PORT);
        let refusal = only(ports(), &TENANT, Some("umbrella")).expect_err("unknown");
        assert_eq!(refusal.sentence, "there is no tenant umbrella");
    }
}
