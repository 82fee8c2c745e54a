//! Mistakes in a command line, told like every other error.

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::command;
use super::exit_code_of;
use crate::error::{Refusal, codes};
use crate::model::Illegal;
use crate::render::{ColorChoice, Output};

/// Shows what clap says about `words`, and gives the exit code.
pub(super) fn report(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let json = wants_json(words);
    let mut output = Output::of_process(ColorChoice::Auto, json);
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match output.answer_text(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(refusal) => refuse(&mut output, &refusal),
        };
    }
    if is_incomplete(error) && !json {
        output.say_text(&text);
        return ExitCode::from(2);
    }
    refuse(&mut output, &refusal(error, words))
}

fn refuse(output: &mut Output, refusal: &Refusal) -> ExitCode {
    output.refuse(refusal);
    exit_code_of(refusal)
}

// A noun alone: clap's message is the list of its verbs.
fn is_incomplete(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

// clap did not get as far as to say so.
fn wants_json(words: &[OsString]) -> bool {
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let words: Vec<String> = words.iter().map(text).collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let pair = words
        .windows(2)
        .any(|pair| ["-o", "--output"].contains(&pair[0].as_str()) && pair[1] == "json");
    pair || has(&["--json", "-ojson", "-o=json", "--output=json"])
}

fn refusal(error: &clap::Error, words: &[OsString]) -> Refusal {
    let help = format!("{} --help", command_of(words));
    if let Some(illegal) = error.source().and_then(|source| source.downcast_ref::<Illegal>()) {
        return bad_value(error, illegal, help);
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let sentence = words_of(first.strip_prefix("error: ").unwrap_or(first));
    let sentence = if is_incomplete(error) {
        "a command is missing".to_owned()
    } else {
        sentence
    };
    let cure = match suggestion(error) {
        Some(meant) => format!("did you mean {meant}? otherwise: {help}"),
        None => help,
    };
    Refusal::new(codes::USAGE, sentence).with_cure(cure)
}

// The grammar is right and the value impossible: refused as the same value in a document is.
fn bad_value(error: &clap::Error, illegal: &Illegal, cure: String) -> Refusal {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.split(' ').next().unwrap_or(argument).to_owned(),
        _ => "a value".to_owned(),
    };
    let argument = argument.trim_matches(['<', '>', '[', ']', '.']).to_owned();
    Refusal::new(codes::BAD_VALUE, format!("{argument} {}", illegal.sentence()))
        .with_cure(cure)
        .unchanged()
}

fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    kinds
        .into_iter()
        .find_map(|kind| error.get(kind))
        .and_then(|value| {
            if let ContextValue::Strings(several) = value {
                // The likeliest one is the last.
                several.last().cloned()
            } else {
                Some(value.to_string())
            }
        })
}

/// The command that was understood so far, as `fabric tenant attach`.
fn command_of(words: &[OsString]) -> String {
    let mut found = command();
    let mut path = "fabric".to_owned();
    for word in words.iter().skip(1) {
        if let Some(sub) = found.find_subcommand(word).cloned() {
            path = format!("{path} {}", sub.get_name());
            found = sub;
        }
    }
    path
}

fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::parse;

    fn refused(line: &str) -> Refusal {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        refusal(&parse(&words).expect_err("a mistake"), &words)
    }

    #[test]
    fn a_mistake_is_told_with_the_likely_word() {
        let typo = refused("fabric tenent list");
        assert_eq!(typo.sentence, "unrecognized subcommand 'tenent'");
        assert_eq!(
            typo.cure.as_deref(),
            Some("did you mean tenant? otherwise: fabric --help")
        );
        let flag = refused("fabric tenant attach acme --prt eth1 --untagged");
        assert_eq!(flag.sentence, "unexpected argument '--prt' found");
        assert_eq!(
            flag.cure.as_deref(),
            Some("did you mean --port? otherwise: fabric tenant attach --help")
        );
        assert_eq!(flag.code, codes::USAGE);
    }

    #[test]
    fn exactly_one_way_to_name_the_frames_is_demanded() {
        let none = refused("fabric tenant attach acme --port eth1");
        assert!(none.sentence.contains("--vlan <N>|--untagged|--any"), "{none}");
        let two = refused("fabric tenant attach acme --port eth1 --vlan 10 --any");
        assert!(two.sentence.contains("cannot be used with"), "{two}");
    }

    #[test]
    fn an_impossible_value_is_refused_like_one_in_a_document() {
        let vlan = refused("fabric tenant attach acme --port eth1 --vlan 5000");
        assert_eq!(
            vlan.sentence,
            "--vlan is 5000, a VLAN is 1 to 4094; nothing was changed"
        );
        assert_eq!(vlan.code, codes::BAD_VALUE);
        let name = refused("fabric tenant attach Acme --port eth1 --any");
        assert!(
            name.sentence.starts_with("TENANT is \"Acme\", a name is"),
            "{name}"
        );
    }

    #[test]
    fn json_is_recognised_before_the_line_is_understood() {
        let wants = |line: &str| wants_json(&line.split(' ').map(Into::into).collect::<Vec<OsString>>());
        assert!(
            wants("fabric nonsense --json") && wants("fabric -o json x") && wants("fabric x --output=json")
        );
        assert!(!wants("fabric x -o wide"));
    }
}
