use super::*;

fn taken() -> Refusal {
    Refusal::new(
        codes::ATTACHMENT_TAKEN,
        "eth2 vlan 10 belongs to tenant globex (segment globex-v10)",
    )
    .with_cure("choose another VLAN, or: fabric tenant detach globex --port eth2 --vlan 10")
    .unchanged()
}

fn bad_vlan() -> Problem {
    Problem::new(
        codes::BAD_VALUE,
        "tenants[2].vlan",
        "is 5000, a VLAN is 1 to 4094",
        "set it",
    )
}

#[test]
fn a_refusal_prints_sentence_cure_and_code() {
    let expected = "\
error: eth2 vlan 10 belongs to tenant globex (segment globex-v10); nothing was changed
  cure: choose another VLAN, or: fabric tenant detach globex --port eth2 --vlan 10
  code: attachment-taken";
    assert_eq!(taken().to_string(), expected);
    assert_eq!(taken().unchanged().to_string(), expected);
}

#[test]
fn a_problem_of_a_file_names_file_and_path() {
    let refusal = Refusal::from(bad_vlan()).in_file("broken.json").unchanged();
    assert_eq!(
        refusal.sentence,
        "broken.json: tenants[2].vlan is 5000, a VLAN is 1 to 4094; nothing was changed"
    );
    assert_eq!(refusal.path.as_deref(), Some("tenants[2].vlan"));
}

#[test]
fn further_problems_are_listed_and_then_counted() {
    let refusal = Refusal::from_problems(vec![bad_vlan(); 12]);
    let text = refusal.to_string();
    assert_eq!(text.matches("also: tenants[2].vlan is 5000").count(), 9);
    assert!(text.ends_with("also: 2 more"), "{text}");
    assert_eq!(Refusal::from_problems(Vec::new()).code, codes::BUG);
}

#[test]
fn json_has_every_key_and_reads_back() {
    let value = serde_json::to_value(taken()).expect("plain data");
    assert_eq!(value["path"], serde_json::Value::Null);
    assert_eq!(value["also"], serde_json::json!([]));
    assert_eq!(value["code"], "attachment-taken");
    assert_eq!(
        serde_json::from_value::<Refusal>(value).expect("same type"),
        taken()
    );
}

/// Whoever hears that nothing was changed does not look for what was.
#[test]
fn what_was_changed_all_the_same_is_told_instead() {
    let refusal = Refusal::new(codes::FAILED, "eth1 has no room").unchanged();
    let told = refusal.clone().but("revision 1 is in force all the same");
    assert_eq!(
        told.sentence,
        "eth1 has no room; revision 1 is in force all the same"
    );
    assert_eq!(told.but("so it is").sentence.matches("nothing").count(), 0);
    assert!(
        refusal
            .unchanged()
            .sentence
            .ends_with("no room; nothing was changed")
    );
}
