use super::*;

#[test]
fn a_command_line_can_be_pasted() {
    let mut command = Command::new("cargo");
    command
        .current_dir("/tmp/a b")
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .args(["build", "it's"]);
    assert_eq!(
        line(&command),
        r"cd '/tmp/a b' && RUSTC_BOOTSTRAP=1 cargo build 'it'\''s'"
    );
}

#[test]
fn lines_of_both_streams_arrive_in_order() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo one; echo two >&2; printf three"]);
    let mut lines = Vec::new();
    let status = stream(command, |event| lines.extend(event.map(str::to_owned))).unwrap();
    assert!(status.success());
    assert_eq!(lines, ["one", "two", "three"]);
}

#[test]
fn a_left_behind_process_does_not_hang_the_reader() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 20 & echo pid $!"]);
    let started = std::time::Instant::now();
    let mut pid = None;
    stream(command, |event| {
        if let Some(text) = event.and_then(|text| text.strip_prefix("pid ")) {
            pid = Some(text.to_owned());
        }
    })
    .unwrap();
    assert!(started.elapsed() < Duration::from_secs(15));
    Command::new("kill").arg(pid.unwrap()).status().unwrap();
}

#[test]
fn asking_a_missing_program_gives_nothing() {
    assert_eq!(ask(&mut Command::new("no-such-program-of-the-fabric")), None);
}

#[test]
fn only_cargos_status_lines_are_dropped_from_an_error() {
    assert!(is_status("   Compiling strsim v0.11.1"));
    assert!(is_status(
        "\u{1b}[1m\u{1b}[92m    Checking\u{1b}[0m libc v0.2.191"
    ));
    assert!(!is_status("error: could not compile"));
    assert!(!is_status("Checking something of a test"));
    assert!(!is_status("  --> src/main.rs:2:13"));
}
