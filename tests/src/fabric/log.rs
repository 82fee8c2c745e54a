//! Reading the agent's log for what must not be in it.

const BAD: [&str; 2] = [" ERROR ", "panicked at"];
const TAIL: usize = 30;

/// The lines that say ERROR or tell of a panic, without those that contain one of `allowed`.
pub(super) fn complaints<'l>(log: &'l str, allowed: &[String]) -> Vec<&'l str> {
    let bad = |line: &&str| BAD.iter().any(|sign| line.contains(sign));
    let excused = |line: &&str| allowed.iter().any(|text| line.contains(text.as_str()));
    log.lines().filter(bad).filter(|line| !excused(line)).collect()
}

pub(super) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_panics_are_complaints_unless_allowed() {
        let log = "2026-01-01T00:00:00Z INFO  ready ERRORS=0\n2026-01-01T00:00:01Z ERROR port unsafe port=eth1\n\
                   thread 'main' panicked at src/main.rs:1:1:\n2026-01-01T00:00:02Z WARN  slow";
        assert_eq!(complaints(log, &[]).len(), 2);
        assert_eq!(
            complaints(log, &["port unsafe".to_owned()]),
            ["thread 'main' panicked at src/main.rs:1:1:"]
        );
    }
}
