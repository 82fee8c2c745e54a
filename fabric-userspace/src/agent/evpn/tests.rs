use std::ffi::OsString;

use super::STRANGER_CURE;
use crate::cli::parse;

#[test]
fn the_cure_for_a_stranger_is_made_of_legal_command_lines() {
    let parts = STRANGER_CURE.split([';', ',', ':']).map(str::trim);
    let commands: Vec<&str> = parts.filter(|part| part.starts_with("fabric ")).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let words = command.split('>').next().unwrap_or(command).split_whitespace();
        let words: Vec<OsString> = words.map(Into::into).collect();
        assert!(parse(&words).is_ok(), "{command}");
    }
}
