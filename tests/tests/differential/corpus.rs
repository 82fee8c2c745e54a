//! Frames that once told the two sides apart, or are hard to come by: `tests/corpus/*.frames`, replayed first.
//!
//! A file is one round: lines of a port's name and the frame in hexadecimal digits; `#` begins a comment.

use std::fs;
use std::path::PathBuf;

use fabric_tests::golden::from_hex;

use super::both::Both;

pub(crate) fn replay(both: &mut Both) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "frames"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        both.begin();
        for line in fs::read_to_string(&file).unwrap().lines() {
            let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().collect();
            match words[..] {
                [] => {}
                [port, digits] => drop(both.frame(port, &from_hex(digits).unwrap())),
                _ => panic!("{}: {line}", file.display()),
            }
        }
        both.compare();
    }
}
