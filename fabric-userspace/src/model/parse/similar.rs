//! Which known word was probably meant by an unknown one, for refusals that say so; none rather than a far-fetched one.

/// The word of `known` that a typing mistake most likely turned into `word`, or `None` if none is near.
pub(crate) fn most_similar<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let word = plain(word);
    let limit = (word.chars().count() / 3).max(1);
    let scored = known
        .iter()
        .map(|candidate| (distance(&word, &plain(candidate)), *candidate));
    scored
        .filter(|(score, _)| *score <= limit)
        .min_by_key(|(score, _)| *score)
        .map(|(_, candidate)| candidate)
}

// Restricted Damerau-Levenshtein: two letters in the wrong order are one mistake.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = step(&rows, &left, &right, i, j);
        }
    }
    rows[left.len()][right.len()]
}

fn step(rows: &[Vec<usize>], left: &[char], right: &[char], i: usize, j: usize) -> usize {
    if i == 0 || j == 0 {
        return i + j;
    }
    let replaced = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
    let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
    let crossed = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
    if crossed {
        best.min(rows[i - 2][j - 2] + 1)
    } else {
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_does_not() {
        let known = ["name", "segments", "mac_limit", "s_vid", "c_vid"];
        for (typed, meant) in [
            ("nmae", "name"),
            ("segmets", "segments"),
            ("mac-limit", "mac_limit"),
            ("S-VID", "s_vid"),
        ] {
            assert_eq!(most_similar(typed, &known), Some(meant), "{typed}");
        }
        assert_eq!(most_similar("colour", &known), None);
        assert_eq!(most_similar("", &known), None);
    }
}
