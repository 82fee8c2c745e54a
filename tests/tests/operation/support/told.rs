//! What a refused command may say: one sentence, one cure, one code.

use fabric_tests::fabric::CliOutput;
use fabric_userspace::error::codes;

/// Exit status 1, nothing on standard output, and `error:`, `cure:`, `code:` as the last three lines of standard error; only
/// an agent's log may stand before them. Gives the sentence.
pub(crate) fn one_sentence<'o>(output: &'o CliOutput, code: &str) -> &'o str {
    assert_eq!(output.status, Some(1), "{output}");
    assert_eq!(output.stdout, "", "{output}");
    readable(&output.stderr);
    let lines: Vec<&str> = output.stderr.lines().collect();
    let Some((log, [error, cure, last])) = lines.split_last_chunk() else {
        panic!("{output}")
    };
    let is_log = |line: &&str| line.starts_with("20") && !line.contains(" ERROR ");
    assert!(log.iter().all(is_log), "more than one sentence: {output}");
    assert_eq!(last.trim(), format!("code: {code}"), "{output}");
    assert!(codes::explain(code).is_some(), "fabric help {code}");
    assert!(
        cure.strip_prefix("  cure: ").is_some_and(|cure| !cure.is_empty()),
        "{output}"
    );
    error
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{output}"))
}

/// Nothing in it moves the cursor, colours, or turns the direction of writing: no control character but the ends of lines.
pub(crate) fn readable(text: &str) {
    let turns =
        |char| matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    let bad = text
        .chars()
        .find(|char| (char.is_control() && *char != '\n') || turns(*char));
    assert!(bad.is_none(), "{bad:?} in {text:?}");
}
