//! README and docs say what is there: links lead to files, and tests that are named exist.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let mut documents = files_below(&root().join("docs"), "md");
    documents.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)));
    documents
}

/// The targets of Markdown links in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// Anchors that the headings of a document make, as GitHub names them.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .chars()
                .filter_map(|letter| match letter {
                    ' ' => Some('-'),
                    '-' | '_' => Some(letter),
                    _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

fn broken(document: &Path, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => document.to_owned(),
        file => document.parent().unwrap().join(file),
    };
    if !path.exists() {
        return Some(format!("{}: {target}: no such file", document.display()));
    }
    let missing = !anchor.is_empty() && !anchors(&fs::read_to_string(&path).unwrap()).contains(anchor);
    missing.then(|| format!("{}: {target}: no such heading", document.display()))
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in links(&text).filter(|target| !target.contains("://")) {
            checked += 1;
            wrong.extend(broken(&document, target));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 100, "only {checked} links were found");
}

/// Names of the functions in a file that are tests.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap();
    let after = |part: &str| Some(part.split_once("fn ")?.1.split_once('(')?.0.to_owned());
    text.split("#[test]").skip(1).filter_map(after).collect()
}

/// The rows of the tables of a page: id, and what stands in the column of tests.
fn rows(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| {
            let [_, id, _, tests, _] = line.split('|').collect::<Vec<_>>()[..] else {
                return None;
            };
            id.trim()
                .contains(|letter: char| letter.is_ascii_digit())
                .then_some((id.trim(), tests.trim()))
        })
        .collect()
}

/// What is wrong with a row: no test and no reason, or a test that is not there.
fn unkept(page: &Path, (id, tests): (&str, &str)) -> Option<String> {
    if let Some(reason) = tests.strip_prefix("not yet: ") {
        return (reason.len() <= 20).then(|| format!("{id} gives no reason: {tests}"));
    }
    let named: Vec<&str> = tests.split("[`").skip(1).collect();
    if named.is_empty() {
        return Some(format!("{id} has neither a test nor a reason"));
    }
    named.into_iter().find_map(|test| {
        let (name, rest) = test.split_once("`](").unwrap();
        let file = page.parent().unwrap().join(rest.split_once(')').unwrap().0);
        let missing = !file.exists() || !tests_in(&file).contains(name);
        missing.then(|| format!("{id}: {} has no test {name}", file.display()))
    })
}

/// The ids of a page whose every row names a test that exists, or gives a reason.
fn kept(name: &str) -> Vec<String> {
    let page = root().join(name);
    let text = fs::read_to_string(&page).unwrap();
    let rows = rows(&text);
    let wrong: Vec<String> = rows.iter().filter_map(|row| unkept(&page, *row)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    rows.iter().map(|(id, _)| (*id).to_owned()).collect()
}

#[test]
fn every_rule_of_the_conformance_table_has_a_test_or_a_reason() {
    let ids = kept("docs/conformance.md");
    let count = |area: &str| ids.iter().filter(|id| id.starts_with(area)).count();
    assert_eq!(
        ["TAG-", "DLV-", "L2CP-", "VXL-", "OPS-", "DCI-", "FO-"].map(count),
        [17, 13, 10, 15, 11, 5, 5]
    );
}

#[test]
fn every_claim_and_figure_of_the_patent_has_a_test_or_a_reason() {
    let claims = (1..=62).map(|number| number.to_string());
    let figures = (1..=13).map(|number| format!("FIG {number}"));
    assert_eq!(kept("docs/claims.md"), claims.chain(figures).collect::<Vec<_>>());
}

#[test]
fn a_row_without_a_test_or_with_a_wrong_one_is_found() {
    let page = root().join("docs/claims.md");
    let found = |tests: &str| unkept(&page, ("1", tests)).unwrap();
    assert!(found("").ends_with("neither a test nor a reason"));
    assert!(found("not yet: later").contains("gives no reason"));
    assert!(found("[`no_such_test`](../tests/tests/documents.rs)").ends_with("has no test no_such_test"));
    assert!(found("[`some_test`](../tests/tests/no_such_file.rs)").ends_with("has no test some_test"));
    let this = "[`a_broken_link_and_a_missing_heading_are_found`](../tests/tests/documents.rs)";
    assert_eq!(unkept(&page, ("1", this)), None);
}

#[test]
fn the_changelog_names_the_layout_of_the_maps() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let wanted = format!("map layout is {}:", fabric_common::maps::LAYOUT_VERSION);
    assert!(text.contains(&wanted), "CHANGELOG.md does not say: {wanted}");
}

/// Words of a text that name a page or an id which only drafts of this project had, so that a reader cannot look them up.
fn strange_words(text: &str) -> impl Iterator<Item = &str> {
    const PAGES: [&str; 4] = ["GOLDEN", "DESIGN", "PATENT", "CONFORMANCE"];
    let id = |word: &str| {
        let number = word.strip_prefix('P').unwrap_or("");
        matches!(number.len(), 1 | 2) && number.bytes().all(|letter| letter.is_ascii_digit())
    };
    text.split(|letter: char| letter != '_' && !letter.is_alphanumeric())
        .filter(move |word| PAGES.contains(word) || id(word))
}

#[test]
fn nothing_cites_a_page_or_an_id_that_is_not_here() {
    let here = Path::new(file!()).file_name();
    let folders = [
        "fabric-common",
        "fabric-ebpf",
        "fabric-userspace",
        "tests",
        "xtask",
    ];
    let sources = folders.map(|folder| files_below(&root().join(folder), "rs"));
    let mut wrong = Vec::new();
    for file in sources.into_iter().flatten().chain(documents()) {
        if file.file_name() == here {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        wrong.extend(strange_words(&text).map(|word| format!("{}: {word}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        strange_words("P7 of DESIGN, not IP or PE1").collect::<Vec<_>>(),
        ["P7", "DESIGN"]
    );
}

#[test]
fn a_broken_link_and_a_missing_heading_are_found() {
    let readme = root().join("README.md");
    assert!(
        broken(&readme, "docs/no-such-page.md")
            .unwrap()
            .ends_with("no such file")
    );
    assert!(
        broken(&readme, "#no-such-heading")
            .unwrap()
            .ends_with("no such heading")
    );
    assert_eq!(broken(&readme, "#limits"), None);
}
