use super::*;

fn read(text: &str) -> Vec<Target> {
    let mut reader = Reader::default();
    let mut targets: Vec<Target> = text.lines().filter_map(|line| reader.line(line)).collect();
    targets.extend(reader.finish());
    targets
}

fn tally(targets: &[Target]) -> Tally {
    let mut tally = Tally::default();
    targets.iter().for_each(|target| tally.add(target));
    tally
}

const GOOD: &str = "
    Finished `test` profile [unoptimized] target(s) in 0.1s
     Running unittests src/lib.rs (target/debug/deps/fabric_common-0a1b2c)

running 2 tests
test a ... ok
test b ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/isolation.rs (/x/target/debug/deps/isolation-99)
test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 2.10s
   Doc-tests fabric_common
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

#[test]
fn all_result_lines_are_summed() {
    let targets = read(GOOD);
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "fabric_common src/lib.rs",
            "tests/isolation.rs",
            "fabric_common doc tests"
        ]
    );
    assert_eq!(tally(&targets).counts(), "11 passed, 0 failed");
    assert_eq!(targets[1].ignored, 1);
}

const BAD: &str = "
     Running tests/isolation.rs (target/debug/deps/isolation-99)
test one ... FAILED
test two ... ok
noise of a child process test three ... FAILED

failures:

---- one stdout ----
thread 'one' panicked at x.rs:1:1:
    not a name
  left: \"test result: ok. 9 passed; 0 failed; 0 ignored; 0 measured\"

failures:
    one
    three

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p fabric-tests --test isolation`
";

#[test]
fn failed_tests_are_named_with_a_command() {
    let targets = read(BAD);
    assert_eq!(targets[0].failures, ["one", "three"]);
    assert!(!targets[0].crashed());
    let tally = tally(&targets);
    assert_eq!(tally.counts(), "1 passed, 2 failed");
    let again = "cargo xtask test --filter three".to_owned();
    assert_eq!(tally.failures[1], ("tests/isolation.rs  three".to_owned(), again));
}

#[test]
fn what_a_failed_test_printed_is_kept() {
    let targets = read(BAD);
    assert!(
        targets[0]
            .details
            .iter()
            .any(|line| line.contains("panicked at x.rs"))
    );
}

#[test]
fn a_crash_counts_as_one_failure() {
    let text = "     Running tests/a.rs (target/debug/deps/a-9)\nrunning 1 test\n\
        error: test failed, to rerun pass `-p fabric-tests --test a`\n\
        \n\x20    Running tests/b.rs (target/debug/deps/b-9)\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
    let tally = tally(&read(text));
    assert_eq!(tally.counts(), "1 passed, 1 failed");
    assert_eq!(tally.failures[0].1, "cargo test -p fabric-tests --test a");
}

#[test]
fn a_crash_in_the_last_target_is_not_lost() {
    let tally = tally(&read(
        "     Running tests/a.rs (target/debug/deps/a-9)\nrunning 1 test\n",
    ));
    assert_eq!(tally.counts(), "0 passed, 1 failed");
}

#[test]
fn a_doc_tests_name_is_quoted_for_the_shell() {
    let target = Target {
        failed: 1,
        failures: vec!["src/lib.rs - f (line 3)".into()],
        finished: true,
        ..Target::default()
    };
    assert_eq!(
        tally(&[target]).failures[0].1,
        "cargo xtask test --filter 'src/lib.rs - f (line 3)'"
    );
}

#[test]
fn other_lines_are_no_results() {
    assert_eq!(test_result("test result: ok."), None);
    assert_eq!(
        test_result("the test result: ok. 1 passed; 0 failed; 0 ignored"),
        None
    );
    assert_eq!(heading("running 2 tests"), None);
    assert_eq!(heading("     Running `target/debug/xtask test`"), None);
}
