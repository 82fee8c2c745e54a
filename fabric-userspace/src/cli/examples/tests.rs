use std::ffi::OsString;

use super::topics;
use crate::cli::args::{command, parse};

fn paths(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name());
        // What is left out of a list to keep it short is explained like the rest.
        if !sub.is_hide_set() || topics::all().any(|topic| topic.command == path) {
            paths(sub, &path, found);
        }
    }
}

fn all_paths() -> Vec<String> {
    let mut found = Vec::new();
    paths(&command(), "fabric", &mut found);
    found
}

fn help(path: &str, flag: &str) -> String {
    let words: Vec<OsString> = path.split(' ').chain([flag]).map(Into::into).collect();
    parse(&words).expect_err("help").render().to_string()
}

#[test]
fn the_grammar_is_sound() {
    command().debug_assert();
}

#[test]
fn every_command_has_examples_and_every_example_has_a_command() {
    let paths = all_paths();
    for path in &paths {
        assert!(
            topics::all().any(|topic| topic.command == path),
            "{path} lacks examples"
        );
    }
    for topic in topics::all() {
        assert!(
            paths.iter().any(|path| path == topic.command),
            "{} is gone",
            topic.command
        );
    }
}

#[test]
fn every_example_is_a_legal_command_line() {
    for (line, _) in topics::all().flat_map(|topic| topic.examples) {
        for part in line
            .split('|')
            .map(str::trim)
            .filter(|part| part.starts_with("fabric"))
        {
            let part = part.split(['>', '<']).next().unwrap_or(part);
            let words: Vec<OsString> = part.split_whitespace().map(Into::into).collect();
            assert!(
                parse(&words).is_ok(),
                "{part}: {:?}",
                parse(&words).err().map(|e| e.to_string())
            );
        }
    }
}

#[test]
fn short_help_fits_a_screen_and_long_help_tells_the_exit_codes() {
    let mut faults = Vec::new();
    for path in all_paths() {
        let short = help(&path, "-h");
        if short.lines().count() > 24 {
            faults.push(format!("{path} -h has {} lines", short.lines().count()));
        }
        // clap does not wrap usage lines.
        let lines = short.lines().filter(|line| !line.starts_with("Usage:"));
        let wide = lines.filter(|line| line.chars().count() > 80);
        faults.extend(wide.map(|line| format!("{path} -h: {line}")));
        let long = help(&path, "--help");
        if !long.contains("Examples:") || !long.contains("Exit codes:") {
            faults.push(format!("{path} --help lacks something:\n{long}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
